//! Promise 5: a leaf of which observations have rotted keeps the summary that was
//! written down of it, also where the checkpoint, which has it too, is lost.

use std::path::Path;

use super::{flip, observation, observations, options, place, readable, segment_path, summary_of};
use crate::checkpoint;
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::segment::format::NODE_BYTES;
use crate::stats::summary::Summary;
use crate::store::Store;

/// Observations in each frame.
const FRAME: u64 = 300;
const END: u64 = 24 * FRAME;

/// A store of 7 leaves and a part of one, each frame synced.
fn filled(path: &Path) -> Vec<Observation> {
    let store = options(SyncPolicy::Always).create(path).expect("created");
    for first in (0..END).step_by(300) {
        store.append_batch(&observations(first..first + FRAME)).expect("appended");
    }
    observations(0..END)
}

/// Makes the frame that holds observation `n` rot.
fn rot(path: &Path, n: u64) {
    let value = observation(n).value.to_le_bytes();
    let bytes = std::fs::read(segment_path(path, 1)).expect("a segment");
    let at = bytes.windows(8).position(|window| window == value).expect("it is there");
    flip(&segment_path(path, 1), at as u64 + 2);
}

fn tree(path: &Path) -> Vec<u8> {
    std::fs::read(path.join("0000000001.tree")).expect("a tree")
}

/// The summary of everything, by every way to it.
fn summaries(path: &Path) -> [Summary; 2] {
    let snapshot = Store::open(path).expect("opened").snapshot().expect("a snapshot");
    [snapshot.summary().expect("read"), snapshot.summary_of(..).expect("read")]
}

/// The frames of `rotten` rot, and the checkpoint is lost.
fn assert_kept(rotten: &[u64]) {
    let (_guard, path) = place();
    let mut all = filled(&path);
    let whole = tree(&path);
    rotten.iter().for_each(|n| rot(&path, *n));
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    let expected = summary_of(&all);
    assert_eq!(summaries(&path), [expected.clone(), expected], "{rotten:?}");
    for _ in 0..3 {
        // Each by a handle that finds the tree's edge without the checkpoint.
        let next = all.len() as u64;
        all.push(observation(next));
        let store = Store::open(&path).expect("opened");
        assert_eq!(store.append(observation(next)).expect("appended"), next);
        let expected = summary_of(&all);
        assert_eq!(summaries(&path), [expected.clone(), expected], "{rotten:?}");
        assert!(tree(&path) == whole, "{rotten:?}: a record was written over");
        std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    }
    // The rest goes on from what was kept.
    let store = Store::open(&path).expect("opened");
    let next = all.len() as u64;
    all.extend(observations(next..next + 5_000));
    store.append_batch(&observations(next..next + 5_000)).expect("appended");
    let expected = summary_of(&all);
    assert_eq!(summaries(&path), [expected.clone(), expected], "{rotten:?}");
    let (_, errors) = readable(&store.snapshot().expect("a snapshot"));
    assert!(!errors.is_empty(), "what is lost is told");
    let damage = store.verify().expect("verified").damage;
    assert!(damage.iter().all(|it| it.path == segment_path(&path, 1)), "{damage:?}");
}

#[test]
fn a_leaf_that_lost_some_of_its_observations_keeps_its_summary() {
    assert_kept(&[10]);
    assert_kept(&[3_000, 5_500]);
}

#[test]
fn a_leaf_that_lost_all_of_its_observations_keeps_its_summary() {
    assert_kept(&[2_050, 2_350, 2_650, 2_950]);
    // The first two and some of the third.
    assert_kept(&[0, 300, 600, 900, 1_200, 1_500, 1_800, 2_100]);
}

#[test]
fn a_leaf_whose_record_has_rotted_too_is_that_of_what_is_left() {
    let (_guard, path) = place();
    drop(filled(&path));
    rot(&path, 10);
    // Its own, and those of the nodes above it, which still have what it had.
    for record in [0, 2, 6] {
        flip(&path.join("0000000001.tree"), record * NODE_BYTES as u64 + 40);
    }
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    for found in summaries(&path) {
        assert_eq!(found.count(), END - FRAME);
    }
}
