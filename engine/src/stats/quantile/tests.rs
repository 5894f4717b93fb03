//! The exact quantile is the data's, whatever a guide says; with a right one it
//! costs one scan.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::observation::Observation;
use crate::stats::guide::Guide;
use crate::stats::reference;
use crate::stats::summary::Summary;

const QUANTILES: [f64; 8] = [0.0, 1.0, 0.5, 0.1, 0.25, 0.3, 0.75, 0.999];

/// Values in leaves, of which those outside of the interval are left out.
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
    fn scan(&mut self, low: f64, high: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
        self.scans += 1;
        let mut below = 0;
        for Leaf { values, min, max } in &self.leaves {
            if max.total_cmp(&low).is_lt() {
                below += values.len() as u64;
            } else if min.total_cmp(&high).is_le() {
                each(values, 1);
            }
        }
        Ok(below)
    }
}

fn guided_by(values: &[f64]) -> Buckets {
    let mut buckets = Buckets::default();
    // A guide a file.
    for values in values.chunks(1 << 18) {
        let max_abs = values.iter().fold(0.0, |max: f64, value| max.max(value.abs()));
        let mut guide = Guide::for_magnitude(max_abs);
        values.iter().for_each(|value| guide.record(*value));
        buckets.add(&guide.counts());
    }
    buckets
}

/// The definition: numpy's, for sorted values.
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
    let mut twisted = Guide::for_magnitude(1e-300);
    values.iter().for_each(|value| twisted.record(*value));
    let mut coarse = Guide::for_magnitude(f64::MAX);
    values.iter().for_each(|value| coarse.record(*value));
    let mut wrong =
        vec![Buckets::default(), guided_by(&shifted), guided_by(&doubled), guided_by(half)];
    for guide in [twisted, coarse] {
        let mut buckets = Buckets::default();
        buckets.add(&guide.counts());
        wrong.push(buckets);
    }
    wrong
}

/// Checks all quantiles with a right guide and with misleading ones; says how
/// many scans the right guide's quantiles took at most.
fn check(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let count = values.len() as u64;
    let mut leaves = Leaves::of(values);
    let (right, wrong) = (guided_by(values), misleading(values));
    let mut scans = 0;
    for q in QUANTILES {
        let expected = by_sorting(&sorted, q);
        if count <= COLLECTED_MAX {
            let found = of_few(&mut leaves, q).expect("no errors").expect("values");
            assert_eq!(found.to_bits(), expected.to_bits(), "{found:e} for {expected:e} at {q}");
        }
        // A wrong guide costs more scans, and so more patience of who tests.
        let wrong = if q == 0.5 || count < 1000 { &wrong[..] } else { &[] };
        for buckets in [&right].into_iter().chain(wrong) {
            leaves.scans = 0;
            let found = exact(&mut leaves, buckets, count, q).expect("no errors").expect("values");
            assert_eq!(found.to_bits(), expected.to_bits(), "{found:e} for {expected:e} at {q}");
            if std::ptr::eq(buckets, &right) {
                scans = scans.max(leaves.scans);
            }
            assert!(leaves.scans <= 8, "{} scans", leaves.scans);
        }
    }
    scans
}

/// Twelve uniform draws make a good normal one.
fn normal(rng: &mut SmallRng) -> f64 {
    let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
    14.0 + 3.0 * (sum - 6.0)
}

#[test]
fn reference_medians_are_exact() {
    for case in reference::cases() {
        let buckets = guided_by(&case.values);
        let count = case.values.len() as u64;
        let found = exact(&mut Leaves::of(&case.values), &buckets, count, 0.5).expect("no errors");
        assert_eq!(found, Some(case.median), "{}", case.name);
    }
}

#[test]
fn one_scan_for_a_million_normal_values() {
    let mut rng = SmallRng::seed_from_u64(3);
    let values: Vec<f64> = (0..1_000_000).map(|_| normal(&mut rng)).collect();
    assert_eq!(check(&values), 1);
}

#[test]
fn one_scan_for_a_million_equal_values() {
    assert_eq!(check(&vec![21.4; 1_000_000]), 1);
    assert_eq!(check(&vec![-0.0; 300_000]), 1);
}

#[test]
fn one_scan_for_heavy_ties() {
    let mut rng = SmallRng::seed_from_u64(4);
    let tenths: Vec<f64> =
        (0..1_000_000).map(|_| f64::from(rng.random_range(210..=213)) / 10.0).collect();
    assert_eq!(check(&tenths), 1);
}

#[test]
fn median_between_two_far_values() {
    let values: Vec<f64> = (0..400_000).map(|i| if i % 2 == 0 { 1e-9 } else { 1e9 }).collect();
    assert_eq!(check(&values), 1);
    // Above f64::MAX before halving.
    assert_eq!(check(&[f64::MAX, f64::MAX.next_down()]), 1);
    assert_eq!(check(&[f64::MIN, f64::MAX]), 1);
}

#[test]
fn bucket_of_many_different_values_is_refined() {
    let mut rng = SmallRng::seed_from_u64(5);
    let values: Vec<f64> = (0..500_000).map(|_| 1e9 + rng.random::<f64>() * 1e-3).collect();
    assert!(check(&values) <= 2);
    // One outlier makes the unit so coarse that all others share a bucket.
    let mut outlier: Vec<f64> = (0..300_000).map(|_| normal(&mut rng)).collect();
    outlier[0] = 1e300;
    assert!(check(&outlier) <= 3);
}

#[test]
fn order_of_zeros_subnormals_and_huge_values() {
    let values = [0.0, -0.0, 5e-324, -5e-324, f64::MAX, f64::MIN, 1e-310, -0.0, 0.0, 1e300, -1.0];
    for count in 1..=values.len() {
        check(&values[..count]);
    }
    let zeros: Vec<f64> = (0..300_000).map(|i| if i % 3 == 0 { -0.0 } else { 0.0 }).collect();
    check(&zeros);
}

#[test]
fn nothing_has_no_quantile() {
    let none = &mut Leaves::of(&[]);
    let guide = guided_by(&[1.0]);
    assert_eq!(exact(none, &guide, 0, 0.5).expect("no errors"), None);
    // Fewer values than promised, and questions that make no sense.
    assert_eq!(exact(none, &guide, 7, 0.5).expect("no errors"), None);
    let one = &mut Leaves::of(&[1.0]);
    for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        assert_eq!(exact(one, &guide, 1, q).expect("no errors"), None);
        assert_eq!(estimate(&guide, 1.0, 1.0, q), None);
    }
    assert_eq!(estimate(&Buckets::default(), 0.0, 0.0, 0.5), None);
}

#[test]
fn errors_of_a_scan_are_passed_on() {
    struct Broken;
    impl Values for Broken {
        fn scan(&mut self, _: f64, _: f64, _: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
            Err(crate::Error::damaged(std::path::Path::new("segment"), 8, "a leaf is gone"))
        }
    }
    assert!(exact(&mut Broken, &Buckets::default(), 5, 0.5).is_err());
}

#[test]
fn estimates_have_three_digits() {
    let mut rng = SmallRng::seed_from_u64(6);
    let normal: Vec<f64> = (0..300_000).map(|_| normal(&mut rng)).collect();
    let wide: Vec<f64> = (0..300_000).map(|_| 10_f64.powf(rng.random_range(-3.0..6.0))).collect();
    let signed: Vec<f64> = wide.iter().map(|value| value - 1000.0).collect();
    for values in [normal, wide, signed, vec![21.4; 1000]] {
        let buckets = guided_by(&values);
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
        for q in QUANTILES {
            let (found, precise) = (estimate(&buckets, min, max, q), by_sorting(&sorted, q));
            let found = found.expect("a value");
            assert!(
                (found - precise).abs() <= 0.001 * precise.abs(),
                "{found} for {precise} at {q}"
            );
            assert!((min..=max).contains(&found));
        }
    }
}

/// Values that are handed over with how often they occur.
struct Repeated(Vec<(f64, u64)>);

impl Values for Repeated {
    fn scan(&mut self, _: f64, _: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
        self.0.iter().for_each(|(value, times)| each(&[*value], *times));
        Ok(0)
    }
}

/// The quantile and where it was looked for.
fn look_within(values: &[(f64, u64)], ends: (f64, f64), q: f64) -> Option<f64> {
    let count = values.iter().map(|(_, times)| times).sum();
    within(&mut Repeated(values.to_vec()), ends, count, q).expect("no errors")
}

#[test]
fn values_may_be_handed_over_with_how_often_they_occur() {
    let everything = (f64::NEG_INFINITY, f64::INFINITY);
    let mut rng = SmallRng::seed_from_u64(7);
    for _ in 0..200 {
        let values: Vec<(f64, u64)> = (0..rng.random_range(1..20))
            .map(|_| (f64::from(rng.random_range(-3..9)), rng.random_range(1..5)))
            .collect();
        let mut sorted: Vec<f64> = values
            .iter()
            .flat_map(|(value, times)| vec![*value; usize::try_from(*times).expect("few")])
            .collect();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len() as u64;
        for q in QUANTILES {
            let expected = Some(by_sorting(&sorted, q));
            assert_eq!(look_within(&values, everything, q), expected, "{values:?} {q}");
            let found = exact(&mut Repeated(values.clone()), &Buckets::default(), count, q);
            assert_eq!(found.expect("no errors"), expected, "{values:?} {q}");
        }
    }
    // Of which only some lie where they are looked for.
    let values = [(3.0, 1 << 40), (1.0, 1 << 40), (4.0, 2), (2.0, 3)];
    assert_eq!(look_within(&values, (2.0, 3.0), 0.5), Some(2.0));
    assert_eq!(look_within(&values, (1.0, 1.5), 0.5), None);
    assert_eq!(look_within(&values, (3.0, 9.0), 0.5), None);
    assert_eq!(look_within(&values, everything, 1.0), Some(4.0));
    // Neither memory nor a counter gives way.
    let values = [(1.0, u64::MAX / 2), (2.0, u64::MAX / 2)];
    assert_eq!(look_within(&values, everything, 0.25), Some(1.0));
}

#[test]
fn more_than_are_collected_may_lie_where_few_were_expected() {
    let mut rng = SmallRng::seed_from_u64(8);
    let values: Vec<f64> = (0..300_000).map(|_| normal(&mut rng)).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    for q in QUANTILES {
        let found = within(&mut Leaves::of(&values), (f64::MIN, f64::MAX), 300_000, q);
        assert_eq!(found.expect("no errors"), Some(by_sorting(&sorted, q)));
    }
}

fn finite() -> impl Strategy<Value = f64> {
    use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
    prop_oneof![
        NORMAL | SUBNORMAL | ZERO | POSITIVE | NEGATIVE,
        prop::sample::select(vec![0.0, -0.0, 7.1, 1e9]),
        -1e3..1e3,
    ]
}

proptest! {
    #[test]
    fn exact_is_what_sorting_gives(values in prop::collection::vec(finite(), 1..60)) {
        check(&values);
    }

    #[test]
    fn rotten_values_end_the_search(
        lies in prop::collection::vec(prop::collection::vec(any::<f64>(), 0..20), 1..9),
        count in 1..400_000_u64,
    ) {
        // Says something else at every scan, and may have skipped any number.
        struct Liar(Vec<Vec<f64>>, u64);
        impl Values for Liar {
            fn scan(&mut self, _: f64, _: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
                self.0.rotate_left(1);
                (0..self.1 % 1000).for_each(|_| each(&self.0[0], 1));
                Ok(self.1)
            }
        }
        for below in [0, 30, 2_000, u64::MAX] {
            let _ = exact(&mut Liar(lies.clone(), below), &guided_by(&[1.0, 2.0]), count, 0.3);
        }
    }
}
