//! Intervals of time that follow each other.

use super::times::Times;

/// Intervals of time, with consecutive numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Intervals<'e> {
    /// Equal ones: number `n` begins at `origin + n * width`.
    Equal { origin: i128, width: i128 },
    /// Number `n` begins at edge `n` and ends before the next. Edges ascend.
    Between(&'e [i128]),
}

impl Intervals<'_> {
    /// `count` equal intervals, or fewer, from `first` to `last`.
    pub(super) fn covering(first: i64, last: i64, count: usize) -> Self {
        let (origin, span) = (i128::from(first), i128::from(last) - i128::from(first) + 1);
        let count = i128::try_from(count).unwrap_or(i128::MAX).clamp(1, span);
        Self::Equal { origin, width: (span + count - 1) / count }
    }

    /// The number of the interval that holds a time.
    pub(super) fn number_of(&self, time: i64) -> i128 {
        let time = i128::from(time);
        match self {
            Self::Equal { origin, width } => (time - origin).div_euclid(*width),
            Self::Between(edges) => edges.partition_point(|edge| *edge <= time) as i128 - 1,
        }
    }

    fn start(&self, number: i128) -> i128 {
        match self {
            Self::Equal { origin, width } => origin.saturating_add(number.saturating_mul(*width)),
            Self::Between(edges) => {
                let edge = usize::try_from(number).ok().and_then(|number| edges.get(number));
                edge.copied().unwrap_or(if number < 0 { i128::MIN } else { i128::MAX })
            }
        }
    }

    pub(super) fn start_ns(&self, number: i128) -> i64 {
        let start = self.start(number).max(i64::MIN.into());
        i64::try_from(start).unwrap_or(i64::MAX)
    }

    /// The times of an interval.
    pub(super) fn times(&self, number: i128) -> Times {
        let last = self.start(number + 1).saturating_sub(1);
        let to = i64::try_from(last).unwrap_or(i64::MAX);
        Times { from: self.start_ns(number), to }
    }

    /// How much of an interval lies from `first` to `last`.
    pub(super) fn coverage(&self, number: i128, first: i64, last: i64) -> f64 {
        let (start, end) = (self.start(number), self.start(number + 1));
        let covered = end.min(i128::from(last) + 1) - start.max(first.into());
        covered.max(0) as f64 / (end - start) as f64
    }
}
