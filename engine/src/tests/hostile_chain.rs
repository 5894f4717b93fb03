//! Promise 8: however many files there are and whatever they hold, no recursion
//! follows them.

use super::{place, readable, segment_path};
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
