//! Promises 1, 3 and 7 at every system call: a process is killed as it enters
//! each call that it makes, one after another, or the call fails; then all that
//! was acknowledged is there, once and in order, the store opens and goes on.
//!
//! strace does it, to one thread of a process that waits to be attached to. Every
//! `GAUGELOG_CALLS_STRIDE`-th call of each kind is taken: 1 takes all. With
//! `--nocapture` the figures are shown.

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use gaugelog::{ErrorKind, Observation, Options, Snapshot, Store, SyncPolicy};
use support::processes::{Process, again, amount, called, tell, wait_to_go_on};
use support::{arrivals, bits, quick_place, small_segments, strace};

/// How often an operation that fails is tried again.
const ATTEMPTS: i64 = 8;

/// What stands at a sequence number, if it was stored at this attempt.
fn observation(sequence: u64, attempt: i64) -> Observation {
    let number = u32::try_from(sequence).expect("a small number");
    Observation::new(i64::from(number) * ATTEMPTS + attempt, f64::from(number % 4_099) / 7.0)
}

/// What the process does that is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Scene {
    /// Creates a store and appends to it in every way.
    New,
    /// The same, unsynced but for the end of a segment and where it is asked for.
    Unsynced,
    /// Goes on behind unsynced frames and a torn one, of which another was killed.
    Recovery,
}

impl Scene {
    fn options(self) -> Options {
        let policy = if self == Self::Unsynced { SyncPolicy::Never } else { SyncPolicy::Always };
        small_segments().sync(policy)
    }

    /// Makes what is there before; returns how many observations that is.
    fn prepare(self, path: &Path) -> u64 {
        if self != Self::Recovery {
            return 0;
        }
        let store = small_segments().sync(SyncPolicy::Never).create(path).expect("created");
        let before = 1_500;
        for n in 0..before {
            store.append(observation(n, 0)).expect("appended");
        }
        drop(store);
        let rows = path.join("0000000001.rows");
        let mut rows = std::fs::OpenOptions::new().append(true).open(rows).expect("a segment");
        rows.write_all(&[0x5A; 40]).expect("written");
        before
    }

    /// Single appends, a batch, a held writer, the end of a segment, a sync.
    fn play(self, path: &Path) {
        let store = retried(|| match self.options().create(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.options().open(path),
            created => created,
        });
        let mut next = retried(|| whole(&store));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        append(&mut next, 1_100, |it| store.append_batch(it).map(drop));
        let mut writer = retried(|| store.writer());
        for count in [70, 1_000] {
            for n in next..next + count {
                writer.push(observation(n, 0)).expect("kept in memory");
            }
            // What was pushed stays pushed until it is stored.
            next = retried(|| writer.flush());
            acknowledge(next, 0);
        }
        retried(|| writer.sync());
        drop(writer);
        append(&mut next, 3_000, |it| store.append_batch(it).map(drop));
        append(&mut next, 1, |it| store.append(it[0]).map(drop));
        retried(|| store.sync());
        // Of a leaf that cannot be read nothing is counted: a smaller count says so.
        let counts = [(); 4].map(|()| retried(|| Ok(store.snapshot()?.summary()?.count())));
        assert!(counts.iter().max() == Some(&next), "{counts:?} of {next}");
    }
}

/// How much there is, if all of it can be read.
fn whole(store: &Store) -> gaugelog::Result<u64> {
    let snapshot = store.snapshot()?;
    let read = snapshot.arrivals(0..u64::MAX).collect::<gaugelog::Result<Vec<_>>>()?;
    match snapshot.damage().first() {
        Some(damage) => Err(damage.clone().into()),
        None => Ok(read.len() as u64),
    }
}

/// Tries what may fail again.
fn retried<T>(mut work: impl FnMut() -> gaugelog::Result<T>) -> T {
    for _ in 1..ATTEMPTS {
        match work() {
            Ok(done) => return done,
            Err(error) => tell_failure(&error),
        }
    }
    work().expect("it fails no more")
}

/// What could not be read is told as damage.
fn tell_failure(error: &gaugelog::Error) {
    match error.kind() {
        ErrorKind::Damaged => assert!(!error.path().as_os_str().is_empty()),
        kind => assert!(kind == ErrorKind::Io && error.io_error().is_some(), "{error}"),
    }
    tell(&format!("failed {error}"));
}

/// Appends `count` observations, and where that fails, others in their place:
/// what was reported as failed is not to be found again.
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
                tell_failure(&error);
                *next += error.stored() as u64;
                acknowledge(*next, attempt);
            }
        }
    }
    panic!("it fails no more");
}

/// What was not acknowledged before, up to `next`, was stored at this attempt.
fn acknowledge(next: u64, attempt: i64) {
    tell(&format!("acknowledged {next} {attempt}"));
}

const SCENES: [(&str, Scene); 3] =
    [("new", Scene::New), ("unsynced", Scene::Unsynced), ("recovery", Scene::Recovery)];

/// Not a test by itself: the process that is killed.
#[test]
fn the_process_that_is_killed() {
    let Some((path, word)) = called() else { return };
    let (_, scene) = SCENES.into_iter().find(|(name, _)| *name == word).expect("a scene");
    tell(&format!("thread {}", strace::traceable_thread()));
    wait_to_go_on();
    scene.play(&path);
    tell("done");
}

/// How a process ended, and what it told before.
#[derive(Debug, Default)]
struct Ended {
    killed: bool,
    done: bool,
    failures: u64,
    /// The attempt at which each number was acknowledged.
    acknowledged: Vec<i64>,
}

/// Plays `scene` with `strace` told to do `what`. `None` where it cannot be.
fn play(scene: &str, path: &Path, before: u64, what: &[&str]) -> Option<Ended> {
    let mut process = Process::start(&mut again("the_process_that_is_killed", path, scene));
    let thread = process.must_hear("thread");
    let mut strace = strace::attach(&thread, what)?;
    process.go_on();
    let mut ended = Ended { acknowledged: vec![0; at(before)], ..Ended::default() };
    while let Some(told) = process.hear("") {
        if let Some(told) = told.strip_prefix("acknowledged ") {
            let (next, attempt) = told.split_once(' ').expect("two numbers");
            let attempt = attempt.parse().expect("a number");
            ended.acknowledged.resize(at(next.parse().expect("a number")), attempt);
        }
        ended.failures += u64::from(told.starts_with("failed "));
        ended.done |= told == "done";
    }
    let status = process.wait();
    ended.killed = status.signal() == Some(9);
    assert!(ended.killed || (ended.done && status.success()), "{what:?}: {status}");
    strace.wait().expect("waited for");
    Some(ended)
}

fn at(sequence: u64) -> usize {
    usize::try_from(sequence).expect("a small number")
}

/// Copies what is there before a scene, if there is anything.
fn copy(made: &Path, path: &Path) {
    if made.exists() {
        std::fs::create_dir(path).expect("a directory");
        for entry in std::fs::read_dir(made).expect("a directory") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), path.join(entry.file_name())).expect("copied");
        }
    }
}

/// How many calls of each kind a scene makes that begins with a copy of `made`.
fn count_calls(scene: &str, made: &Path, before: u64) -> Option<BTreeMap<String, u64>> {
    let (_guard, path) = quick_place();
    copy(made, &path);
    let log = path.with_extension("log");
    let file = log.to_str().expect("a plain path");
    let ended = play(scene, &path, before, &["-e", "trace=all", "-o", file])?;
    assert!(ended.done && ended.failures == 0, "{ended:?}");
    Some(strace::count_calls(&log))
}

/// Whatever happened to the process: all that was acknowledged is there, once and
/// in order, nothing that was reported as failed is, and the store goes on.
fn check(scene: Scene, path: &Path, ended: &Ended) {
    let store = match scene.options().open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAStore) => {
            assert!(ended.acknowledged.is_empty(), "{error}");
            scene.options().create(path).expect("created")
        }
        opened => opened.expect("opened the first time"),
    };
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    let snapshot = store.snapshot().expect("a snapshot");
    let mut stored = arrivals(&snapshot);
    for (n, attempt) in (0..).zip(&ended.acknowledged) {
        assert_eq!(stored.get(at(n)), Some(&observation(n, *attempt)), "number {n}");
    }
    let known = ended.acknowledged.len();
    for (n, found) in (0..).zip(&stored).skip(known) {
        assert_eq!(*found, observation(n, 0), "number {n}, not acknowledged");
    }
    assert!(ended.killed || stored.len() == known, "{} found, {known} acknowledged", stored.len());
    assert!(stored.len() <= known + 3_000, "more than one append was not acknowledged");
    check_statistics(&snapshot, &stored);
    let next = store.found().observations;
    assert_eq!(store.append(observation(next, 1)).expect("appended"), next);
    stored.push(observation(next, 1));
    drop(store);
    let store = Store::open(path).expect("opened");
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == stored);
}

fn check_statistics(snapshot: &Snapshot, stored: &[Observation]) {
    let (_guard, calm) = quick_place();
    let undisturbed = Options::new().sync(SyncPolicy::Never).create(&calm).expect("created");
    undisturbed.append_batch(stored).expect("appended");
    let expected = undisturbed.snapshot().expect("a snapshot");
    let summary = |it: &Snapshot| bits(&it.summary().expect("a summary"));
    assert_eq!(summary(snapshot), summary(&expected));
}

/// What is done to a call, and to how many of its kind, one after the other.
type Way = (&'static str, u64);

/// Plays a scene once for each of the calls, told by kind and number, that are to
/// be hit; `does` says in what ways.
fn at_each_call(name: &str, stride: usize, does: impl Fn(&str) -> &'static [Way]) {
    let (_, scene) = SCENES.into_iter().find(|(it, _)| *it == name).expect("a scene");
    let (_guard, made) = quick_place();
    let before = scene.prepare(&made);
    let Some(counts) = count_calls(name, &made, before) else { return };
    let (mut runs, mut killed, mut failures, mut missed) = (0, 0, 0, 0);
    for (kind, count) in &counts {
        for (first, (way, times)) in (1..).zip(does(kind)) {
            for n in (first..=*count).step_by(stride) {
                let (_guard, path) = quick_place();
                copy(&made, &path);
                let inject = format!("inject={kind}:{way}:when={n}..{}", n + times - 1);
                let trace = format!("trace={kind}");
                let what = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
                let Some(ended) = play(name, &path, before, &what) else { return };
                let hit = std::panic::AssertUnwindSafe(|| check(scene, &path, &ended));
                if let Err(panic) = std::panic::catch_unwind(hit) {
                    eprintln!("{name}, {inject}: {ended:?}");
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
    // What the allocator and the kernel's scheduler ask for differs a little.
    assert!(missed * 10 <= runs, "{missed} of {runs} were not killed");
}

fn stride() -> usize {
    usize::try_from(amount("GAUGELOG_CALLS_STRIDE", 24)).expect("a small number")
}

/// A kill comes before the call is made, so all of them are between all calls.
fn kill(_: &str) -> &'static [Way] {
    &[("signal=SIGKILL", 1)]
}

/// Calls on files that a disk, or a system short of something, can refuse: a
/// sample, since other tests make each operation fail within the library.
fn fail(kind: &str) -> &'static [Way] {
    match kind {
        "openat" => &[("error=EIO", 1), ("error=EMFILE", 2), ("error=EINTR", 1)],
        "pwrite64" => &[("error=EIO", 1), ("error=ENOSPC", 2), ("error=EINTR", 1)],
        "pread64" => &[("error=EIO", 1), ("error=EIO", 2), ("error=EIO", 3), ("error=EINTR", 1)],
        "fdatasync" | "fsync" => &[("error=EIO", 1), ("error=EINTR", 1)],
        "rename" | "mkdir" => &[("error=EIO", 1), ("error=ENOSPC", 1)],
        "statx" | "newfstatat" | "getdents64" | "flock" | "unlink" => &[("error=EIO", 1)],
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
fn a_call_that_fails_is_told_and_costs_nothing() {
    at_each_call("new", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_while_nothing_is_synced_is_told_and_costs_nothing() {
    at_each_call("unsynced", stride().max(4), fail);
}

#[test]
fn a_call_that_fails_in_a_recovery_is_told_and_costs_nothing() {
    at_each_call("recovery", stride().max(4), fail);
}
