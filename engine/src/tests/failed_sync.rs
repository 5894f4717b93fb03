//! Rule 6 of the tail: after a failed sync the log is abandoned at its durable position.
//! What was reported as failed is overwritten, or the log is ended before it.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use super::disk_watch::{Event, io_error, no_space, record};
use super::*;
use crate::log::tail::Stop;
use crate::os::disk::Operation;

fn is_sync_of_log(event: &Event) -> bool {
    event.operation == Operation::Sync && event.file.ends_with(".log")
}

/// Refuses the first sync of a log, and fails the test if that log is synced again.
fn fail_first_sync() -> impl FnMut(&Path, &Event) -> io::Result<()> {
    let mut failed: Option<String> = None;
    move |_, event| {
        if !is_sync_of_log(event) {
            return Ok(());
        }
        match &failed {
            None => {
                failed = Some(event.file.clone());
                Err(io_error())
            }
            Some(file) => {
                assert_ne!(*file, event.file, "synced after its sync failed");
                Ok(())
            }
        }
    }
}

#[test]
fn a_log_whose_sync_failed_is_abandoned_and_the_append_reported_as_failed() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let before = log_path(&path);
    let (result, _) = record(fail_first_sync(), || {
        let failed = store.append(observation(99)).expect_err("not synced");
        append_each(&store, 10..14);
        failed
    });
    assert_eq!(result.io_error().and_then(io::Error::raw_os_error), Some(5));
    assert_ne!(log_path(&path), before);
    assert_eq!(record_of(&path), (10, 2));
    assert_holds(&path, &observations(0..14));
}

/// The generation and the number of observations that the log was made with.
fn record_of(path: &Path) -> (u64, u64) {
    let record = super::record(path);
    (record.made_observations, record.generation - 1)
}

#[test]
fn what_was_acknowledged_without_a_sync_goes_into_the_new_log_once() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..4);
    store.sync().expect("synced");
    append_each(&store, 4..9);
    let (result, _) = record(fail_first_sync(), || store.sync());
    result.expect_err("the sync failed");
    assert_holds(&path, &observations(0..9));
    assert_eq!(super::record(&path).made_observations, 9);
    append_each(&store, 9..11);
    store.sync().expect("synced");
    assert_holds(&path, &observations(0..11));
}

#[test]
fn where_no_new_log_can_be_made_the_old_one_ends_before_what_failed() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let broken = |_: &Path, event: &Event| match event.operation {
        Operation::Sync => Err(io_error()),
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(broken, || store.append_batch(&observations(50..60)));
    let error = result.expect_err("neither synced nor moved");
    assert_eq!(error.stored(), 0);
    let log = open_log(&path);
    assert_eq!((log.end_sequence(), log.tail().stop), (10, Stop::Void));
    assert_eq!(arrivals(&path), observations(0..10));
    append_each(&store, 10..13);
    assert_holds(&path, &observations(0..13));
}

/// The frame whose beginning the void overwrites may be on the disk or not: its pages
/// belong to a sync that failed.
#[test]
fn a_void_is_not_written_over_where_only_zeros_follow() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let broken = |_: &Path, event: &Event| match event.operation {
        Operation::Sync => Err(io_error()),
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let zeros = Observation::new(0, 0.0);
    let (result, _) = record(broken, || store.append(zeros));
    result.expect_err("neither synced nor moved");
    let (log, found) = (log_path(&path), open_log(&path));
    assert_eq!((found.tail().stop, found.tail().dropped_bytes), (Stop::Void, 0));
    append_each(&Store::open(&path).expect("opened"), 10..13);
    assert_ne!(log_path(&path), log, "a new log");
    assert_holds(&path, &observations(0..13));
}

#[test]
fn a_failed_write_is_taken_back_and_the_mark_restored() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let log = log_path(&path);
    let writes = Rc::new(Cell::new(0));
    let counted = Rc::clone(&writes);
    let full = move |path: &Path, event: &Event| match event.operation {
        Operation::Write { offset, length } if event.file.ends_with(".log") => {
            counted.set(counted.get() + 1);
            if counted.get() > 1 {
                return Ok(());
            }
            // A part of it is there nevertheless.
            let file = std::fs::OpenOptions::new().write(true).open(path).expect("the log");
            let part = vec![0x5A; length / 2];
            std::os::unix::fs::FileExt::write_all_at(&file, &part, offset).expect("written");
            Err(no_space())
        }
        _ => Ok(()),
    };
    let (result, _) = record(full, || store.append_batch(&observations(50..90)));
    result.expect_err("no space");
    assert!(writes.get() > 1);
    let found = open_log(&path);
    assert!(found.tail().is_clean && found.tail().stop == Stop::Mark, "{:?}", found.tail());
    assert_eq!(log_path(&path), log);
    append_each(&store, 10..13);
    assert_holds(&path, &observations(0..13));
    assert_eq!(log_path(&path), log, "continued in place");
}

/// The log cannot grow any more: its file has a place that the device does not write.
#[test]
fn a_log_at_a_place_that_the_device_does_not_write_is_left() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..10);
    let log = log_path(&path);
    let bad = log.clone();
    let broken = move |path: &Path, event: &Event| match event.operation {
        Operation::Write { offset, length } if *path == *bad => {
            let end = std::fs::metadata(path).expect("the log").len();
            if offset + length as u64 > end { Err(io_error()) } else { Ok(()) }
        }
        _ => Ok(()),
    };
    let (appended, _) = record(broken, || {
        store.append(observation(99)).expect_err("an I/O error");
        store.append(observation(10))
    });
    appended.expect("appended to another log");
    assert_ne!(log_path(&path), log);
    assert_holds(&path, &observations(0..11));
}

#[test]
fn taking_back_leaves_no_mark_after_frames_that_were_never_synced() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..4);
    let mut has_failed = false;
    let full = move |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } if !has_failed => {
            has_failed = true;
            Err(no_space())
        }
        _ => Ok(()),
    };
    let (result, _) = record(full, || store.append(observation(4)));
    result.expect_err("no space");
    let log = open_log(&path);
    assert_eq!((log.end_sequence(), log.durable_sequence()), (4, Some(0)));
    append_each(&store, 4..6);
    assert_holds(&path, &observations(0..6));
}

/// If nothing can be done, the error says which observations may be found, and a retry by
/// the same writer stores none twice.
#[test]
fn a_retry_by_the_same_writer_stores_nothing_twice() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let failing = Rc::new(Cell::new(false));
    let seen = Rc::clone(&failing);
    let broken = move |_: &Path, event: &Event| {
        seen.set(seen.get() || is_sync_of_log(event));
        if seen.get() { Err(io_error()) } else { Ok(()) }
    };
    let batch = observations(10..40);
    let (result, _) = record(broken, || store.append_batch(&batch));
    let error = result.expect_err("everything fails");
    assert!(error.to_string().contains("10 to 39 may be found later"), "{error}");
    // Another process, which does not know about the failure, takes the frames over.
    append_each(&Store::open(&path).expect("opened"), 40..41);
    assert_eq!(arrivals(&path), observations(0..41));
    assert_eq!(store.append_batch(&batch).expect("stored, and found"), 10..40);
    assert_holds(&path, &observations(0..41));
    append_each(&store, 41..42);
    assert_holds(&path, &observations(0..42));
}

#[test]
fn after_dropping_what_failed_an_append_states_its_own_number() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let failing = Rc::new(Cell::new(false));
    let broken = move |_: &Path, event: &Event| {
        failing.set(failing.get() || is_sync_of_log(event));
        if failing.get() { Err(io_error()) } else { Ok(()) }
    };
    let (result, _) = record(broken, || store.append_batch(&observations(50..80)));
    result.expect_err("everything fails");
    // Not a retry: what failed is dropped.
    assert_eq!(store.append(observation(10)).expect("appended"), 10);
    assert_holds(&path, &observations(0..11));
}
