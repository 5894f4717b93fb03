//! Rule 4: what is appended can be found by more than the header of a block, or of
//! a segment, that has rotted already.

use super::{
    FIRST_FRAME, append_each, assert_holds, edit, observation, observations, options, place,
    readable, segment_path, segments,
};
use crate::options::SyncPolicy;
use crate::store::Store;

const BLOCK: u64 = 32 * 1024;

/// Flips a bit in each of `places` of a store of 2,500 observations, of which the
/// last 457 are in the second block, then appends: how many segments there are then,
/// and which observations can be read.
fn appended_behind_rot(places: &[u64]) -> (usize, Vec<u64>) {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..2_500)).expect("appended");
    drop(store);
    edit(&segment_path(&path, 1), |bytes| {
        for place in places {
            bytes[usize::try_from(*place).expect("small")] ^= 4;
        }
    });
    for from in [2_500, 2_501] {
        append_each(&Store::open(&path).expect("opened"), from..from + 1);
    }
    let (found, _) = readable(&Store::open(&path).expect("opened").snapshot().expect("one"));
    assert!(found.iter().all(|(n, it)| *it == observation(*n)));
    (segments(&path), found.into_iter().map(|(n, _)| n).collect())
}

#[test]
fn rule_4_what_is_appended_does_not_depend_on_a_rotten_block_header() {
    let (segments, readable) = appended_behind_rot(&[BLOCK + 9]);
    assert_eq!(segments, 2, "a new segment");
    assert!(readable.into_iter().eq(0..2_502), "nothing is lost by one header");

    // Nobody says any more what the frames of the second block count from.
    let (segments, readable) = appended_behind_rot(&[FIRST_FRAME + 99, BLOCK + 9]);
    assert_eq!(segments, 2);
    assert!(readable.into_iter().eq(2_500..2_502), "what was appended then is there");
}

#[test]
fn rule_4_what_is_appended_does_not_depend_on_a_rotten_segment_header() {
    let (segments, readable) = appended_behind_rot(&[30]);
    assert_eq!(segments, 2);
    assert!(readable.into_iter().eq(0..2_502));
}

#[test]
fn a_block_of_another_file_in_the_place_of_the_last_is_not_written_on() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..2_500)).expect("appended");
    drop(store);
    // A whole segment, of the same length, but of another store.
    let (_other_guard, other) = place();
    let store = options(SyncPolicy::Always).create(&other).expect("created");
    store.append_batch(&observations(0..2_500)).expect("appended");
    edit(&segment_path(&path, 1), |bytes| {
        let from = std::fs::read(segment_path(&other, 1)).expect("read");
        bytes[88..].copy_from_slice(&from[88..]);
    });
    append_each(&Store::open(&path).expect("opened"), 2_500..2_502);
    let store = Store::open(&path).expect("opened");
    let (found, errors) = readable(&store.snapshot().expect("one"));
    assert_eq!(found, [(2_500, observation(2_500)), (2_501, observation(2_501))]);
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn a_sound_block_is_written_on() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..2_500)).expect("appended");
    drop(store);
    append_each(&Store::open(&path).expect("opened"), 2_500..2_502);
    assert_holds(&path, &observations(0..2_502));
    assert_eq!(segments(&path), 1);
}

#[test]
fn the_first_segment_is_known_by_any_behind_it() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..1_000)).expect("appended");
    for from in [1_000, 2_000] {
        // The remains of an append, behind which a new segment is begun.
        edit(&segment_path(&path, segments(&path) as u64), |bytes| bytes.push(1));
        append_each(&Store::open(&path).expect("opened"), from..from + 1_000);
    }
    assert_eq!(segments(&path), 3);
    // Its only block is its first, and the one that followed it is gone.
    edit(&segment_path(&path, 1), |bytes| bytes[30] ^= 4);
    std::fs::remove_file(segment_path(&path, 2)).expect("removed");
    let (found, _) = readable(&Store::open(&path).expect("opened").snapshot().expect("one"));
    let kept = (0..1_000).chain(2_000..3_000).map(|n| (n, observation(n)));
    assert!(found.into_iter().eq(kept));
}
