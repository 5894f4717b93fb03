//! What `gaugelog stats` is to answer, computed in the plainest way.

use gaugelog::Observation;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use crate::stores::SECOND;

/// The width of buckets.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Every {
    Seconds(&'static str, i64),
    Day,
    Week,
    Month,
}

impl Every {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Seconds(text, _) => text,
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    pub(crate) fn seconds(self) -> i64 {
        match self {
            Self::Seconds(_, seconds) => seconds,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
        }
    }

    /// The bucket of a time: its first nanosecond, and the first of the next.
    fn bucket(self, time_ns: i64, zone: &TimeZone) -> (i64, i64) {
        if let Self::Seconds(_, seconds) = self {
            let midnight = midnight(jiff::civil::date(1970, 1, 1), zone);
            let width = seconds * SECOND;
            let start = midnight + (time_ns - midnight).div_euclid(width) * width;
            return (start, start + width);
        }
        let time = Timestamp::from_nanosecond(time_ns.into()).unwrap();
        let date = time.to_zoned_datetime(zone.clone()).date();
        let (first, days) = match self {
            Self::Week => {
                let days = date.weekday().since(Weekday::Monday);
                (date.checked_sub(i64::from(days).days()).unwrap(), 7.days())
            }
            Self::Month => (date.first_of_month(), 1.month()),
            _ => (date, 1.day()),
        };
        (midnight(first, zone), midnight(first.checked_add(days).unwrap(), zone))
    }
}

fn midnight(date: Date, zone: &TimeZone) -> i64 {
    let midnight = date.to_zoned_datetime(zone.clone()).unwrap().start_of_day().unwrap();
    i64::try_from(midnight.timestamp().as_nanosecond()).unwrap()
}

/// Rows in order of time, cut into buckets that hold something, with their first times.
pub(crate) fn cut<T: Copy>(
    rows: &[T],
    time: impl Fn(&T) -> i64,
    every: Every,
    zone: &TimeZone,
) -> Vec<(i64, Vec<T>)> {
    let mut buckets: Vec<(i64, Vec<T>)> = Vec::new();
    let mut end = i64::MIN;
    for row in rows {
        if time(row) >= end {
            let (start, next) = every.bucket(time(row), zone);
            buckets.push((start, Vec::new()));
            end = next;
        }
        buckets.last_mut().unwrap().1.push(*row);
    }
    buckets
}

/// What differs between a row of statistics and those of these observations, which are in
/// order of time; of their summary, and of a quantile of them.
pub(crate) fn summary_differs(found: &Value, rows: &[Observation]) -> Option<String> {
    let differs = |name: &str, wanted: String| Some(format!("{name} is not {wanted}: {found}"));
    let number = |name: &str| found[name].as_f64();
    if found["count"].as_u64() != Some(rows.len() as u64) {
        return differs("count", rows.len().to_string());
    }
    let Some((first, last)) = rows.first().zip(rows.last()) else {
        let names = ["min", "max", "mean", "variance", "std_dev", "first", "last"];
        return names.into_iter().find(|name| !found[*name].is_null()).map(ToOwned::to_owned);
    };
    for (name, wanted) in [("first", first), ("last", last)] {
        let (time, value) = (time_of(&found[name]["time"]), found[name]["value"].as_f64());
        if time != wanted.timestamp_ns || value != Some(wanted.value) {
            return differs(name, format!("{wanted:?}"));
        }
    }
    let values = || rows.iter().map(|row| row.value);
    let extremes = [
        ("min", values().fold(f64::INFINITY, f64::min)),
        ("max", values().fold(f64::NEG_INFINITY, f64::max)),
    ];
    for (name, wanted) in extremes {
        if number(name) != Some(wanted) {
            return differs(name, wanted.to_string());
        }
    }
    let largest = values().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let mean = sum(values()) / rows.len() as f64;
    let variance = variance(values(), mean, rows.len() as f64);
    for (name, wanted, tolerance) in [
        ("mean", mean, 1e-15 * largest),
        ("variance", variance, 1e-12 * variance),
        ("std_dev", variance.sqrt(), 1e-12 * variance.sqrt()),
    ] {
        if !number(name).is_some_and(|found| (found - wanted).abs() <= tolerance) {
            return differs(name, format!("{wanted:e}"));
        }
    }
    None
}

pub(crate) fn quantile_differs(found: &Value, q: f64, rows: &[Observation]) -> Option<String> {
    let mut values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return (!found.is_null()).then(|| format!("there is no quantile of nothing: {found}"));
    };
    let place = q * last as f64;
    let (below, part) = (place.floor(), place - place.floor());
    let [low, high] = [below, place.ceil()].map(|at| values[at as usize]);
    let wanted = low + (high - low) * part;
    let tolerance = 1e-15 * low.abs().max(high.abs());
    let is_right = found.as_f64().is_some_and(|found| (found - wanted).abs() <= tolerance);
    (!is_right).then(|| format!("quantile {q} is not {wanted:e}: {found}"))
}

pub(crate) fn time_of(text: &Value) -> i64 {
    let time: Timestamp = text.as_str().unwrap().parse().unwrap();
    i64::try_from(time.as_nanosecond()).unwrap()
}

/// As if added with twice the digits (Neumaier, 1974).
fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut rest) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        rest += if sum.abs() >= value.abs() { sum - next + value } else { value - next + sum };
        sum = next;
    }
    sum + rest
}

/// In two passes, corrected for what the mean is rounded by.
fn variance(values: impl Iterator<Item = f64> + Clone, mean: f64, count: f64) -> f64 {
    let squares = sum(values.clone().map(|value| (value - mean).powi(2)));
    let rest = sum(values.map(|value| value - mean));
    (squares - rest * rest / count) / count
}
