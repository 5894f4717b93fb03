//! The statistics depend on the data alone: exact results in any order of joining.

use proptest::prelude::*;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::stats::arbitrary::finite;
use crate::stats::reference;

const LEAF: usize = 1024;

fn observed(values: &[f64]) -> Vec<Observation> {
    (0..).zip(values).map(|(time, value)| Observation::new(time, *value)).collect()
}

fn leaf(values: &[f64]) -> Summary {
    Summary::of(&observed(values))
}

fn joined(runs: &[&[f64]]) -> Summary {
    runs.iter().fold(Summary::EMPTY, |left, run| left.merge(&leaf(run)))
}

/// Leaves joined as a binary counter carries, then from left to right.
fn in_leaves(values: &[f64]) -> Summary {
    let mut runs: Vec<Summary> = Vec::new();
    for (number, values) in (1_usize..).zip(values.chunks(LEAF)) {
        runs.push(leaf(values));
        for _ in 0..number.trailing_zeros() {
            let right = runs.pop().expect("a run");
            let left = runs.pop().expect("as long a run to its left");
            runs.push(left.merge(&right));
        }
    }
    runs.iter().fold(Summary::EMPTY, |left, right| left.merge(right))
}

/// Every field, so that −0.0 and 0.0 differ.
fn bits(summary: &Summary) -> [u64; 11] {
    let Summary { count, first, last, min, max, mean_hi, mean_lo, m2, scale } = summary;
    [
        *count,
        first.timestamp_ns.cast_unsigned(),
        first.value.to_bits(),
        last.timestamp_ns.cast_unsigned(),
        last.value.to_bits(),
        min.to_bits(),
        max.to_bits(),
        mean_hi.to_bits(),
        mean_lo.to_bits(),
        m2.to_bits(),
        u64::from(*scale),
    ]
}

fn assert_close(found: Option<f64>, exact: f64, within: f64, what: &str) {
    let found = found.expect("a number");
    assert!((found - exact).abs() <= within, "{what}: {found:e} for {exact:e}");
}

fn runs() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(finite(), 0..40)
}

#[test]
fn reference_statistics_in_any_order() {
    let mut rng = SmallRng::seed_from_u64(1);
    for case in reference::cases() {
        let mut values = case.values.clone();
        for shuffled in 0..4 {
            let name = format!("{}, shuffled {shuffled} times", case.name);
            let summary = in_leaves(&values);
            assert_eq!(summary.min().map(f64::to_bits), Some(case.min.to_bits()), "{name}");
            assert_eq!(summary.max().map(f64::to_bits), Some(case.max.to_bits()), "{name}");
            let size = values.len() as f64;
            let magnitude = values.iter().map(|value| value.abs() / size).sum::<f64>();
            assert_close(summary.mean(), case.mean, 1e-12 * magnitude, &name);
            assert_close(summary.variance(), case.variance, 1e-12 * case.variance, &name);
            assert_close(summary.std_dev(), case.std_dev, 1e-12 * case.std_dev, &name);
            assert!(summary.is_plausible(), "{name}");
            values.shuffle(&mut rng);
        }
    }
}

#[test]
fn large_offset_loses_nothing_in_ten_million() {
    // Near 1e9 every f64 is a multiple of 2^-23, so sums of integers are exact.
    let mut rng = SmallRng::seed_from_u64(2);
    let (mut sum, mut squares) = (0_i128, 0_i128);
    let values: Vec<f64> = (0..10_000_000)
        .map(|_| {
            let step: i32 = rng.random_range(-8389..=8389);
            sum += i128::from(step);
            squares += i128::from(step) * i128::from(step);
            1e9 + f64::from(step) / 8_388_608.0
        })
        .collect();
    let count = 10_000_000_i128;
    let unit = 8_388_608.0;
    let mean_offset = sum as f64 / count as f64 / unit;
    let variance = (count * squares - sum * sum) as f64 / (count * count) as f64 / unit / unit;

    let summary = in_leaves(&values);
    let offset = (summary.mean_hi - 1e9) + summary.mean_lo;
    assert_close(Some(offset), mean_offset, 1e-14 * 1e-3, "the mean's distance from 1e9");
    assert_close(summary.mean(), 1e9 + mean_offset, 1e-7, "mean");
    assert_close(summary.variance(), variance, 1e-14 * variance, "variance");
}

#[test]
fn constant_values_have_no_variance() {
    for (value, count) in
        [(7.1, 9), (0.1, 1_000_000), (-0.0, 3000), (f64::MAX, 5000), (1e-310, 2000)]
    {
        let summary = in_leaves(&vec![value; count]);
        assert_eq!(summary.mean().map(f64::to_bits), Some(value.to_bits()));
        assert_eq!(summary.variance(), Some(0.0));
        assert_eq!(summary.std_dev(), Some(0.0));
    }
}

#[test]
fn what_f64_can_hold_is_not_lost_to_overflow() {
    let summary = leaf(&[1e308, -1e308]);
    assert_eq!(summary.mean(), Some(0.0));
    assert_eq!(summary.variance(), None);
    assert_close(summary.std_dev(), 1e308, 1e296, "std dev");

    let summary = leaf(&[f64::MAX, f64::MIN]);
    assert_eq!((summary.mean(), summary.std_dev()), (Some(0.0), Some(f64::MAX)));
    assert_eq!(leaf(&[f64::MAX; 1000]).mean(), Some(f64::MAX));

    // Each leaf alone is below 2^400 or above it; together all use the huge unit.
    let joined = joined(&[&[3.0, -1.0, 4.0], &[1e200, 3e200], &[1.5]]);
    assert_eq!((joined.scale, joined.is_plausible()), (HUGE, true));
    assert_close(joined.mean(), 4e200 / 6.0, 1e186, "mean");
    assert_eq!(joined.variance(), None);
    // (1 + 9)/6 − (4/6)² in units of 1e400
    assert_close(joined.std_dev(), (10.0_f64 / 6.0 - 4.0 / 9.0).sqrt() * 1e200, 1e187, "std dev");
    // 1e150 needs the huge unit, but its square fits.
    assert_close(leaf(&[1e150, -1e150]).variance(), 1e300, 1e286, "variance");
}

#[test]
fn what_f64_can_hold_is_not_lost_to_underflow() {
    let pair = leaf(&[1e-200, 3e-200]);
    assert_eq!((pair.scale, pair.is_plausible()), (TINY, true));
    assert_eq!((pair.mean(), pair.std_dev()), (Some(2e-200), Some(1e-200)));
    // 1e-400 is nearer to zero than to any other f64.
    assert_eq!(pair.variance(), Some(0.0));
    assert_close(pair.sample_std_dev(), 2.0_f64.sqrt() * 1e-200, 1e-215, "sample std dev");
    assert_eq!(pair.sum(), Some(4e-200));
    assert_close(leaf(&[1e-150, 3e-150]).variance(), 1e-300, 1e-315, "variance");

    // The root of (4 + 0 + 4)/3.
    let pair = leaf(&[1e-306, 3e-306, 5e-306]);
    assert_close(pair.std_dev(), (8.0_f64 / 3.0).sqrt() * 1e-306, 1e-321, "std dev");

    let smallest = 5e-324;
    let subnormal = in_leaves(&[smallest, 9.0 * smallest].repeat(500_000));
    assert_eq!((subnormal.scale, subnormal.mean()), (TINY, Some(5.0 * smallest)));
    assert_eq!(subnormal.sum(), Some(5e6 * smallest));
    // The mean squared deviation of 16 squared units is kept, though not returned.
    assert_eq!(subnormal.m2, 16e6 * (smallest * HUGE_UNIT) * (smallest * HUGE_UNIT));
    assert_eq!((subnormal.std_dev(), subnormal.sample_std_dev()), (Some(0.0), Some(0.0)));
}

#[test]
fn scale_is_that_of_the_largest_magnitude() {
    let (tiny, plain, huge) = (&[2e-130, -1e-320][..], &[1e-10, 3.0][..], &[-1e290, 1.0][..]);
    assert_eq!([tiny, plain, huge].map(|values| leaf(values).scale), [TINY, PLAIN, HUGE]);
    for (runs, scale) in [
        (&[tiny, plain][..], PLAIN),
        (&[plain, tiny], PLAIN),
        (&[tiny, huge], HUGE),
        (&[huge, plain, tiny], HUGE),
        (&[&[0.0, -0.0], tiny], TINY),
        (&[plain, &[0.0]], PLAIN),
    ] {
        let (whole, joined) = (leaf(&runs.concat()), joined(runs));
        assert_eq!((whole.scale, joined.scale), (scale, scale));
        assert!(whole.is_plausible() && joined.is_plausible());
        let (mean, std_dev) = (whole.mean().expect("some"), whole.std_dev().expect("some"));
        assert_close(joined.mean(), mean, 1e-15 * std_dev, "mean");
        assert_close(joined.std_dev(), std_dev, 1e-15 * std_dev, "std dev");
    }
    let limit = 2.0_f64.powi(400);
    assert_eq!([limit, limit.next_down()].map(|value| leaf(&[value]).scale), [HUGE, PLAIN]);
    let limit = 2.0_f64.powi(-400);
    assert_eq!([limit, -limit.next_down()].map(|value| leaf(&[value]).scale), [PLAIN, TINY]);
}

#[test]
fn sums_lose_nothing_to_their_length() {
    // The sum of 10,000,000 numbers near 0.1 is rounded once, not ten million times.
    assert_eq!(in_leaves(&[0.1; 10_000_000]).sum(), Some(1e6));
    assert_eq!(in_leaves(&vec![1e9 + 0.125; 1_000_003]).sum(), Some(1_000_003.0 * (1e9 + 0.125)));
    // The nearest f64 to the mean of these integers is often too far from it.
    let values: Vec<f64> = (0..1024).map(|n| f64::from(n * n % 1009) + 1e12).collect();
    for count in 1..=values.len() {
        let exact: f64 = values[..count].iter().sum();
        assert!(exact < 9e15, "the plain sum of integers is exact");
        assert_eq!(leaf(&values[..count]).sum(), Some(exact));
    }
    assert_eq!(leaf(&[]).sum(), Some(0.0));
    assert_eq!(leaf(&[f64::MAX, f64::MAX]).sum(), None);
    assert_eq!(leaf(&[f64::MAX, -f64::MAX]).sum(), Some(0.0));
}

#[test]
fn samples_are_divided_by_one_less() {
    let summary = leaf(&[1.0, 2.0, 4.0, 5.0]);
    assert_eq!((summary.variance(), summary.sample_variance()), (Some(2.5), Some(10.0 / 3.0)));
    assert_eq!(summary.sample_std_dev(), Some((10.0_f64 / 3.0).sqrt()));
    let one = leaf(&[7.0]);
    assert_eq!((one.sample_variance(), one.sample_std_dev()), (None, None));
    let widest = leaf(&[f64::MAX, f64::MIN]);
    assert_eq!((widest.sample_variance(), widest.sample_std_dev()), (None, None));
}

#[test]
fn deviation_is_at_most_half_the_range() {
    for count in 1..200 {
        let widest = leaf(&[f64::MAX, f64::MIN].repeat(count));
        assert_close(widest.std_dev(), f64::MAX, 1e-15 * f64::MAX, "std dev");
        let near = f64::from(u32::try_from(count).expect("few")) / 7.0;
        let std_dev = leaf(&[0.1, near]).std_dev().expect("some");
        assert!(std_dev <= (near - 0.1_f64).abs() / 2.0, "{std_dev} of 0.1 and {near}");
    }
}

#[test]
fn a_person_can_read_it() {
    assert_eq!(
        format!("{:?}", leaf(&[1.0, 2.0])),
        "Summary { count: 2, min: 1.0, max: 2.0, mean: 1.5, std_dev: 0.5, \
         first: Observation { timestamp_ns: 0, value: 1.0 }, \
         last: Observation { timestamp_ns: 1, value: 2.0 } }"
    );
    assert_eq!(format!("{:?}", Summary::EMPTY), "Summary { count: 0 }");
}

#[test]
fn ends_are_by_time_then_by_arrival() {
    let times = [5, 3, 9, 3, 9, 4];
    let all: Vec<_> = times
        .iter()
        .zip([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
        .map(|(t, v)| Observation::new(*t, v))
        .collect();
    for split in 0..=all.len() {
        let (left, right) = all.split_at(split);
        let summary = Summary::of(left).merge(&Summary::of(right));
        assert_eq!(summary.first(), Some(Observation::new(3, 1.0)));
        assert_eq!(summary.last(), Some(Observation::new(9, 4.0)));
    }
    let in_order = [(1, 1.0), (1, 2.0), (2, 3.0), (2, 4.0)].map(|(t, v)| Observation::new(t, v));
    let summary = Summary::of(&in_order);
    assert_eq!((summary.first(), summary.last()), (Some(in_order[0]), Some(in_order[3])));
}

#[test]
fn negative_zero_comes_before_zero() {
    for (values, min, max) in [
        (&[0.0, -0.0, 0.0][..], -0.0, 0.0),
        (&[-0.0, -0.0], -0.0, -0.0),
        (&[1.0, 0.0, -0.0], -0.0, 1.0),
        (&[-1.0, 0.0, -0.0], -1.0, 0.0),
        (&[0.0, 2.0], 0.0, 2.0),
    ] {
        let expected = (f64::to_bits(min), f64::to_bits(max));
        let whole = leaf(values);
        assert_eq!((whole.min.to_bits(), whole.max.to_bits()), expected, "{values:?}");
        let (left, right) = values.split_at(1);
        let joined = leaf(left).merge(&leaf(right));
        assert_eq!((joined.min.to_bits(), joined.max.to_bits()), expected, "{values:?}");
    }
}

#[test]
fn empty_run_has_no_statistics() {
    let empty = Summary::of(&[]);
    assert_eq!(bits(&empty), bits(&Summary::EMPTY));
    assert!(empty.is_plausible());
    assert_eq!((empty.min(), empty.max(), empty.mean()), (None, None, None));
    assert_eq!((empty.first(), empty.last()), (None, None));
    assert_eq!((empty.variance(), empty.std_dev()), (None, None));
    assert_eq!((empty.sample_variance(), empty.sample_std_dev()), (None, None));
}

#[test]
fn implausible_fields_are_found() {
    let sound = leaf(&[1.0, 2.0, 4.0]);
    assert!(sound.is_plausible());
    let spoil: [fn(&mut Summary); 10] = [
        |summary| summary.count = 0,
        |summary| summary.min = f64::NAN,
        |summary| summary.max = f64::INFINITY,
        |summary| summary.m2 = -1.0,
        |summary| summary.mean_hi = 1e300,
        |summary| summary.mean_lo = 1.0,
        |summary| summary.scale = HUGE,
        |summary| summary.scale = TINY,
        |summary| summary.scale = 3,
        |summary| summary.first.timestamp_ns = i64::MAX,
    ];
    for spoil in spoil {
        let mut summary = sound.clone();
        spoil(&mut summary);
        assert!(!summary.is_plausible(), "{summary:?}");
    }
}

/// The bits that these operations gave when the format was fixed. Stored summaries are
/// compared with them, so a change here needs a new format version.
#[test]
fn bits_of_summaries_are_part_of_the_format() {
    // A linear congruential generator (Knuth's MMIX), so that no library has a part in
    // it.
    let mut draw = 1_u64;
    let values: Vec<f64> = (0..3000)
        .map(|_| {
            draw = draw
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            14.0 + (draw >> 11) as f64 / 9_007_199_254_740_992.0
        })
        .collect();
    let summary = in_leaves(&values);
    let found = [summary.mean_hi, summary.mean_lo, summary.m2].map(f64::to_bits);
    assert_eq!(found, GOLDEN, "{found:#x?}");
}

const GOLDEN: [u64; 3] = [0x402d_0233_fc3c_195d, 0x3cb3_ab5a_9fbe_76c8, 0x406f_2383_deab_2fb8];

proptest! {
    #[test]
    fn columns_give_the_same_bits(
        observations in prop::collection::vec((any::<i64>(), finite()), 0..60),
        in_order in any::<bool>(),
    ) {
        let mut observations = observations;
        if in_order {
            observations.sort_by_key(|(time, _)| *time);
        }
        let (times, values): (Vec<i64>, Vec<f64>) = observations.iter().copied().unzip();
        let rows: Vec<Observation> =
            observations.iter().map(|(time, value)| Observation::new(*time, *value)).collect();
        prop_assert_eq!(bits(&Summary::of_columns(&times, &values)), bits(&Summary::of(&rows)));
    }

    #[test]
    fn empty_is_the_identity_of_merge(values in runs()) {
        let summary = leaf(&values);
        prop_assert_eq!(bits(&summary.merge(&Summary::EMPTY)), bits(&summary));
        prop_assert_eq!(bits(&Summary::EMPTY.merge(&summary)), bits(&summary));
    }

    #[test]
    fn finite_values_have_sound_statistics(left in runs(), middle in runs(), right in runs()) {
        let joined = leaf(&left).merge(&leaf(&middle)).merge(&leaf(&right));
        let all = [left, middle, right].concat();
        let whole = leaf(&all);
        for summary in [joined, whole] {
            prop_assert!(summary.is_plausible(), "{:?}", summary);
            prop_assert_eq!(summary.count(), all.len() as u64);
            let sorted = all.iter().copied().min_by(f64::total_cmp).map(f64::to_bits);
            prop_assert_eq!(summary.min().map(f64::to_bits), sorted);
            let sorted = all.iter().copied().max_by(f64::total_cmp).map(f64::to_bits);
            prop_assert_eq!(summary.max().map(f64::to_bits), sorted);
            if let Some(mean) = summary.mean() {
                prop_assert!(mean >= summary.min && mean <= summary.max);
                prop_assert!(summary.std_dev().is_some_and(|std_dev| std_dev >= 0.0 && std_dev.is_finite()));
                let half_range = summary.max / 2.0 - summary.min / 2.0;
                if half_range > 1e-306 {
                    prop_assert!(summary.std_dev() > Some(half_range / 15.0), "{summary:?}");
                }
            }
            prop_assert!(summary.variance().is_none_or(|variance| variance >= 0.0 && variance.is_finite()));
        }
    }

    #[test]
    fn integers_agree_with_exact_arithmetic(
        steps in prop::collection::vec(-1_000_000_i64..1_000_000, 1..3000),
        offset in prop::sample::select(vec![0_i64, 1, 1 << 40, -(1 << 45)]),
    ) {
        let values: Vec<f64> = steps.iter().map(|step| (offset + step) as f64).collect();
        let count = steps.len() as i128;
        let sum: i128 = steps.iter().map(|step| i128::from(*step)).sum();
        let squares: i128 = steps.iter().map(|step| i128::from(*step) * i128::from(*step)).sum();
        let variance = (count * squares - sum * sum) as f64 / (count * count) as f64;
        let summary = in_leaves(&values);
        let found = (summary.mean_hi - offset as f64) + summary.mean_lo;
        assert_close(Some(found), sum as f64 / count as f64, 1e-8, "mean");
        assert_close(summary.variance(), variance, 1e-12 * variance, "variance");
    }
}
