//! Buckets are HdrHistogram's, in any unit.

use hdrhistogram::Histogram;

use super::*;

#[test]
fn buckets_are_those_of_the_histogram() {
    let histogram = Histogram::<u64>::new_with_bounds(1, 2, 3).expect("valid bounds");
    let near = |power: u32| [(1 << power) - 1, 1 << power, (1 << power) + 1, 3 << power >> 1];
    for units in (0..5000).chain((1..INTEGER_BITS).flat_map(near)) {
        let index = index_of(units);
        assert_eq!(lowest_of(index), histogram.lowest_equivalent(units), "{units}");
        assert_eq!(lowest_of(index + 1), histogram.next_non_equivalent(units), "{units}");
    }
}

#[test]
fn smaller_units_have_the_same_buckets() {
    for powers in [0, 1, 40, 1000, 2000] {
        for units in [0, 1024, 1500, 2047, 2048, 12_345, 1 << 50, (1 << 53) - 1] {
            let index = index_in_smaller_unit(index_of(units), powers);
            let (low, high) = Unit::Binary.values_at(place(false, index));
            let exponent = i32::try_from(powers).expect("few") + EXPONENT_MIN;
            let value =
                units as f64 * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2);
            if value.is_finite() {
                assert!(low <= value && value <= high, "{value:e} from {low:e} to {high:e}");
                assert!(high - low <= value / 1024.0);
            }
        }
    }
}

#[test]
fn binary_buckets_leave_no_gap() {
    let mut before = Unit::Binary.values_at(-1);
    assert_eq!(before.0.to_bits(), (-0.0_f64).to_bits());
    for place in 0..=Unit::Binary.place_max() {
        let (low, high) = Unit::Binary.values_at(place);
        if place > 0 {
            assert_eq!(before.1.next_up(), low);
            assert_eq!(Unit::Binary.values_at(!place), (-high, -low));
        }
        assert!(low <= high && (high == low || place >= 2048));
        before = (low, high);
    }
    assert_eq!(before.1, f64::MAX);
    assert_eq!(Unit::Binary.values_at(i32::MAX), before);
}

#[test]
fn decimals_below_2048_units_have_buckets_of_their_own() {
    for decimals in 0..=DECIMALS_MAX {
        let unit = Unit::Decimal(decimals);
        let per_unit = 10_f64.powi(decimals.into());
        for units in -2047..=2047_i32 {
            let value = f64::from(units) / per_unit;
            let place = place(units < 0, index_of(units.unsigned_abs().into()));
            assert_eq!(unit.values_at(place), (value, value));
        }
        assert_eq!(unit.values_at(2048), (2048.0 / per_unit, 2049.0 / per_unit));
        assert_eq!(unit.values_at(unit.place_max()).1, (1_u64 << INTEGER_BITS) as f64 / per_unit);
        assert_eq!(unit.values_at(i32::MIN).0, -((1_u64 << INTEGER_BITS) as f64) / per_unit);
    }
}
