//! Reading one of the kernel's files, which holds a line or a few.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::quote::quoted;
use crate::source::SourceError;

/// The kernel's attributes have at most a page.
const BYTES_MAX: u64 = 4096;
const QUOTED_CHARS_MAX: usize = 40;

/// All of a file, without the white space at its end.
pub(super) fn text(path: &Path) -> Result<String, SourceError> {
    read(path).map_err(|error| unreadable(path, error))
}

/// The one number in a file.
pub(super) fn number(path: &Path) -> Result<f64, SourceError> {
    let text = text(path)?;
    finite(&text).ok_or_else(|| {
        let found = quoted(text.as_bytes(), QUOTED_CHARS_MAX);
        SourceError::new(format!("{}: \"{found}\" is not a finite number", path.display()))
    })
}

/// The number in a file that need not be there.
pub(super) fn number_or(path: &Path, default: f64) -> Result<f64, SourceError> {
    if path.exists() { number(path) } else { Ok(default) }
}

/// The text of a file that need not be there, or be readable: a name, a label.
pub(super) fn name(path: &Path) -> Option<String> {
    read(path).ok().filter(|name| !name.is_empty())
}

/// A number as the kernel writes it.
pub(super) fn finite(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// (raw + offset) × scale. A scale such as 0.001 is divided by 1,000, so that decimals
/// stay decimals: 9 × 0.001 is 0.009000000000000001.
pub(super) fn scaled(raw: f64, offset: f64, scale: f64) -> f64 {
    let inverse = (1.0 / scale).round();
    if scale < 1.0 && 1.0 / inverse == scale {
        return (raw + offset) / inverse;
    }
    (raw + offset) * scale
}

fn read(path: &Path) -> io::Result<String> {
    // A pipe or a terminal that somebody names shall not hold us up.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or(0);
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
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
    use super::*;

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
