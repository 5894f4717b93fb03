//! Times as callers give them: nanoseconds or system times, and ranges of both.

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::stats::summary::Summary;

/// A point in time: an `i64` of nanoseconds since the Unix epoch, UTC, or a
/// [`SystemTime`]. It cannot be implemented for other types.
pub trait Time: sealed::Time {}

/// A range of times, of any form and of either kind of [`Time`]. It cannot be
/// implemented for other types.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// # let store = gaugelog::Store::create(&path)?;
/// use std::time::{Duration, SystemTime};
/// let snapshot = store.snapshot()?;
/// let yesterday = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
/// assert_eq!(snapshot.window(yesterday..).summary()?.count(), 0);
/// assert_eq!(snapshot.window(..1_000_000_000).summary()?.count(), 0);
/// assert_eq!(snapshot.window(..).summary()?.count(), 0);
/// # Ok::<(), gaugelog::Error>(())
/// ```
pub trait TimeRange: sealed::TimeRange {}

impl Time for i64 {}
impl Time for SystemTime {}
impl TimeRange for RangeFull {}

/// The times from the first to the last nanosecond, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) from: i64,
    /// Less than `from` if the range is empty.
    pub(crate) to: i64,
}

/// How the times of a run of observations relate to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    Outside,
    Inside,
    /// Some may be inside, and some outside.
    Cut,
}

impl Times {
    const NONE: Self = Self { from: 0, to: -1 };

    /// The times of a range that an observation can have.
    pub(crate) fn of(range: &impl TimeRange) -> Self {
        let all = i64::MIN.into()..=i64::MAX.into();
        Self::among(&clipped(range.bounds(), all))
    }

    /// Those of them in `range`.
    pub(crate) fn clipped_to(&self, range: RangeInclusive<i128>) -> Self {
        let (from, to) = range.into_inner();
        Self::among(&(from.max(self.from.into())..=to.min(self.to.into())))
    }

    fn among(range: &RangeInclusive<i128>) -> Self {
        match (i64::try_from(*range.start()), i64::try_from(*range.end())) {
            (Ok(from), Ok(to)) if from <= to => Self { from, to },
            _ => Self::NONE,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.to < self.from
    }

    pub(crate) fn contain(&self, time: i64) -> bool {
        self.from <= time && time <= self.to
    }

    pub(crate) fn relation(&self, summary: &Summary) -> Relation {
        let (first, last) = (summary.first.timestamp_ns, summary.last.timestamp_ns);
        if summary.count == 0 || self.is_empty() || last < self.from || first > self.to {
            Relation::Outside
        } else if self.from <= first && last <= self.to {
            Relation::Inside
        } else {
            Relation::Cut
        }
    }
}

/// The part of `all` within bounds.
pub(crate) fn clipped(
    (start, end): (Bound<i128>, Bound<i128>),
    all: RangeInclusive<i128>,
) -> RangeInclusive<i128> {
    let first = match start {
        Bound::Included(first) => first,
        Bound::Excluded(before) => before + 1,
        Bound::Unbounded => *all.start(),
    };
    let last = match end {
        Bound::Included(last) => last,
        Bound::Excluded(after) => after - 1,
        Bound::Unbounded => *all.end(),
    };
    first.max(*all.start())..=last.min(*all.end())
}

/// Nanoseconds since the Unix epoch. A system time may exceed an i64.
pub(crate) fn nanoseconds(time: &impl Time) -> i128 {
    time.nanoseconds()
}

mod sealed {
    use std::ops::Bound;

    pub trait Time {
        fn nanoseconds(&self) -> i128;
    }

    pub trait TimeRange {
        /// In nanoseconds since the Unix epoch.
        fn bounds(&self) -> (Bound<i128>, Bound<i128>);
    }
}

impl sealed::Time for i64 {
    fn nanoseconds(&self) -> i128 {
        (*self).into()
    }
}

impl sealed::Time for SystemTime {
    fn nanoseconds(&self) -> i128 {
        let nanoseconds = |nanoseconds: u128| i128::try_from(nanoseconds).unwrap_or(i128::MAX);
        match self.duration_since(UNIX_EPOCH) {
            Ok(since) => nanoseconds(since.as_nanos()),
            Err(before) => -nanoseconds(before.duration().as_nanos()),
        }
    }
}

impl sealed::TimeRange for RangeFull {
    fn bounds(&self) -> (Bound<i128>, Bound<i128>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

/// One implementation for all types of ranges would make `window(..)` ambiguous.
macro_rules! ranges_of_times {
    ($($range:ty),*) => {$(
        impl<T: Time> TimeRange for $range {}

        impl<T: Time> sealed::TimeRange for $range {
            fn bounds(&self) -> (Bound<i128>, Bound<i128>) {
                let nanoseconds = |bound: Bound<&T>| bound.map(sealed::Time::nanoseconds);
                (nanoseconds(self.start_bound()), nanoseconds(self.end_bound()))
            }
        }
    )*};
}

ranges_of_times!(
    Range<T>,
    RangeInclusive<T>,
    RangeFrom<T>,
    RangeTo<T>,
    RangeToInclusive<T>,
    (Bound<T>, Bound<T>)
);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ranges_of_any_form_have_their_first_and_last_nanosecond() {
        let of = |from, to| Times { from, to };
        assert_eq!(Times::of(&..), of(i64::MIN, i64::MAX));
        assert_eq!(Times::of(&(3..9)), of(3, 8));
        assert_eq!(Times::of(&(3..=9)), of(3, 9));
        assert_eq!(Times::of(&(3..)), of(3, i64::MAX));
        assert_eq!(Times::of(&(..3)), of(i64::MIN, 2));
        assert_eq!(Times::of(&(..=3)), of(i64::MIN, 3));
        assert_eq!(Times::of(&(Bound::Excluded(3), Bound::Unbounded::<i64>)), of(4, i64::MAX));
        for (start, end) in [(3, 3), (9, 3), (i64::MIN, i64::MIN), (i64::MAX, i64::MIN)] {
            assert!(Times::of(&(start..end)).is_empty(), "{start} {end}");
        }
        assert!(Times::of(&(Bound::Excluded(i64::MAX), Bound::Unbounded)).is_empty());
    }

    #[test]
    fn system_times_are_nanoseconds_and_may_be_far_away() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let (second, far) = (1_000_000_000, 30_000_000_000);
        assert_eq!(Times::of(&(at(1)..at(2))), Times { from: second, to: 2 * second - 1 });
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Times::of(&(before..at(0))), Times { from: -second, to: -1 });
        assert!(Times::of(&(at(far)..)).is_empty());
        assert_eq!(Times::of(&(..at(far))), Times::of(&..));
        assert_eq!(Times::of(&(..=UNIX_EPOCH)), Times { from: i64::MIN, to: 0 });
    }
}
