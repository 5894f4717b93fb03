//! A guide is read as it was written, and not where its parts contradict.

use super::*;
use crate::stats::guide::Guide;
use crate::stats::middle::Growing;

const IDENTITY: u64 = 7;

fn guide(middle: bool) -> Stored {
    let mut guide = Guide::for_magnitude(4096.0);
    let mut growing = Growing::from(Middle::of_nothing(), 0);
    for n in 0..4096_u32 {
        let value = 2048.0 - f64::from(n);
        guide.record(value);
        growing.take(value);
    }
    let middle = middle.then(|| growing.finish(4096).expect("the median"));
    Stored { counts: guide.counts(), middle, leaves: 3..7 }
}

/// What decodes of a guide with this change, its checksum put right.
fn changed(guide: &Stored, change: impl FnOnce(&mut Vec<u8>)) -> Option<Stored> {
    let mut bytes = encode(IDENTITY, guide);
    change(&mut bytes);
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    decode(IDENTITY, &bytes)
}

#[test]
fn what_was_written_is_read() {
    for middle in [false, true] {
        let guide = guide(middle);
        let bytes = encode(IDENTITY, &guide);
        assert_eq!(decode(IDENTITY, &bytes), Some(guide));
        assert_eq!(decode(IDENTITY + 1, &bytes), None);
        assert_eq!(decode(IDENTITY, &bytes[..bytes.len() - 1]), None);
    }
}

#[test]
fn parts_that_contradict_are_refused() {
    let (bare, listed) = (guide(false), guide(true));
    let entries = listed.counts.entries().len();
    let values = FIXED_BYTES + entries * ENTRY_BYTES;
    let put = |guide: &Stored, at: usize, number: u64| {
        changed(guide, |bytes| LE::write_u64(&mut bytes[at..], number))
    };
    // The interval, or what is below it, where nothing is listed.
    for at in [64, 72, 80] {
        assert_eq!(put(&bare, at, 1), None, "{at}");
    }
    let middle = listed.middle.as_ref().expect("a middle");
    let (low, high) = middle.ends();
    assert_eq!(put(&listed, 64, high.to_bits()), None);
    assert_eq!(put(&listed, 72, low.to_bits()), None);
    assert_eq!(put(&listed, 64, f64::NAN.to_bits()), None);
    assert_eq!(put(&listed, 80, middle.below() + 1), None);
    assert_eq!(put(&listed, 80, middle.below() - 1), None);
    // A count, a value, their numbers, the leaves, the counts of a bucket.
    assert_eq!(put(&listed, values + 8, 2), None);
    assert_eq!(put(&listed, values, high.to_bits()), None);
    assert_eq!(put(&listed, 56, middle.len() as u64 - 1), None);
    assert_eq!(put(&listed, 56, u64::MAX), None);
    assert_eq!(put(&listed, 48, u64::MAX), None);
    assert_eq!(put(&listed, 32, 8), None);
    assert_eq!(put(&listed, 32, 2), None);
    assert_eq!(put(&listed, FIXED_BYTES + 8, 0), None);
    assert_eq!(put(&listed, 4, 1), None);
    // A list that lacks its last value.
    let shorter = changed(&listed, |bytes| {
        bytes.truncate(bytes.len() - ENTRY_BYTES);
        LE::write_u64(&mut bytes[56..], middle.len() as u64 - 1);
    });
    assert_eq!(shorter, None);
    // The counts need no list; of values that were lost there is none.
    assert!(put(&bare, 32, 8).is_some());
    assert!(changed(&listed, |_| {}).is_some());
}
