//! Promise 6, when the process that holds the writers' lock is stopped: the error of
//! others names it, readers go on, and nothing is damaged when it goes on or is killed.

mod support;

use std::path::Path;
use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy};
use rustix::process::Signal;
use support::mounts::Disk;
use support::processes::{Process, again, called, report, wait_for_go};
use support::{Random, arrivals, place};

/// Half of the observations appended here come from the other process.
fn observation(sequence: u64) -> Observation {
    let number = u32::try_from(sequence).expect("a small number");
    Observation::new(i64::from(number), f64::from(number) / 7.0)
}

fn options(wait: Duration) -> Options {
    Options::new().lock_wait(wait)
}

/// Appends the next observation, if the lock is free soon.
fn append(path: &Path, wait: Duration) -> gaugelog::Result<u64> {
    let store = options(wait).open(path).expect("opened");
    let next = store.recovery().observations;
    // If another process came first, the sequence number shows it.
    let appended = store.append(observation(next))?;
    assert_eq!(appended, next, "no other process was appending");
    Ok(next + 1)
}

/// The error after waiting in vain names the holder.
fn assert_locked_by(holder: &Process, error: &gaugelog::Error) {
    assert_eq!(error.kind(), ErrorKind::Locked);
    let named = format!("process {} (stopped_holder", holder.id());
    assert!(error.to_string().contains(&named), "{error}");
    assert!(error.can_pass());
}

/// Readers are not held up, and see a whole prefix.
fn assert_readable(path: &Path) -> u64 {
    let snapshot = Store::open_read_only(path).expect("opened").snapshot().expect("a snapshot");
    assert!(snapshot.damage().is_empty(), "{:?}", snapshot.damage());
    let stored = arrivals(&snapshot);
    assert_eq!(stored.len() as u64, snapshot.len());
    assert_eq!(snapshot.summary().expect("a summary").count(), snapshot.len());
    assert!(stored.into_iter().eq((0..snapshot.len()).map(observation)));
    snapshot.len()
}

/// Not a test by itself: holds a writer with something pushed to it.
#[test]
fn the_holder_of_a_writer() {
    let Some((path, _)) = called() else { return };
    let mut writer = Store::open(path).expect("opened").writer().expect("a writer");
    writer.push(observation(0)).expect("pushed");
    writer.flush().expect("flushed");
    writer.push(observation(1)).expect("pushed");
    report("held");
    wait_for_go();
    writer.flush().expect("flushed");
    writer.close().expect("closed");
    report("closed");
    wait_for_go();
}

fn stop_a_held_writer(path: &Path) -> Process {
    Store::create(path).expect("created");
    let mut holder = Process::start(&mut again("the_holder_of_a_writer", path, ""));
    holder.expect_line("held");
    holder.stop();
    let waited = append(path, Duration::from_millis(100)).expect_err("it is locked");
    assert_locked_by(&holder, &waited);
    // Without waiting the error is the same.
    assert_locked_by(&holder, &append(path, Duration::ZERO).expect_err("it is locked"));
    let sync = options(Duration::ZERO).open(path).expect("opened").sync();
    assert_locked_by(&holder, &sync.expect_err("it is locked"));
    assert_eq!(assert_readable(path), 1);
    holder
}

#[test]
fn a_stopped_writer_goes_on_undisturbed() {
    let (_guard, path) = place();
    let mut holder = stop_a_held_writer(&path);
    holder.signal(Signal::CONT);
    holder.go_on();
    holder.expect_line("closed");
    assert_eq!(append(&path, Duration::ZERO).expect("the lock is free"), 3);
    holder.go_on();
    holder.succeeds();
    assert_eq!(assert_readable(&path), 3);
}

#[test]
fn the_lock_of_a_stopped_writer_that_is_killed_is_free() {
    let (_guard, path) = place();
    let mut holder = stop_a_held_writer(&path);
    holder.kill();
    assert_eq!(append(&path, Duration::ZERO).expect("the lock is free"), 2);
    assert_eq!(assert_readable(&path), 2);
}

/// Not a test by itself: appends until it is killed, and reports what it did.
#[test]
fn the_one_that_appends() {
    let Some((path, policy)) = called() else { return };
    let policy = if policy == "always" { SyncPolicy::Always } else { SyncPolicy::Never };
    let store = Options::new().sync(policy).open(path).expect("opened");
    loop {
        let next = store.snapshot().expect("a snapshot").len();
        // The other process may come between, so each observation is made for its number.
        let mut writer = store.writer().expect("the other one does not keep the lock");
        if store.snapshot().expect("a snapshot").len() == next {
            writer.push(observation(next)).expect("pushed");
            writer.close().expect("closed");
            report(&format!("acknowledged {}", next + 1));
        }
    }
}

/// How many times it is stopped during an append, and at most outside one.
const AMID: u32 = 10;
const STOPS_MOST: u32 = 2_000;

fn stop_amid_appends(policy: &str) {
    let (_guard, path) = place();
    Store::create(&path).expect("created");
    let mut appending = Process::start(&mut again("the_one_that_appends", &path, policy));
    let mut random = Random(31);
    let (mut amid, mut stops, mut acknowledged) = (0, 0, 0);
    while amid < AMID {
        stops += 1;
        assert!(stops < STOPS_MOST, "it holds the lock most of the time; seen {amid} times");
        for _ in 0..=random.below(3) {
            acknowledged = appending.expect_line("acknowledged").parse().expect("a number");
        }
        std::thread::sleep(Duration::from_micros(random.below(500)));
        appending.stop();
        assert!(assert_readable(&path) >= acknowledged);
        if let Err(error) = append(&path, Duration::from_millis(2)) {
            assert_locked_by(&appending, &error);
            amid += 1;
        }
        if amid < AMID {
            appending.signal(Signal::CONT);
        }
    }
    // The last time it holds the lock: killing it releases the lock, and nothing is lost.
    appending.kill();
    while let Some(last) = appending.line_with("acknowledged") {
        acknowledged = last.parse().expect("a number");
    }
    assert!(append(&path, Duration::ZERO).expect("the lock is free") > acknowledged);
    assert!(assert_readable(&path) > acknowledged);
    println!("{policy}: stopped {stops} times, {amid} of them amid an append");
}

#[test]
fn one_stopped_amid_a_synced_append_is_named_and_costs_nothing() {
    stop_amid_appends("always");
}

#[test]
fn one_stopped_amid_an_unsynced_append_is_named_and_costs_nothing() {
    stop_amid_appends("never");
}

/// The kernel's table of locks has another device for a file of btrfs than the file states.
#[test]
fn the_holder_is_named_on_btrfs_too() {
    let place = tempfile::tempdir().expect("a directory");
    let make = ["mkfs.btrfs", "-q", "-f"];
    let Some(disk) = Disk::make(&place, 112, "160m", &make, "loop") else { return };
    let path = disk.mounted.at.join("store");
    let _writer = Store::create(&path).expect("created").writer().expect("a writer");
    let error = append(&path, Duration::ZERO).expect_err("locked");
    let named = format!("process {} (stopped_holder", std::process::id());
    assert!(error.to_string().contains(&named), "{error}");
}
