//! A sketch holds every value to three digits, and its bytes are short and safe.

use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::stats::arbitrary::{finite, normal};

fn bytes_of(sketch: &Sketch) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    assert_eq!(Sketch::decode(&bytes, sketch.count()).as_ref(), Some(sketch));
    bytes
}

/// The buckets as (low, high, count).
fn buckets(sketch: &Sketch) -> Vec<(f64, f64, u32)> {
    let bucket = |cell: &Cell| {
        let (low, high) = sketch.unit.values_at(cell.place);
        (low, high, cell.count)
    };
    sketch.cells.iter().map(bucket).collect()
}

#[test]
fn zeros_have_a_bucket_of_their_own() {
    let sketch = Sketch::of(&[0.0, -0.0, 0.0, 1e-300, -1.0], Unit::Binary);
    let zeros = &buckets(&sketch)[1..3];
    assert_eq!(zeros, [(0.0, 0.0, 1), (0.0, 0.0, 2)]);
    assert!(zeros[0].0.is_sign_negative() && zeros[1].0.is_sign_positive());
    assert_eq!(buckets(&Sketch::of(&[0.0; 7], Unit::Decimal(2))), [(0.0, 0.0, 7)]);
    assert_eq!(buckets(&Sketch::of(&[0.0; 7], Unit::Binary)), [(0.0, 0.0, 7)]);
    assert_eq!(buckets(&Sketch::of(&[], Unit::Binary)), []);
}

#[test]
fn magnitudes_far_apart_keep_their_digits() {
    for larger in [2_f64.powi(52).next_down(), 2_f64.powi(52), 2_f64.powi(60), f64::MAX] {
        let sketch = Sketch::of(&[larger, -1.0, 1.0, -larger], Unit::Binary);
        let expected = [-larger, -1.0, 1.0, larger];
        assert_eq!(sketch.cells.len(), 4);
        for ((low, high, count), value) in buckets(&sketch).into_iter().zip(expected) {
            assert!(low <= value && value <= high && count == 1);
            assert!(high - low <= value.abs() / 1023.0);
        }
    }
}

#[test]
fn small_decimals_are_held_exactly() {
    let values: Vec<f64> = (-2047..=2047).map(|n| f64::from(n) / 100.0).collect();
    let exact: Vec<_> = values.iter().map(|value| (*value, *value, 1)).collect();
    assert_eq!(buckets(&Sketch::of(&values, Unit::Decimal(2))), exact);
}

#[test]
fn large_decimals_are_in_their_buckets() {
    for decimals in 0..=15 {
        let unit = Unit::Decimal(decimals);
        let per_unit = unit.power_of_ten().expect("decimals");
        for power in 0..50 {
            for units in [1_i64 << power, (1 << power) - 1, -(3 << power >> 1)] {
                let value = units as f64 / per_unit;
                let found = buckets(&Sketch::of(&[value], unit));
                let (low, high, _) = found[0];
                assert!(low <= value && value <= high, "{value} from {low} to {high}");
                assert!(high - low <= value.abs() / 1023.0);
            }
        }
    }
    // A number that is not a decimal of this unit is harmless.
    assert_eq!(Sketch::of(&[1e300, -1e300, 0.123], Unit::Decimal(1)).count(), 3);
}

#[test]
fn bytes_are_few() {
    let mut rng = SmallRng::seed_from_u64(9);
    let normal: Vec<f64> = (0..65_536).map(|_| normal(&mut rng)).collect();
    let bytes = bytes_of(&Sketch::of(&normal, Unit::Binary)).len();
    assert!(bytes < 4300, "{bytes}");
    let tenths: Vec<f64> = normal.iter().map(|value| (value * 10.0).round() / 10.0).collect();
    let bytes = bytes_of(&Sketch::of(&tenths, Unit::Decimal(1))).len();
    assert!(bytes < 450, "{bytes}");
    let slow: Vec<f64> = (0..65_536).map(|n| f64::from(200 + n / 3000) / 10.0).collect();
    let bytes = bytes_of(&Sketch::of(&slow, Unit::Decimal(1))).len();
    assert!(bytes < 60, "{bytes}");
}

/// The bytes of these values when the format was fixed.
#[test]
fn bytes_are_part_of_the_format() {
    let bytes = bytes_of(&Sketch::of(&[-0.2, 0.0, 0.1, 0.1, 25.0], Unit::Decimal(1)));
    assert_eq!(bytes, [1, 3, 252, 167, 3, 3, 1, 4, 3, 247, 1]);
    let bytes = bytes_of(&Sketch::of(&[1.0, -1.0, 1.0], Unit::Binary));
    assert_eq!(bytes, [255, 3, 254, 255, 63, 5, 255, 143, 133, 1]);
}

#[test]
fn bytes_that_are_no_sketch_are_refused() {
    let decoded = |bytes: &[u8], count| Sketch::decode(bytes, count).is_some();
    let max = Unit::Decimal(1).place_max();
    let mut sketch = Sketch::of(&[0.1], Unit::Decimal(1));
    sketch.cells[0].place = max;
    let last = bytes_of(&sketch);
    assert!(decoded(&[1], 0) && decoded(&[1, 2], 1) && decoded(&last, 1));
    let refused: [(&[u8], u64); 9] = [
        (&[], 0),
        // There is no unit of this number.
        (&[23, 2], 1),
        (&[254, 2], 1),
        // An empty bucket, before and after another one.
        (&[1, 0], 0),
        (&[1, 2, 0], 1),
        // Another number of values.
        (&[1, 2, 2], 1),
        (&[1, 2], 2),
        // A varint that is cut off, and a number of empty buckets that is cut off.
        (&[1, 0x82], 1),
        (&[1, 3], 1),
    ];
    for (bytes, count) in refused {
        assert!(!decoded(bytes, count), "{bytes:?}");
    }
    // Beyond the last bucket, of more than 64 bits, and sums beyond 64 bits.
    assert!(!decoded(&[&last[..], &[2]].concat(), 2));
    assert!(!decoded(&[&[1, 3][..], &[0xFF; 9], &[1]].concat(), 1));
    assert!(!decoded(&[&[1, 3][..], &[0xFF; 10], &[1]].concat(), 1));
    assert!(!decoded(&[&[1][..], &[0xFF; 9], &[1]].concat(), 1));
}

proptest! {
    #[test]
    fn every_value_is_held_to_three_digits(values in prop::collection::vec(finite(), 0..100)) {
        let sketch = Sketch::of(&values, Unit::Binary);
        bytes_of(&sketch);
        let mut values = values;
        values.sort_by(f64::total_cmp);
        let mut values = values.into_iter();
        let order = |low: f64, high: f64| low.total_cmp(&high).is_le();
        for (low, high, count) in buckets(&sketch) {
            prop_assert!(order(low, high));
            prop_assert!(high - low <= low.abs().min(high.abs()) / 1023.0);
            for value in values.by_ref().take(usize::try_from(count).expect("few")) {
                prop_assert!(order(low, value) && order(value, high), "{value:e} {low:e} {high:e}");
            }
        }
        prop_assert_eq!(values.len(), 0);
    }

    #[test]
    fn hostile_bytes_are_harmless(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8, Just(255)], 0..40),
        unit in prop::sample::select(vec![0, 1, 22, 255]),
        values in prop::collection::vec(-9..9_i32, 1..20),
        change in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let values: Vec<f64> = values.into_iter().map(f64::from).collect();
        let mut changed = bytes_of(&Sketch::of(&values, Unit::Decimal(0)));
        *change.0.get_mut(&mut changed) = change.1;
        for bytes in [&bytes[..], &[&[unit][..], &bytes].concat(), &changed] {
            for count in (0..40).chain([u64::MAX]) {
                if let Some(sketch) = Sketch::decode(bytes, count) {
                    let mut buckets = Buckets::default();
                    buckets.add(&sketch);
                    prop_assert_eq!(buckets.count(), count);
                    prop_assert!(count == 0 || buckets.of_rank(count - 1).is_some());
                    prop_assert!(sketch.cells.len() <= bytes.len());
                }
            }
        }
    }
}
