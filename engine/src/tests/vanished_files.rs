//! Rule 7: files that vanish are missed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{
    append_each, copy_store, edit, header, observation, observations, options, place, readable,
    segment_path, segments, small,
};
use crate::checkpoint;
use crate::error::{Error, ErrorKind};
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// Observations in each segment of [`four_segments`].
const EACH: u64 = 5_120;

/// A store of four segments, of which the last is not full.
fn four_segments() -> (TempDir, PathBuf) {
    let (guard, path) = place();
    fill(&path, 0);
    (guard, path)
}

fn fill(path: &Path, first: u64) {
    let store = small(SyncPolicy::Always).create(path).expect("created");
    for n in 0..3 {
        let from = first + n * EACH;
        store.append_batch(&observations(from..from + EACH)).expect("appended");
    }
    append_each(&store, first + 3 * EACH..first + 3 * EACH + 10);
    assert_eq!(segments(path), 4);
    (1..=4).for_each(|n| assert_eq!(header(path, n).first_sequence, (n - 1) * EACH));
}

fn without(lost: std::ops::Range<u64>, end: u64) -> Vec<(u64, Observation)> {
    (0..end).filter(|n| !lost.contains(n)).map(|n| (n, observation(n))).collect()
}

/// What can be read, and what is said of the rest.
fn open_and_read(path: &Path) -> (Store, Vec<(u64, Observation)>, Vec<Error>) {
    let store = small(SyncPolicy::Always).open(path).expect("opened");
    let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
    (store, found, errors)
}

const END: u64 = 3 * EACH + 10;

#[test]
fn rule_7_a_segment_that_is_missing_is_told_of_and_the_rest_is_read() {
    for (ordinal, lost) in [(1, 0..EACH), (2, EACH..2 * EACH), (4, 3 * EACH..END)] {
        let (_guard, path) = four_segments();
        std::fs::remove_file(segment_path(&path, ordinal)).expect("removed");
        let (store, found, errors) = open_and_read(&path);
        assert_eq!(store.found().observations, END, "{ordinal}");
        assert!(found == without(lost.clone(), END), "{ordinal}");
        assert_eq!(errors.len(), 1, "{ordinal}: {errors:?}");
        assert_eq!(errors[0].kind(), ErrorKind::Damaged);
        // Sequence numbers are not used again.
        assert_eq!(store.append(observation(END)).expect("appended"), END);
        append_each(&Store::open(&path).expect("opened"), END + 1..END + 2);
        let (_, found, errors) = open_and_read(&path);
        assert!(found == without(lost, END + 2), "{ordinal}");
        assert_eq!(errors.len(), 1, "{ordinal}: {errors:?}");
    }
}

fn assert_named(ordinal: u64) {
    let (_guard, path) = four_segments();
    std::fs::remove_file(segment_path(&path, ordinal)).expect("removed");
    let (_, _, errors) = open_and_read(&path);
    assert_eq!(errors[0].path(), segment_path(&path, ordinal));
}

#[test]
fn rule_7_the_first_or_the_last_segment_is_named_where_it_is_missing() {
    assert_named(1);
    assert_named(4);
}

#[test]

fn rule_7_a_segment_in_the_middle_is_named_where_it_is_missing() {
    assert_named(2);
}

#[test]
fn rule_7_the_first_and_the_last_segment_are_missed_on_opening() {
    for (ordinal, lost) in [(1, 0..EACH), (4, 3 * EACH..END)] {
        let (_guard, path) = four_segments();
        std::fs::remove_file(segment_path(&path, ordinal)).expect("removed");
        let store = Store::open(&path).expect("opened");
        let told = &store.found().damage;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0].path, &told[0].lost), (&segment_path(&path, ordinal), &lost));
    }
}

#[test]
fn rule_7_where_all_are_missing_the_checkpoint_still_knows() {
    let (_guard, path) = four_segments();
    (1..=4).for_each(|n| std::fs::remove_file(segment_path(&path, n)).expect("removed"));
    let (store, found, errors) = open_and_read(&path);
    assert_eq!((store.found().observations, found.len(), errors.len()), (END, 0, 1));
    assert_eq!(store.append(observation(END)).expect("appended"), END);
}

#[test]
fn rule_7_stale_frames_are_not_served_where_the_segment_that_ends_them_is_missing() {
    let (_guard, path) = given_up_at_61();
    std::fs::remove_file(segment_path(&path, 2)).expect("removed");
    assert_nothing_stale(&path);
}

#[test]
fn rule_7_stale_frames_are_not_served_where_the_segment_that_ends_them_has_rotted() {
    let (_guard, path) = given_up_at_61();
    edit(&segment_path(&path, 2), |bytes| bytes[..88].fill(0));
    // What was given up can be read again: only its numbers tell.
    let whole = std::fs::read(path.with_extension("whole")).expect("kept");
    std::fs::write(segment_path(&path, 1), whole).expect("written");
    assert_nothing_stale(&path);
}

/// Segment 1 had 160 observations, of which a torn place left 61; what follows
/// in segments 2 and 3 are others. The whole segment 1 is kept beside the store.
fn given_up_at_61() -> (TempDir, PathBuf) {
    let (guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..61);
    store.sync().expect("synced");
    append_each(&store, 61..160);
    drop(store);
    std::fs::copy(segment_path(&path, 1), path.with_extension("whole")).expect("copied");
    // Torn, so that segment 2 follows at observation 61.
    edit(&segment_path(&path, 1), |bytes| bytes[2_048..4_096].fill(0));
    let store = small(SyncPolicy::Always).open(&path).expect("opened");
    let rest: Vec<_> = (61..8_000).map(|n| observation(n + 10_000)).collect();
    store.append_batch(&rest).expect("appended");
    assert_eq!(segments(&path), 3);
    (guard, path)
}

fn assert_nothing_stale(path: &Path) {
    let (_, found, errors) = open_and_read(path);
    let right =
        |&(n, it): &(u64, Observation)| it == observation(if n < 61 { n } else { n + 10_000 });
    assert!(found.iter().all(right), "frames from before the cut were served");
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]

fn rule_7_a_file_of_another_store_in_the_place_of_a_segment_is_detected() {
    for ordinal in 1..=4 {
        let (guard, path) = four_segments();
        let other = guard.path().join("other");
        fill(&other, 100_000);
        std::fs::copy(segment_path(&other, ordinal), segment_path(&path, ordinal)).expect("copied");
        let (store, found, errors) = open_and_read(&path);
        let right = found.iter().all(|(n, it)| *it == observation(*n));
        assert!(right, "{ordinal}: what another store held was served");
        let named = |path: &Path| *path == segment_path(&store_path(&store), ordinal);
        assert!(
            errors.iter().any(|error| named(error.path()))
                || store.found().damage.iter().any(|damage| named(&damage.path)),
            "{ordinal}: {errors:?} {:?}",
            store.found()
        );
        assert_eq!(store.found().observations, END, "{ordinal}");
        let lost = (ordinal - 1) * EACH..(ordinal * EACH).min(END);
        assert!(found == without(lost, END), "{ordinal}: the rest is readable");
        assert!(errors.len() <= 1, "{ordinal}: {errors:?}");
    }
}

fn store_path(store: &Store) -> PathBuf {
    store.path().to_owned()
}

#[test]
fn rule_7_a_foreign_file_at_the_end_is_not_written_to() {
    let (guard, path) = four_segments();
    let other = guard.path().join("other");
    fill(&other, 100_000);
    std::fs::copy(segment_path(&other, 4), segment_path(&path, 4)).expect("copied");
    let before = std::fs::read(segment_path(&path, 4)).expect("read");
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.append(observation(END)).expect_err("foreign").kind(), ErrorKind::Damaged);
    assert!(std::fs::read(segment_path(&path, 4)).expect("read") == before);
    // Once somebody has moved it away, work goes on.
    std::fs::remove_file(segment_path(&path, 4)).expect("removed");
    assert_eq!(store.append(observation(END)).expect("appended"), END);
}

#[test]
fn rule_7_a_missing_last_segment_is_not_followed_by_an_older_checkpoint() {
    // A stale checkpoint knows less; what it knows still counts.
    let (guard, path) = four_segments();
    let copy = guard.path().join("copy");
    copy_store(&path, &copy);
    append_each(&Store::open(&path).expect("opened"), END..END + 5);
    std::fs::copy(copy.join(checkpoint::NAME), path.join(checkpoint::NAME)).expect("copied");
    std::fs::remove_file(segment_path(&path, 4)).expect("removed");
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.append(observation(END)).expect("appended"), END);
}
