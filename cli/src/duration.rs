//! Durations as people write them: `100ms`, `1h30m`.

use std::time::Duration;

use jiff::SignedDuration;

/// Nothing here is as fast as a microsecond.
const LEAST: Duration = Duration::from_micros(1);
/// A hundred years.
const MOST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// Reads a duration; the error says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.trim().parse::<f64>().is_ok() {
        return Err(format!("it has no unit; write {0}ms, {0}s, {0}m or {0}h", text.trim()));
    }
    let read: SignedDuration = text
        .trim()
        .parse()
        .map_err(|_| "no duration; write something like 100ms, 1s, 2m or 1h30m".to_owned())?;
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
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_or_absurd_is_refused() {
        for text in [
            "", "1", "nan", "NaNs", "inf", "s", "-1s", "0s", "1s ago", "1ns", "1e9h", "9999999h",
            "1 parsec",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }
}
