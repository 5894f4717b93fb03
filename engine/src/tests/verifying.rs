//! Promise 4 and 5 as `Store::verify` keeps them: it finds what does not hold,
//! and what holds but is not so.

use std::path::{Path, PathBuf};

use byteorder::{ByteOrder, LittleEndian as LE};

use super::{
    FIRST_FRAME, FRAME, append_each, edit, flip, header, observations, place, segment_path, small,
};
use crate::checkpoint;
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::segment::format::{NODE_BYTES, encode_node, encode_segment_header};
use crate::stats::summary::Summary;
use crate::store::Store;
use crate::verify::Verification;

/// A store of two full segments and a third that has leaves, an open one, and
/// frames of one observation.
fn filled(path: &Path) -> Vec<Observation> {
    let store = small(SyncPolicy::Always).create(path).expect("created");
    let all = observations(0..14_000);
    store.append_batch(&all[..13_500]).expect("appended");
    append_each(&store, 13_500..14_000);
    all
}

fn verified(path: &Path) -> Verification {
    Store::open_read_only(path).expect("opened").verify().expect("read")
}

fn beside(path: &Path, ordinal: u64, kind: &str) -> PathBuf {
    path.join(format!("{ordinal:010}.{kind}"))
}

/// The one place that is found, as file, offset and lost observations.
fn only(path: &Path) -> (PathBuf, u64, std::ops::Range<u64>) {
    let found = verified(path);
    assert_eq!(found.damage.len(), 1, "{found:?}");
    assert!(!found.is_sound());
    let damage = &found.damage[0];
    (damage.path.clone(), damage.offset, damage.lost.clone())
}

#[test]
fn a_store_that_nobody_touched_is_sound() {
    let (_guard, path) = place();
    let all = filled(&path);
    let found = verified(&path);
    assert_eq!(found.damage, []);
    assert_eq!((found.observations, found.readable), (all.len() as u64, all.len() as u64));
    assert_eq!((found.segments, found.dropped_bytes), (3, 0));
}

#[test]
fn an_empty_store_is_sound() {
    let (_guard, path) = place();
    Store::create(&path).expect("created");
    assert!(verified(&path).is_sound());
}

#[test]
fn remains_of_an_append_are_no_damage() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..3);
    edit(&segment_path(&path, 1), |bytes| {
        let end = usize::try_from(FIRST_FRAME + 3 * FRAME).expect("small");
        bytes[end + 7] = 1;
    });
    let found = verified(&path);
    assert!(found.is_sound());
    assert_eq!((found.observations, found.dropped_bytes), (3, 8));
}

#[test]
fn every_place_that_does_not_hold_is_found() {
    let rows = |ordinal, offset| (format!("{ordinal:010}.rows"), offset);
    let places = [
        (("gaugelog".to_owned(), 9), 0),
        (rows(1, 40), 0),
        (rows(2, 32_768 + 30), 32_768),
        (rows(3, 64), 0),
        (("0000000001.tree".to_owned(), 96 + 50), 96),
        (("0000000003.tree".to_owned(), 3), 0),
        (("0000000002.guide".to_owned(), 70), 0),
        (("checkpoint".to_owned(), 20), 0),
        (("checkpoint".to_owned(), 8192 + 100), 8192),
    ];
    for ((name, offset), place_of_it) in places {
        let (_guard, path) = place();
        filled(&path);
        flip(&path.join(&name), offset);
        assert_eq!(only(&path), (path.join(&name), place_of_it, only(&path).2), "{name}");
        assert!(only(&path).2.is_empty(), "{name}: nothing is lost");
    }
}

#[test]
fn lost_observations_are_told_once() {
    let (_guard, path) = place();
    filled(&path);
    let rows = segment_path(&path, 1);
    let header_bytes = encode_segment_header(&header(&path, 1)).len() as u64;
    flip(&rows, header_bytes + 100);
    let (file, offset, lost) = only(&path);
    assert_eq!((file, offset, lost.start), (rows, header_bytes, 0));
    assert!(!lost.is_empty());
    // What was summed up before it rotted is kept, and is not held against it.
    assert_eq!(verified(&path).readable, 14_000 - lost.end);
}

#[test]
fn a_missing_file_is_found_with_what_it_held() {
    let (_guard, path) = place();
    filled(&path);
    let (second, third) = (header(&path, 2).first_sequence, header(&path, 3).first_sequence);
    std::fs::remove_file(segment_path(&path, 2)).expect("removed");
    let (file, _, lost) = only(&path);
    assert_eq!((file, lost), (segment_path(&path, 2), second..third));
}

#[test]
fn a_node_that_is_not_that_of_its_observations_is_found() {
    let (_guard, path) = place();
    let all = filled(&path);
    let wrong = Summary::of(&all[1..1025]);
    let tree = beside(&path, 1, "tree");
    edit(&tree, |bytes| {
        let mut record = Vec::new();
        encode_node(header(&path, 1).identity, 0, 0, &wrong, &mut record);
        bytes[..NODE_BYTES].copy_from_slice(&record);
    });
    assert_eq!(only(&path), (tree, 0, 0..0));
}

#[test]
fn an_edge_that_is_not_that_of_the_observations_is_found() {
    let (_guard, path) = place();
    filled(&path);
    let mut wrong = checkpoint::read(&path).expect("a checkpoint");
    wrong.edge[0].min -= 1.0;
    checkpoint::write(&path, &wrong).expect("written");
    let slot = wrong.generation % 2 * 8192;
    assert_eq!(only(&path), (path.join("checkpoint"), slot, 0..0));

    let (_guard, path) = place();
    filled(&path);
    let mut wrong = header(&path, 2);
    wrong.edge[0].m2 += 1.0;
    edit(&segment_path(&path, 2), |bytes| {
        let header = encode_segment_header(&wrong);
        bytes[..header.len()].copy_from_slice(&header);
    });
    assert_eq!(only(&path), (segment_path(&path, 2), 0, 0..0));
}

#[test]
fn a_guide_that_is_not_that_of_the_observations_is_found() {
    let (_guard, path) = place();
    filled(&path);
    let guide = beside(&path, 1, "guide");
    edit(&guide, |bytes| {
        // Values 4,096 of which one is said to lie in the next bucket; nothing is
        // listed, so that these contradict nothing else in the file.
        let entries = usize::try_from(LE::read_u64(&bytes[48..])).expect("a few");
        bytes[56..88].fill(0);
        bytes.truncate(88 + 16 * entries);
        bytes[88 + 8] += 1;
        bytes[88 + 24] -= 1;
        sign(bytes);
    });
    assert_eq!(only(&path), (guide, 0, 0..0));
}

#[test]
fn a_list_that_is_not_that_of_the_observations_is_found() {
    type Change = fn(&mut [u8], usize);
    // A value that is near another; two, of which one is said to come twice and the
    // other, in the same bucket, not at all.
    let changes: [Change; 2] = [
        |bytes, values| bytes[values] ^= 1,
        |bytes, values| LE::write_f64(&mut bytes[values..], 1.0),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let (_guard, path) = place();
        filled(&path);
        let guide = beside(&path, 1, "guide");
        edit(&guide, |bytes| {
            let entries = usize::try_from(LE::read_u64(&bytes[48..])).expect("a few");
            change(bytes, 88 + 16 * entries);
            sign(bytes);
        });
        assert_eq!(only(&path), (guide, 0, 0..0), "{at}");
    }
}

#[test]
fn a_list_of_other_numbers_than_there_are_is_found() {
    let (_guard, path) = place();
    let store = small(SyncPolicy::Always).create(&path).expect("created");
    // Two values in one bucket.
    let value = |n: i64| if n % 2 == 0 { 1000.0 } else { 1000.001 };
    let all: Vec<_> = (0..14_000).map(|n| Observation::new(n, value(n))).collect();
    store.append_batch(&all).expect("appended");
    let guide = beside(&path, 1, "guide");
    edit(&guide, |bytes| {
        assert_eq!(LE::read_u64(&bytes[48..]), 1);
        // By 256: the second byte of each.
        bytes[88 + 16 + 9] += 1;
        bytes[88 + 32 + 9] -= 1;
        sign(bytes);
    });
    assert_eq!(only(&path), (guide, 0, 0..0));
}

/// Puts the checksum of a guide right.
fn sign(bytes: &mut [u8]) {
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(bytes, crc);
}

#[test]
fn a_checkpoint_that_names_no_end_of_a_frame_is_found() {
    let (_guard, path) = place();
    filled(&path);
    let mut wrong = checkpoint::read(&path).expect("a checkpoint");
    wrong.generation += 1;
    wrong.durable.offset -= 8;
    checkpoint::write(&path, &wrong).expect("written");
    let found = verified(&path);
    assert!(found.damage.iter().any(|it| it.path == path.join("checkpoint")), "{found:?}");
}

#[test]
fn files_that_can_be_made_again_may_be_missing() {
    let (_guard, path) = place();
    filled(&path);
    super::remove_derived(&path);
    assert!(verified(&path).is_sound());
}

#[test]
fn more_places_than_are_listed_are_counted() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..3_000);
    edit(&segment_path(&path, 1), |bytes| {
        for first in [88, 32_768 + 40, 65_536 + 40] {
            (first..first + 900 * 32).step_by(64).for_each(|frame| bytes[frame + 20] ^= 1);
        }
    });
    let found = verified(&path);
    assert_eq!((found.damage.len(), found.damage_unlisted), (1000, 350));
}
