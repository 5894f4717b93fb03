//! Values that tests draw.

use proptest::prelude::*;
use rand::RngExt;
use rand::rngs::SmallRng;

/// Any finite f64; the ends of its range, zeros and everyday numbers often.
pub(crate) fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
        prop::sample::select(vec![0.0, -0.0, 7.1, 1e9, f64::MAX, f64::MIN, 5e-324]),
        -1e3..1e3,
    ]
}

/// One of N(14, 3), or nearly so: the sum of twelve uniform draws.
pub(crate) fn normal(rng: &mut SmallRng) -> f64 {
    let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
    14.0 + 3.0 * (sum - 6.0)
}
