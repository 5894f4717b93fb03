//! What a held writer, and a store that is let go of, do by themselves, and what
//! they leave alone.

use std::path::Path;
use std::time::{Duration, Instant};

use super::disk_watch::{Event, no_space, record};
use super::{append_each, arrivals, assert_holds, observation, observations, options, place};
use crate::disk::{Operation, watch};
use crate::error::ErrorKind;
use crate::options::SyncPolicy;
use crate::segment::names::rows_name;
use crate::store::Store;

#[test]
fn a_writer_flushes_by_itself_where_65_536_wait() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    for n in 0..65_536 {
        writer.push(observation(n)).expect("pushed");
    }
    assert_eq!(arrivals(&store), []);
    writer.push(observation(65_536)).expect("pushed");
    assert!(arrivals(&store) == observations(0..65_536));
    writer.close().expect("closed");
    assert_holds(&path, &observations(0..65_537));
}

#[test]
fn a_writer_that_is_closed_tells_what_it_could_not_store() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never, SyncPolicy::Every(Duration::MAX)] {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        append_each(&store, 0..1);
        let refuse = |_: &Path, event: &Event| match event.operation {
            Operation::Write { .. } => Err(no_space()),
            _ => Ok(()),
        };
        record(refuse, || {
            let mut writer = store.writer().expect("a writer");
            writer.push(observation(1)).expect("pushed");
            assert_eq!(writer.close().expect_err("no space").kind(), ErrorKind::Io, "{policy:?}");
        });
        assert_holds(&path, &observations(0..1));
    }
}

#[test]
fn a_writer_that_was_given_nothing_changes_nothing_when_it_is_dropped() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never, SyncPolicy::Every(Duration::ZERO)] {
        let (_guard, path) = place();
        // In doubt, so that any look at the tail would be followed by a copy of it.
        append_each(&options(SyncPolicy::Never).create(&path).expect("created"), 0..10);
        let store = options(policy).open(&path).expect("opened");
        let ((), events) = record(|_, _| Ok(()), || drop(store.writer().expect("a writer")));
        let noted = |event: &Event| event.file == crate::lock::NAME;
        assert!(events.iter().all(noted), "{policy:?}: {events:?}");
    }
}

#[test]
fn a_writer_that_is_dropped_stores_what_it_was_given_unless_that_has_failed() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never, SyncPolicy::Every(Duration::MAX)] {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        let mut writer = store.writer().expect("a writer");
        writer.push(observation(0)).expect("pushed");
        drop(writer);
        assert_holds(&path, &observations(0..1));
        let mut full = true;
        let refuse = move |_: &Path, event: &Event| match event.operation {
            Operation::Write { .. } if std::mem::take(&mut full) => Err(no_space()),
            _ => Ok(()),
        };
        record(refuse, || {
            let mut writer = store.writer().expect("a writer");
            writer.push(observation(1)).expect("pushed");
            assert_eq!(writer.flush().expect_err("no space").kind(), ErrorKind::Io);
        });
        assert_holds(&path, &observations(0..1));
    }
}

#[test]
fn a_writer_that_is_dropped_syncs_what_was_stored_before_it_failed() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Every(Duration::MAX)).create(&path).expect("created");
    let (mut full, mut writes) = (true, 0);
    let refuse = move |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } if event.writes(&rows_name(1)) => {
            writes += 1;
            if writes == 2 && std::mem::take(&mut full) { Err(no_space()) } else { Ok(()) }
        }
        _ => Ok(()),
    };
    let ((), events) = record(refuse, || {
        let mut writer = store.writer().expect("a writer");
        for n in 0..2 {
            writer.push(observation(n)).expect("pushed");
            assert_eq!(writer.flush().is_ok(), n == 0, "{n}");
        }
    });
    // In its place, or in a segment made whole that takes over what is in doubt.
    let is_sync = |it: &Event| it.operation == Operation::Sync && it.file.contains(".rows");
    let syncs = events.iter().rposition(is_sync);
    let written = events.iter().rposition(|it| it.writes(&rows_name(1)));
    assert!(syncs > written, "{events:?}");
    assert_holds(&path, &observations(0..1));
}

#[test]
fn what_is_not_finite_is_refused_with_all_that_came_with_it() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let mut batch = observations(0..3);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        batch[1].value = value;
        assert_eq!(store.append_batch(&batch).expect_err("refused").kind(), ErrorKind::Invalid);
        let mut writer = store.writer().expect("a writer");
        assert_eq!(writer.push(batch[1]).expect_err("refused").kind(), ErrorKind::Invalid);
        writer.close().expect("closed");
    }
    assert_holds(&path, &[]);
}

#[test]
fn a_sync_is_done_once_when_it_is_due() {
    let (_guard, path) = place();
    let policy = SyncPolicy::Every(Duration::from_millis(200));
    let store = options(policy).create(&path).expect("created");
    append_each(&store, 0..1);
    store.sync().expect("synced");
    let mut writer = store.writer().expect("a writer");
    let ((), events) = record(
        |_, _| Ok(()),
        || {
            writer.push(observation(1)).expect("pushed");
            writer.flush().expect("flushed");
            if let Some(due) = writer.sync_if_due().expect("no error") {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            for _ in 0..2 {
                assert_eq!(writer.sync_if_due().expect("no error"), None);
            }
        },
    );
    let syncs = events.iter().filter(|it| it.is(&rows_name(1), Operation::Sync));
    assert_eq!(syncs.count(), 1, "{events:?}");
}

#[test]
fn a_store_with_nothing_to_sync_is_dropped_without_a_call() {
    let (_guard, path) = place();
    let policy = SyncPolicy::Every(Duration::MAX);
    let store = options(policy).create(&path).expect("created");
    append_each(&store, 0..1);
    store.sync().expect("synced");
    // Else it would wait for the lock, which another may hold for long.
    let never = |_: &Path, operation: Operation, _: &[u8]| panic!("{operation:?}");
    watch::with(never, || drop(store));
}
