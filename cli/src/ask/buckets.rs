//! The parts that `--every` divides a range of time into.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

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

impl FromStr for Every {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "week" => Ok(Self::Week),
            "month" => Ok(Self::Month),
            _ if text.contains('w') => Err("write week, for weeks from Monday on, or a width in \
                                            days or hours, such as 7d or 168h"
                .to_owned()),
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
    let found = match every {
        Every::Time(width) => whole.buckets(width, origin(range))?,
        Every::Day | Every::Week | Every::Month => match midnights(&whole, range, every)? {
            midnights if midnights.is_empty() => Vec::new(),
            midnights => whole.buckets_between(&midnights)?,
        },
    };
    let bucket = |gaugelog::Bucket { start_ns, last_ns, summary, .. }| {
        let window = range.window_within(snapshot, start_ns..=last_ns);
        Bucket { start_ns, summary, window }
    };
    Ok(found.into_iter().map(bucket).collect())
}

/// Midnight of 1970-01-01 by the clock that the range's zone had in January 2000: hours and
/// days begin where they do there. In 1970 some zones were half an hour apart from today.
fn origin(range: &Range) -> i64 {
    let zone = range.zone.time_zone();
    let midnight = Date::constant(2000, 1, 1).to_zoned_datetime(zone.clone());
    midnight.map_or(0, |midnight| -i64::from(midnight.offset().seconds()) * 1_000_000_000)
}

/// The times at which the calendar's buckets of a window begin, and the end of the last one.
fn midnights(whole: &Window, range: &Range, every: Every) -> Result<Vec<SystemTime>, Exit> {
    let whole = whole.summary()?;
    let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return Ok(Vec::new()) };
    let mut date = first_date(first.timestamp_ns, range, every)?;
    let mut midnights = vec![midnight(date, range)?];
    while midnights[midnights.len() - 1] <= last.time() {
        date = date.checked_add(step(every)).map_err(|_| too_far())?;
        midnights.push(midnight(date, range)?);
    }
    // Where a zone has moved over the date line, a date is missing.
    midnights.dedup();
    Ok(midnights)
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

fn midnight(date: Date, range: &Range) -> Result<SystemTime, Exit> {
    let day = date.to_zoned_datetime(range.zone.time_zone().clone());
    let midnight = day.and_then(|day| day.start_of_day());
    midnight.and_then(|it| SystemTime::try_from(it.timestamp())).map_err(|_| too_far())
}

fn too_far() -> Exit {
    Exit::Error("a time outside the years that the calendar knows; give --since".to_owned())
}
