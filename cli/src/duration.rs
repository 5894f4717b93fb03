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

#[cfg(test)]
mod tests {
    use super::*;

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
