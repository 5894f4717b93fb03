//! The mergeable summary of a run of observations: count, extremes, ends in
//! time, mean and variance.
//!
//! Two operations make every summary: one reads a leaf, and
//! [`Summary::merge`] joins two neighbours. Both are fixed sequences of IEEE 754
//! additions, multiplications and divisions, never fused, so the same
//! observations joined in the same order give the same bits on every machine.
//! The arithmetic of mean and variance, with its sources, is in
//! [`moments`](super::moments).

use std::fmt;

use super::moments::{LANES, Moments, Pair, each_row};
use crate::observation::Observation;

/// The square of a larger magnitude, or a sum of squares, may be beyond f64. Below this,
/// 2^64 squares of differences stay under 2^868.
const HUGE_FROM: f64 = f64::from_bits((1023 + 400) << 52);
/// The squares of the differences of smaller magnitudes may be beyond f64. Those of
/// numbers near this one are at least 2^-904.
const TINY_BELOW: f64 = f64::from_bits((1023 - 400) << 52);
/// The largest f64 is 2^424 in huge units, and the smallest 2^-474 in tiny ones.
const HUGE_UNIT: f64 = f64::from_bits((1023 + 600) << 52);
const TINY_UNIT: f64 = f64::from_bits((1023 - 600) << 52);
const PLAIN: u8 = 0;
const HUGE: u8 = 1;
const TINY: u8 = 2;

/// Statistics of a run of observations, in a fixed amount of memory.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// use gaugelog::{Observation, Store};
/// let store = Store::create(dir.path().join("store"))?;
/// store.append_batch(&[Observation::new(10, 1.0), Observation::new(20, 2.0)])?;
/// let summary = store.snapshot()?.summary()?;
/// assert_eq!(summary.count(), 2);
/// assert_eq!(summary.mean(), Some(1.5));
/// assert_eq!(summary.variance(), Some(0.25));
/// # Ok::<(), gaugelog::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Summary {
    /// How many observations. All other fields are zeros if it is 0.
    pub(crate) count: u64,
    /// Smallest (time, sequence).
    pub(crate) first: Observation,
    /// Largest (time, sequence).
    pub(crate) last: Observation,
    /// Extremes by total order.
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The mean is `mean_hi + mean_lo`, and `mean_hi` is that sum rounded to f64.
    pub(crate) mean_hi: f64,
    pub(crate) mean_lo: f64,
    /// Sum of the squared deviations from the mean, never negative.
    pub(crate) m2: f64,
    /// The unit of the mean, and the root of that of `m2`: 0 for 1; 1 for 2^600, where
    /// the largest magnitude is 2^400 or more; 2 for 2^-600, where it is below 2^-400.
    pub(crate) scale: u8,
}

impl Summary {
    /// The summary of no observations. Merging it changes nothing.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        first: Observation::new(0, 0.0),
        last: Observation::new(0, 0.0),
        min: 0.0,
        max: 0.0,
        mean_hi: 0.0,
        mean_lo: 0.0,
        m2: 0.0,
        scale: PLAIN,
    };

    /// The summary of a leaf or a part of one, in order of sequence. Meant for runs of up
    /// to 1,024: its rounding errors grow with the length.
    pub(crate) fn of_columns(times: &[i64], values: &[f64]) -> Self {
        assert_eq!(times.len(), values.len(), "each observation has a time and a value");
        if values.is_empty() {
            return Self::EMPTY;
        }
        let (first, last) = ends(times);
        let at = |number: usize| Observation::new(times[number], values[number]);
        let (min, max) = extremes(values);
        let scale = scale_of(min, max);
        let moments = match scale {
            PLAIN => Moments::of(values, |value| *value),
            HUGE => Moments::of(values, |value| value * TINY_UNIT),
            _ => Moments::of(values, |value| value * HUGE_UNIT),
        };
        let Moments { mean: Pair { hi: mean_hi, lo: mean_lo }, m2 } = moments;
        let count = values.len() as u64;
        Self { count, first: at(first), last: at(last), min, max, mean_hi, mean_lo, m2, scale }
    }

    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(rows: &[Observation]) -> Self {
        let (times, values): (Vec<_>, Vec<_>) =
            rows.iter().map(|row| (row.timestamp_ns, row.value)).unzip();
        Self::of_columns(&times, &values)
    }

    /// The summary of this run followed by the run to its `right`.
    ///
    /// Merging the same summaries in another order or in other groups can change the
    /// last bits of mean and variance.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(dir.path().join("store"))?;
    /// store.append_batch(&[Observation::new(10, 1.0), Observation::new(20, 2.0)])?;
    /// let snapshot = store.snapshot()?;
    /// let (left, right) = (snapshot.window(..15).summary()?, snapshot.window(15..).summary()?);
    /// assert_eq!(left.merge(&right).mean(), Some(1.5));
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    #[must_use]
    pub fn merge(&self, right: &Self) -> Self {
        if right.count == 0 {
            return self.clone();
        }
        if self.count == 0 {
            return right.clone();
        }
        let earlier = right.first.timestamp_ns < self.first.timestamp_ns;
        let later = right.last.timestamp_ns >= self.last.timestamp_ns;
        let min = if right.min.total_cmp(&self.min).is_lt() { right.min } else { self.min };
        let max = if right.max.total_cmp(&self.max).is_gt() { right.max } else { self.max };
        let scale = scale_of(min, max);
        let moments =
            Moments::merge(self.moments(scale), self.count, right.moments(scale), right.count);
        Self {
            count: self.count.saturating_add(right.count),
            first: if earlier { right.first } else { self.first },
            last: if later { right.last } else { self.last },
            min,
            max,
            mean_hi: moments.mean.hi,
            mean_lo: moments.mean.lo,
            m2: moments.m2,
            scale,
        }
    }

    /// The moments in the unit of a larger run that this one is a part of. That unit is
    /// not smaller than this run's own.
    fn moments(&self, scale: u8) -> Moments {
        let factor = match (self.scale, scale) {
            (own, joined) if own == joined => 1.0,
            // Below 2^-1000, next to at least 2^-200.
            (TINY, HUGE) => 0.0,
            _ => TINY_UNIT,
        };
        let mean = Pair { hi: self.mean_hi, lo: self.mean_lo };
        Moments { mean: mean.times(factor), m2: self.m2 * factor * factor }
    }

    /// Whether the fields can be those of a run of finite observations. A summary from a
    /// file is checked by this before it is merged.
    pub(crate) fn is_plausible(&self) -> bool {
        if self.count == 0 {
            return *self == Self::EMPTY;
        }
        let Self { first, last, min, max, mean_hi, mean_lo, m2, scale, .. } = *self;
        let within = |value: f64| min.total_cmp(&value).is_le() && value.total_cmp(&max).is_le();
        let per_unit = 1.0 / unit(scale);
        let largest = min.abs().max(max.abs()) * per_unit;
        min.is_finite()
            && max.is_finite()
            && within(first.value)
            && within(last.value)
            && first.timestamp_ns <= last.timestamp_ns
            && scale == scale_of(min, max)
            // Rounding may carry the mean past an extreme, but hardly further.
            && mean_hi.abs() <= (1.0 + 1e-9) * largest
            && mean_hi + mean_lo == mean_hi
            && (0.0..f64::INFINITY).contains(&m2)
    }

    /// How many observations the run holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value by total order, in which −0.0 comes before 0.0;
    /// `None` if the run is empty.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value by total order, in which −0.0 comes before 0.0; `None` if the
    /// run is empty.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The earliest observation; among equally early ones, the first to arrive. `None` if
    /// the run is empty.
    #[must_use]
    pub fn first(&self) -> Option<Observation> {
        (self.count > 0).then_some(self.first)
    }

    /// The latest observation; among equally late ones, the last to arrive. `None` if the
    /// run is empty.
    #[must_use]
    pub fn last(&self) -> Option<Observation> {
        (self.count > 0).then_some(self.last)
    }

    /// The arithmetic mean, in the unit of the values; `None` if the run is empty. It
    /// lies between the extremes, so f64 can always hold it.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let mean = self.mean_hi * unit(self.scale);
        // Rounding may carry the mean slightly past an extreme, or past f64::MAX. The
        // mean of nothing but −0.0 is −0.0.
        Some(if mean <= self.min {
            self.min
        } else if mean >= self.max {
            self.max
        } else {
            mean
        })
    }

    /// The sum, in the unit of the values: 0.0 if the run is empty, `None` if f64 cannot
    /// hold it. It is the count times the mean, which a summary keeps with twice the
    /// digits of f64, so the error hardly grows with the count.
    #[must_use]
    pub fn sum(&self) -> Option<f64> {
        let mean = Pair { hi: self.mean_hi, lo: self.mean_lo };
        let sum = mean.rounded_product(self.count as f64) * unit(self.scale);
        sum.is_finite().then_some(sum)
    }

    /// The population variance (divided by the count), in the square of the
    /// values' unit; `None` if the run is empty or if f64 cannot hold it.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        self.in_squared_unit(self.m2_per(self.count)?)
    }

    /// The sample variance (divided by the count less 1), in the square of the
    /// values' unit; `None` for fewer than two values or if f64 cannot hold it.
    #[must_use]
    pub fn sample_variance(&self) -> Option<f64> {
        self.in_squared_unit(self.m2_per(self.count.checked_sub(1)?)?)
    }

    /// The population standard deviation, in the unit of the values; `None` if the run is
    /// empty. f64 can hold it even where it cannot hold the variance. It is 0.0 if it
    /// would be below [`f64::MIN_POSITIVE`], where numbers have fewer digits.
    #[must_use]
    pub fn std_dev(&self) -> Option<f64> {
        let std_dev = self.root_in_own_unit(self.m2_per(self.count)?);
        // No deviation exceeds half the range (Popoviciu 1935). Rounding must not carry
        // the deviation of ±f64::MAX beyond f64.
        let range = self.max - self.min;
        let half = if range.is_finite() { range / 2.0 } else { self.max / 2.0 - self.min / 2.0 };
        Some(std_dev.min(half))
    }

    /// The standard deviation of a sample (its variance divided by the count less 1), in
    /// the unit of the values; `None` for fewer than two values or if f64 cannot hold it.
    /// As [`std_dev`](Self::std_dev) it is never subnormal.
    #[must_use]
    pub fn sample_std_dev(&self) -> Option<f64> {
        let std_dev = self.root_in_own_unit(self.m2_per(self.count.checked_sub(1)?)?);
        std_dev.is_finite().then_some(std_dev)
    }

    fn root_in_own_unit(&self, variance: f64) -> f64 {
        let root = variance.sqrt() * unit(self.scale);
        // The reference values have no subnormal deviations.
        if root < f64::MIN_POSITIVE { 0.0 } else { root }
    }

    fn m2_per(&self, degrees: u64) -> Option<f64> {
        (degrees > 0).then(|| self.m2 / degrees as f64)
    }

    fn in_squared_unit(&self, variance: f64) -> Option<f64> {
        let unit = unit(self.scale);
        let variance = variance * unit * unit;
        variance.is_finite().then_some(variance)
    }
}

impl fmt::Debug for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Summary");
        fields.field("count", &self.count);
        if let (Some(mean), Some(std_dev)) = (self.mean(), self.std_dev()) {
            fields.field("min", &self.min).field("max", &self.max);
            fields.field("mean", &mean).field("std_dev", &std_dev);
            fields.field("first", &self.first).field("last", &self.last);
        }
        fields.finish()
    }
}

/// The scale of a run with these extremes.
fn scale_of(min: f64, max: f64) -> u8 {
    match min.abs().max(max.abs()) {
        huge if huge >= HUGE_FROM => HUGE,
        tiny if tiny < TINY_BELOW => TINY,
        _ => PLAIN,
    }
}

/// The unit of a scale.
fn unit(scale: u8) -> f64 {
    match scale {
        HUGE => HUGE_UNIT,
        TINY => TINY_UNIT,
        _ => 1.0,
    }
}

/// The indices of the earliest and of the latest time. Of equal ones, the first is the
/// earliest and the last is the latest. There is at least one.
fn ends(times: &[i64]) -> (usize, usize) {
    // If times are in order, as nearly always, nothing is searched.
    if times.is_sorted() {
        return (0, times.len() - 1);
    }
    let (mut first, mut last) = (0, 0);
    for (number, time) in times.iter().enumerate() {
        if *time < times[first] {
            first = number;
        }
        if *time >= times[last] {
            last = number;
        }
    }
    (first, last)
}

/// The smallest and the largest value by total order, of at least one.
pub(super) fn extremes(values: &[f64]) -> (f64, f64) {
    // Plain comparisons are vector instructions, but treat the two zeros as equal. If a
    // zero is an extreme, another search finds its sign.
    let start = values[0];
    let (mut least, mut most) = ([start; LANES], [start; LANES]);
    each_row(values, f64::clone, start, |row| {
        for (least, value) in least.iter_mut().zip(row) {
            *least = if value < *least { value } else { *least };
        }
        for (most, value) in most.iter_mut().zip(row) {
            *most = if value > *most { value } else { *most };
        }
    });
    let mut min = least.into_iter().fold(start, |min, value| if value < min { value } else { min });
    let mut max = most.into_iter().fold(start, |max, value| if value > max { value } else { max });
    let holds = |zero: f64| values.iter().any(|value| value.to_bits() == zero.to_bits());
    if min == 0.0 {
        min = if holds(-0.0) { -0.0 } else { 0.0 };
    }
    if max == 0.0 {
        max = if holds(0.0) { 0.0 } else { -0.0 };
    }
    (min, max)
}

#[cfg(test)]
mod tests;
