//! Promises 1, 3 and 7 at every system call. A process is killed at each call that it
//! makes, one after another, or the call fails. Then all that was acknowledged is there,
//! once and in order, and the store opens and goes on.
//!
//! strace does this to one thread of a process, which waits for strace to attach. Every
//! `GAUGELOG_CALLS_STRIDE`-th call of each kind is hit; 1 hits all. `--nocapture` shows
//! the figures.

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use gaugelog::{ErrorKind, Observation, Options, Snapshot, Store, SyncPolicy};
use support::copies::copy_files;
use support::processes::{Process, again, amount, called, report, wait_for_go};
use support::{
    CHUNK, arrivals, assert_sound, bits, file_names, log_path, quick_place, strace, undisturbed,
};

/// How many times a failing operation is tried again.
const ATTEMPTS: i64 = 8;

/// The observation of a sequence number, if it was stored at this attempt.
fn observation(sequence: u64, attempt: i64) -> Observation {
    let number = u32::try_from(sequence).expect("a small number");
    Observation::new(i64::from(number) * ATTEMPTS + attempt, f64::from(number % 4_099) / 7.0)
}

/// Near the end of the chunk that [`Scene::play`] completes; it also removes one.
const BEFORE_SEALING: u64 = CHUNK - 2_000;

/// What the killed process does.
#[derive(Clone, Copy, Debug)]
struct Scene {
    name: &'static str,
    /// Otherwise it syncs only on request, and when a log is replaced.
    is_synced: bool,
    /// How many observations are stored before.
    before: u64,
    /// Those are not synced, and a torn frame follows them.
    is_torn: bool,
    /// Whether chunks are sealed and removed meanwhile.
    seals: bool,
}

const SCENES: [Scene; 5] = [
    Scene { name: "new", is_synced: true, before: 0, is_torn: false, seals: false },
    Scene { name: "unsynced", is_synced: false, before: 0, is_torn: false, seals: false },
    Scene { name: "recovery", is_synced: true, before: 1_500, is_torn: true, seals: false },
    Scene { name: "sealing", is_synced: true, before: BEFORE_SEALING, is_torn: false, seals: true },
    Scene {
        name: "sealing_unsynced",
        is_synced: false,
        before: BEFORE_SEALING,
        is_torn: true,
        seals: true,
    },
];

impl Scene {
    fn named(name: &str) -> Self {
        SCENES.into_iter().find(|it| it.name == name).expect("a scene")
    }

    fn options(self) -> Options {
        let policy = if self.is_synced { SyncPolicy::Always } else { SyncPolicy::Never };
        Options::new().sync(policy)
    }

    /// Makes the state before the scene.
    fn prepare(self, path: &Path) {
        if self.before == 0 {
            return;
        }
        let policy = if self.is_torn { SyncPolicy::Never } else { SyncPolicy::Always };
        let store = Options::new().sync(policy).create(path).expect("created");
        for n in 0..1_500 {
            store.append(observation(n, 0)).expect("appended");
        }
        let rest: Vec<_> = (1_500..self.before).map(|n| observation(n, 0)).collect();
        store.append_batch(&rest).expect("appended");
        drop(store);
        if self.is_torn {
            let log = std::fs::OpenOptions::new().append(true).open(log_path(path));
            log.expect("a log").write_all(&[0x5A; 40]).expect("written");
        }
    }

    /// Single appends, a batch, a held writer, sealing and retention, a sync.
    fn play(self, path: &Path) {
        let store = retried(|| match self.options().create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.options().open(path),
            created => created,
        });
        let mut next = retried(|| readable_end(&store));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        append(&mut next, 1_100, |it| store.append_batch(it).map(drop));
        let mut writer = retried(|| store.writer());
        for count in [70, 1_000] {
            for n in next..next + count {
                writer.push(observation(n, 0)).expect("kept in memory");
            }
            // What was pushed stays pushed until it is stored.
            retried(|| writer.flush());
            next += count;
            acknowledge(next, 0);
        }
        retried(|| writer.sync());
        if self.seals {
            retried(|| writer.seal());
            retried(|| writer.remove_before(observation(CHUNK, 0).timestamp_ns));
        }
        drop(writer);
        append(&mut next, 3_000, |it| store.append_batch(it).map(drop));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        retried(|| store.sync());
        let first = if self.seals { CHUNK } else { 0 };
        let counts = [(); 4].map(|()| retried(|| Ok(store.snapshot()?.summary()?.count())));
        assert_eq!(counts, [next - first; 4]);
    }
}

/// The next sequence number, if all before it can be read.
fn readable_end(store: &Store) -> gaugelog::Result<u64> {
    let snapshot = store.snapshot()?;
    let read = snapshot.by_sequence(..).collect::<gaugelog::Result<Vec<_>>>()?;
    match snapshot.damage().first() {
        Some(damage) => Err(damage.clone().into()),
        None => Ok(snapshot.first_sequence() + read.len() as u64),
    }
}

/// Retries what may fail.
fn retried<T>(mut work: impl FnMut() -> gaugelog::Result<T>) -> T {
    for _ in 1..ATTEMPTS {
        match work() {
            Ok(done) => return done,
            Err(error) => report_failure(&error),
        }
    }
    work().expect("it fails no more")
}

/// What cannot be read is reported as damage.
fn report_failure(error: &gaugelog::Error) {
    match error.kind() {
        ErrorKind::Damaged => assert!(!error.path().as_os_str().is_empty()),
        kind => assert!(kind == ErrorKind::Io && error.io_error().is_some(), "{error}"),
    }
    report(&format!("failed {error}"));
}

/// Appends `count` observations, and if that fails, others in their place: what was
/// reported as failed must not be found again.
fn append(next: &mut u64, count: u64, append: impl Fn(&[Observation]) -> gaugelog::Result<()>) {
    let end = *next + count;
    for attempt in 0..ATTEMPTS {
        let batch: Vec<_> = (*next..end).map(|n| observation(n, attempt)).collect();
        match append(&batch) {
            Ok(()) => {
                *next = end;
                return acknowledge(end, attempt);
            }
            Err(error) => {
                report_failure(&error);
                *next += error.stored() as u64;
                acknowledge(*next, attempt);
            }
        }
    }
    panic!("it fails no more");
}

/// What was not acknowledged before, up to `next`, was stored at this attempt.
fn acknowledge(next: u64, attempt: i64) {
    report(&format!("acknowledged {next} {attempt}"));
}

/// Not a test by itself: the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Some((path, name)) = called() else { return };
    let scene = Scene::named(&name);
    report(&format!("thread {}", strace::traceable_thread()));
    wait_for_go();
    scene.play(&path);
    report("done");
}

/// How a process ended, and what it reported before.
#[derive(Default)]
struct Ended {
    killed: bool,
    done: bool,
    failures: u64,
    /// The attempt at which each number was acknowledged.
    acknowledged: Vec<i64>,
}

/// Plays `scene` under strace with these arguments. `None` if that is not possible.
fn play(scene: Scene, path: &Path, arguments: &[&str]) -> Option<Ended> {
    let mut process = Process::start(&mut again("the_process_that_is_killed", path, scene.name));
    let thread = process.expect_line("thread");
    let mut strace = strace::attach(&thread, arguments)?;
    process.go_on();
    let mut ended = Ended { acknowledged: vec![0; at(scene.before)], ..Ended::default() };
    while let Some(line) = process.line_with("") {
        if let Some(line) = line.strip_prefix("acknowledged ") {
            let (next, attempt) = line.split_once(' ').expect("two numbers");
            let attempt = attempt.parse().expect("a number");
            ended.acknowledged.resize(at(next.parse().expect("a number")), attempt);
        }
        ended.failures += u64::from(line.starts_with("failed "));
        ended.done |= line == "done";
    }
    let status = process.wait();
    ended.killed = status.signal() == Some(9);
    assert!(ended.killed || (ended.done && status.success()), "{arguments:?}: {status}");
    strace.wait().expect("waited for");
    Some(ended)
}

fn at(sequence: u64) -> usize {
    usize::try_from(sequence).expect("a small number")
}

/// How many calls of each kind a scene makes that begins with a copy of `made`.
fn count_calls(scene: Scene, made: &Path) -> Option<BTreeMap<String, u64>> {
    let (_guard, path) = quick_place();
    copy(made, &path);
    let log = path.with_extension("log");
    let file = log.to_str().expect("a plain path");
    let ended = play(scene, &path, &["-e", "trace=all", "-o", file])?;
    assert!(ended.done && ended.failures == 0, "{} failed", ended.failures);
    Some(strace::count_calls(&log))
}

/// Copies the state before a scene, if there is one.
fn copy(made: &Path, path: &Path) {
    if made.exists() {
        copy_files(made, path);
    }
}

/// Whatever happened to the process: all that was acknowledged is there, once and in
/// order, nothing that was reported as failed is, and the store goes on.
fn check(scene: Scene, path: &Path, ended: &Ended) {
    let store = match scene.options().open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAStore) => {
            assert!(ended.acknowledged.is_empty(), "{error}");
            scene.options().create(path).expect("created")
        }
        opened => opened.expect("opened the first time"),
    };
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    let snapshot = store.snapshot().expect("a snapshot");
    let first = snapshot.first_sequence();
    assert!(first == 0 || (scene.seals && first == CHUNK));
    let mut stored = arrivals(&snapshot);
    let end = snapshot.end_sequence();
    let at_sequence = |n: u64| stored.get(at(n - first));
    let known = ended.acknowledged.len() as u64;
    for (n, attempt) in (0..).zip(&ended.acknowledged).skip(at(first)) {
        assert_eq!(at_sequence(n), Some(&observation(n, *attempt)), "number {n}");
    }
    for n in known..end {
        assert_eq!(at_sequence(n), Some(&observation(n, 0)), "number {n}, not acknowledged");
    }
    assert!(ended.killed || end == known, "{end} stored, {known} acknowledged");
    assert!(end <= known + 3_000, "more than one append was not acknowledged");
    let all: Vec<_> = (0..end)
        .map(|n| observation(n, ended.acknowledged.get(at(n)).copied().unwrap_or(0)))
        .collect();
    check_statistics(&snapshot, &all);
    assert_eq!(store.append(observation(end, 1)).expect("appended"), end);
    stored.push(observation(end, 1));
    drop(store);
    let store = Store::open(path).expect("opened");
    assert_sound(&store);
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == stored);
    assert_nothing_is_left(path);
}

/// After a log was replaced without a disturbance, nothing unfinished is left, except an
/// empty log: that may also be a copy that another program has begun.
fn assert_nothing_is_left(path: &Path) {
    let store = Store::open(path).expect("opened");
    let snapshot = store.snapshot().expect("a snapshot");
    let missing = CHUNK - snapshot.end_sequence() % CHUNK;
    store.append_batch(&vec![Observation::new(0, 0.0); at(missing)]).expect("appended");
    let names = file_names(path);
    let expected = |name: &String| {
        ["manifest", "ballast"].contains(&name.as_str())
            || [".log", ".chunk"].iter().any(|end| name.ends_with(end))
    };
    assert!(names.iter().all(expected), "{names:?}");
    let chunks = names.iter().filter(|name| name.ends_with(".chunk")).count() as u64;
    assert_eq!(chunks, store.verify().expect("verified").chunks, "{names:?}");
    let length = |name: &&String| path.join(name).metadata().expect("a file").len();
    let logs = names.iter().filter(|name| name.ends_with(".log"));
    assert_eq!(logs.filter(|name| length(name) > 0).count(), 1, "{names:?}");
}

fn check_statistics(snapshot: &Snapshot, all: &[Observation]) {
    let (_guard, calm) = quick_place();
    let expected = undisturbed(&calm, all, snapshot.first_sequence());
    let summary = |it: &Snapshot| bits(&it.summary().expect("a summary"));
    assert_eq!(summary(snapshot), summary(&expected));
    assert_eq!(snapshot.median().expect("read"), expected.median().expect("read"));
}

/// What is done to a call, and to how many of its kind in a row.
type Way = (&'static str, u64);

/// Plays a scene once for each call that is hit. `does` gives the ways in which calls of
/// a kind are hit.
fn at_each_call(name: &str, stride: usize, does: impl Fn(&str) -> &'static [Way]) {
    let scene = Scene::named(name);
    let (_guard, made) = quick_place();
    scene.prepare(&made);
    let Some(counts) = count_calls(scene, &made) else { return };
    let (mut runs, mut killed, mut failures, mut missed) = (0, 0, 0, 0);
    for (kind, count) in &counts {
        for (first, (way, times)) in (1..).zip(does(kind)) {
            for n in (first..=*count).step_by(stride) {
                let (_guard, path) = quick_place();
                copy(&made, &path);
                let inject = format!("inject={kind}:{way}:when={n}..{}", n + times - 1);
                let trace = format!("trace={kind}");
                let arguments = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
                let Some(ended) = play(scene, &path, &arguments) else { return };
                let hit = std::panic::AssertUnwindSafe(|| check(scene, &path, &ended));
                if let Err(panic) = std::panic::catch_unwind(hit) {
                    let Ended { killed, failures, acknowledged, .. } = &ended;
                    let count = acknowledged.len();
                    eprintln!("{name}, {inject}: {killed} {failures} {count}");
                    std::panic::resume_unwind(panic);
                }
                runs += 1;
                killed += u64::from(ended.killed);
                failures += ended.failures;
                missed += u64::from(way.contains("KILL") && !ended.killed);
            }
        }
    }
    println!("{name}: {runs} runs, {killed} killed, {failures} calls failed; {counts:?}");
    assert!(runs > 0);
    // The calls of the allocator and the kernel's scheduler vary a little.
    assert!(missed * 10 <= runs, "{missed} of {runs} were not killed");
}

fn stride() -> usize {
    usize::try_from(amount("GAUGELOG_CALLS_STRIDE", 24)).expect("a small number")
}

/// The kill comes before the call is made, so this covers every point between two calls.
fn kill(_: &str) -> &'static [Way] {
    &[("signal=SIGKILL", 1)]
}

/// Calls on files that a disk, or a system short of a resource, can refuse. It is a
/// sample, since other tests make each operation fail within the library.
fn fail(kind: &str) -> &'static [Way] {
    match kind {
        "openat" => &[("error=EIO", 1), ("error=EMFILE", 2), ("error=EINTR", 1)],
        "pwrite64" => &[("error=EIO", 1), ("error=ENOSPC", 2), ("error=EINTR", 1)],
        "pread64" => &[("error=EIO", 1), ("error=EIO", 2), ("error=EIO", 3), ("error=EINTR", 1)],
        "fdatasync" | "fsync" => &[("error=EIO", 1), ("error=EINTR", 1)],
        "rename" | "renameat" | "renameat2" | "mkdir" | "mkdirat" => {
            &[("error=EIO", 1), ("error=ENOSPC", 1)]
        }
        "statx" | "newfstatat" | "getdents64" | "flock" | "unlink" | "unlinkat" | "mmap" => {
            &[("error=EIO", 1)]
        }
        _ => &[],
    }
}

#[test]
fn a_process_killed_at_any_call_loses_nothing_acknowledged() {
    at_each_call("new", stride(), kill);
}

#[test]
fn one_killed_at_any_call_while_it_syncs_nothing_loses_nothing_acknowledged() {
    at_each_call("unsynced", stride(), kill);
}

#[test]
fn one_killed_at_any_call_of_a_recovery_loses_nothing_acknowledged() {
    at_each_call("recovery", stride(), kill);
}

#[test]
fn one_killed_at_any_call_while_it_seals_and_removes_loses_nothing_acknowledged() {
    at_each_call("sealing", stride(), kill);
}

#[test]
fn one_killed_at_any_call_while_it_seals_what_is_unconfirmed_loses_nothing_acknowledged() {
    at_each_call("sealing_unsynced", stride(), kill);
}

#[test]
fn a_call_that_fails_is_reported_and_costs_nothing() {
    at_each_call("new", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_while_nothing_is_synced_is_reported_and_costs_nothing() {
    at_each_call("unsynced", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_in_a_recovery_is_reported_and_costs_nothing() {
    at_each_call("recovery", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_while_chunks_are_sealed_and_removed_is_reported_and_costs_nothing() {
    at_each_call("sealing", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_while_unconfirmed_chunks_are_sealed_is_reported_and_costs_nothing() {
    at_each_call("sealing_unsynced", stride().max(4), fail);
}
