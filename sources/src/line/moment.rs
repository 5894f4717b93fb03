//! Reading times from text.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;

use super::{TimeUnit, Zone};
use crate::source::SourceError;

/// 1980-01-01 and 2100-01-01 in seconds: times of data lie between them.
const PLAUSIBLE: std::ops::Range<i128> = 315_532_800..4_102_444_800;

/// How times are written.
///
/// ```
/// use gaugelog_sources::TimeFormat;
/// let format = TimeFormat::default();
/// assert_eq!(format.parse("2026-06-01 12:00:00.25"), Ok(1_780_315_200_250_000_000));
/// assert_eq!(format.parse("1780315200"), Ok(1_780_315_200_000_000_000));
/// let why = format.parse("1780315200250").unwrap_err();
/// assert_eq!(why.to_string(), "what looks like milliseconds since 1970; use --time-unit ms");
/// ```
#[derive(Clone, Debug, Default)]
pub struct TimeFormat {
    /// The unit of a time that is a bare number. Without one, it is seconds, and must be
    /// after 1980.
    pub unit: Option<TimeUnit>,
    /// The zone of times without an offset.
    pub zone: Zone,
    /// Which one a time is that the clock of the zone shows twice. Without it, such a time
    /// is refused.
    pub ambiguous: Option<Ambiguous>,
}

/// What a text is that is not read as a time. In words, it is a noun:
/// `a time outside the years 1678 to 2261`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TimeError {
    /// Written in no form that is known.
    Form,
    /// A time outside the years 1678 to 2261.
    Range,
    /// A time that the clocks of this zone pass over.
    Skipped(Zone),
    /// A time that the clocks of this zone show twice.
    Twice(Zone),
    /// A number that is a time of our days in this unit, which was not stated.
    Unit(TimeUnit),
    /// A number that is no time since 1980 in seconds, without a unit.
    Number,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |zone: &Zone| zone.name().unwrap_or_else(|| "local time".to_owned());
        match self {
            Self::Form => f.write_str(
                "a text that is no time like 2026-06-01T12:00:00Z or seconds since 1970",
            ),
            Self::Range => f.write_str("a time outside the years 1678 to 2261"),
            Self::Skipped(zone) => write!(f, "a time that does not exist in {}", words(zone)),
            Self::Twice(zone) => {
                write!(f, "a time that occurs twice in {}; write its offset too", words(zone))
            }
            Self::Unit(unit) => {
                let (name, words) = unit.names();
                write!(f, "what looks like {words} since 1970; use --time-unit {name}")
            }
            Self::Number => f.write_str(
                "a number that is no time since 1980 in seconds; give its unit with --time-unit",
            ),
        }
    }
}

impl std::error::Error for TimeError {}

/// Which one a time is that a clock shows twice, as when summer time ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ambiguous {
    /// The one before the clock was set back.
    Earlier,
    /// The one after it.
    Later,
}

impl FromStr for Ambiguous {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text {
            "earlier" => Ok(Self::Earlier),
            "later" => Ok(Self::Later),
            _ => Err(SourceError::fatal("it may be earlier or later")),
        }
    }
}

impl TimeFormat {
    /// Nanoseconds since 1970, UTC, from a date and a time with or without an offset, or
    /// from a bare number.
    ///
    /// # Errors
    /// What the text is instead.
    pub fn parse(&self, text: &str) -> Result<i64, TimeError> {
        if let Some(unit) = self.unit
            && let Some(nanoseconds) = in_nanoseconds(text, unit)
        {
            return i64::try_from(nanoseconds).map_err(|_| TimeError::Range);
        }
        if let Some(nanoseconds) = in_nanoseconds(text, TimeUnit::Seconds) {
            return of_seconds(text, nanoseconds);
        }
        let offset_at = offset_at(text).ok_or(TimeError::Form)?;
        // Digits after the nanoseconds are ignored.
        let digits = &text[SECOND_ENDS..offset_at];
        let fraction = digits.get(..digits.len().min(10)).unwrap_or(digits);
        let moment = [&text[..SECOND_ENDS], fraction, &text[offset_at..]].concat();
        if offset_at == text.len() {
            return self.local(moment.parse().map_err(|_| TimeError::Form)?);
        }
        nanoseconds(moment.parse().map_err(|_| TimeError::Form)?)
    }

    /// Nanoseconds since 1970, UTC, of a time without an offset, in the zone of the format.
    ///
    /// # Errors
    /// [`TimeError::Skipped`], [`TimeError::Twice`] and [`TimeError::Range`].
    pub fn local(&self, civil: DateTime) -> Result<i64, TimeError> {
        let ambiguous = self.zone.0.to_ambiguous_timestamp(civil);
        let stamp = match (ambiguous.offset(), self.ambiguous) {
            (AmbiguousOffset::Unambiguous { .. }, _) => ambiguous.unambiguous(),
            (AmbiguousOffset::Gap { .. }, _) => {
                return Err(TimeError::Skipped(self.zone.clone()));
            }
            (AmbiguousOffset::Fold { .. }, None) => {
                return Err(TimeError::Twice(self.zone.clone()));
            }
            (AmbiguousOffset::Fold { .. }, Some(Ambiguous::Earlier)) => ambiguous.earlier(),
            (AmbiguousOffset::Fold { .. }, Some(Ambiguous::Later)) => ambiguous.later(),
        };
        nanoseconds(stamp.map_err(|_| TimeError::Range)?)
    }
}

fn nanoseconds(stamp: Timestamp) -> Result<i64, TimeError> {
    i64::try_from(stamp.as_nanosecond()).map_err(|_| TimeError::Range)
}

/// A bare number without a unit: seconds, if it looks like them.
fn of_seconds(text: &str, nanoseconds: i128) -> Result<i64, TimeError> {
    if nanoseconds >= PLAUSIBLE.start * 1_000_000_000
        && let Ok(nanoseconds) = i64::try_from(nanoseconds)
    {
        return Ok(nanoseconds);
    }
    Err(looks_like(text).map_or(TimeError::Number, TimeError::Unit))
}

/// The unit in which a bare number is a time between 1980 and 2100.
pub(super) fn looks_like(text: &str) -> Option<TimeUnit> {
    TimeUnit::ALL.into_iter().find(|unit| {
        let nanoseconds = in_nanoseconds(text, *unit);
        nanoseconds.is_some_and(|it| PLAUSIBLE.contains(&it.div_euclid(1_000_000_000)))
    })
}

/// A decimal number in nanoseconds, with further digits cut off. A float would be off by
/// a hundred nanoseconds. `None` if it is not such a number.
fn in_nanoseconds(text: &str, unit: TimeUnit) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) {
        return None;
    }
    // A number of twenty digits is out of range in any unit. Leading zeros are ignored.
    let whole = whole.trim_start_matches('0').bytes().take(20);
    let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(unit.digits() as usize);
    let add = |number: i128, digit: u8| number * 10 + i128::from(digit - b'0');
    Some(sign * whole.chain(fraction).fold(0, add))
}

/// The length of `2026-06-01T12:00:00`.
const SECOND_ENDS: usize = 19;

/// Where the offset of a calendar time begins or would begin: after the seconds and their
/// fraction. `None` if the text is not such a time.
fn offset_at(text: &str) -> Option<usize> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let bytes = text.as_bytes();
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't' | b' '),
        _ => byte == form,
    };
    if bytes.len() < SECOND_ENDS || !bytes.iter().zip(FORM).all(fits) {
        return None;
    }
    let behind = &text[SECOND_ENDS..];
    let Some(fraction) = behind.strip_prefix(['.', ',']) else {
        return is_offset(behind).then_some(SECOND_ENDS);
    };
    let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
    (digits > 0 && is_offset(&fraction[digits..])).then_some(SECOND_ENDS + 1 + digits)
}

/// Nothing, `Z`, `+02:00`, `+0200` or `+02`.
fn is_offset(text: &str) -> bool {
    match text.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => true,
        Some(("+" | "-", rest)) => {
            let digits = rest.bytes().filter(u8::is_ascii_digit).count();
            let colons = rest.len() - digits;
            matches!((digits, colons), (2 | 4, 0))
                || rest.find(':') == Some(2) && digits == 4 && colons == 1
        }
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(unit: Option<TimeUnit>, zone: &str) -> TimeFormat {
        TimeFormat { unit, zone: zone.parse().unwrap(), ambiguous: None }
    }

    fn parse(text: &str) -> Result<i64, TimeError> {
        moments(None, "UTC").parse(text)
    }

    const SECOND: i64 = 1_780_315_200;
    const NOON: i64 = SECOND * 1_000_000_000;

    #[test]
    fn bare_numbers_are_exact_to_the_nanosecond() {
        for (text, unit, nanoseconds) in [
            ("0", Some(TimeUnit::Seconds), 0),
            ("1.5", Some(TimeUnit::Seconds), 1_500_000_000),
            ("-1.000000001", Some(TimeUnit::Seconds), -1_000_000_001),
            ("1780315200.123456789999", None, NOON + 123_456_789),
            ("-0000000000000000000000001.5", Some(TimeUnit::Seconds), -1_500_000_000),
            ("000", Some(TimeUnit::Nanoseconds), 0),
            ("9223372036.854775807", None, i64::MAX),
            ("1780315200250", Some(TimeUnit::Milliseconds), NOON + 250_000_000),
            ("1780315200000.5", Some(TimeUnit::Milliseconds), NOON + 500_000),
            ("1780315200000001.25", Some(TimeUnit::Microseconds), NOON + 1_250),
            ("1780315200000000007.9", Some(TimeUnit::Nanoseconds), NOON + 7),
            ("315532800", None, 315_532_800_000_000_000),
        ] {
            assert_eq!(moments(unit, "UTC").parse(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn times_of_a_calendar_are_read_in_every_form() {
        for (text, nanoseconds) in [
            ("2026-06-01T12:00:00Z", NOON),
            ("2026-06-01t12:00:00z", NOON),
            ("2026-06-01 12:00:00", NOON),
            ("2026-06-01T12:00:00.5", NOON + 500_000_000),
            ("2026-06-01 12:00:00,123", NOON + 123_000_000),
            ("2026-06-01 12:00:00.1234567899999", NOON + 123_456_789),
            ("2026-06-01 14:00:00+02:00", NOON),
            ("2026-06-01 14:00:00.000+0200", NOON),
            ("2026-06-01T07:00:00-05", NOON),
        ] {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
        }
    }

    #[test]
    fn a_time_without_an_offset_is_of_the_zone() {
        let berlin = moments(None, "Europe/Berlin");
        let hour = 3_600_000_000_000;
        for (text, nanoseconds) in [
            ("2026-06-01 14:00:00", NOON),
            ("2026-06-01 14:00:00Z", NOON + 2 * hour),
            ("2026-12-01 13:00:00", NOON + 183 * 24 * hour),
            ("1780315200", NOON),
        ] {
            assert_eq!(berlin.parse(text), Ok(nanoseconds), "{text}");
        }
        let said = |text| berlin.parse(text).unwrap_err().to_string();
        assert_eq!(said("2026-03-29 02:30:00"), "a time that does not exist in Europe/Berlin");
        assert_eq!(
            said("2026-10-25 02:30:00"),
            "a time that occurs twice in Europe/Berlin; write its offset too"
        );
        for (text, hours) in [("earlier", 0), ("later", 1)] {
            let ambiguous = Some(text.parse().unwrap());
            let chosen = TimeFormat { ambiguous, ..berlin.clone() };
            // 2026-10-25 00:30 UTC.
            let earlier = 1_792_888_200_000_000_000;
            assert_eq!(chosen.parse("2026-10-25 02:30:00"), Ok(earlier + hours * hour), "{text}");
            assert!(chosen.parse("2026-03-29 02:30:00").is_err(), "{text}");
        }
        assert_eq!(moments(None, "+05:30").parse("2026-06-01 17:30:00"), Ok(NOON));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "1e9",
            "+-1",
            "+1",
            "1_0",
            "noon",
            "2026-06-01",
            "12:00",
            "--1",
            "2026-06-01T12:00",
            "2026-06-01T12:00:00.",
            "2026-06-01T12:00:00 Z",
            "2026-02-30T00:00:00Z",
            "2026-06-01T24:00:00Z",
            "2026-06-01T12:00:00+2",
            "2026-06-01T12:00:00+02:00[UTC]",
            "2026-06-01_12:00:00",
            "1780315200 5",
            "2026-06-01T12:00:00é",
        ] {
            assert_eq!(parse(text), Err(TimeError::Form), "{text}");
        }
        for (text, unit) in [
            ("9999-01-01T00:00:00Z", None),
            ("0001-01-01 00:00:00", None),
            ("9223372036.854775808", Some(TimeUnit::Seconds)),
            (&*"9".repeat(4000), Some(TimeUnit::Nanoseconds)),
        ] {
            assert_eq!(moments(unit, "UTC").parse(text), Err(TimeError::Range));
        }
    }

    #[test]
    fn a_bare_number_that_is_no_time_names_what_it_looks_like() {
        for (text, said) in [
            ("1780315200250", "looks like milliseconds since 1970; use --time-unit ms"),
            ("1780315200250000", "looks like microseconds since 1970; use --time-unit us"),
            ("1780315200250000000", "looks like nanoseconds since 1970; use --time-unit ns"),
            ("14.2", "a number that is no time since 1980 in seconds"),
            ("315532799.9", "a number that is no time since 1980 in seconds"),
            ("-1780315200", "a number that is no time since 1980 in seconds"),
            ("99999999999", "a number that is no time since 1980 in seconds"),
        ] {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(said), "{text}: {found}");
        }
    }
}
