//! Equal intervals of time.

use super::times::Times;

/// Equal intervals of time: number `n` begins at `origin + n * width`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    pub(super) origin: i128,
    pub(super) width: i128,
}

impl Intervals {
    /// `count` intervals, or fewer, from `first` to `last`.
    pub(super) fn covering(first: i64, last: i64, count: usize) -> Self {
        let (origin, span) = (i128::from(first), i128::from(last) - i128::from(first) + 1);
        let count = i128::try_from(count).unwrap_or(i128::MAX).clamp(1, span);
        Self { origin, width: (span + count - 1) / count }
    }

    /// The number of the interval that holds a time.
    pub(super) fn number_of(&self, time: i64) -> i128 {
        (i128::from(time) - self.origin).div_euclid(self.width)
    }

    fn start(&self, number: i128) -> i128 {
        self.origin.saturating_add(number.saturating_mul(self.width))
    }

    pub(super) fn start_ns(&self, number: i128) -> i64 {
        let start = self.start(number).max(i64::MIN.into());
        i64::try_from(start).unwrap_or(i64::MAX)
    }

    /// The times of an interval.
    pub(super) fn times(&self, number: i128) -> Times {
        let last = self.start(number).saturating_add(self.width - 1);
        let to = i64::try_from(last).unwrap_or(i64::MAX);
        Times { from: self.start_ns(number), to }
    }

    /// How much of an interval lies from `first` to `last`.
    pub(super) fn coverage(&self, number: i128, first: i64, last: i64) -> f64 {
        let start = self.start(number).max(first.into());
        let end = self.start(number).saturating_add(self.width).min(i128::from(last) + 1);
        (end - start).max(0) as f64 / self.width as f64
    }
}
