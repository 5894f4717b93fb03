//! Promise 8: however many files there are and whatever they hold, no recursion
//! follows them.

use super::{header, observations, place, readable, remove_derived, segment_path, summary_of};
use crate::observation::Observation;
use crate::segment::format::{Predecessor, SegmentHeader, encode_segment_header};
use crate::store::Store;

#[test]
fn many_rotted_headers_before_a_good_one_are_an_error_and_no_overflow() {
    const FILES: u64 = 20_000;
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    for ordinal in 1..FILES {
        std::fs::write(segment_path(&path, ordinal), b"rotted").expect("written");
    }
    let last = SegmentHeader {
        identity: 7,
        origin: 1,
        ordinal: FILES,
        first_sequence: 1_000,
        predecessor: Some(Predecessor { identity: 6, first_sequence: 5, end_offset: 88 }),
        edge: Vec::new(),
    };
    std::fs::write(segment_path(&path, FILES), encode_segment_header(&last)).expect("written");
    for store in [Ok(store), Store::open(&path)].into_iter().flatten() {
        if let Ok(snapshot) = store.snapshot() {
            let (found, _) = readable(&snapshot);
            assert!(found.is_empty());
            drop(snapshot.summary());
        }
        drop(store.append(Observation::new(0, 1.0)));
    }
}

#[test]
fn claims_of_more_observations_than_a_file_holds_are_not_followed() {
    const CLAIMED: u64 = 1 << 58;
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..3_000)).expect("appended");
    let identity = header(&path, 1).identity;
    let claim = SegmentHeader {
        identity: 7,
        origin: identity,
        ordinal: 2,
        first_sequence: CLAIMED,
        predecessor: Some(Predecessor { identity, first_sequence: 0, end_offset: CLAIMED * 16 }),
        edge: vec![summary_of(&observations(0..3_000))],
    };
    std::fs::write(segment_path(&path, 2), encode_segment_header(&claim)).expect("written");
    for derived in [true, false] {
        if !derived {
            remove_derived(&path);
        }
        let store = Store::open(&path).expect("opened");
        let snapshot = store.snapshot().expect("a snapshot");
        let (found, _) = readable(&snapshot);
        assert!(found.len() >= 3_000, "{} are left", found.len());
        drop(snapshot.summary());
        drop(snapshot.summary_of(..));
        drop(snapshot.median());
        drop(snapshot.histogram(10));
        drop(snapshot.downsample(10));
        drop(store.verify());
        drop(store.append(Observation::new(0, 1.0)));
    }
}
