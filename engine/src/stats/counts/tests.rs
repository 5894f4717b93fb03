//! What was not written by a guide is not read as one.

use hdrhistogram::Histogram;
use proptest::prelude::*;

use super::*;

fn entry(negative: bool, lowest: u64, count: u64) -> Entry {
    Entry { negative, lowest, count }
}

fn from(scale: i32, entries: &[Entry]) -> Option<Counts> {
    Counts::from_entries(scale, entries.iter().copied())
}

fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE, -1e3..1e3]
}

#[test]
fn entries_that_no_guide_gives_are_refused() {
    let accepted = |scale, entries: &[Entry]| from(scale, entries).is_some();
    assert!(accepted(0, &[]));
    assert!(accepted(
        0,
        &[entry(true, 0, 1), entry(true, 7, 2), entry(false, 0, 1), entry(false, 4096, 1)]
    ));
    for refused in [
        vec![entry(false, 1 << 62, 1)],
        vec![entry(false, u64::MAX, 1)],
        vec![entry(false, 4097, 1)],
        vec![entry(false, 7, 0)],
        vec![entry(false, 7, 1), entry(false, 7, 1)],
        vec![entry(false, 7, 1), entry(false, 6, 1)],
        vec![entry(false, 7, 1), entry(true, 8, 1)],
        vec![entry(false, 7, u64::MAX), entry(false, 8, 1)],
    ] {
        assert!(!accepted(0, &refused), "{refused:?}");
    }
    for scale in [SCALE_MIN - 1, SCALE_MAX + 1, i32::MIN, i32::MAX] {
        assert!(!accepted(scale, &[]), "{scale}");
    }
}

#[test]
fn buckets_are_those_of_the_histogram() {
    let histogram = Histogram::<u64>::new_with_bounds(1, 2, 3).expect("valid bounds");
    let near = |power: u32| [(1 << power) - 1, 1 << power, (1 << power) + 1, 3 << power >> 1];
    for units in (0..5000).chain((1..62).flat_map(near)) {
        let lowest = histogram.lowest_equivalent(units);
        assert_eq!(units - units % width(units), lowest, "{units}");
        assert_eq!(lowest + width(units), histogram.next_non_equivalent(units), "{units}");
    }
}

#[test]
fn what_spans_ranks_is_whole_buckets() {
    let counts =
        from(0, &[entry(true, 3, 4), entry(false, 5, 10), entry(false, 7, 1)]).expect("a guide's");
    let span = |ranks| {
        let (bucket, below) = counts.spanning(ranks).expect("there is some");
        (bucket.low, bucket.high, bucket.count, below)
    };
    let upper = 6.0_f64.next_down();
    assert_eq!(span(0..=0), (-(4.0_f64.next_down()), -3.0, 4, 0));
    assert_eq!(span(4..=13), (5.0, upper, 10, 4));
    assert_eq!(span(3..=4), (-(4.0_f64.next_down()), upper, 14, 0));
    assert_eq!(span(13..=u64::MAX), (5.0, 8.0_f64.next_down(), 11, 4));
    assert!(counts.spanning(15..=20).is_none());
}

proptest! {
    #[test]
    fn entries_lead_back(values in prop::collection::vec(finite(), 0..100), magnitude in finite()) {
        let mut guide = Guide::for_magnitude(magnitude.abs());
        values.iter().for_each(|value| guide.record(*value));
        let counts = guide.counts();
        let again = from(counts.scale_exponent(), counts.entries()).expect("a guide's");
        prop_assert_eq!(counts.total(), values.len() as u64);
        prop_assert_eq!(&again, &counts);
        prop_assert_eq!(Guide::going_on(&again).counts(), counts.clone());
        let ends: Vec<f64> = counts.buckets().flat_map(|it| [it.low, it.high]).collect();
        prop_assert!(ends.is_sorted_by(|left, right| left.total_cmp(right).is_le()));
    }

    #[test]
    fn hostile_entries_are_harmless(
        scale in any::<i32>(),
        near in SCALE_MIN..=SCALE_MAX,
        entries in prop::collection::vec((any::<bool>(), any::<u64>(), any::<u64>()), 0..20),
    ) {
        let entries: Vec<Entry> =
            entries.into_iter().map(|(negative, lowest, count)| entry(negative, lowest, count)).collect();
        for scale in [scale, near] {
            if let Some(counts) = from(scale, &entries) {
                counts.buckets().for_each(drop);
            }
        }
    }
}
