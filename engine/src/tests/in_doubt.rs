//! Rule 3: valid frames beyond the durable position that another writer left
//! are copied into a new segment before anything is acknowledged behind them.
//! Where they stood the disk may hold zeros, whatever a later sync returns.

use std::path::{Path, PathBuf};

use super::disk_watch::record;
use super::{
    FIRST_FRAME, FRAME, append_each, assert_holds, edit, header, observations, options, place,
    segment_path, segments, small,
};
use crate::checkpoint;
use crate::options::{Options, SyncPolicy};
use crate::segment::names::rows_name;
use crate::store::Store;

/// Appends frames that nobody syncs, `0..count`.
fn leave_in_doubt(path: &Path, options: &Options, count: u64) {
    let store = options.clone().sync(SyncPolicy::Never).create(path).expect("created");
    append_each(&store, 0..count);
}

/// Asserts that segment 1 was left alone by `work` and ends where it was
/// durable, and that everything is there though what was in doubt has turned to
/// zeros, as after a power cut.
fn assert_copied(path: &Path, all: u64, work: impl FnOnce()) {
    let rows: PathBuf = segment_path(path, 1);
    let before = std::fs::read(&rows).expect("a segment");
    let ((), events) = record(|_, _| Ok(()), work);
    assert!(!events.iter().any(|event| event.writes(&rows_name(1))), "{events:?}");
    assert!(std::fs::read(&rows).expect("a segment") == before);
    let stated = header(path, 2).predecessor.expect("a predecessor");
    assert_eq!((stated.end_offset, header(path, 2).first_sequence), (FIRST_FRAME, 0));
    edit(&rows, |bytes| bytes[usize::try_from(FIRST_FRAME).expect("small")..].fill(0));
    assert_holds(path, &observations(0..all));
}

#[test]
fn rule_3_frames_in_doubt_are_copied_before_the_next_is_acknowledged() {
    for (count, policy) in [
        (5, SyncPolicy::Always),
        (3_000, SyncPolicy::Always),
        (3_000, SyncPolicy::Every(std::time::Duration::ZERO)),
    ] {
        let (_guard, path) = place();
        leave_in_doubt(&path, &Options::new(), count);
        let store = options(policy).open(&path).expect("opened");
        let before = super::arrivals(&store).len() as u64;
        assert_eq!(before, count);
        assert_copied(&path, count + 1, || append_each(&store, count..count + 1));
    }
}

#[test]
fn rule_3_a_sync_without_an_append_copies_them_too() {
    let (_guard, path) = place();
    leave_in_doubt(&path, &Options::new(), 50);
    let store = options(SyncPolicy::Never).open(&path).expect("opened");
    assert_copied(&path, 50, || store.sync().expect("synced"));
}

#[test]
fn rule_3_a_full_segment_is_made_certain_before_it_is_left() {
    let (_guard, path) = place();
    leave_in_doubt(&path, &small(SyncPolicy::Never), 2_048);
    let store = small(SyncPolicy::Never).open(&path).expect("opened");
    assert_copied(&path, 2_049, || append_each(&store, 2_048..2_049));
}

#[test]
fn rule_3_a_torn_segment_is_made_certain_before_its_successor_is_begun() {
    let (_guard, path) = place();
    leave_in_doubt(&path, &Options::new(), 50);
    super::flip(&segment_path(&path, 1), FIRST_FRAME + 40 * FRAME + 3);
    let store = options(SyncPolicy::Always).open(&path).expect("opened");
    assert_copied(&path, 41, || append_each(&store, 40..41));
}

#[test]
fn rule_3_only_what_is_in_doubt_is_copied() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    append_each(&store, 0..30);
    drop(store);
    // With the checkpoint nothing is in doubt, and by the oaths only the last frame.
    append_each(&Store::open(&path).expect("opened"), 30..31);
    assert_eq!(segments(&path), 1);
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    append_each(&Store::open(&path).expect("opened"), 31..32);
    let stated = header(&path, 2).predecessor.expect("a predecessor");
    assert_eq!(
        (stated.end_offset, header(&path, 2).first_sequence),
        (FIRST_FRAME + 30 * FRAME, 30)
    );
    assert_holds(&path, &observations(0..32));
}

#[test]
fn rule_3_a_frame_in_doubt_is_copied_though_the_one_before_it_has_rotted() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    append_each(&store, 0..20);
    drop(store);
    super::flip(&segment_path(&path, 1), FIRST_FRAME + 18 * FRAME + 20);
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    append_each(&Store::open(&path).expect("opened"), 20..21);
    let stated = header(&path, 2).predecessor.expect("a predecessor");
    let durable = (FIRST_FRAME + 19 * FRAME, 19);
    assert_eq!((stated.end_offset, header(&path, 2).first_sequence), durable);
    let snapshot = Store::open(&path).expect("opened").snapshot().expect("a snapshot");
    let (found, errors) = super::readable(&snapshot);
    assert_eq!((found.len(), errors.len()), (20, 1));
}
