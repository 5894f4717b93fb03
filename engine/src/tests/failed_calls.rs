//! Promise 7: whichever call to the file system fails, with whatever error, once or
//! permanently: what was acknowledged is there once, and what failed is not. An error is
//! typed and names the file, the store opens, no answer is wrong, and work resumes when
//! the cause is gone.
//!
//! Each workload is run once to count its calls, then once for each call and each way in
//! which it can fail. `GAUGELOG_FAILED_CALLS` is how many of those runs are made: `all`,
//! or `N` for one in N. `GAUGELOG_SEED` selects which ones, and `GAUGELOG_PLACE` the
//! directory and so the file system.
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
    AT_ONCE, LATER, Step, Use, Workload, a_chunk_unconfirmed, abandoned, cut_off, damaged, empty,
    few_unconfirmed, never_listed, nothing, options, sound, torn,
};
use super::copy_store;
use super::disk_watch::{Event, no_space, record};
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::os::disk::{Operation, watch};
use crate::store::Store;

/// By default, one in this many runs is made.
const ONE_IN: usize = 97;
const FAILURES_SHOWN: usize = 3;

/// The state that the runs of a workload begin with.
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

/// A place for a store: as `GAUGELOG_PLACE` says, or in memory if that exists.
fn place() -> (TempDir, PathBuf) {
    let guard = match std::env::var("GAUGELOG_PLACE") {
        Ok(place) => tempfile::tempdir_in(place),
        Err(_) => tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()),
    };
    let guard = guard.expect("a temporary directory");
    let path = guard.path().join("store");
    (guard, path)
}

/// Makes one run with one fault. Returns the calls that were made.
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
    // A run that panicked has left its watcher installed.
    watch::with(|_, _, _| Ok(()), || ());
    ran.map_err(|cause| {
        let said = cause.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| cause.downcast_ref::<&str>().copied());
        let notes = calls.borrow().last_notes();
        let said = said.unwrap_or("a panic without words");
        format!("{}, {fault:?}: {said}\nwhat came before:\n{notes}", workload.name)
    })
}

fn from_environment(name: &str, otherwise: usize) -> usize {
    match std::env::var(name) {
        Ok(all) if all == "all" => 1,
        Ok(value) => value.parse().expect("a number"),
        Err(_) => otherwise,
    }
}

/// The failures of runs with each of `faults`, made on as many threads as there are
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
        let first = failures[..failures.len().min(FAILURES_SHOWN)].join("\n");
        assert!(failures.is_empty(), "{} of {runs} runs failed:\n{first}", failures.len());
    }
}

/// Single observations, batches, and one that fills a chunk.
fn appends() -> Vec<Step> {
    let sizes = [1, 1, 700, 1_500, 1];
    let mut steps: Vec<Step> = sizes.map(Step::Append).into();
    steps.insert(0, Step::Open);
    steps
}

fn workload(
    name: &'static str,
    policy: SyncPolicy,
    prepare: fn(&Path) -> Vec<Observation>,
    steps: Vec<Step>,
) -> Workload {
    Workload { name, options: options(policy), prepare, steps, is_damaged: false }
}

#[test]
fn creating_a_store_may_fail_at_every_call() {
    let steps = || vec![Step::Open, Step::Append(1), Step::Append(30)];
    at_every_call(&[
        workload("create", SyncPolicy::Always, nothing, steps()),
        workload("create where a creation was cut off", SyncPolicy::Always, cut_off, steps()),
        workload("append to an empty store", SyncPolicy::Always, empty, steps()),
    ]);
}

#[test]
fn appends_may_fail_at_every_call() {
    let new_handles = [1, 900, 1].into_iter().flat_map(|n| [Step::Open, Step::Append(n)]);
    at_every_call(&[
        workload("appends, always synced", SyncPolicy::Always, empty, appends()),
        workload("appends, synced at once", AT_ONCE, empty, appends()),
        workload("appends, each by a new handle", SyncPolicy::Always, sound, new_handles.collect()),
    ]);
}

#[test]
fn appends_that_are_not_synced_may_fail_at_every_call() {
    let mut with_syncs = appends();
    with_syncs.insert(4, Step::Sync);
    with_syncs.extend([Step::Drop, Step::Append(1)]);
    at_every_call(&[
        workload("appends, never synced", SyncPolicy::Never, empty, with_syncs.clone()),
        workload("appends, synced later", LATER, empty, with_syncs),
    ]);
}

const WRITES: &[Use] = &[
    Use::Push(3),
    Use::Flush,
    Use::Push(2_100),
    Use::Flush,
    Use::Push(5),
    Use::Sync,
    Use::Push(2),
    Use::Flush,
    Use::SyncIfDue,
    Use::Seal,
    Use::Push(2),
    Use::Close,
];
const WRITES_DROPPED: &[Use] = &[Use::Push(1), Use::Flush, Use::Push(2)];

#[test]
fn a_held_writer_may_fail_at_every_call() {
    let steps = || vec![Step::Open, Step::Writer(WRITES), Step::Writer(WRITES_DROPPED)];
    at_every_call(&[
        workload("a writer, always synced", SyncPolicy::Always, empty, steps()),
        workload("a writer, synced at once", AT_ONCE, empty, steps()),
        workload("a writer, synced later", LATER, empty, steps()),
        workload("a writer, never synced", SyncPolicy::Never, empty, steps()),
    ]);
}

fn recovery(name: &'static str, prepare: fn(&Path) -> Vec<Observation>) -> [Workload; 2] {
    let steps = || vec![Step::Open, Step::Append(2), Step::Sync, Step::Append(1)];
    [SyncPolicy::Always, SyncPolicy::Never].map(|policy| workload(name, policy, prepare, steps()))
}

#[test]
fn recovery_of_a_torn_tail_may_fail_at_every_call() {
    at_every_call(&recovery("after a power cut", torn));
}

#[test]
fn removing_orphans_may_fail_at_every_call() {
    at_every_call(&recovery("after a log was made and not listed", never_listed));
}

#[test]
fn recovery_of_unconfirmed_frames_may_fail_at_every_call() {
    at_every_call(&recovery("few unconfirmed frames", few_unconfirmed));
    at_every_call(&recovery("nearly a chunk unconfirmed", a_chunk_unconfirmed));
}

#[test]
fn going_on_after_a_failed_sync_may_fail_at_every_call() {
    at_every_call(&recovery("after another's failed sync", abandoned));
    for policy in [SyncPolicy::Always, AT_ONCE] {
        let steps = vec![
            Step::Open,
            Step::AppendBroken(3),
            Step::Append(1),
            Step::AppendBroken(700),
            Step::Append(5),
        ];
        at_every_call(&[workload("after a failed sync", policy, sound, steps)]);
    }
}

#[test]
fn appending_beside_others_may_fail_at_every_call() {
    let steps = || {
        vec![
            Step::Open,
            Step::Append(1),
            Step::AppendBeside(1),
            Step::Append(1),
            Step::AppendLocked,
            Step::AppendBeside(1_100),
            Step::Append(40),
        ]
    };
    at_every_call(
        &[SyncPolicy::Always, SyncPolicy::Never]
            .map(|policy| workload("beside another process", policy, sound, steps())),
    );
}

#[test]
fn retention_and_sealing_may_fail_at_every_call() {
    let sealed = vec![Step::Open, Step::Append(2_000), Step::Seal, Step::Append(1)];
    let removed = vec![
        Step::Open,
        Step::RemoveBefore(2_500),
        Step::Append(900),
        Step::RemoveBefore(4_500),
        Step::Append(1),
    ];
    at_every_call(&[
        workload("sealing on request", SyncPolicy::Never, sound, sealed),
        workload("retention", SyncPolicy::Always, sound, removed),
    ]);
}

#[test]
fn copying_may_fail_at_every_call() {
    let steps = vec![Step::Open, Step::CopyTo];
    at_every_call(&[workload("copying", SyncPolicy::Always, sound, steps)]);
}

#[test]
fn reading_may_fail_at_every_call() {
    let reading = |name, positioned, prepare| {
        let steps = vec![Step::Open, Step::Read];
        let workload = workload(name, SyncPolicy::Always, prepare, steps);
        Workload { options: workload.options.positioned_reads(positioned), ..workload }
    };
    at_every_call(&[
        reading("reading", false, sound),
        reading("reading by position", true, sound),
        reading("reading unconfirmed frames", false, few_unconfirmed),
        reading("reading after a torn tail", false, torn),
    ]);
    let damaged = Workload { is_damaged: true, ..reading("reading around damage", true, damaged) };
    at_every_call(&[Workload { steps: vec![Step::Open], ..damaged }]);
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
    assert!(error.path().to_string_lossy().ends_with(".log.tmp"), "{error}");
}
