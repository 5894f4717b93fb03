//! Promise 7: whichever call to the file system fails, with whatever error, once
//! or for ever: what was acknowledged is there once, what was refused is not, an
//! error is typed and names the file, the store opens, no answer is wrong, and
//! work resumes when the cause is gone.
//!
//! Each workload is run once to count its calls, then once for each call and
//! each way in which it can fail. `GAUGELOG_FAILED_CALLS` says how many of those
//! runs are made: `all`, or one in so many; `GAUGELOG_SEED` says which, and
//! `GAUGELOG_PLACE` in which directory, so on which file system.
//!
//! ```text
//! GAUGELOG_FAILED_CALLS=all cargo test --profile reliability -p gaugelog failed_calls -- --nocapture
//! ```

mod answers;
mod client;
mod durable;
mod fault;
mod history;
mod workload;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use self::client::Client;
use self::fault::{Calls, ERRNOS, Fault, watched};
use self::workload::{
    AT_ONCE, LATER, Step, Use, Workload, a_segment_in_doubt, cut_off, empty, few_in_doubt,
    given_up, in_doubt_without_derived, just_begun, leaf_segments, nothing, options, sound, torn,
    without_derived,
};
use super::copy_store;
use super::disk_watch::{Event, no_space, record};
use crate::disk::{Operation, watch};
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// One run in so many is made where nobody asks for more.
const ONE_IN: usize = 97;
const FAILURES_TOLD: usize = 3;

/// What the runs of a workload begin with.
struct Beginning {
    _guard: TempDir,
    path: PathBuf,
    holding: Vec<Observation>,
}

impl Beginning {
    fn of(workload: &Workload) -> Self {
        let (guard, path) = place();
        let holding = (workload.prepare)(&path);
        Self { _guard: guard, path, holding }
    }
}

/// A place for a store: where `GAUGELOG_PLACE` says, or in memory where there is
/// such a place.
fn place() -> (TempDir, PathBuf) {
    let guard = match std::env::var("GAUGELOG_PLACE") {
        Ok(place) => tempfile::tempdir_in(place),
        Err(_) => tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()),
    };
    let guard = guard.expect("a temporary directory");
    let path = guard.path().join("store");
    (guard, path)
}

/// One run with one fault; returns the calls that were made.
fn run(workload: &Workload, beginning: &Beginning, fault: Fault) -> Result<Vec<Operation>, String> {
    let (_guard, path) = place();
    if beginning.path.exists() {
        copy_store(&beginning.path, &path);
    }
    let calls = Calls::with(fault, &path);
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut client = Client::new(&path, workload, &beginning.holding, calls.clone());
        watched(&calls, || {
            client.run(&workload.steps);
            let made = calls.borrow().made.clone();
            client.resume();
            made
        })
    }));
    // A run that panicked has left its watcher behind.
    watch::with(|_, _, _| Ok(()), || ());
    ran.map_err(|cause| {
        let said = cause.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| cause.downcast_ref::<&str>().copied());
        let told = calls.borrow().last_told();
        let said = said.unwrap_or("a panic without words");
        format!("{}, {fault:?}: {said}\nwhat came before:\n{told}", workload.name)
    })
}

fn from_environment(name: &str, otherwise: usize) -> usize {
    match std::env::var(name) {
        Ok(all) if all == "all" => 1,
        Ok(value) => value.parse().expect("a number"),
        Err(_) => otherwise,
    }
}

/// What failed of a run with each of `faults`, made on as many threads as there are
/// processors.
fn failures(workload: &Workload, beginning: &Beginning, faults: &[Fault]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let faults = std::iter::from_fn(|| faults.get(next.fetch_add(1, Ordering::Relaxed)));
        faults.filter_map(|fault| run(workload, beginning, *fault).err()).collect::<Vec<_>>()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no panic")).collect()
    })
}

/// Every call of each workload fails in every way.
fn at_every_call(workloads: &[Workload]) {
    let one_in = from_environment("GAUGELOG_FAILED_CALLS", ONE_IN).max(1);
    let seed = from_environment("GAUGELOG_SEED", 0);
    for workload in workloads {
        let beginning = Beginning::of(workload);
        let calls = run(workload, &beginning, Fault::NONE).unwrap_or_else(|why| panic!("{why}"));
        let faults: Vec<Fault> =
            Fault::all(&calls).into_iter().skip(seed % one_in).step_by(one_in).collect();
        let runs = faults.len();
        let failures = failures(workload, &beginning, &faults);
        println!(
            "failed calls: {}: {} calls, {} errnos, {runs} runs, {} failed (1 in {one_in}, GAUGELOG_SEED={seed})",
            workload.name,
            calls.len(),
            ERRNOS.len(),
            failures.len(),
        );
        let told = failures[..failures.len().min(FAILURES_TOLD)].join("\n");
        assert!(failures.is_empty(), "{} of {runs} runs failed:\n{told}", failures.len());
    }
}

#[test]
fn creating_a_store_may_fail_at_every_call() {
    let workload = |name, prepare| Workload {
        name,
        options: options(SyncPolicy::Always),
        prepare,
        steps: vec![Step::Open, Step::Append(1), Step::Append(30)],
    };
    at_every_call(&[
        workload("create", nothing),
        workload("create where a creation was cut off", cut_off),
        workload("append to an empty store", empty),
    ]);
}

/// Single observations, batches, and those that reach over a segment's end.
fn appends() -> Vec<Step> {
    let sizes = [1, 1, 700, 1_500, 1];
    let mut steps: Vec<Step> = sizes.map(Step::Append).into();
    steps.insert(0, Step::Open);
    steps
}

#[test]
fn appends_may_fail_at_every_call() {
    at_every_call(&[
        Workload {
            name: "appends, always synced",
            options: leaf_segments(SyncPolicy::Always),
            prepare: empty,
            steps: appends(),
        },
        Workload {
            name: "appends, synced at once",
            options: leaf_segments(AT_ONCE),
            prepare: empty,
            steps: appends(),
        },
        Workload {
            name: "appends, each by a new handle",
            options: leaf_segments(SyncPolicy::Always),
            prepare: sound,
            steps: [1, 700].into_iter().flat_map(|n| [Step::Open, Step::Append(n)]).collect(),
        },
    ]);
}

#[test]
fn appends_that_nobody_syncs_may_fail_at_every_call() {
    let mut with_syncs = appends();
    with_syncs.insert(4, Step::Sync);
    with_syncs.extend([Step::Drop, Step::Append(1)]);
    at_every_call(&[
        Workload {
            name: "appends, never synced",
            options: leaf_segments(SyncPolicy::Never),
            prepare: empty,
            steps: with_syncs.clone(),
        },
        Workload {
            name: "appends, synced later",
            options: leaf_segments(LATER),
            prepare: empty,
            steps: with_syncs,
        },
    ]);
}

const WRITES: &[Use] = &[
    Use::Push(3),
    Use::Flush,
    Use::Push(1_300),
    Use::Flush,
    Use::Push(5),
    Use::Sync,
    Use::Push(2),
    Use::Flush,
    Use::SyncIfDue,
    Use::Push(2),
    Use::Close,
];
const WRITES_DROPPED: &[Use] = &[Use::Push(1), Use::Flush, Use::Push(2)];

#[test]
fn a_held_writer_may_fail_at_every_call() {
    let workload = |name, policy| Workload {
        name,
        options: leaf_segments(policy),
        prepare: empty,
        steps: vec![Step::Open, Step::Writer(WRITES), Step::Writer(WRITES_DROPPED)],
    };
    at_every_call(&[
        workload("a writer, always synced", SyncPolicy::Always),
        workload("a writer, synced at once", AT_ONCE),
        workload("a writer, synced later", LATER),
        workload("a writer, never synced", SyncPolicy::Never),
    ]);
}

fn recovery(name: &'static str, prepare: fn(&Path) -> Vec<Observation>) -> [Workload; 2] {
    [SyncPolicy::Always, SyncPolicy::Never].map(|policy| Workload {
        name,
        options: leaf_segments(policy),
        prepare,
        steps: vec![Step::Open, Step::Append(2), Step::Sync, Step::Append(1)],
    })
}

#[test]
fn recovery_of_a_torn_tail_may_fail_at_every_call() {
    at_every_call(&recovery("after a power cut", torn));
    at_every_call(&recovery("after a segment was begun", just_begun));
    at_every_call(&recovery("without derived files", without_derived));
}

#[test]
fn recovery_of_frames_in_doubt_may_fail_at_every_call() {
    at_every_call(&recovery("few frames in doubt", few_in_doubt));
    at_every_call(&recovery("a segment in doubt", a_segment_in_doubt));
    at_every_call(&recovery("in doubt without derived files", in_doubt_without_derived));
}

#[test]
fn going_on_after_a_failed_sync_may_fail_at_every_call() {
    at_every_call(&recovery("after another's failed sync", given_up));
    for policy in [SyncPolicy::Always, AT_ONCE] {
        at_every_call(&[Workload {
            name: "after a failed sync",
            options: leaf_segments(policy),
            prepare: sound,
            steps: vec![
                Step::Open,
                Step::AppendBroken(3),
                Step::Append(1),
                Step::AppendBroken(700),
                Step::Append(5),
            ],
        }]);
    }
}

#[test]
fn appending_beside_others_may_fail_at_every_call() {
    let steps = vec![
        Step::Open,
        Step::Append(1),
        Step::AppendBeside(1),
        Step::Append(1),
        Step::AppendLocked,
        Step::AppendBeside(1_100),
        Step::Append(40),
    ];
    at_every_call(&[SyncPolicy::Always, SyncPolicy::Never].map(|policy| Workload {
        name: "beside another process",
        options: leaf_segments(policy),
        prepare: sound,
        steps: steps.clone(),
    }));
}

#[test]
fn reading_may_fail_at_every_call() {
    let workload = |name, positioned, prepare| Workload {
        name,
        options: leaf_segments(SyncPolicy::Always).positioned_reads(positioned),
        prepare,
        steps: vec![Step::Open, Step::Read],
    };
    at_every_call(&[
        workload("reading", false, sound),
        workload("reading by position", true, sound),
        workload("reading without derived files", false, without_derived),
        workload("reading frames in doubt", false, in_doubt_without_derived),
        workload("reading behind a torn tail", false, torn),
    ]);
}

#[test]
fn an_error_names_the_file_and_the_cause() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(refuse, || store.append(super::observation(0)));
    let error = result.expect_err("no space");
    assert_eq!(error.io_error().and_then(io::Error::raw_os_error), Some(28));
    assert_eq!(error.path(), path.join("0000000001.rows.tmp"));
}
