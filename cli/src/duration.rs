//! Durations as people write them: `100ms`, `1h30m`, `90d`. A day has 24 hours.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// Nothing here is as fast as a microsecond.
const LEAST: Duration = Duration::from_micros(1);
/// A hundred years.
const MOST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// Reads a duration; the error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.trim().parse::<f64>().is_ok() {
        return Err(format!("it has no unit; write {0}ms, {0}s, {0}m, {0}h or {0}d", text.trim()));
    }
    let read: SignedDuration = text
        .trim()
        .parse::<Span>()
        .and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| "no duration; write something like 100ms, 1s, 2m, 1h30m or 90d".to_owned())?;
    match Duration::try_from(read) {
        Ok(duration) if (LEAST..=MOST).contains(&duration) => Ok(duration),
        _ => Err("out of range; between a microsecond and a hundred years is possible".to_owned()),
    }
}

/// The largest units that leave nothing over.
#[cfg(feature = "config")]
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// A duration as [`parse`] reads it, in one unit: `90m`, `365d`.
#[cfg(feature = "config")]
pub(crate) fn text(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let unit = UNITS.into_iter().find(|(_, unit)| ns.is_multiple_of(*unit));
    unit.map_or_else(String::new, |(name, unit)| format!("{}{name}", ns / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "config")]
    #[test]
    fn durations_are_written_as_they_are_read() {
        for written in ["100ms", "1s", "90m", "2h", "365d", "1500us", "1234567ns"] {
            assert_eq!(text(parse(written).unwrap()), written);
        }
        assert_eq!(text(Duration::from_secs(60)), "1m");
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, milliseconds) in [
            ("100ms", 100),
            ("1s", 1_000),
            (" 2m ", 120_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1.5s", 1_500),
            ("PT1M", 60_000),
            ("36500h", 131_400_000_000),
            ("90d", 7_776_000_000),
            ("1d12h", 129_600_000),
            ("2w", 1_209_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_or_absurd_is_refused() {
        for text in [
            "", "1", "nan", "NaNs", "inf", "s", "-1s", "0s", "1s ago", "1ns", "1e9h", "9999999h",
            "1 parsec", "1mo", "1y",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }
}
