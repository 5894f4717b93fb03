//! Rule 6: a segment whose sync failed is given up at its last durable byte.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::rc::Rc;

use super::disk_watch::{Event, Judge, io_error, no_space, record};
use super::{
    FIRST_FRAME, FRAME, append_each, arrivals, assert_holds, header, observation, observations,
    options, place, segments,
};
use crate::disk::Operation;
use crate::error::ErrorKind;
use crate::options::SyncPolicy;
use crate::segment::names::rows_name;
use crate::store::Store;

/// Refuses the first sync of segment 1, and fails the test where that file is
/// written or synced again; all else is judged by rule 5.
fn fail_first_sync(path: &Path) -> impl FnMut(&Path, &Event) -> io::Result<()> + use<> {
    let mut failed = false;
    let mut judge = Judge::new(path);
    move |_, event| {
        let first = rows_name(1);
        if failed {
            assert!(!event.writes(&first), "{event:?} after its sync failed");
            assert!(!event.is(&first, Operation::Sync), "synced after its sync failed");
        }
        if event.is(&first, Operation::Sync) {
            failed = true;
            return Err(io_error());
        }
        judge.judge(event);
        Ok(())
    }
}

fn assert_given_up(path: &Path, end: u64, sequence: u64) {
    assert_eq!(segments(path), 2);
    let (given_up, next) = (header(path, 1), header(path, 2));
    let stated = next.predecessor.expect("a predecessor");
    assert_eq!((stated.identity, stated.end_offset), (given_up.identity, end));
    assert_eq!(next.first_sequence, sequence);
}

#[test]
fn rule_6_a_segment_whose_sync_failed_is_given_up_at_its_last_durable_byte() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let ((), _) = record(fail_first_sync(&path), || append_each(&store, 10..14));
    assert_given_up(&path, FIRST_FRAME + 10 * FRAME, 10);
    assert!(arrivals(&store) == observations(0..14));
    assert_holds(&path, &observations(0..14));
}

#[test]
fn rule_6_what_was_not_synced_is_copied_once() {
    // What this process wrote, what others left, and both.
    for (others, own) in [(0, 100), (100, 0), (2_500, 2_500)] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..7);
        store.sync().expect("synced");
        append_each(&store, 7..7 + others);
        let store = options(SyncPolicy::Never).open(&path).expect("opened");
        let end = 7 + others + own;
        let ((), _) = record(fail_first_sync_but_for_rewriting(), || {
            append_each(&store, 7 + others..end);
            store.sync().expect("synced in a new segment");
            append_each(&store, end..end + 1);
        });
        assert_given_up(&path, FIRST_FRAME + 7 * FRAME, 7);
        assert_holds(&path, &observations(0..end + 1));
    }
}

/// As above, where what others left is written again before the sync.
fn fail_first_sync_but_for_rewriting() -> impl FnMut(&Path, &Event) -> io::Result<()> {
    let mut failed = false;
    move |_, event| {
        let first = event.file == rows_name(1);
        assert!(!(failed && first), "{event:?} after its sync failed");
        failed |= first && event.operation == Operation::Sync;
        if first && failed { Err(io_error()) } else { Ok(()) }
    }
}

/// Refuses every sync of segment 1 and every new file, while `broken`.
fn full_and_failing(broken: Rc<Cell<bool>>) -> impl FnMut(&Path, &Event) -> io::Result<()> {
    move |_, event| match event.operation {
        _ if !broken.get() => Ok(()),
        Operation::Sync => Err(io_error()),
        Operation::Create if event.file.ends_with(".tmp") => Err(no_space()),
        _ => Ok(()),
    }
}

/// A store of 10 observations, and a try to append another one to it that fails.
fn after_a_failed_append(resume: impl FnOnce(&Path, Store)) {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let broken = Rc::new(Cell::new(true));
    record(full_and_failing(Rc::clone(&broken)), || {
        for _ in 0..3 {
            let error = store.append(observation(99)).expect_err("nothing can be synced");
            assert_eq!(error.kind(), ErrorKind::Io);
            assert!(error.path().starts_with(&path), "{error}");
            assert!(arrivals(&store) == observations(0..10), "it is not found later");
        }
        broken.set(false);
        assert!(arrivals(&Store::open(&path).expect("opened")) == observations(0..10));
        resume(&path, store);
    });
    assert_holds(&path, &observations(0..12));
}

#[test]
fn rule_6_work_resumes_with_the_same_handle() {
    after_a_failed_append(|_, store| append_each(&store, 10..12));
}

#[test]
fn rule_6_work_resumes_with_a_fresh_handle() {
    after_a_failed_append(|path, _| {
        append_each(&Store::open(path).expect("opened"), 10..12);
    });
}

#[test]
fn rule_6_a_held_writer_that_is_asked_again_stores_once() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let broken = Rc::new(Cell::new(false));
    record(full_and_failing(Rc::clone(&broken)), || {
        let mut writer = store.writer().expect("a writer");
        (10..15).for_each(|n| writer.push(observation(n)).expect("pushed"));
        writer.flush().expect("flushed");
        broken.set(true);
        (15..20).for_each(|n| writer.push(observation(n)).expect("pushed"));
        for _ in 0..3 {
            assert_eq!(writer.flush().expect_err("broken").kind(), ErrorKind::Io);
            assert!(arrivals(&store) == observations(0..15));
        }
        broken.set(false);
        assert_eq!(writer.flush().expect("flushed"), 20);
        writer.close().expect("closed");
    });
    assert_eq!(header(&path, 2).first_sequence, 15, "the old segment is given up");
    assert_holds(&path, &observations(0..20));
}

#[test]
fn rule_6_a_store_does_not_go_on_with_a_segment_whose_sync_failed() {
    // The new segment was begun, but its name could not be made durable. After
    // a power cut it may be there again, and say where the old one ends.
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let mut broken = 2;
    let refuse = move |_: &Path, event: &Event| {
        let fails =
            event.is(&rows_name(1), Operation::Sync) || event.operation == Operation::SyncDirectory;
        if fails && broken > 0 {
            broken -= 1;
            return Err(io_error());
        }
        Ok(())
    };
    record(refuse, || {
        assert_eq!(store.append(observation(99)).expect_err("broken").kind(), ErrorKind::Io);
        append_each(&store, 10..12);
    });
    let next = header(&path, 2);
    assert_eq!(next.predecessor.expect("a predecessor").end_offset, FIRST_FRAME + 10 * FRAME);
    assert_eq!(next.first_sequence, 10);
    assert_holds(&path, &observations(0..12));
}

#[test]
fn rule_6_a_file_whose_sync_failed_is_not_written_again() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let temporary = format!("{}.tmp", rows_name(1));
    let died = {
        let temporary = temporary.clone();
        let refuse = move |_: &Path, event: &Event| match event.operation {
            Operation::Sync | Operation::Remove if event.file == temporary => Err(io_error()),
            _ => Ok(()),
        };
        record(refuse, || store.append(observation(0)).is_err()).0
    };
    assert!(died && path.join(&temporary).exists());
    // Nothing that is written to the same pages need ever reach the disk.
    let ((), events) = record(|_, _| Ok(()), || append_each(&store, 0..1));
    let of_it: Vec<Operation> =
        events.iter().filter(|it| it.file == temporary).map(|it| it.operation).collect();
    let write = Operation::Write { offset: 0, length: 88 };
    let made_anew =
        [Operation::Create, Operation::Remove, Operation::Create, write, Operation::Sync];
    assert_eq!(of_it, made_anew);
    assert_holds(&path, &observations(0..1));
}

#[test]
fn rule_6_a_sync_that_fails_loses_nothing_that_was_kept() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..300);
    let broken = Rc::new(Cell::new(true));
    record(full_and_failing(Rc::clone(&broken)), || {
        for _ in 0..2 {
            assert_eq!(store.sync().expect_err("broken").kind(), ErrorKind::Io);
            assert!(arrivals(&store) == observations(0..300));
        }
        // The segment is not gone on with, and no other can be begun.
        assert_eq!(store.append(observation(99)).expect_err("broken").kind(), ErrorKind::Io);
        broken.set(false);
        store.sync().expect("synced");
        append_each(&store, 300..310);
    });
    assert_eq!(segments(&path), 2);
    assert_holds(&path, &observations(0..310));
}

#[test]
fn rule_6_a_segment_that_can_no_longer_be_written_is_given_up() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let refuse = |_: &Path, event: &Event| {
        if event.writes(&rows_name(1)) { Err(io_error()) } else { Ok(()) }
    };
    record(refuse, || {
        assert_eq!(store.append(observation(99)).expect_err("refused").kind(), ErrorKind::Io);
        append_each(&store, 10..12);
    });
    assert_given_up(&path, FIRST_FRAME + 10 * FRAME, 10);
    assert_holds(&path, &observations(0..12));
}
