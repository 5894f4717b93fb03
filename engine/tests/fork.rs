//! Promise 6 across fork: two processes from one fork never write at the same time, and
//! the lock ends with the process that took it.

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy};
use support::processes::{Process, again, called, report, wait_for_go};
use support::{arrivals, log_path, place};

fn observation(n: u64) -> Observation {
    let n = u32::try_from(n).expect("a small number");
    Observation::new(i64::from(n), f64::from(n) / 7.0)
}

fn content(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).expect("a directory");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let read = |file: std::path::PathBuf| {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(file).expect("read"))
    };
    files.map(read).collect()
}

fn append(path: &Path, n: u64) -> gaugelog::Result<u64> {
    Options::new().lock_wait(Duration::ZERO).open(path).expect("opened").append(observation(n))
}

fn stored(path: &Path) -> Vec<Observation> {
    let store = Store::open(path).expect("opened");
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    arrivals(&store.snapshot().expect("a snapshot"))
}

/// A forked child that must be waited for.
#[must_use]
struct Forked(i32);

impl Forked {
    fn succeeds(self) {
        let mut status = 0;
        // SAFETY: the status is written to a local variable.
        #[allow(unsafe_code, reason = "the standard library waits for programs alone")]
        let ended = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        assert_eq!((ended, status), (self.0, 0), "the forked child");
    }
}

/// Runs `work` in a forked child, which ends without returning to the harness.
fn fork(work: impl FnOnce()) -> Forked {
    let threads = std::fs::read_dir("/proc/self/task").expect("listed").count();
    assert!(threads <= 2, "what another thread has locked stays locked in the child");
    // SAFETY: the only other thread waits for this one and holds no lock.
    #[allow(unsafe_code, reason = "the standard library forks only to start a program")]
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", std::io::Error::last_os_error());
    if child > 0 {
        return Forked(child);
    }
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    // SAFETY: ends the process without running any code of the parent's.
    #[allow(unsafe_code, reason = "what is done at the end of a program is the parent's to do")]
    unsafe {
        libc::_exit(i32::from(ended.is_err()))
    }
}

/// Runs the test `part`, whose name begins with "alone", in a process without other
/// threads.
fn run_alone(part: &str, words: &str) {
    let (_guard, path) = place();
    Options::new().create(&path).expect("created");
    Process::start(&mut again(part, &path, words)).succeeds();
}

#[test]
fn a_writer_held_across_a_fork_is_refused_in_the_child() {
    run_alone("alone_with_a_writer_held", "");
}

/// Not a test by itself, like the others with such a name.
#[test]
fn alone_with_a_writer_held() {
    let Some((path, _)) = called() else { return };
    let parent = std::process::id();
    let mut writer = Some(Store::open(&path).expect("opened").writer().expect("a writer"));
    let held = writer.as_mut().expect("held");
    held.push(observation(0)).expect("pushed");
    held.flush().expect("flushed");
    held.push(observation(1)).expect("pushed");
    let before = content(&path);
    let refused = |error: &gaugelog::Error| {
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert_eq!(error.path(), path);
        let text = error.to_string();
        assert!(text.contains(&format!("process {parent} opened this writer")), "{text}");
        assert!(text.contains("open the store again"), "{text}");
    };
    fork(|| {
        let held = writer.as_mut().expect("held");
        refused(&held.flush().expect_err("not in this process"));
        refused(&held.sync().expect_err("not in this process"));
        // However much is pushed, none of it is written.
        let pushed = (2..200_000).find_map(|n| held.push(observation(n)).err());
        refused(&pushed.expect("not in this process"));
    })
    .succeeds();
    fork(|| refused(&writer.take().expect("held").close().expect_err("not in this process")))
        .succeeds();
    fork(|| drop(writer.take())).succeeds();
    assert!(content(&path) == before, "nothing was written");
    fork(|| {
        let error = append(&path, 9).expect_err("the parent has the lock");
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains(&format!("process {parent} ")), "{error}");
    })
    .succeeds();
    writer.as_mut().expect("held").flush().expect("flushed");
    drop(writer);
    fork(|| assert_eq!(append(&path, 2).expect("the lock is free"), 2)).succeeds();
    assert!(stored(&path) == [0, 1, 2].map(observation));
}

#[test]
fn the_lock_ends_with_the_writer_though_a_forked_child_lives_on() {
    run_alone("alone_with_a_child_that_lives_on", "");
}

#[test]
fn alone_with_a_child_that_lives_on() {
    let Some((path, _)) = called() else { return };
    let writer = Store::open(&path).expect("opened").writer().expect("a writer");
    let (mut until_closed, closed) = std::io::pipe().expect("a pipe");
    let mut closed = Some(closed);
    let child = fork(|| {
        drop(closed.take());
        assert_eq!(until_closed.read(&mut [0]).expect("read"), 0);
    });
    writer.close().expect("closed");
    assert_eq!(append(&path, 0).expect("the lock is free"), 0);
    drop(closed);
    child.succeeds();
}

/// As the documentation of `Writer` says.
#[test]
fn the_lock_of_a_parent_that_was_killed_ends_with_its_forked_child() {
    let (_guard, path) = place();
    Store::create(&path).expect("created");
    let mut parent = Process::start(&mut again("alone_to_be_killed", &path, ""));
    parent.expect_line("held");
    parent.kill();
    let error = append(&path, 0).expect_err("the child has it");
    assert_eq!(error.kind(), ErrorKind::Locked);
    // The kernel names the process that took the lock, which no longer exists.
    assert!(error.to_string().contains(&format!("process {};", parent.id())), "{error}");
    parent.go_on();
    assert_eq!(parent.line_with("anything"), None, "the child ends");
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.append(observation(0)).expect("the lock is free soon"), 0);
}

#[test]
fn alone_to_be_killed() {
    let Some((path, _)) = called() else { return };
    let _writer = Store::open(&path).expect("opened").writer().expect("a writer");
    let child = fork(|| {
        report("held");
        wait_for_go();
    });
    child.succeeds();
}

#[test]
fn parent_and_child_both_append_to_a_store_that_was_open() {
    for policy in ["always", "every", "never"] {
        run_alone("alone_with_an_open_store", policy);
    }
}

const EACH: u64 = 100;

fn policy(word: &str) -> SyncPolicy {
    match word {
        "always" => SyncPolicy::Always,
        "every" => SyncPolicy::Every(Duration::from_millis(1)),
        _ => SyncPolicy::Never,
    }
}

/// Even numbers are the parent's, odd ones the child's.
#[test]
fn alone_with_an_open_store() {
    let Some((path, word)) = called() else { return };
    let store = Options::new().sync(policy(&word)).open(&path).expect("opened");
    for n in 0..10 {
        store.append(observation(2 * n)).expect("appended");
    }
    let snapshot = store.snapshot().expect("a snapshot");
    let append_rest = |from: u64, own: u64| {
        for n in from..EACH {
            let sequence = store.append(observation(2 * n + own)).expect("appended");
            let now = store.snapshot().expect("a snapshot");
            let at = now.by_sequence(sequence..=sequence).next().expect("it is there");
            assert_eq!(at.expect("readable"), (sequence, observation(2 * n + own)));
        }
        assert!(arrivals(&snapshot).into_iter().eq((0..10).map(|n| observation(2 * n))));
    };
    let child = fork(|| append_rest(0, 1));
    append_rest(10, 0);
    child.succeeds();
    drop(store);
    let all = stored(&path);
    assert_eq!(all.len() as u64, 2 * EACH);
    for own in 0..2 {
        let numbers = all.iter().filter(|it| it.timestamp_ns % 2 == own).copied();
        assert!(numbers.eq((0..EACH).map(|n| observation(2 * n + own.unsigned_abs()))));
    }
}

/// The child did not write it, so by rule 3 it copies it before it acknowledges anything
/// after it.
#[test]
fn what_the_parent_has_not_synced_is_unconfirmed_for_the_child() {
    run_alone("alone_with_something_unsynced", "");
}

#[test]
fn alone_with_something_unsynced() {
    let Some((path, _)) = called() else { return };
    // An interval that does not end during the test.
    let policy = SyncPolicy::Every(Duration::from_secs(1_000_000));
    let mut store = Some(Options::new().sync(policy).open(&path).expect("opened"));
    store.as_ref().expect("open").append(observation(0)).expect("appended");
    let before = content(&path);
    // Only the parent syncs it, even when the child closes the store.
    fork(|| drop(store.take())).succeeds();
    assert!(content(&path) == before, "nothing was written");
    let listed = log_path(&path);
    fork(|| store.as_ref().expect("open").sync().expect("synced")).succeeds();
    let copied = log_path(&path);
    assert_ne!(copied, listed);
    assert_eq!(store.as_ref().expect("open").append(observation(1)).expect("appended"), 1);
    store.as_ref().expect("open").sync().expect("synced");
    assert_eq!(log_path(&path), copied, "its own it syncs in place");
    assert!(stored(&path) == [0, 1].map(observation));
}

#[test]
fn a_program_that_is_started_does_not_get_the_lock() {
    let (_guard, path) = place();
    let writer = Store::create(&path).expect("created").writer().expect("a writer");
    let mut started = Process::start(&mut again("alone_and_waiting", &path, ""));
    started.expect_line("there");
    for file in std::fs::read_dir(format!("/proc/{}/fd", started.id())).expect("listed") {
        let file = std::fs::read_link(file.expect("an entry").path()).expect("a link");
        assert!(!file.starts_with(&path), "{}", file.display());
    }
    drop(writer);
    assert_eq!(append(&path, 0).expect("the lock is free"), 0);
    started.go_on();
    started.succeeds();
}

#[test]
fn alone_and_waiting() {
    if called().is_some() {
        report("there");
        wait_for_go();
    }
}
