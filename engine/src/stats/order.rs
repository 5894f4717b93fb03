//! The total order of f64 as an order of integers, so that an interval of values can be
//! halved, and a value distinguished from its neighbours.

/// A number that orders like the value does by `f64::total_cmp`: all negative values from
/// the largest magnitude, −0.0, 0.0, all positive ones.
pub(super) fn key(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | SIGN }
}

/// The value that has this key.
pub(super) fn value(key: u64) -> f64 {
    f64::from_bits(if key & SIGN == 0 { !key } else { key ^ SIGN })
}

const SIGN: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_total_order_and_lead_back() {
        let ordered = [f64::MIN, -1.0, -5e-324, -0.0, 0.0, 5e-324, 1.0, f64::MAX];
        assert!(ordered.is_sorted_by(|left, right| key(*left) < key(*right)));
        assert_eq!(key(0.0), key(-0.0) + 1);
        for number in ordered {
            assert_eq!(value(key(number)).to_bits(), number.to_bits());
        }
    }
}
