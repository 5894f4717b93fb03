//! Promise 6: a reader that meets a writer during a write reports no corruption and
//! misses nothing. It reads a place again before it reports it, and starts again if the
//! manifest was replaced meanwhile.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::error::ErrorKind;
use crate::format::frame::BLOCK_BYTES;
use crate::format::names::{chunk_name, log_name};
use crate::log::writer::LogWriter;
use crate::os::disk::{Operation, watch};

/// A store of five synced frames, the path of its log, and the log's bytes. In the file
/// the third frame is only half written.
fn half_written(path: &Path) -> (PathBuf, Vec<u8>) {
    let log = log_path(path);
    let whole = std::fs::read(&log).expect("a log");
    flip(&log, FIRST_FRAME + 2 * FRAME + 20);
    (log, whole)
}

#[test]
fn a_frame_that_is_whole_at_the_second_look_for_the_end_is_not_corrupt() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let (log, whole) = half_written(&path);
    let mut was_read = false;
    let write = move |file: &Path, operation: Operation, _: &[u8]| {
        if file == log {
            was_read |= operation == Operation::Read;
            if was_read && operation == Operation::Size {
                std::fs::write(&log, &whole).expect("written");
            }
        }
        Ok(())
    };
    let found = watch::with(write, || view(&path)).expect("a view");
    assert!(found.damage().is_empty(), "{:?}", found.damage());
    assert_eq!(contents_of(&found).expect("read").all(), observations(0..5));
}

#[test]
fn a_frame_that_is_whole_at_the_second_read_of_its_rows_is_not_corrupt() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let view = view(&path).expect("a view");
    let (log, whole) = half_written(&path);
    let reads = Rc::new(Cell::new(0));
    let counted = Rc::clone(&reads);
    let write = move |file: &Path, operation: Operation, _: &[u8]| {
        if file == log && operation == Operation::Read {
            counted.set(counted.get() + 1);
            if counted.get() == 2 {
                std::fs::write(&log, &whole).expect("written");
            }
        }
        Ok(())
    };
    let found = watch::with(write, || contents_of(&view)).expect("read");
    assert_eq!(found.all(), observations(0..5));
    assert_eq!(reads.get(), 2, "one block, read twice");
}

#[test]
fn a_log_that_is_replaced_before_it_is_opened_is_not_missed() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let (log, place) = (log_path(&path), path.clone());
    let mut is_replaced = false;
    let replace = move |file: &Path, operation: Operation, _: &[u8]| {
        if file == log && operation == Operation::Open && !is_replaced {
            is_replaced = true;
            let writer = Store::open(&place).expect("opened");
            writer.append_batch(&observations(5..2_100)).expect("appended");
            assert!(!log.exists(), "the old log is removed");
        }
        Ok(())
    };
    let found = watch::with(replace, || view(&path)).expect("a view");
    assert!(found.damage().is_empty(), "{:?}", found.damage());
    assert_eq!(contents_of(&found).expect("read").all(), observations(0..2_100));
}

#[test]
fn verifying_beside_a_writer_that_replaces_the_log_finds_no_damage() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    let before = log_path(&path);
    let mut other = Some(Store::open(&path).expect("opened"));
    let append_once = move |file: &Path, operation: Operation, _: &[u8]| {
        let is_of_chunk = operation == Operation::Open && file.ends_with(chunk_name(0));
        if let Some(other) = other.take_if(|_| is_of_chunk) {
            other.append_batch(&observations(5_000..9_000)).expect("appended");
        }
        Ok(())
    };
    let found = watch::with(append_once, || store.verify()).expect("verified");
    assert!(found.is_sound(), "{found:?}");
    assert_eq!((found.readable, found.observations), (5_000, 5_000));
    assert!(!before.exists(), "the log was not replaced");
}

/// The writer removes the previous log only when the listing of the new one is durable.
#[test]
fn all_is_durable_if_the_previous_log_is_removed_while_it_is_looked_at() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let previous = (log_path(&path), std::fs::read(log_path(&path)).expect("a log"));
    store.append_batch(&observations(5..2_100)).expect("appended");
    // As before the new log gets its mark.
    cut(&log_path(&path), record(&path).made_bytes);
    std::fs::write(&previous.0, &previous.1).expect("written");
    assert_eq!(view(&path).expect("a view").durable_sequence(), 5);
    let remove = move |file: &Path, operation: Operation, _: &[u8]| {
        if operation == Operation::Open && file == previous.0 {
            drop(std::fs::remove_file(file));
        }
        Ok(())
    };
    let view = watch::with(remove, || view(&path)).expect("a view");
    assert_eq!(view.durable_sequence(), 2_100);
}

/// A store of 2,048 sealed observations, 52 durable ones in the log, and three that are not
/// durable; and what takes these back, as a writer does whose disk is full.
fn about_to_be_taken_back(path: &Path) -> (Store, impl Fn() + use<>) {
    let store = options(SyncPolicy::Never).create(path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    store.seal().expect("sealed");
    store.sync().expect("synced");
    append_each(&store, 2_100..2_103);
    let (log, kept) = (log_path(path), open_log(path).tail().watermark.offset);
    let take_back = move || {
        let mut bytes = std::fs::read(&log).expect("a log");
        bytes[usize::try_from(kept).expect("small")..].fill(0);
        std::fs::write(&log, &bytes).expect("written");
    };
    (store, take_back)
}

#[test]
fn what_is_taken_back_after_a_snapshot_is_no_damage() {
    for is_skipping in [false, true] {
        let (_guard, path) = place();
        let (store, take_back) = about_to_be_taken_back(&path);
        let snapshot = store.snapshot().expect("a snapshot");
        let snapshot = if is_skipping { snapshot.skip_damage() } else { snapshot };
        assert_eq!(snapshot.len(), 2_103);
        take_back();
        let error = snapshot.window(..).summary().expect_err("taken back");
        assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
        let mut found = snapshot.latest(5).map(|it| it.map_err(|error| error.kind()));
        assert_eq!(found.next(), Some(Err(ErrorKind::Removed)));
        assert!(found.next().is_none());
        let summary = store.snapshot().expect("another").window(..).summary();
        assert_eq!(summary.expect("read").count(), 2_100);
    }
}

/// At each read of a snapshot and its summary; the frames are in two blocks.
#[test]
fn what_is_taken_back_while_it_is_looked_at_is_no_damage() {
    let mut removed = 0;
    for turn in 0.. {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..5);
        store.sync().expect("synced");
        store.append_batch(&observations(5..2_040)).expect("appended");
        let (log, kept) = (log_path(&path), open_log(&path).tail().watermark.offset);
        let reads = Rc::new(Cell::new(0));
        let counted = Rc::clone(&reads);
        let take_back = move |file: &Path, operation: Operation, _: &[u8]| {
            if file == log && operation == Operation::Read {
                if counted.get() == turn {
                    let mut bytes = std::fs::read(&log).expect("a log");
                    bytes[usize::try_from(kept).expect("small")..].fill(0);
                    std::fs::write(&log, &bytes).expect("written");
                }
                counted.set(counted.get() + 1);
            }
            Ok(())
        };
        let snapshot = || store.snapshot()?.window(..).summary();
        match watch::with(take_back, snapshot).map(|summary| summary.count()) {
            Ok(2_040) if reads.get() <= turn => break,
            Ok(count) => assert_eq!(count, 5, "read {turn}"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Removed, "read {turn}: {error}");
                removed += 1;
            }
        }
    }
    assert!(removed > 2, "{removed}");
}

/// Also if a void ends the log, and whole frames follow it.
#[test]
fn what_a_void_takes_back_after_a_snapshot_is_no_damage() {
    let (_guard, path) = place();
    let (store, _) = about_to_be_taken_back(&path);
    let snapshot = store.snapshot().expect("a snapshot");
    let log = open_log(&path);
    let file = open(&path).open_file_for_writing(&log_name(log.head().id)).expect("opened");
    let mut writer = LogWriter::resume(Arc::new(file), *log.head(), log.tail());
    writer.void(log.tail().watermark).expect("written");
    let error = snapshot.window(..).summary().expect_err("taken back");
    assert_eq!(error.kind(), ErrorKind::Removed, "{error}");
}

/// As the test before, and others have appended since, in smaller frames or in larger ones.
#[test]
fn what_was_taken_back_and_replaced_is_no_damage() {
    let singly = |count| vec![1; count];
    for (before, after) in [
        (vec![50], singly(40)),
        (singly(40), vec![30]),
        (singly(40), vec![50]),
        (singly(40), singly(40)),
        (vec![50], vec![50, 9]),
    ] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..100);
        store.sync().expect("synced");
        let twin = path.with_extension("twin");
        copy_store(&path, &twin);
        let mut next = 100;
        let mut append = |store: &Store, counts: &[u64]| {
            for count in counts {
                store.append_batch(&observations(next..next + count)).expect("appended");
                next += count;
            }
        };
        append(&store, &before);
        let snapshot = store.snapshot().expect("a snapshot");
        append(&options(SyncPolicy::Never).open(&twin).expect("opened"), &after);
        std::fs::copy(log_path(&twin), log_path(&path)).expect("written");
        let error = snapshot.window(..).summary().expect_err("taken back");
        assert_eq!(error.kind(), ErrorKind::Removed, "{before:?}, {after:?}: {error}");
    }
}

/// What was not durable when the snapshot was taken, is by now, and then becomes corrupt.
#[test]
fn what_becomes_corrupt_after_a_snapshot_is_damage() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..100);
    let snapshot = store.snapshot().expect("a snapshot");
    append_each(&store, 100..1_000);
    store.sync().expect("synced");
    flip(&log_path(&path), FIRST_FRAME + 50 * FRAME + 20);
    let error = snapshot.window(..).summary().expect_err("damage");
    assert_eq!((error.kind(), error.lost()), (ErrorKind::Damaged, 50..51), "{error}");
    let rest = snapshot.skip_damage().window(..).summary().expect("the rest");
    assert_eq!(rest.count(), 99);
}

/// Many corrupt places, also in the block of the watermark, are damage as before, and each is
/// searched for once.
#[test]
fn many_corrupt_places_are_read_in_time() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..1_800);
    store.sync().expect("synced");
    append_each(&store, 1_800..1_900);
    let log = log_path(&path);
    let watermark = open_log(&path).tail().watermark.offset;
    (0..300).for_each(|n| flip(&log, FIRST_FRAME + 2 * n * FRAME + 20));
    flip(&log, watermark / BLOCK_BYTES * BLOCK_BYTES + 20);
    let reads = Rc::new(Cell::new(0));
    let counted = Rc::clone(&reads);
    let count = move |file: &Path, operation: Operation, _: &[u8]| {
        counted.set(counted.get() + u32::from(file == log && operation == Operation::Read));
        Ok(())
    };
    let found = watch::with(count, || store.verify()).expect("verified");
    assert_eq!(found.damage.len(), 301);
    assert!(reads.get() < 1_000, "{}", reads.get());
}

#[test]
fn a_copy_and_a_verification_are_without_what_is_taken_back_meanwhile() {
    for is_copy in [false, true] {
        let (_guard, path) = place();
        let (store, take_back) = about_to_be_taken_back(&path);
        let at_the_chunk = move |file: &Path, operation: Operation, _: &[u8]| {
            if operation == Operation::Open && file.ends_with(chunk_name(0)) {
                take_back();
            }
            Ok(())
        };
        let copy = path.with_extension("copy");
        let checked = watch::with(at_the_chunk, || {
            if !is_copy {
                return store.verify();
            }
            assert_eq!(store.copy_to(&copy)?, 2_100);
            Store::open(&copy)?.verify()
        });
        let found = checked.expect("verified");
        assert!(found.is_sound(), "{found:?}");
        assert_eq!((found.observations, found.readable), (2_100, 2_100));
    }
}
