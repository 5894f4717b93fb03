//! Promise 6: what a reader has seen, a later one sees too, at any moment of an
//! append that goes well: also where a segment is left for what is in doubt in it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::{append_each, arrivals, assert_holds, observations, place, segments, small};
use crate::disk::watch;
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// Looks at the store at `path` before each call to the file system of `work`.
fn look_at_each_call<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let seen: Rc<RefCell<Vec<Observation>>> = Rc::default();
    let directory: PathBuf = path.to_owned();
    let watcher = move |_: &Path, _, _: &[u8]| {
        let now = arrivals(&Store::open_read_only(&directory).expect("opened"));
        let mut seen = seen.borrow_mut();
        assert!(now.starts_with(&seen), "{} seen, now there are {}", seen.len(), now.len());
        *seen = now;
        Ok(())
    };
    watch::with(watcher, work)
}

/// Appends behind `before` observations that another has not synced.
fn append_behind_unsynced(policy: SyncPolicy, before: u64, batches: &[u64]) {
    let (_guard, path) = place();
    let other = small(SyncPolicy::Never).create(&path).expect("created");
    other.append_batch(&observations(0..before)).expect("appended");
    let store = small(policy).open(&path).expect("opened");
    let mut next = before;
    look_at_each_call(&path, || {
        for count in batches {
            store.append_batch(&observations(next..next + count)).expect("appended");
            next += count;
        }
        store.sync().expect("synced");
    });
    assert!(segments(&path) >= 2, "what was in doubt was copied");
    append_each(&other, next..next + 1);
    assert_holds(&path, &observations(0..next + 1));
}

#[test]
fn what_was_seen_stays_seen_where_each_append_is_synced() {
    append_behind_unsynced(SyncPolicy::Always, 5, &[1, 3, 1]);
}

#[test]
fn what_was_seen_stays_seen_where_a_sync_is_due() {
    append_behind_unsynced(SyncPolicy::Every(Duration::ZERO), 5, &[1, 3, 1]);
    // Due by the time that the first append is done, as likely as not.
    append_behind_unsynced(SyncPolicy::Every(Duration::from_micros(300)), 5, &[1, 3, 1, 1, 1]);
}

#[test]
fn what_was_seen_stays_seen_where_a_batch_reaches_over_the_end_of_a_segment() {
    append_behind_unsynced(SyncPolicy::Never, 4_000, &[5_000]);
    append_behind_unsynced(SyncPolicy::Never, 5_110, &[1, 8, 2, 1]);
}
