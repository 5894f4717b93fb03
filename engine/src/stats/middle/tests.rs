//! A middle lists every value of its interval and knows how many lie below,
//! whatever comes; of values that stay where they are it keeps the median.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::stats::guide::Guide;

fn normal(rng: &mut SmallRng) -> f64 {
    (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0
}

fn counts(values: &[f64]) -> Counts {
    let mut guide = Guide::for_magnitude(values.iter().fold(0.0, |max, it| it.abs().max(max)));
    values.iter().for_each(|value| guide.record(*value));
    guide.counts()
}

/// Whether `middle` says of `values` what is so.
fn is_of(middle: &Middle, values: &[f64]) -> bool {
    let mut again = middle.emptied();
    let listed = values.iter().all(|value| again.recount(*value));
    listed && again == *middle && middle.agrees_with(&counts(values))
}

/// As a guide grows: in portions, written down after each.
fn grown(values: &[f64], portion: usize) -> Option<Middle> {
    let mut middle = Middle::of_nothing();
    let mut total = 0;
    for portion in values.chunks(portion) {
        let mut growing = Growing::from(middle, total);
        portion.iter().for_each(|value| growing.take(*value));
        total += portion.len() as u64;
        middle = growing.finish(total)?;
        assert!(middle.len() <= listed_of(total));
    }
    Some(middle)
}

#[test]
fn drawn_values_keep_their_median() {
    let mut rng = SmallRng::seed_from_u64(1);
    let normal: Vec<f64> = (0..1_000_000).map(|_| normal(&mut rng)).collect();
    // All of these lie in few buckets of a guide.
    let narrow: Vec<f64> = normal.iter().map(|value| 1e6 + value).collect();
    let signed: Vec<f64> =
        normal.iter().map(|value| if value.abs() < 1.0 { value * 0.0 } else { *value }).collect();
    for values in [normal, narrow, signed] {
        for portion in [1 << 17, 300_000] {
            let middle = grown(&values, portion).expect("the median");
            assert!(is_of(&middle, &values));
        }
    }
}

#[test]
fn few_values_are_all_listed_however_often_they_come() {
    let mut rng = SmallRng::seed_from_u64(2);
    let tenths: Vec<f64> =
        (0..400_000).map(|at| f64::from(rng.random_range(0..300) + at / 2000) / 10.0).collect();
    for values in [tenths, vec![21.4; 300_000], vec![-0.0; 300_000]] {
        let middle = grown(&values, 1 << 17).expect("the median");
        assert!(is_of(&middle, &values));
        assert_eq!(middle.below(), 0);
        assert!(middle.covers(f64::MIN, f64::MAX));
    }
}

#[test]
fn zeros_are_listed_apart() {
    let mut values = vec![0.0; 100];
    values.extend([-0.0; 50]);
    let middle = grown(&values, 64).expect("the median");
    let listed: Vec<(u64, u64)> =
        middle.values().map(|(value, count)| (value.to_bits(), count)).collect();
    assert_eq!(listed, [((-0.0_f64).to_bits(), 50), (0, 100)]);
    assert_eq!((middle.before(0.0), middle.before(-0.0)), (50, 0));
    assert_eq!(middle.within(0.0, 1.0).collect::<Vec<_>>(), [(0.0, 100)]);
}

#[test]
fn a_median_that_moves_away_is_not_kept() {
    let values: Vec<f64> = (0..500_000).map(f64::from).collect();
    assert_eq!(grown(&values, 1 << 17), None);
    // Within a portion too.
    assert_eq!(grown(&values, 500_000), None);
    let falling: Vec<f64> = values.iter().map(|value| -value).collect();
    assert_eq!(grown(&falling, 1 << 17), None);
}

#[test]
fn one_that_has_not_taken_all_is_none() {
    let mut growing = Growing::from(Middle::of_nothing(), 0);
    (0..2048).for_each(|_| growing.take(1.0));
    assert_eq!(growing.finish(2049), None);
}

/// The values around the median, listed anew.
fn listed(values: &[f64]) -> Option<Middle> {
    let (counts, total) = (counts(values), values.len() as u64);
    let (bucket, below) = counts.spanning(total / 2 - 1..=total / 2).expect("buckets");
    let middle = Middle::between(bucket.low, bucket.high, below);
    let mut listing = Listing::of(middle, bucket.count);
    values.iter().for_each(|value| listing.take(*value));
    listing.finish(total)
}

#[test]
fn values_are_listed_anew_in_any_order() {
    let rising: Vec<f64> = (0..100_000).map(f64::from).collect();
    let ends = rising.iter().map(|value| if *value < 5e4 { 1.0 } else { 1e9 }).collect();
    for values in [rising, ends, vec![7.1; 100_000]] {
        let middle = listed(&values).expect("the median");
        assert!(is_of(&middle, &values));
    }
}

#[test]
fn too_many_to_list_are_given_up() {
    let spread = |many: u32| -> Vec<f64> {
        (0..100_000_u32).map(|n| 1e6 + f64::from(n % many) / 1e6).collect()
    };
    assert!(listed(&spread(16_384)).is_some());
    assert!(listed(&spread(16_385)).is_none());
    // As where one of the values was not found.
    let mut listing = Listing::of(Middle::between(1.0, 2.0, 0), 2048);
    (0..2047).for_each(|_| listing.take(1.0));
    assert_eq!(listing.finish(2048), None);
}

#[test]
fn lists_of_parts_are_joined_to_one_of_all() {
    let mut rng = SmallRng::seed_from_u64(3);
    let all: Vec<f64> = (0..1_200_000).map(|_| normal(&mut rng)).collect();
    let mut joined: Option<Middle> = None;
    for (at, part) in (1..).zip(all.chunks(100_000)) {
        let middle = grown(part, 1 << 17).expect("the median");
        if let Some(joined) = &mut joined {
            assert!(joined.join(middle, at * 100_000));
        } else {
            joined = Some(middle);
        }
    }
    let mut joined = joined.expect("parts");
    assert!(is_of(&joined, &all) && joined.holds_median(1_200_000));
    // Of values elsewhere nothing is taken in.
    let elsewhere: Vec<f64> = all[..100_000].iter().map(|value| value + 100.0).collect();
    let before = joined.clone();
    assert!(!joined.join(grown(&elsewhere, 1 << 17).expect("the median"), 1_300_000));
    assert_eq!(joined, before);
}

#[test]
fn joined_lists_stay_small() {
    let mut joined = Middle::of_nothing();
    let part = |from: u32| (0..16_384).map(move |n| (f64::from(n * 8 + from), 1));
    for from in 0..8 {
        let everywhere = (f64::NEG_INFINITY, f64::INFINITY);
        let middle = Middle::from_listed(everywhere, 0, part(from)).expect("a list");
        assert!(joined.join(middle, u64::from(from + 1) * 16_384));
    }
    assert_eq!(joined.len(), JOINED_MAX);
    assert!(is_of(&joined, &(0..8).flat_map(part).map(|(value, _)| value).collect::<Vec<_>>()));
}

#[test]
fn what_is_no_list_is_refused() {
    let from = |low: f64, high: f64, below, values: &[(f64, u64)]| {
        Middle::from_listed((low, high), below, values.iter().copied()).is_some()
    };
    assert!(from(1.0, 3.0, 7, &[(1.0, 2), (2.0, 1), (3.0, 4)]));
    assert!(from(f64::NEG_INFINITY, f64::INFINITY, 0, &[(-0.0, 1), (0.0, 1)]));
    assert!(from(2.0, 2.0, 0, &[(2.0, 1)]));
    assert!(!from(1.0, 3.0, 7, &[]));
    assert!(!from(3.0, 1.0, 7, &[(2.0, 1)]));
    assert!(!from(0.0, -0.0, 7, &[(0.0, 1)]));
    assert!(!from(f64::NAN, 3.0, 7, &[(2.0, 1)]));
    assert!(!from(1.0, f64::NAN, 7, &[(2.0, 1)]));
    assert!(!from(-f64::NAN, 3.0, 7, &[(2.0, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(0.5, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(3.5, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(f64::NAN, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(2.0, 1), (2.0, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(2.0, 1), (1.5, 1)]));
    assert!(!from(-0.0, 0.0, 7, &[(0.0, 1), (-0.0, 1)]));
    assert!(!from(1.0, 3.0, 7, &[(2.0, 0)]));
    assert!(!from(1.0, 3.0, 7, &[(2.0, u64::MAX)]));
    let many: Vec<(f64, u64)> = (0..16_385).map(|n| (f64::from(n), 1)).collect();
    assert!(from(0.0, 1e9, 7, &many[..16_384]) && !from(0.0, 1e9, 7, &many));
}

#[test]
fn a_list_that_differs_from_the_counts_is_refused() {
    let values: Vec<f64> = (0..4000).map(f64::from).collect();
    let counts = counts(&values);
    let listed = |from: u32, to: u32| (from..to).map(|n| (f64::from(n), 1)).collect();
    let agrees = |low: f64, high: f64, below, values: Vec<(f64, u64)>| {
        let middle = Middle::from_listed((low, high), below, values.into_iter());
        middle.expect("a list").agrees_with(&counts)
    };
    assert!(agrees(1990.5, 2010.5, 1991, listed(1991, 2011)));
    assert!(agrees(1991.0, 2010.0, 1991, listed(1991, 2011)));
    assert!(agrees(-9.0, 1e9, 0, listed(0, 4000)));
    let (low, high) = (1991.0, 2011.0_f64.next_down());
    for (below, from, to) in [
        (1990, 1991, 2011),
        (1992, 1991, 2011),
        (1991, 1991, 2010),
        (1991, 1992, 2011),
        (1991, 1991, 1992),
        (0, 1991, 2011),
    ] {
        assert!(!agrees(low, high, below, listed(from, to)), "{below} {from} {to}");
    }
    assert!(agrees(low, high, 1991, listed(1991, 2011)));
    let mut twice: Vec<(f64, u64)> = listed(1991, 2011);
    twice[5].1 = 2;
    assert!(!agrees(low, high, 1991, twice));
    // Where no value is.
    assert!(!agrees(5000.0, 6000.0, 4000, vec![(5500.0, 1)]));
    assert!(!agrees(-6000.0, -5000.0, 0, vec![(-5500.0, 1)]));
    assert!(!agrees(1990.5, 1990.75, 1991, vec![(1990.6, 1)]));
}
