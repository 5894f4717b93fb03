//! What a held writer acknowledges, and what dropping it does.

use std::time::Duration;

use super::disk_watch::{io_error, record as recorded};
use super::*;
use crate::error::ErrorKind;
use crate::os::disk::Operation;

#[test]
fn a_thread_that_holds_a_writer_gets_an_error_for_an_append() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    writer.push(observation(0)).expect("pushed");
    let error = store.append(observation(1)).expect_err("it would wait for itself");
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(store.writer().expect_err("one is enough").kind(), ErrorKind::Invalid);
    writer.close().expect("closed");
    append_each(&store, 1..2);
    assert_holds(&path, &observations(0..2));
}

#[test]
fn others_wait_for_a_held_writer_and_the_error_names_its_process() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let writer = store.writer().expect("a writer");
    let other = Options::new().lock_wait(Duration::from_millis(20)).open(&path).expect("opened");
    let error = std::thread::scope(|scope| {
        scope.spawn(|| other.append(observation(0)).expect_err("held")).join().expect("no panic")
    });
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.can_pass());
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    drop(writer);
}

#[test]
fn what_was_reported_as_failed_is_not_stored_by_dropping_the_writer() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..1);
    let mut writer = store.writer().expect("a writer");
    writer.push(observation(1)).expect("pushed");
    let refuse = |_: &Path, event: &super::disk_watch::Event| match event.operation {
        Operation::Write { .. } => Err(io_error()),
        _ => Ok(()),
    };
    let (result, _) = recorded(refuse, || writer.flush());
    result.expect_err("not written");
    drop(writer);
    assert_holds(&path, &observations(0..1));
}

#[test]
fn dropping_a_writer_stores_what_is_left_and_seals() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        let mut writer = store.writer().expect("a writer");
        for observation in observations(0..2_100) {
            writer.push(observation).expect("pushed");
        }
        drop(writer);
        assert_eq!(record(&path).sealed_end, 1);
        assert_holds(&path, &observations(0..2_100));
    }
}

#[test]
fn a_writer_removes_and_seals_under_its_own_lock() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    for observation in observations(0..5_000) {
        writer.push(observation).expect("pushed");
    }
    writer.seal().expect("sealed");
    assert_eq!(record(&path).sealed_end, 2);
    assert_eq!(writer.remove_before(observation(2_048).timestamp_ns).expect("removed"), 2_048);
    assert_eq!(writer.keep_bytes(1).expect("removed"), 2_048);
    writer.close().expect("closed");
    assert_holds_from(&path, 4_096, &observations(4_096..5_000));
}
