//! What one line of text means: a number, or a time and a number. Standard input is read
//! by this, and so is any other text with observations as lines.

mod moment;

use std::fmt;
use std::str::FromStr;

use jiff::tz::{Offset, TimeZone};

use crate::source::{Reading, SourceError};
pub use moment::{Ambiguous, TimeError, TimeFormat};

/// The format of the lines of a text.
///
/// ```
/// use gaugelog_sources::{LineFormat, Lines, Reading, Source, TimeColumn, TimeUnit};
/// let mut format = LineFormat::default();
/// format.time = TimeColumn::First;
/// format.unit = Some("ms".parse::<TimeUnit>()?);
/// let mut lines = Lines::new("1780315200250 14.2\n".as_bytes()).format(format);
/// assert_eq!(lines.poll()?, Some(Reading::at(1_780_315_200_250_000_000, 14.2)));
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct LineFormat {
    /// Whether a time comes before each number.
    pub time: TimeColumn,
    /// The unit of a time that is a bare number since 1970. Without one, it is seconds,
    /// and must not be before 1980: a value may be where the time should be.
    pub unit: Option<TimeUnit>,
    /// The zone of times without an offset.
    pub zone: Zone,
}

/// Whether a time comes before each number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeColumn {
    /// As on the first valid line. Until then, a lone number that looks like a time is
    /// refused: its value may be missing.
    #[default]
    Auto,
    /// On each line.
    First,
    /// On no line.
    None,
}

/// The unit of a time that is a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// Microseconds since 1970.
    Microseconds,
    /// Nanoseconds since 1970.
    Nanoseconds,
}

/// A time zone: a name such as `Europe/Berlin`, `UTC`, an offset such as `+02:00`, or
/// `local` for the one of the machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Zone(TimeZone);

impl FromStr for TimeColumn {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text {
            "auto" => Ok(Self::Auto),
            "first" => Ok(Self::First),
            "none" => Ok(Self::None),
            _ => Err(SourceError::fatal("it may be first, none or auto")),
        }
    }
}

impl TimeUnit {
    const ALL: [Self; 4] =
        [Self::Seconds, Self::Milliseconds, Self::Microseconds, Self::Nanoseconds];

    /// As written, and in words.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Seconds => ("s", "seconds"),
            Self::Milliseconds => ("ms", "milliseconds"),
            Self::Microseconds => ("us", "microseconds"),
            Self::Nanoseconds => ("ns", "nanoseconds"),
        }
    }

    /// How many of a nanosecond's decimals it has.
    const fn digits(self) -> u32 {
        match self {
            Self::Seconds => 9,
            Self::Milliseconds => 6,
            Self::Microseconds => 3,
            Self::Nanoseconds => 0,
        }
    }
}

impl FromStr for TimeUnit {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let known = Self::ALL.into_iter().find(|unit| unit.names().0 == text);
        known.ok_or_else(|| SourceError::fatal("it may be s, ms, us or ns"))
    }
}

impl Zone {
    /// The zone as a type of `jiff`.
    #[must_use]
    pub fn time_zone(&self) -> &TimeZone {
        &self.0
    }

    /// `Europe/Berlin`, `UTC`, or an offset such as `+02:00`. `None` for the one of a machine
    /// that states only rules, such as `TZ=CET-1CEST,M3.5.0,M10.5.0/3`.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        if let Some(name) = self.0.iana_name() {
            return Some(name.to_owned());
        }
        let offset = self.0.to_fixed_offset().ok()?;
        let minutes = offset.seconds().abs() / 60;
        let sign = if offset.is_negative() { '-' } else { '+' };
        Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
    }
}

impl From<TimeZone> for Zone {
    fn from(zone: TimeZone) -> Self {
        Self(zone)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if let Some(offset) = offset(text) {
            return Ok(Self(TimeZone::fixed(offset)));
        }
        if text == "local" {
            return TimeZone::try_system().map(Self).map_err(|_| {
                let detail = "neither TZ nor /etc/localtime states a time zone; write one such \
                              as Europe/Berlin";
                SourceError::fatal(detail)
            });
        }
        TimeZone::get(text).map(Self).map_err(|_| {
            let detail = "no time zone; write one such as Europe/Berlin, UTC, +02:00 or local";
            SourceError::fatal(detail)
        })
    }
}

/// As it is read.
impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().as_deref().unwrap_or("local"))
    }
}

/// `+02:00`.
fn offset(text: &str) -> Option<Offset> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two = |digits: &str| {
        let are_two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i32>().ok().filter(|_| are_two)
    };
    let (hours, minutes) = (two(hours)?, two(minutes).filter(|minutes| *minutes < 60)?);
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// Reads one line after another.
#[derive(Debug)]
pub(crate) struct LineParser {
    /// Not `Auto` after the first valid line.
    time: TimeColumn,
    times: TimeFormat,
}

impl LineParser {
    pub(crate) fn new(format: LineFormat) -> Self {
        let LineFormat { time, unit, zone } = format;
        Self { time, times: TimeFormat { unit, zone, ambiguous: None } }
    }

    /// The meaning of a line without its end: `None` if it is blank. The error text
    /// follows the line.
    pub(crate) fn parse(&mut self, line: &str) -> Result<Option<Reading>, String> {
        let line = line.trim_matches(SEPARATORS);
        if line.is_empty() {
            return Ok(None);
        }
        // A time may have two words, so the number is the last one.
        let Some((time, number)) = line.rsplit_once(SEPARATORS) else {
            return self.lone(line).map(|value| Some(Reading::new(value)));
        };
        let Some(value) = finite(number) else {
            return Err("does not end in a finite number".to_owned());
        };
        if self.time == TimeColumn::None {
            return Err("has more than one word; lines without a time are read here".to_owned());
        }
        let time = self.times.parse(time.trim_end_matches(SEPARATORS));
        let timestamp_ns = time.map_err(|why| format!("begins with {why}"))?;
        self.time = TimeColumn::First;
        Ok(Some(Reading::at(timestamp_ns, value)))
    }

    /// The value of a line with one word.
    fn lone(&mut self, word: &str) -> Result<f64, String> {
        if self.time == TimeColumn::First {
            return Err("is one word, and not a time and a number".to_owned());
        }
        let value = finite(word).ok_or("is not a finite number")?;
        if self.time == TimeColumn::Auto {
            if let Some(unit) = moment::looks_like(word) {
                let (_, words) = unit.names();
                return Err(format!(
                    "looks like a time in {words} without its number; --time none takes it for a \
                     number"
                ));
            }
            self.time = TimeColumn::None;
        }
        Ok(value)
    }
}

/// Nothing else separates words: a no-break space may separate the thousands of one
/// number.
const SEPARATORS: [char; 2] = [' ', '\t'];

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests;
