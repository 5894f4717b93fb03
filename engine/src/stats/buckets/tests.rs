//! Counts of any number of guides add up, whatever their units.

use super::*;
use crate::stats::guide::Guide;

fn guide(magnitude: f64, values: &[f64]) -> Guide {
    let mut guide = Guide::for_magnitude(magnitude);
    values.iter().for_each(|value| guide.record(*value));
    guide
}

fn all(guides: &[Guide]) -> Buckets {
    let mut buckets = Buckets::default();
    guides.iter().for_each(|guide| buckets.add(&guide.counts()));
    buckets
}

fn holds(bucket: &Bucket, value: f64) -> bool {
    bucket.low.total_cmp(&value).is_le() && value.total_cmp(&bucket.high).is_le()
}

#[test]
fn value_of_each_rank_is_in_its_bucket() {
    let runs: [(f64, &[f64]); 5] = [
        (1.0, &[0.0, -0.0, 0.5, 0.5, 1.0, -1.0, 3e-20]),
        (1e300, &[1e300, -1e280, 4.0, 0.25]),
        (1e-300, &[1e-300, -1e-305, 0.0, 1e-290]),
        (5e-324, &[5e-324, -5e-324, 1e-310]),
        (26.0, &[14.0, 14.0, 17.5, 3.0]),
    ];
    for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let runs = order.map(|run| runs[run]);
        let mut sorted: Vec<f64> =
            runs.iter().flat_map(|(_, values)| values.iter().copied()).collect();
        sorted.sort_by(f64::total_cmp);
        let buckets = all(&runs.map(|(magnitude, values)| guide(magnitude, values)));
        assert_eq!(buckets.count(), sorted.len() as u64);
        for (rank, value) in (0..).zip(&sorted) {
            let bucket = buckets.of_rank(rank).expect("a bucket");
            assert!(holds(&bucket, *value), "{value} in {bucket:?}");
        }
        assert_eq!(buckets.of_rank(sorted.len() as u64), None);
    }
}

#[test]
fn coarse_guide_without_small_values_takes_no_digits_from_others() {
    let fine: Vec<f64> = (0..1000).map(f64::from).collect();
    let buckets = all(&[guide(1e300, &[1e300; 5]), guide(1000.0, &fine)]);
    let bucket = buckets.of_rank(500).expect("a bucket");
    assert!(holds(&bucket, 500.0) && bucket.high - bucket.low < 0.5);
}

#[test]
fn memory_is_bounded_for_guides_of_any_unit() {
    let mut buckets = Buckets::default();
    let mut count = 0;
    for exponent in -17..17 {
        let magnitude = 2.0_f64.powi(60 * exponent);
        let mut guide = Guide::for_magnitude(magnitude);
        let mut value = magnitude / 1024.0;
        while value.is_finite() && guide.fits(value) {
            guide.record(value);
            count += 1;
            value *= 1.0 + 1.0 / 300.0;
        }
        buckets.add(&guide.counts());
        assert!(buckets.buckets.len() <= BUCKETS_MAX);
        assert_eq!(buckets.count(), count);
    }
    let apart = |pair: &[Bucket]| order::key(pair[0].high) < order::key(pair[1].low);
    assert!(buckets.buckets.windows(2).all(apart));
}
