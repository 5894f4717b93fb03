//! Bins for people: as wide as Freedman and Diaconis say ("On the histogram as a density
//! estimator: L2 theory", 1981), with round edges.
//!
//! Of values with few different steps, such as decimals, each bin holds as many as any
//! other, and no edge is a value. Values are counted once, in many narrow bins, which then
//! give both the quartiles and the bins themselves.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use gaugelog::{Histogram, Window};

use super::number;

/// How many narrow bins there are at most.
const NARROW_MAX: u32 = 4_000;

/// More steps than these from the smallest to the largest value need no care.
const STEPS_MAX: f64 = 100_000.0;

/// Fewer different values may miss the ones between them: a die that has shown 2 and 4.
const DIFFERENT_MIN: usize = 8;

/// Values with more decimals than these are not taken for decimals.
const DECIMALS_MAX: i32 = 9;

/// Histograms of windows in the same bins, `wanted` of them unless there are fewer
/// different values. `sample` has some of the values. `None` if the values are equal, or
/// so close together that round edges cannot part them.
///
/// # Errors
/// Those of the stores.
pub(super) fn histograms(
    windows: &[&Window],
    (low, high): (f64, f64),
    sample: &[f64],
    wanted: &RangeInclusive<i128>,
) -> gaugelog::Result<Option<Vec<Histogram>>> {
    let Some(lattice) = Lattice::of(low, high, sample) else { return Ok(None) };
    let numbers = lattice.numbers(low, high);
    let edges = lattice.edges(&numbers, 1);
    if edges.iter().any(|it| !it.is_finite()) || !edges.is_sorted_by(|left, right| left < right) {
        return Ok(None);
    }
    let counted = |window: &&Window| window.histogram(&edges[..]);
    let counted = windows.iter().map(counted).collect::<gaugelog::Result<Vec<_>>>()?;
    let counts: Vec<Vec<u64>> = counted.into_iter().flatten().map(|it| it.counts).collect();
    let factor = lattice.factor(&numbers, &counts, wanted);
    let merged = |counts: &Vec<u64>| Histogram {
        edges: lattice.edges(&numbers, factor),
        counts: merged(&numbers, counts, factor),
    };
    Ok(Some(counts.iter().map(merged).collect()))
}

/// Narrow bins: number `n` begins at `origin + n * multiple * step`, less half a step
/// where values have steps; all in `10^power`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Lattice {
    origin: i128,
    step: i128,
    /// 1, 2 or 5 times a power of ten.
    multiple: i128,
    power: i32,
    has_steps: bool,
}

impl Lattice {
    fn of(low: f64, high: f64, sample: &[f64]) -> Option<Self> {
        let least = (high - low) / f64::from(NARROW_MAX);
        if !(least > 0.0 && least.is_finite()) {
            return None;
        }
        if let Some((origin, step, power)) = steps(sample) {
            let size = step as f64 * 10f64.powi(power);
            if (high - low) / size <= STEPS_MAX {
                let multiple = round_numbers().find(|it| *it as f64 * size >= least)?;
                return Some(Self { origin, step, multiple, power, has_steps: true });
            }
        }
        let power = number::exponent(least);
        let multiple = round_numbers().find(|it| *it as f64 * 10f64.powi(power) >= least)?;
        Some(Self { origin: 0, step: 1, multiple, power, has_steps: false })
    }

    /// Where a bin begins. It divides by a power of ten where it can: 3 / 10 is 0.3, and
    /// 3 * 0.1 is not.
    fn edge(&self, number: i128) -> f64 {
        let twice = 2 * (self.origin + number.saturating_mul(self.multiple * self.step));
        let twice = if self.has_steps { twice - self.step } else { twice } as f64;
        match self.power {
            power if power < 0 => twice / (2.0 * 10f64.powi(-power)),
            power => twice / 2.0 * 10f64.powi(power),
        }
    }

    /// The numbers of the bins from the smallest to the largest value.
    fn numbers(&self, low: f64, high: f64) -> RangeInclusive<i128> {
        let (start, width) = (self.edge(0), self.edge(1) - self.edge(0));
        #[expect(clippy::cast_possible_truncation, reason = "saturates, and is checked")]
        let number = |value: f64| ((value - start) / width).floor() as i128;
        let (mut first, mut last) = (number(low), number(high));
        // Rounding may have put an end into the next bin.
        if self.edge(first) > low {
            first -= 1;
        }
        if self.edge(last + 1) <= high {
            last += 1;
        }
        first..=last.min(first + 2 * i128::from(NARROW_MAX))
    }

    /// The edges of bins that are `factor` narrow ones each.
    fn edges(&self, numbers: &RangeInclusive<i128>, factor: i128) -> Vec<f64> {
        let (first, last) = ends(numbers, factor);
        (first..=last + 1).map(|number| self.edge(number * factor)).collect()
    }

    /// How many narrow bins make a bin.
    fn factor(
        &self,
        numbers: &RangeInclusive<i128>,
        counts: &[Vec<u64>],
        wanted: &RangeInclusive<i128>,
    ) -> i128 {
        let bins = |factor: &i128| {
            let (first, last) = ends(numbers, *factor);
            last - first + 1
        };
        // A bin of a round number of steps, which narrow ones fill.
        let factors = || {
            let filled = round_numbers().filter(|whole| whole % self.multiple == 0);
            filled.map(|whole| whole / self.multiple)
        };
        let ideal = ideal_width(counts).clamp(1e-3, NARROW_MAX.into());
        let distance = |factor: &i128| (*factor as f64 / ideal).ln().abs();
        let fitting = factors()
            .take_while(|factor| *factor <= NARROW_MAX.into())
            .filter(|factor| wanted.contains(&bins(factor)));
        let nearest = fitting.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        let few_enough = || factors().find(|factor| bins(factor) <= *wanted.end());
        nearest.or_else(few_enough).unwrap_or(1)
    }
}

/// The first and the last bin of `factor` narrow ones.
fn ends(numbers: &RangeInclusive<i128>, factor: i128) -> (i128, i128) {
    (numbers.start().div_euclid(factor), numbers.end().div_euclid(factor))
}

fn merged(numbers: &RangeInclusive<i128>, counts: &[u64], factor: i128) -> Vec<u64> {
    let (first, last) = ends(numbers, factor);
    let mut merged = vec![0; usize::try_from(last - first + 1).unwrap_or(0)];
    for (number, count) in numbers.clone().zip(counts) {
        let bin = usize::try_from(number.div_euclid(factor) - first).ok();
        if let Some(bin) = bin.and_then(|bin| merged.get_mut(bin)) {
            *bin = u64::saturating_add(*bin, *count);
        }
    }
    merged
}

/// 1, 2, 5, 10, 20, 50 and so on.
fn round_numbers() -> impl Iterator<Item = i128> {
    (0..30).flat_map(|power| [1, 2, 5].map(|it| it * 10i128.pow(power)))
}

/// A value's place, the values' common distance, and the power of ten in which both are, if
/// they are decimals.
fn steps(sample: &[f64]) -> Option<(i128, i128, i32)> {
    let (decimals, whole) =
        (0..=DECIMALS_MAX).find_map(|decimals| Some((decimals, all_whole(sample, decimals)?)))?;
    let different = BTreeSet::from_iter(&whole).len();
    if different < DIFFERENT_MIN {
        return Some((0, 1, -decimals));
    }
    let origin = *whole.first()?;
    let step = whole.iter().fold(0, |step, value| common_divisor(step, (value - origin).abs()));
    Some((origin.rem_euclid(step), step, -decimals))
}

/// The values in units of their last decimal, if they have no more of them.
fn all_whole(sample: &[f64], decimals: i32) -> Option<Vec<i128>> {
    let unit = 10f64.powi(decimals);
    let whole = |value: &f64| {
        let whole = (value * unit).round();
        #[expect(clippy::cast_possible_truncation, reason = "below 2^53")]
        let exact = (whole.abs() < 9e15 && whole / unit == *value).then_some(whole as i128);
        exact
    };
    sample.iter().map(whole).collect()
}

fn common_divisor(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Twice the distance of the quartiles over the cube root of the count, in narrow bins; of
/// several series the smallest.
fn ideal_width(counts: &[Vec<u64>]) -> f64 {
    let width = |counts: &Vec<u64>| {
        let total: f64 = counts.iter().map(|count| *count as f64).sum();
        2.0 * (quantile(counts, 0.75 * total) - quantile(counts, 0.25 * total)) / total.cbrt()
    };
    let filled = counts.iter().filter(|counts| counts.iter().any(|count| *count > 0));
    filled.map(width).fold(f64::INFINITY, f64::min)
}

/// How many narrow bins hold so many values.
fn quantile(counts: &[u64], values: f64) -> f64 {
    let mut before = 0.0;
    for (bin, count) in counts.iter().enumerate() {
        let count = *count as f64;
        if count > 0.0 && before + count >= values {
            return bin as f64 + (values - before) / count;
        }
        before += count;
    }
    counts.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bins of these values, found as those of a window are.
    fn bins(values: &[f64]) -> (Vec<f64>, Vec<u64>) {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let lattice = Lattice::of(low, high, values).expect("values differ");
        let numbers = lattice.numbers(low, high);
        let edges = lattice.edges(&numbers, 1);
        let mut counts = vec![0; edges.len() - 1];
        for value in values {
            counts[edges.partition_point(|edge| edge <= value) - 1] += 1;
        }
        let factor = lattice.factor(&numbers, std::slice::from_ref(&counts), &(20..=100));
        (lattice.edges(&numbers, factor), merged(&numbers, &counts, factor))
    }

    /// A bell of `count` values with mean 14 and deviation 3, nearly.
    fn bell(count: u32) -> Vec<f64> {
        let draw = |at: u32| {
            let parts =
                (1..=12).map(|part| (f64::from(at) * 0.618_034 * f64::from(part).sqrt()).fract());
            14.0 + 3.0 * (parts.sum::<f64>() - 6.0)
        };
        (0..count).map(draw).collect()
    }

    #[test]
    fn there_are_twenty_to_a_hundred_bins_with_round_edges() {
        for count in [100, 10_000, 100_000] {
            let (edges, counts) = bins(&bell(count));
            assert!((20..=100).contains(&counts.len()), "{} of {count}", counts.len());
            assert_eq!(counts.iter().sum::<u64>(), u64::from(count));
            assert!(edges.iter().all(|edge| (edge * 100.0).fract() == 0.0), "{edges:?}");
        }
    }

    #[test]
    fn more_values_have_narrower_bins() {
        assert!(bins(&bell(100_000)).1.len() > bins(&bell(1_000)).1.len());
    }

    #[test]
    fn two_narrow_steps_make_bins_of_five_too() {
        let values: Vec<f64> = (-93..=4_237).map(|tenths| f64::from(tenths) / 10.0).collect();
        let lattice = Lattice::of(-9.3, 423.7, &values).expect("values differ");
        let numbers = lattice.numbers(-9.3, 423.7);
        let counts = vec![vec![1_000_000; lattice.edges(&numbers, 1).len() - 1]];
        let edges = lattice.edges(&numbers, lattice.factor(&numbers, &counts, &(20..=100)));
        assert_eq!(
            (lattice.multiple, edges.len(), edges[0].round(), edges[1].round()),
            (2, 88, -10.0, -5.0)
        );
    }

    #[test]
    fn few_different_values_have_a_bin_each() {
        let dice: Vec<f64> = (0..600).map(|at| f64::from(at % 6)).collect();
        let (edges, counts) = bins(&dice);
        assert_eq!(edges, [-0.5, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
        assert_eq!(counts, [100; 6]);
    }

    #[test]
    fn bins_of_decimals_hold_equally_many_of_them() {
        // A thermometer of sixteenths, and one of tenths.
        for (parts, count) in [(16.0, 900), (10.0, 1_000)] {
            let values: Vec<f64> = (0..count).map(|at| f64::from(at) / parts - 20.0).collect();
            let (edges, counts) = bins(&values);
            assert!((20..=100).contains(&counts.len()), "{}", counts.len());
            let inner = &counts[1..counts.len() - 1];
            assert!(inner.iter().all(|count| *count == inner[0]), "{edges:?} {counts:?}");
        }
    }

    #[test]
    fn an_outlier_has_a_bin_of_its_own() {
        let mut values = bell(1_000);
        values.push(1e6);
        let (_, counts) = bins(&values);
        assert!((20..=100).contains(&counts.len()), "{}", counts.len());
        assert!(
            counts[..2].iter().sum::<u64>() == 1_000 && counts.last() == Some(&1),
            "{counts:?}"
        );
    }

    #[test]
    fn extreme_values_have_edges_around_them_or_none() {
        for (low, high) in [
            (1e12 - 1.0, 1e12 + 1.0),
            (-1e-9, 1e-9),
            (0.0, 5e-324),
            (f64::MIN, f64::MAX),
            (1e300, 2e300),
            (1.0, 1.0f64.next_up()),
        ] {
            let Some(lattice) = Lattice::of(low, high, &[low, high, low / 3.0]) else { continue };
            let edges = lattice.edges(&lattice.numbers(low, high), 1);
            assert!(edges.len() < 10_000, "{low:e} {high:e}: {}", edges.len());
            if edges.iter().all(|it| it.is_finite()) && edges.is_sorted_by(|a, b| a < b) {
                assert!(edges[0] <= low && edges[edges.len() - 1] >= high, "{low:e} {high:e}");
            }
        }
    }
}
