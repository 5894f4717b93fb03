//! The mergeable summary of a run of observations: count, extremes, ends in
//! time, mean and variance.
//!
//! Two operations make every summary: [`Summary::of`] reads a leaf, and
//! [`Summary::merge`] joins two neighbours. Both are fixed sequences of IEEE 754
//! additions, multiplications and divisions, never fused, so the same
//! observations joined in the same order give the same bits on every machine.
//! The arithmetic of mean and variance, with its sources, is in
//! [`moments`](super::moments).

use std::cmp::Ordering;

use super::moments::{LANES, Moments, Pair, each_row};
use crate::observation::Observation;

/// Where a run holds a value of this magnitude, whose square or a sum of such
/// squares f64 may not hold, its moments are kept in scaled units, on which no
/// rounding that matters is spent. Below it 2^64 squares of differences stay
/// under 2^868; in scaled units it is 2^-200, far from underflow when squared.
const SCALED_FROM: f64 = f64::from_bits((1023 + 400) << 52);
/// The scaled unit is 2^600: the largest f64 becomes 2^424.
const TO_SCALED: f64 = f64::from_bits((1023 - 600) << 52);
const FROM_SCALED: f64 = f64::from_bits((1023 + 600) << 52);

/// What a run of observations amounts to, whatever its length.
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
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// How many; the rest is zeros where it is 0.
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
    /// The mean is in units of 2^600 and `m2` in units of 2^1200. True exactly
    /// where a value has a magnitude of 2^400 or more.
    pub(crate) scaled: bool,
}

impl Summary {
    /// The summary of nothing, which merging leaves out of account.
    pub(crate) const EMPTY: Self = Self {
        count: 0,
        first: Observation::new(0, 0.0),
        last: Observation::new(0, 0.0),
        min: 0.0,
        max: 0.0,
        mean_hi: 0.0,
        mean_lo: 0.0,
        m2: 0.0,
        scaled: false,
    };

    /// The summary of a leaf or a part of one, in order of sequence. Meant for
    /// runs of up to 1,024: its rounding errors grow with the length.
    pub(crate) fn of(observations: &[Observation]) -> Self {
        let Some(start) = observations.first() else { return Self::EMPTY };
        let (first, last) = ends(observations, *start);
        let (min, max) = extremes(observations, start.value);
        let scaled = is_huge(min) || is_huge(max);
        let moments = if scaled {
            Moments::of(observations, |observation| observation.value * TO_SCALED)
        } else {
            Moments::of(observations, plain)
        };
        let count = observations.len() as u64;
        let Moments { mean: Pair { hi: mean_hi, lo: mean_lo }, m2 } = moments;
        Self { count, first, last, min, max, mean_hi, mean_lo, m2, scaled }
    }

    /// The summary of this run followed by the one to its `right`.
    pub(crate) fn merge(&self, right: &Self) -> Self {
        if right.count == 0 {
            return self.clone();
        }
        if self.count == 0 {
            return right.clone();
        }
        let scaled = self.scaled || right.scaled;
        let moments =
            Moments::merge(self.moments(scaled), self.count, right.moments(scaled), right.count);
        Self {
            count: self.count.saturating_add(right.count),
            first: if right.first.timestamp_ns < self.first.timestamp_ns {
                right.first
            } else {
                self.first
            },
            last: if right.last.timestamp_ns >= self.last.timestamp_ns {
                right.last
            } else {
                self.last
            },
            min: if right.min.total_cmp(&self.min) == Ordering::Less {
                right.min
            } else {
                self.min
            },
            max: if right.max.total_cmp(&self.max) == Ordering::Greater {
                right.max
            } else {
                self.max
            },
            mean_hi: moments.mean.hi,
            mean_lo: moments.mean.lo,
            m2: moments.m2,
            scaled,
        }
    }

    /// The moments, in scaled units where asked for; never back from them.
    fn moments(&self, scaled: bool) -> Moments {
        let mean = Pair { hi: self.mean_hi, lo: self.mean_lo };
        if scaled && !self.scaled {
            Moments { mean: mean.times(TO_SCALED), m2: self.m2 * TO_SCALED * TO_SCALED }
        } else {
            Moments { mean, m2: self.m2 }
        }
    }

    /// Whether the fields can be those of a run of finite observations. A
    /// summary read from a file is asked this before it is merged.
    pub(crate) fn is_plausible(&self) -> bool {
        if self.count == 0 {
            return *self == Self::EMPTY;
        }
        let Self { first, last, min, max, mean_hi, mean_lo, m2, scaled, .. } = *self;
        let within = |value: f64| min.total_cmp(&value).is_le() && value.total_cmp(&max).is_le();
        let scale = if scaled { TO_SCALED } else { 1.0 };
        min.is_finite()
            && max.is_finite()
            && within(first.value)
            && within(last.value)
            && first.timestamp_ns <= last.timestamp_ns
            && scaled == (is_huge(min) || is_huge(max))
            // Rounding may carry the mean past an extreme, but hardly.
            && mean_hi.abs() <= (1.0 + 1e-9) * min.abs().max(max.abs()) * scale
            && mean_hi + mean_lo == mean_hi
            && (0.0..f64::INFINITY).contains(&m2)
    }

    /// How many observations the run holds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value by total order, in which −0.0 comes before 0.0;
    /// `None` where the run is empty.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    /// The largest value by total order, in which −0.0 comes before 0.0; `None`
    /// where the run is empty.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The earliest observation, of equally early ones the one that arrived
    /// first; `None` where the run is empty.
    #[must_use]
    pub fn first(&self) -> Option<Observation> {
        (self.count > 0).then_some(self.first)
    }

    /// The latest observation, of equally late ones the one that arrived last;
    /// `None` where the run is empty.
    #[must_use]
    pub fn last(&self) -> Option<Observation> {
        (self.count > 0).then_some(self.last)
    }

    /// The arithmetic mean, in the unit of the values; `None` where the run is
    /// empty. It lies between the extremes, and f64 can always hold it.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let mean = if self.scaled { self.mean_hi * FROM_SCALED } else { self.mean_hi };
        // Rounding may carry it a hair past an extreme, or past f64::MAX; and
        // the mean of nothing but −0.0 is −0.0.
        Some(if mean <= self.min {
            self.min
        } else if mean >= self.max {
            self.max
        } else {
            mean
        })
    }

    /// The population variance (divided by the count), in the square of the
    /// values' unit; `None` where the run is empty or where f64 cannot hold it.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let variance = self.variance_in_own_units()?;
        let variance = if self.scaled { variance * FROM_SCALED * FROM_SCALED } else { variance };
        variance.is_finite().then_some(variance)
    }

    /// The population standard deviation, in the unit of the values; `None`
    /// where the run is empty. f64 can hold it also where it cannot hold the
    /// variance.
    #[must_use]
    pub fn std_dev(&self) -> Option<f64> {
        let std_dev = self.variance_in_own_units()?.sqrt();
        if !self.scaled {
            return Some(std_dev);
        }
        // No deviation exceeds half the range (Popoviciu 1935); rounding must
        // not carry that of ±f64::MAX beyond what f64 can hold.
        Some((std_dev * FROM_SCALED).min(self.max / 2.0 - self.min / 2.0))
    }

    fn variance_in_own_units(&self) -> Option<f64> {
        (self.count > 0).then(|| self.m2 / self.count as f64)
    }
}

fn plain(observation: &Observation) -> f64 {
    observation.value
}

fn is_huge(value: f64) -> bool {
    value.abs() >= SCALED_FROM
}

/// The earliest and the latest observation; ties go to the first and the last.
fn ends(observations: &[Observation], start: Observation) -> (Observation, Observation) {
    // In order of time, as nearly always, there is nothing to look for. Rows of
    // a fixed length are unrolled, which halves the time of one plain loop.
    let mut before = start.timestamp_ns;
    let mut follows = |observation: &Observation| {
        let in_order = before <= observation.timestamp_ns;
        before = observation.timestamp_ns;
        in_order
    };
    let (rows, rest) = observations.as_chunks::<LANES>();
    let in_order =
        rows.iter().all(|row| row.iter().all(&mut follows)) && rest.iter().all(&mut follows);
    if let (true, Some(last)) = (in_order, observations.last()) {
        return (start, *last);
    }
    let (mut first, mut last) = (start, start);
    for observation in observations {
        if observation.timestamp_ns < first.timestamp_ns {
            first = *observation;
        }
        if observation.timestamp_ns >= last.timestamp_ns {
            last = *observation;
        }
    }
    (first, last)
}

/// The smallest and the largest value by total order.
fn extremes(observations: &[Observation], start: f64) -> (f64, f64) {
    // Plain comparisons, which are vector instructions, take the zeros for
    // equal; where a zero is an extreme, a second look finds its sign.
    let (mut least, mut most) = ([start; LANES], [start; LANES]);
    each_row(observations, plain, start, |row| {
        for (least, value) in least.iter_mut().zip(row) {
            *least = if value < *least { value } else { *least };
        }
        for (most, value) in most.iter_mut().zip(row) {
            *most = if value > *most { value } else { *most };
        }
    });
    let mut min = least.into_iter().fold(start, |min, value| if value < min { value } else { min });
    let mut max = most.into_iter().fold(start, |max, value| if value > max { value } else { max });
    let holds = |zero: f64| {
        observations.iter().any(|observation| observation.value.to_bits() == zero.to_bits())
    };
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
