//! Any number of sketches add up, in whatever units.

use super::*;

fn all(sketches: &[Sketch]) -> Buckets {
    let mut buckets = Buckets::default();
    sketches.iter().for_each(|sketch| buckets.add(sketch));
    buckets
}

fn holds(bucket: &Bucket, value: f64) -> bool {
    bucket.low.total_cmp(&value).is_le() && value.total_cmp(&bucket.high).is_le()
}

/// Checks that values of many ranks are in the buckets found for them.
fn check(buckets: &Buckets, mut values: Vec<f64>) {
    values.sort_by(f64::total_cmp);
    assert_eq!(buckets.count(), values.len() as u64);
    let step = values.len() / 500 + 1;
    for (rank, value) in values.iter().enumerate().step_by(step) {
        let bucket = buckets.of_rank(rank as u64).expect("a bucket");
        assert!(holds(&bucket, *value) && bucket.count > 0, "{rank}, {value}: {bucket:?}");
    }
}

/// Overlapping buckets of several units take no digits from each other.
#[test]
fn rank_among_overlapping_buckets_keeps_its_digits() {
    let dense = |per_unit: f64, phase: u32| -> Vec<f64> {
        let number = |n: u32| f64::from(1000 * 16 + n * 16 + phase) / 16.0;
        (0..1000).map(|n| (number(n) * per_unit).round() / per_unit).collect()
    };
    let runs = [
        (Unit::Decimal(1), dense(10.0, 1)),
        (Unit::Decimal(3), dense(1e3, 4)),
        (Unit::Decimal(6), dense(1e6, 9)),
        (Unit::Binary, (0..1000).map(|n| 1000.0 + f64::from(n) * 1.000_000_1).collect()),
    ];
    let sketches = [0, 1, 2, 3].map(|at| Sketch::of(&runs[at].1, runs[at].0));
    let buckets = all(&sketches);
    check(&buckets, runs.iter().flat_map(|(_, values)| values.iter().copied()).collect());
    for rank in 0..buckets.count() {
        let bucket = buckets.of_rank(rank).expect("a bucket");
        assert!((bucket.high - bucket.low) < bucket.low * 2.0 / 1024.0, "{rank}: {bucket:?}");
    }
}

#[test]
fn value_of_each_rank_is_in_its_bucket() {
    let runs: [(Unit, &[f64]); 8] = [
        (Unit::Binary, &[0.0, -0.0, 0.5, 0.5, 1.0, -1.0, 3e-20]),
        (Unit::Binary, &[1e300, -1e280, 4.0, 0.25, 5e-324, -5e-324, 1e-310]),
        (Unit::Decimal(1), &[0.5, -0.5, 14.1, 0.0, 7.3, -300.2, 512.7]),
        (Unit::Decimal(0), &[14.0, 14.0, 17.0, 3.0, -300.0, 1e12]),
        (Unit::Decimal(22), &[1e-22, 3e-20]),
        (Unit::Binary, &[14.09, 14.1, 14.11, -300.2]),
        // From 1,000.0 to 1,000.7; then from 1,000.0 to below 1,000.5.
        (Unit::Decimal(1), &[1000.3, 1000.6]),
        (Unit::Binary, &[1000.1]),
    ];
    for first in 0..runs.len() {
        let mut runs = runs;
        runs.rotate_left(first);
        let buckets = all(&runs.map(|(unit, values)| Sketch::of(values, unit)));
        check(&buckets, runs.iter().flat_map(|(_, values)| values.iter().copied()).collect());
        assert_eq!(buckets.of_rank(buckets.count()), None);
        assert_eq!(buckets.of_rank(u64::MAX), None);
    }
}

#[test]
fn wide_sketch_takes_no_digits_from_another() {
    let fine: Vec<f64> = (0..1000).map(f64::from).collect();
    let sketches = [&[1e300; 5][..], &fine].map(|values| Sketch::of(values, Unit::Binary));
    let bucket = all(&sketches).of_rank(500).expect("a bucket");
    assert!(holds(&bucket, 500.0) && bucket.high - bucket.low < 0.5);
}

#[test]
fn equal_decimals_of_different_units_stay_exact() {
    let sketches = [
        Sketch::of(&[14.0, 15.0], Unit::Decimal(0)),
        Sketch::of(&[14.0, 14.5], Unit::Decimal(1)),
        Sketch::of(&[14.0, 14.25], Unit::Decimal(2)),
    ];
    let buckets = all(&sketches);
    let of_rank = |rank| buckets.of_rank(rank).map(|bucket| (bucket.single(), bucket.count));
    let expected = [(14.0, 3), (14.0, 3), (14.0, 3), (14.25, 1), (14.5, 1), (15.0, 1)];
    for (rank, (value, count)) in (0..).zip(expected) {
        assert_eq!(of_rank(rank), Some((Some(value), count)));
    }
}

#[test]
fn memory_is_bounded_for_values_of_any_magnitude() {
    let mut buckets = Buckets::default();
    let mut values = Vec::new();
    for sign in [1.0, -1.0] {
        for power in -1000..1000 {
            let magnitude = sign * 2_f64.powi(power);
            values.extend([magnitude, magnitude * 1.1, magnitude * 1.9]);
        }
    }
    let (large, small) = values.split_at(values.len() / 3);
    for unit in [Unit::Binary, Unit::Decimal(3), Unit::Decimal(9)] {
        let decimal = |value: &&f64| unit == Unit::Binary || value.abs() < 1e15;
        let per_unit = unit.power_of_ten().unwrap_or(1.0);
        let rounded = |value: &f64| match unit {
            Unit::Binary => *value,
            Unit::Decimal(_) => (value * per_unit).round() / per_unit + 0.0,
        };
        for values in [small, large] {
            let values: Vec<f64> = values.iter().filter(decimal).map(rounded).collect();
            buckets.add(&Sketch::of(&values, unit));
            assert!(buckets.pages.len() <= PAGES_MAX);
        }
    }
    assert!((3..=5).contains(&buckets.coarseness), "{}", buckets.coarseness);
    let mut binary = Buckets::default();
    binary.add(&Sketch::of(&values, Unit::Binary));
    check(&binary, values);
}

#[test]
fn counts_do_not_overflow() {
    let mut buckets = Buckets::default();
    let mut sketch = Sketch::of(&[3.0], Unit::Decimal(0));
    sketch.count = u64::MAX / 2 + 1;
    (0..4).for_each(|_| buckets.add(&sketch));
    assert_eq!(buckets.count(), u64::MAX);
}
