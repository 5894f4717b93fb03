//! The parts that `--every` divides a range of time into.

use std::str::FromStr;
use std::time::Duration;

use gaugelog::{Snapshot, Summary, Window};
use jiff::civil::{Date, Weekday};
use jiff::{Span, Timestamp, ToSpan};

use super::range::Range;
use crate::duration;
use crate::exit::Exit;

/// A width of buckets: `5m`, or a day, week or month of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Every {
    Time(Duration),
    Day,
    Week,
    Month,
}

/// More calendar buckets than this are refused, as the engine refuses others.
const BUCKETS_MAX: usize = 1 << 20;

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ => duration::parse(text)
                .map(Self::Time)
                .map_err(|why| format!("{why}; or day, week or month")),
        }
    }
}

impl Every {
    /// How long a bucket is, at least.
    #[cfg(feature = "serve")]
    pub(crate) fn least(self) -> Duration {
        const HOUR: Duration = Duration::from_secs(3_600);
        match self {
            Self::Time(width) => width,
            // When clocks are put forward.
            Self::Day => HOUR * 23,
            Self::Week => HOUR * 24 * 7,
            Self::Month => HOUR * 24 * 28,
        }
    }
}

/// A bucket that holds something.
pub(super) struct Bucket {
    pub(super) start_ns: i64,
    pub(super) summary: Summary,
    /// All of the range that the bucket has.
    pub(super) window: Window,
}

/// The buckets of a range that hold anything, in order of time.
///
/// # Errors
/// Those of the store, and one for too many buckets.
pub(super) fn buckets(
    snapshot: &Snapshot,
    range: &Range,
    every: Every,
) -> Result<Vec<Bucket>, Exit> {
    let whole = range.window(snapshot);
    let Every::Time(width) = every else { return of_calendar(snapshot, range, every) };
    let origin = origin(range);
    let buckets = whole.buckets(width, origin)?;
    let width = i128::try_from(width.as_nanos()).unwrap_or(i128::MAX);
    let bucket = |bucket: gaugelog::Bucket| {
        let end = i128::from(bucket.start_ns).saturating_add(width);
        let window = part(snapshot, range, bucket.start_ns.into(), end);
        Bucket { start_ns: bucket.start_ns, summary: bucket.summary, window }
    };
    Ok(buckets.into_iter().map(bucket).collect())
}

/// Midnight of 1970-01-01 by the clock that the range's zone had in January 2000: hours and
/// days begin where they do there. In 1970 some zones were half an hour apart from today.
fn origin(range: &Range) -> i64 {
    let zone = range.zone.time_zone();
    let midnight = Date::constant(2000, 1, 1).to_zoned_datetime(zone.clone());
    midnight.map_or(0, |midnight| -i64::from(midnight.offset().seconds()) * 1_000_000_000)
}

fn of_calendar(snapshot: &Snapshot, range: &Range, every: Every) -> Result<Vec<Bucket>, Exit> {
    let whole = range.window(snapshot).summary()?;
    let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return Ok(Vec::new()) };
    let mut date = first_date(first.timestamp_ns, range, every)?;
    let mut found = Vec::new();
    for _ in 0..BUCKETS_MAX {
        let next = date.checked_add(step(every)).map_err(|_| too_far())?;
        let (start, end) = (midnight(date, range)?, midnight(next, range)?);
        if start > last.timestamp_ns.into() {
            return Ok(found);
        }
        let window = part(snapshot, range, start, end);
        let summary = window.summary()?;
        if summary.count() > 0 {
            let start_ns = i64::try_from(start).unwrap_or(i64::MIN);
            found.push(Bucket { start_ns, summary, window });
        }
        date = next;
    }
    Err(Exit::Error(format!("more than {BUCKETS_MAX} buckets; choose a wider --every")))
}

/// The day with which the calendar's bucket of this time begins.
fn first_date(time_ns: i64, range: &Range, every: Every) -> Result<Date, Exit> {
    let time = Timestamp::from_nanosecond(time_ns.into()).map_err(|_| too_far())?;
    let date = time.to_zoned_datetime(range.zone.time_zone().clone()).date();
    Ok(match every {
        Every::Week => {
            let days = date.weekday().since(Weekday::Monday);
            date.checked_sub(i64::from(days).days()).map_err(|_| too_far())?
        }
        Every::Month => date.first_of_month(),
        _ => date,
    })
}

fn step(every: Every) -> Span {
    match every {
        Every::Week => 1.week(),
        Every::Month => 1.month(),
        _ => 1.day(),
    }
}

fn midnight(date: Date, range: &Range) -> Result<i128, Exit> {
    let midnight = date.to_zoned_datetime(range.zone.time_zone().clone());
    let midnight = midnight.and_then(|day| day.start_of_day()).map_err(|_| too_far())?;
    Ok(midnight.timestamp().as_nanosecond())
}

fn too_far() -> Exit {
    Exit::Error("a time outside the years that the calendar knows; give --since".to_owned())
}

/// What lies from `start` to before `end` and within the range.
fn part(snapshot: &Snapshot, range: &Range, start: i128, end: i128) -> Window {
    let since = range.since.map_or(start, |since| start.max(since.into()));
    let until = range.until.map_or(end, |until| end.min(until.into()));
    let clamped = |time: i128| time.clamp(i64::MIN.into(), i64::MAX.into());
    let since = i64::try_from(clamped(since)).unwrap_or(i64::MIN);
    match i64::try_from(until) {
        Ok(until) => snapshot.window(since..until),
        // The last bucket there can be has the last nanosecond too.
        Err(_) => snapshot.window(since..),
    }
}
