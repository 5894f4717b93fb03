//! Values that tests draw.

use proptest::prelude::*;
use rand::RngExt;
use rand::rngs::SmallRng;

/// Any finite f64. The ends of the range, zeros and everyday numbers are frequent.
pub(crate) fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
        prop::sample::select(vec![0.0, -0.0, 7.1, 1e9, f64::MAX, f64::MIN, 5e-324]),
        -1e3..1e3,
    ]
}

/// A value of about N(14, 3): the sum of twelve uniform draws.
pub(crate) fn normal(rng: &mut SmallRng) -> f64 {
    let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
    14.0 + 3.0 * (sum - 6.0)
}
