//! The exact quantile is the data's, whatever a sketch says; with a right one it
//! costs one scan, and none where decimals have few digits.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::observation::Observation;
use crate::stats::arbitrary::{finite, normal};
use crate::stats::reference;
use crate::stats::sketch::{Sketch, Unit};
use crate::stats::summary::Summary;

const QUANTILES: [f64; 8] = [0.0, 1.0, 0.5, 0.1, 0.25, 0.3, 0.75, 0.999];

/// Values in leaves. Those outside of the interval are left out.
struct Leaves {
    leaves: Vec<Leaf>,
    scans: usize,
}

struct Leaf {
    values: Vec<f64>,
    min: f64,
    max: f64,
}

impl Leaves {
    fn of(values: &[f64]) -> Self {
        let leaf = |values: &[f64]| {
            let extremes =
                Summary::of(&values.iter().map(|v| Observation::new(0, *v)).collect::<Vec<_>>());
            Leaf { values: values.to_vec(), min: extremes.min, max: extremes.max }
        };
        Self { leaves: values.chunks(1024).map(leaf).collect(), scans: 0 }
    }
}

impl Values for Leaves {
    fn scan(&mut self, intervals: &[(f64, f64)], each: Each<'_>) -> Result<Vec<u64>> {
        self.scans += 1;
        let mut below = vec![0; intervals.len()];
        for Leaf { values, min, max } in &self.leaves {
            for (number, (low, high)) in intervals.iter().enumerate() {
                if max.total_cmp(low).is_lt() {
                    below[number] += values.len() as u64;
                } else if min.total_cmp(high).is_le() {
                    each(number, values);
                }
            }
        }
        Ok(below)
    }
}

/// One quantile alone.
fn one(values: &mut impl Values, buckets: &Buckets, count: u64, q: f64) -> Result<Option<f64>> {
    Ok(exact(values, buckets, count, &[q])?[0])
}

/// The sketches of chunks of 65,536 values.
fn sketched(values: &[f64], unit: Unit) -> Buckets {
    let mut buckets = Buckets::default();
    values.chunks(1 << 16).for_each(|values| buckets.add(&Sketch::of(values, unit)));
    buckets
}

/// The definition, as in numpy, for sorted values.
fn by_sorting(sorted: &[f64], q: f64) -> f64 {
    let index = q * (sorted.len() - 1) as f64;
    let left = (0..sorted.len()).rfind(|rank| *rank as f64 <= index).expect("rank 0");
    let (a, b) = (sorted[left], sorted[(left + 1).min(sorted.len() - 1)]);
    let fraction = index.fract();
    if fraction == 0.0 || a.to_bits() == b.to_bits() {
        a
    } else if q == 0.5 {
        f64::midpoint(a, b)
    } else if (b - a).is_infinite() {
        a * (1.0 - fraction) + b * fraction
    } else if fraction < 0.5 {
        a + (b - a) * fraction
    } else {
        b - (b - a) * (1.0 - fraction)
    }
}

fn misleading(values: &[f64]) -> Vec<Buckets> {
    let shifted: Vec<f64> = values.iter().map(|value| value * 0.5 + 1.0).collect();
    let doubled: Vec<f64> = values.iter().chain(values).copied().collect();
    let (half, _) = values.split_at(values.len() / 2);
    let wrong = [&[][..], &shifted, &doubled, half];
    wrong.into_iter().map(|values| sketched(values, Unit::Binary)).collect()
}

/// Checks all quantiles with right sketches and with misleading ones. Returns the largest
/// number of scans that they took with the right ones.
fn check(values: &[f64], unit: Unit) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = values.len() as u64;
    let mut leaves = Leaves::of(values);
    let (right, wrong) = (sketched(values, unit), misleading(values));
    let mut scans = 0;
    for q in QUANTILES {
        let expected = by_sorting(&sorted, q);
        // Misleading sketches cost more scans, and so more time of the tests.
        let wrong = if q == 0.5 || count < 1000 { &wrong[..] } else { &[] };
        for buckets in [&right].into_iter().chain(wrong) {
            leaves.scans = 0;
            let found = one(&mut leaves, buckets, count, q).expect("no errors").expect("values");
            assert_eq!(found.to_bits(), expected.to_bits(), "{found:e} for {expected:e} at {q}");
            if std::ptr::eq(buckets, &right) {
                scans = scans.max(leaves.scans);
            }
            assert!(leaves.scans <= 8, "{} scans", leaves.scans);
        }
    }
    scans
}

#[test]
fn reference_medians_are_exact() {
    for case in reference::cases() {
        let buckets = sketched(&case.values, Unit::Binary);
        let count = case.values.len() as u64;
        let found = one(&mut Leaves::of(&case.values), &buckets, count, 0.5).expect("no errors");
        assert_eq!(found, Some(case.median), "{}", case.name);
    }
}

#[test]
fn one_scan_for_a_million_normal_values() {
    let mut rng = SmallRng::seed_from_u64(3);
    let values: Vec<f64> = (0..1_000_000).map(|_| normal(&mut rng)).collect();
    assert_eq!(check(&values, Unit::Binary), 1);
    let (mut leaves, buckets) = (Leaves::of(&values), sketched(&values, Unit::Binary));
    let found = exact(&mut leaves, &buckets, 1_000_000, &QUANTILES).expect("no errors");
    assert_eq!((found.len(), leaves.scans), (QUANTILES.len(), 1));
}

#[test]
fn no_scan_for_decimals_of_few_digits() {
    let mut rng = SmallRng::seed_from_u64(4);
    let tenths: Vec<f64> = (0..300_000).map(|_| (normal(&mut rng) * 10.0).round() / 10.0).collect();
    assert_eq!(check(&tenths, Unit::Decimal(1)), 0);
    // Chunks of whole numbers have 0 decimals.
    let mut buckets = Buckets::default();
    let whole: Vec<f64> = tenths.iter().map(|value| value.round()).collect();
    buckets.add(&Sketch::of(&whole, Unit::Decimal(0)));
    buckets.add(&Sketch::of(&tenths, Unit::Decimal(1)));
    let mut sorted = [tenths, whole].concat();
    sorted.sort_by(f64::total_cmp);
    let mut nothing = Leaves::of(&[]);
    for q in QUANTILES {
        let found = one(&mut nothing, &buckets, sorted.len() as u64, q).expect("no errors");
        assert_eq!(found, Some(by_sorting(&sorted, q)));
    }
    assert_eq!(nothing.scans, 0);
}

#[test]
fn sketches_of_another_number_of_values_are_not_the_answer() {
    let buckets = sketched(&[1.0, 2.0, 2.0], Unit::Decimal(0));
    let found = one(&mut Leaves::of(&[1.0, 2.0]), &buckets, 2, 0.5).expect("no errors");
    assert_eq!(found, Some(1.5));
}

#[test]
fn one_scan_for_a_million_equal_values() {
    assert_eq!(check(&vec![21.4; 1_000_000], Unit::Binary), 1);
    // Zeros of one sign are one value.
    assert_eq!(check(&vec![-0.0; 300_000], Unit::Binary), 0);
}

#[test]
fn one_scan_for_heavy_ties() {
    let mut rng = SmallRng::seed_from_u64(4);
    let tenths: Vec<f64> =
        (0..1_000_000).map(|_| f64::from(rng.random_range(210..=213)) / 10.0).collect();
    assert_eq!(check(&tenths, Unit::Binary), 1);
    assert_eq!(check(&tenths, Unit::Decimal(1)), 0);
}

#[test]
fn median_between_two_far_values() {
    let values: Vec<f64> = (0..400_000).map(|i| if i % 2 == 0 { 1e-9 } else { 1e9 }).collect();
    assert_eq!(check(&values, Unit::Binary), 1);
    // The sum is above f64::MAX before halving.
    assert_eq!(check(&[f64::MAX, f64::MAX.next_down()], Unit::Binary), 1);
    assert_eq!(check(&[f64::MIN, f64::MAX], Unit::Binary), 1);
}

#[test]
fn bucket_of_many_different_values_is_refined() {
    let mut rng = SmallRng::seed_from_u64(5);
    let values: Vec<f64> = (0..500_000).map(|_| 1e9 + rng.random::<f64>() * 1e-3).collect();
    assert_eq!(check(&values, Unit::Binary), 2);
    // A value of another magnitude takes no digits from the others.
    let mut outlier: Vec<f64> = (0..300_000).map(|_| normal(&mut rng)).collect();
    outlier[0] = 1e300;
    assert_eq!(check(&outlier, Unit::Binary), 1);
}

#[test]
fn order_of_zeros_subnormals_and_huge_values() {
    let values = [0.0, -0.0, 5e-324, -5e-324, f64::MAX, f64::MIN, 1e-310, -0.0, 0.0, 1e300, -1.0];
    for count in 1..=values.len() {
        check(&values[..count], Unit::Binary);
    }
    let zeros: Vec<f64> = (0..300_000).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }).collect();
    check(&zeros, Unit::Binary);
}

#[test]
fn nothing_has_no_quantile() {
    let none = &mut Leaves::of(&[]);
    let buckets = sketched(&[1.5], Unit::Binary);
    assert_eq!(one(none, &buckets, 0, 0.5).expect("no errors"), None);
    // Fewer values than promised, and arguments that are out of range.
    assert_eq!(one(none, &buckets, 7, 0.5).expect("no errors"), None);
    let single = &mut Leaves::of(&[1.5]);
    for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(one(single, &buckets, 1, q).expect("no errors"), None);
        assert_eq!(estimate(&buckets, 1.0, 1.0, q), None);
    }
    assert_eq!(estimate(&Buckets::default(), 0.0, 0.0, 0.5), None);
}

#[test]
fn errors_of_a_scan_are_passed_on() {
    struct Broken;
    impl Values for Broken {
        fn scan(&mut self, _: &[(f64, f64)], _: Each<'_>) -> Result<Vec<u64>> {
            Err(crate::Error::damaged(std::path::Path::new("chunk"), 8, "a page is gone"))
        }
    }
    assert!(one(&mut Broken, &Buckets::default(), 5, 0.5).is_err());
}

#[test]
fn estimates_have_three_digits_at_any_magnitude() {
    let mut rng = SmallRng::seed_from_u64(6);
    let normal: Vec<f64> = (0..300_000).map(|_| normal(&mut rng)).collect();
    let mut wide = |powers: std::ops::Range<f64>| -> Vec<f64> {
        (0..100_000).map(|_| 10_f64.powf(rng.random_range(powers.clone()))).collect()
    };
    let signed: Vec<f64> = wide(-3.0..6.0).iter().map(|value| value - 1000.0).collect();
    let femto: Vec<f64> = normal.iter().map(|value| value * 1e-15).collect();
    let subnormal: Vec<f64> = normal.iter().map(|value| value * 1e-312).collect();
    let huge: Vec<f64> = normal.iter().map(|value| value * 1e300).collect();
    let both: Vec<f64> = femto.iter().chain(&huge).map(|value| -value).collect();
    for values in [
        normal,
        wide(-3.0..6.0),
        signed,
        femto,
        subnormal,
        huge,
        both,
        wide(-19.0..19.0),
        vec![21.4; 9],
    ] {
        let buckets = sketched(&values, Unit::Binary);
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        for q in QUANTILES {
            let (found, precise) = (estimate(&buckets, min, max, q), by_sorting(&sorted, q));
            let found = found.expect("a value");
            assert!(
                (found - precise).abs() <= 0.0005 * precise.abs(),
                "{found} for {precise} at {q}"
            );
            assert!((min..=max).contains(&found));
        }
    }
}

#[test]
fn more_values_than_are_collected_may_lie_where_few_were_expected() {
    let mut rng = SmallRng::seed_from_u64(8);
    let values: Vec<f64> = (0..300_000).map(|_| 14.0 + rng.random::<f64>() * 1e-4).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let buckets = sketched(&[14.0, 14.0, 14.0], Unit::Binary);
    let mut leaves = Leaves::of(&values);
    let found = one(&mut leaves, &buckets, 300_000, 0.000_001);
    assert_eq!(found.expect("no errors"), Some(by_sorting(&sorted, 0.000_001)));
    assert_eq!(leaves.scans, 3);
}

proptest! {
    #[test]
    fn exact_is_what_sorting_gives(values in prop::collection::vec(finite(), 1..60)) {
        check(&values, Unit::Binary);
    }

    #[test]
    fn several_at_once_have_the_bits_of_each_alone(
        values in prop::collection::vec(finite(), 1..60),
        qs in prop::collection::vec(0.0..=1.0, 0..12),
        repeated in 1..2_000_usize,
    ) {
        // Repeated, there are more of them than are collected.
        let values = values.repeat(repeated * 2);
        let (count, buckets) = (values.len() as u64, sketched(&values, Unit::Binary));
        let mut leaves = Leaves::of(&values);
        let mut found = Vec::new();
        for buckets in [&buckets, &Buckets::default()] {
            found = exact(&mut leaves, buckets, count, &qs).expect("no errors");
            for (q, found) in qs.iter().zip(&found) {
                let alone = one(&mut leaves, buckets, count, *q).expect("no errors");
                prop_assert_eq!(found.map(f64::to_bits), alone.map(f64::to_bits));
            }
        }
        prop_assert_eq!(found.len(), qs.len());
    }

    #[test]
    fn changing_values_end_the_search(
        changes in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..20), 1..9),
        count in 1..400_000_u64,
    ) {
        // Hands over other values at every scan, and skips any number of them.
        struct Changing(Vec<Vec<f64>>, u64);
        impl Values for Changing {
            fn scan(&mut self, intervals: &[(f64, f64)], each: Each<'_>) -> Result<Vec<u64>> {
                self.0.rotate_left(1);
                for number in 0..intervals.len() {
                    (0..self.1 % 1000).for_each(|_| each(number, &self.0[0]));
                }
                Ok(vec![self.1; intervals.len()])
            }
        }
        for below in [0, 30, 2_000, u64::MAX] {
            let buckets = sketched(&[1.0, 2.0], Unit::Binary);
            let _ = exact(&mut Changing(changes.clone(), below), &buckets, count, &[0.3, 0.9]);
        }
    }
}
