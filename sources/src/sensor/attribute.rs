//! Reading one of the kernel's files, which holds one or a few lines.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::quote::quoted;
use crate::source::SourceError;
use crate::stdin::BYTE_ORDER_MARK;

/// The kernel's attributes have at most a page.
const BYTES_MAX: u64 = 4096;
/// Files of many lines are longer.
const FIELDS_BYTES_MAX: u64 = 1 << 20;
const QUOTED_CHARS_MAX: usize = 40;
/// In degrees Celsius.
const ABSOLUTE_ZERO: f64 = -273.15;

/// The text of a file, without white space at its end.
pub(super) fn text(path: &Path) -> Result<String, SourceError> {
    read(path).map_err(|error| unreadable(path, error))
}

/// The beginning of a file that may be longer.
pub(super) fn beginning(path: &Path) -> Result<String, SourceError> {
    bytes_of(path, BYTES_MAX).map(|bytes| in_text(&bytes)).map_err(|error| unreadable(path, error))
}

/// The number after a name, in a file of lines such as `NAME: 123 kB`, `NAME 123` or
/// `NAME=123`, in the unit of the file.
pub(super) fn field(path: &Path, name: &str) -> Result<f64, SourceError> {
    let text = whole(path, FIELDS_BYTES_MAX).map_err(|error| unreadable(path, error))?;
    number_of(&text, name).map_err(|what| SourceError::new(format!("{}: {what}", path.display())))
}

/// The error text follows the name of the file.
fn number_of(text: &str, name: &str) -> Result<f64, String> {
    let value = |line: &str| {
        let rest = line.trim_start().strip_prefix(name)?;
        let behind = rest.trim_start();
        let is_parted = behind.len() < rest.len() || behind.starts_with([':', '=']);
        is_parted.then(|| behind.trim_start_matches([':', '=']).trim().to_owned())
    };
    let mut found = text.lines().filter_map(value);
    let shown = quoted(name.as_bytes(), QUOTED_CHARS_MAX);
    let (found, other) = (found.next(), found.next());
    let found = found.ok_or_else(|| format!("no line begins with {shown}"))?;
    if other.is_some() {
        return Err(format!("several lines begin with {shown}"));
    }
    let mut words = found.split_whitespace();
    let number = words.next().and_then(finite);
    // A unit may follow. With several numbers it is unclear which one is meant.
    match (number, words.next().and_then(finite)) {
        (Some(number), None) => Ok(number),
        _ => {
            let found = quoted(found.as_bytes(), QUOTED_CHARS_MAX);
            Err(format!("{shown} is \"{found}\", which is not one finite number"))
        }
    }
}

/// Refuses what no thermometer can measure: then the sensor is broken or missing.
pub(super) fn possible_celsius(celsius: f64) -> Result<f64, SourceError> {
    if celsius < ABSOLUTE_ZERO {
        return Err(SourceError::new(format!(
            "{celsius} degrees Celsius is below absolute zero: the sensor is broken or not there"
        )));
    }
    Ok(celsius)
}

/// The one number in a file.
pub(super) fn number(path: &Path) -> Result<f64, SourceError> {
    let text = text(path)?;
    finite(&text).ok_or_else(|| {
        let found = quoted(text.as_bytes(), QUOTED_CHARS_MAX);
        SourceError::new(format!("{}: \"{found}\" is not a finite number", path.display()))
    })
}

/// The number in a file, or `default` if there is no such file.
pub(super) fn number_or(path: &Path, default: f64) -> Result<f64, SourceError> {
    if path.exists() { number(path) } else { Ok(default) }
}

/// The text of a file that need not exist or be readable: a name, a label.
pub(super) fn name(path: &Path) -> Option<String> {
    read(path).ok().filter(|name| !name.is_empty())
}

/// A number as the kernel writes it.
pub(super) fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// (raw + offset) × scale. For a scale such as 0.001 it divides by 1,000, so that
/// decimals stay decimals: 9 × 0.001 is 0.009000000000000001.
pub(crate) fn scaled(raw: f64, offset: f64, scale: f64) -> f64 {
    let inverse = (1.0 / scale).round();
    if scale < 1.0 && 1.0 / inverse == scale {
        return (raw + offset) / inverse;
    }
    (raw + offset) * scale
}

fn read(path: &Path) -> io::Result<String> {
    whole(path, BYTES_MAX)
}

/// A file as text; an error if it is longer than this.
fn whole(path: &Path, bytes_max: u64) -> io::Result<String> {
    let bytes = bytes_of(path, bytes_max + 1)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::other(format!("it has more than {bytes_max} bytes")));
    }
    Ok(in_text(&bytes))
}

/// This many bytes of a file, or all.
fn bytes_of(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    // A pipe or a terminal with this name must not block us.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Removes a byte order mark and white space at the end.
fn in_text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// What a failed read means for a sensor. All of these may pass.
fn unreadable(path: &Path, error: io::Error) -> SourceError {
    let meaning = match Errno::from_io_error(&error) {
        Some(Errno::IO) => ": the device did not answer",
        Some(Errno::AGAIN) => ": it has no value ready",
        Some(Errno::NODATA) => ": it has no value at the moment",
        Some(Errno::NOENT | Errno::NODEV | Errno::NXIO) => ": it has gone",
        _ => "",
    };
    SourceError::io(&format!("read {}", path.display()), meaning, error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_field_is_found_by_its_name() {
        let text = "MemTotal:  16318480 kB\nMemAvailable:    9000 kB\nnr_free 7\n key = 2.5\n\
                    two 1 2\nword: warm\ntwice 1\ntwice 2\nbare\n";
        for (name, value) in
            [("MemAvailable", 9000.0), ("nr_free", 7.0), ("key", 2.5), ("MemTotal", 16_318_480.0)]
        {
            assert_eq!(number_of(text, name), Ok(value));
        }
        for (name, said) in [
            ("Mem", "no line begins with Mem"),
            ("none", "no line begins with none"),
            ("two", "two is \"1 2\", which is not one finite number"),
            ("word", "word is \"warm\", which is not one finite number"),
            ("twice", "several lines begin with twice"),
            ("bare", "no line begins with bare"),
        ] {
            assert_eq!(number_of(text, name), Err(said.to_owned()));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics_and_none_is_shown_raw(
            text in "((a|ab|[a-z]{1,3})[:= \t]{0,3}(-?[0-9.e]{0,6}|\\PC{0,6})( kB| 1)?(\n|\x1b)?){0,6}",
            name in "a|ab|\\PC{1,3}",
        ) {
            match number_of(&text, &name) {
                Ok(value) => prop_assert!(value.is_finite()),
                Err(said) => prop_assert!(!said.contains(char::is_control), "{said:?}"),
            }
        }
    }

    #[test]
    fn nothing_is_colder_than_absolute_zero() {
        assert_eq!(possible_celsius(-273.15).unwrap(), -273.15);
        assert!(possible_celsius(-274.0).is_err());
    }

    #[test]
    fn what_an_errno_means_is_said() {
        for (errno, meaning) in [
            (Errno::IO, "the device did not answer"),
            (Errno::AGAIN, "it has no value ready"),
            (Errno::NODATA, "it has no value at the moment"),
            (Errno::NOENT, "it has gone"),
        ] {
            let error = unreadable(Path::new("/sys/x"), errno.into());
            let text = error.to_string();
            assert!(text.starts_with("cannot read /sys/x: "), "{text}");
            assert!(text.ends_with(meaning), "{text}");
            assert!(error.can_poll_again());
        }
    }
}
