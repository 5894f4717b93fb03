//! Appending goes on from what opening found, if that still holds under the lock.

use std::cell::Cell;
use std::rc::Rc;

use super::*;
use crate::os::disk::{Operation, watch};

/// How often the manifest is opened while `work` runs.
fn manifest_looks(work: impl FnOnce()) -> u32 {
    let looks = Rc::new(Cell::new(0));
    let seen = Rc::clone(&looks);
    let watcher = move |path: &Path, operation: Operation, _: &[u8]| {
        let is_opened = operation == Operation::Open && path.ends_with(MANIFEST);
        seen.set(seen.get() + u32::from(is_opened));
        Ok(())
    };
    watch::with(watcher, work);
    looks.get()
}

#[test]
fn what_is_unchanged_since_opening_is_not_read_again() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let looks = manifest_looks(|| append_each(&Store::open(&path).expect("opened"), 5..6));
    assert_eq!(looks, 1);
    assert_holds(&path, &observations(0..6));
}

#[test]
fn what_others_have_done_since_opening_is_found() {
    let chunk = 2 * 1024;
    for until in [6, chunk, chunk + 1, 3 * chunk] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        append_each(&store, 0..5);
        let opened = Store::open(&path).expect("opened");
        append_each(&store, 5..until);
        append_each(&opened, until..until + 2);
        assert_holds(&path, &observations(0..until + 2));
    }
}

#[test]
fn an_end_that_was_taken_back_since_opening_is_not_used() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..5);
    let opened = Store::open(&path).expect("opened");
    assert_eq!(opened.recovery().observations, 5);
    // As a writer does after a failed append.
    let last = usize::try_from(FIRST_FRAME + 4 * FRAME).expect("small");
    edit(&log_path(&path), |bytes| bytes[last..].fill(0));
    append_each(&opened, 4..6);
    assert_holds(&path, &observations(0..6));
}

#[test]
fn a_log_that_got_another_name_since_opening_is_copied() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let opened = Store::open(&path).expect("opened");
    let other = path.with_extension("linked");
    std::fs::hard_link(log_path(&path), &other).expect("linked");
    let before = std::fs::read(&other).expect("there");
    append_each(&opened, 5..6);
    assert!(std::fs::read(&other).expect("there") == before, "written through another name");
    assert_holds(&path, &observations(0..6));
}

#[test]
fn what_opening_found_torn_is_decided_under_the_lock() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    edit(&log_path(&path), |bytes| bytes.extend([7; 100]));
    let opened = Store::open(&path).expect("opened");
    assert!(opened.recovery().dropped_bytes > 0);
    append_each(&opened, 5..7);
    assert_holds(&path, &observations(0..7));
}
