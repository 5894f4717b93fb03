//! Promise 7: a device that does not give some bytes for a while, and then does,
//! costs nothing: not what is stored, nor what is derived from it.

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use super::disk_watch::io_error;
use super::{assert_holds, copy_store, observations, place, remove_derived, small};
use crate::disk::{Operation, watch};
use crate::error::{ErrorKind, Result};
use crate::options::SyncPolicy;

/// Runs `work` where reads fail from the `first` on, `count` of them. Returns
/// whether there were so many.
fn with_reads_refused(first: u64, count: u64, work: impl FnOnce()) -> bool {
    let reads = Rc::new(Cell::new(0));
    let seen = Rc::clone(&reads);
    let watcher = move |_: &Path, operation: Operation, _: &[u8]| {
        if operation != Operation::Read {
            return Ok(());
        }
        seen.set(seen.get() + 1);
        let refused = (first..first + count).contains(&seen.get());
        if refused { Err(io_error()) } else { Ok(()) }
    };
    watch::with(watcher, work);
    reads.get() >= first
}

/// Tries again for as long as reads fail.
fn retried<T>(mut work: impl FnMut() -> Result<T>) -> T {
    for _ in 0..20 {
        match work() {
            Ok(done) => return done,
            Err(error) => {
                assert!(error.is_device_failure() || error.kind() == ErrorKind::Damaged, "{error}")
            }
        }
    }
    panic!("it fails for ever");
}

/// Appends to copies of a store of `before` observations, with the reads refused
/// at every place; 1,024 and a few at once, then one.
fn append_with_reads_refused(before: u64, prepare: impl Fn(&Path)) {
    let (_guard, made) = place();
    prepare(&made);
    let (middle, end) = (before + 1_030, before + 1_031);
    for count in [1, 2, 3] {
        let mut first = 1;
        loop {
            let (_guard, path) = place();
            copy_store(&made, &path);
            let reached = with_reads_refused(first, count, || {
                let store = retried(|| small(SyncPolicy::Always).open(&path));
                let mut stored = before;
                for until in [middle, end] {
                    retried(|| {
                        let appended = store.append_batch(&observations(stored..until));
                        stored += appended.as_ref().map_or_else(|it| it.stored() as u64, |_| 0);
                        appended
                    });
                    stored = until;
                }
            });
            assert_holds(&path, &observations(0..end));
            if !reached {
                break;
            }
            first += 1;
        }
        assert!(first > 10, "{first} reads");
    }
}

#[test]
fn reads_refused_for_a_while_cost_nothing_that_is_in_doubt() {
    append_with_reads_refused(1_500, |path| {
        let store = small(SyncPolicy::Never).create(path).expect("created");
        for n in (0..1_500).step_by(100) {
            store.append_batch(&observations(n..n + 100)).expect("appended");
        }
    });
}

#[test]
fn reads_refused_for_a_while_cost_nothing_that_is_derived() {
    append_with_reads_refused(3_500, |path| {
        let store = small(SyncPolicy::Always).create(path).expect("created");
        for n in (0..3_500).step_by(100) {
            store.append_batch(&observations(n..n + 100)).expect("appended");
        }
        drop(store);
        remove_derived(path);
    });
}
