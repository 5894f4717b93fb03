//! Every value lies in the interval of the bucket that it was counted in.

use proptest::prelude::*;

use super::*;
use crate::stats::counts::Bucket;

fn bucket_of(guide: &Guide, value: f64) -> Bucket {
    let mut alone = Guide::with_scale(guide.scale_exponent);
    alone.record(value);
    let buckets: Vec<_> = alone.counts().buckets().collect();
    assert_eq!(buckets.len(), 1);
    buckets[0]
}

fn holds(bucket: &Bucket, value: f64) -> bool {
    bucket.low.total_cmp(&value).is_le() && value.total_cmp(&bucket.high).is_le()
}

fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE, -1e3..1e3]
}

#[test]
fn largest_value_is_given_forty_bits() {
    for magnitude in [f64::MAX, 1e300, 26.0, 1.0, 1e-300] {
        let units = Guide::for_magnitude(magnitude).in_units(magnitude);
        assert_eq!(units.ilog2(), 39, "{magnitude:e}");
    }
    // Finer units than the smallest f64 would be of no use.
    assert_eq!(Guide::for_magnitude(5e-324).in_units(5e-324), 1);
    assert_eq!(
        Guide::for_magnitude(0.0).scale_exponent(),
        Guide::for_magnitude(1.0).scale_exponent()
    );
}

#[test]
fn scaling_is_exact_where_multiplying_would_overflow_or_round() {
    assert_eq!(Guide::with_scale(SCALE_MAX).in_units(3.0 * 5e-324), 3);
    assert_eq!(Guide::with_scale(SCALE_MAX).in_units(1.0), u64::MAX);
    assert_eq!(Guide::with_scale(SCALE_MIN).in_units(f64::MAX), (1 << 40) - 1);
    assert_eq!(Guide::with_scale(SCALE_MIN).in_units(1.0), 0);
    assert_eq!(Guide::with_scale(0).in_units(-2.999), 2);
    assert_eq!(Guide::with_scale(1).in_units(0.499_999_999_999_999_9), 0);
    let guide = Guide::with_scale(0);
    assert!(guide.fits((1_u64 << 62) as f64 - 1024.0) && !guide.fits((1_u64 << 62) as f64));
}

#[test]
fn zeros_are_told_apart_by_their_sign() {
    let guide = Guide::for_magnitude(1.0);
    let (negative, positive) = (bucket_of(&guide, -0.0), bucket_of(&guide, 0.0));
    assert_eq!((negative.high.to_bits(), positive.low.to_bits()), ((-0.0_f64).to_bits(), 0));
    assert!(!holds(&negative, 0.0) && !holds(&positive, -0.0));
    // Below one unit there is one bucket for each sign.
    assert_eq!(bucket_of(&guide, 1e-300), positive);
    assert_eq!(bucket_of(&guide, -1e-300), negative);
}

#[test]
fn what_does_not_fit_is_still_where_its_bucket_says() {
    let guide = Guide::for_magnitude(1.0);
    for value in [1e20, f64::MAX, -1e300] {
        assert!(!guide.fits(value));
        assert!(holds(&bucket_of(&guide, value), value));
    }
}

#[test]
fn fresh_guide_is_small() {
    let guide = Guide::for_magnitude(f64::MAX);
    assert_eq!(guide.positive.distinct_values() + guide.negative.distinct_values(), 2 * 2048);
}

proptest! {
    #[test]
    fn bucket_holds_the_value_and_is_narrow(value in finite(), magnitude in finite()) {
        let guide = Guide::for_magnitude(magnitude.abs());
        let bucket = bucket_of(&guide, value);
        prop_assert!(holds(&bucket, value), "{:?} {}", bucket, value);
        if guide.fits(value) && guide.in_units(value) >= 1024 {
            let width = bucket.high - bucket.low;
            prop_assert!(width <= bucket.low.abs().min(bucket.high.abs()) / 1024.0);
        }
    }
}
