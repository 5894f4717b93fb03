//! Promise 6: a reader that meets a writer during a write reports no corruption and
//! misses nothing. It reads a place again before it reports it, and starts again if the
//! manifest was replaced meanwhile.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
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
