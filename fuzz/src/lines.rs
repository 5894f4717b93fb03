//! Numbers, one a line, with or without a time: compared with a parser that has all bytes before it.

use std::io::{self, Read};

use gaugelog_sources::{Lines, Source, SourceError};

use crate::input::Input;

const LINE_BYTES_MAX: usize = 4096;
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Hands its bytes out in portions, now and then after an interruption.
struct Portions<'a> {
    bytes: &'a [u8],
    most: usize,
    interrupt: bool,
}

impl Read for Portions<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.interrupt {
            self.interrupt = false;
            return Err(io::ErrorKind::Interrupted.into());
        }
        self.interrupt = self.most.is_multiple_of(2);
        let count = self.most.min(into.len()).min(self.bytes.len());
        into[..count].copy_from_slice(&self.bytes[..count]);
        self.bytes = &self.bytes[count..];
        Ok(count)
    }
}

/// Polls all that `bytes` hold, the first byte aside, which sets the portions.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let most = match usize::from(input.byte()) {
        0 => 64 * 1024,
        most => most,
    };
    // Long lines cost the fuzzer too many bytes to be met by themselves.
    let repeats = [1, 1, 1, 64, 1024][usize::from(input.byte()) % 5];
    let once = input.rest();
    let text = once.repeat(repeats.min(1 + TEXT_BYTES_MAX / once.len().max(1)));
    let mut lines = Lines::new(Portions { bytes: &text, most, interrupt: false });
    for expected in expected(&text) {
        match (expected, lines.poll()) {
            (Ok((time, value)), Ok(Some(reading))) => {
                assert_eq!(reading.value.to_bits(), value.to_bits());
                match time {
                    Time::None => assert_eq!(reading.timestamp_ns, None),
                    Time::Seconds(exact) => assert_eq!(reading.timestamp_ns, Some(exact)),
                    Time::Words(number) => assert!(reading.timestamp_ns.is_some(), "line {number}"),
                }
            }
            // Which words are a time the calendar knows.
            (Ok((Time::Words(number), _)), Err(error)) => check_error(&error, number),
            (Err(number), Err(error)) => {
                check_error(&error, number);
            }
            (expected, found) => panic!("{expected:?}, and not {found:?}"),
        }
    }
    for _ in 0..2 {
        assert!(matches!(lines.poll(), Ok(None)), "the end stays the end");
    }
}

fn check_error(error: &SourceError, number: usize) {
    let text = error.to_string();
    assert!(text.starts_with(&format!("line {number}: ")), "{number}: {text}");
    assert!(!text.chars().any(char::is_control), "a terminal may be shown {text:?}");
    assert!(text.len() < 1024, "{} bytes of error", text.len());
    assert!(error.can_poll_again(), "the next line goes on");
}

/// The time before a number.
#[derive(Clone, Copy, Debug)]
enum Time {
    None,
    /// In seconds, here in nanoseconds.
    Seconds(i64),
    /// In words, of the line with this number.
    Words(usize),
}

/// The numbers in `text`, and of lines that are none their number.
fn expected(text: &[u8]) -> Vec<Result<(Time, f64), usize>> {
    let mut found = Vec::new();
    let lines = text.split(|byte| *byte == b'\n');
    for (line, number) in lines.zip(1..) {
        if line.len() > LINE_BYTES_MAX {
            found.push(Err(number));
            continue;
        }
        match str::from_utf8(line).map(str::trim) {
            Ok("") => {}
            Ok(text) => found.push(line_of(text, number).ok_or(number)),
            Err(_) => found.push(Err(number)),
        }
    }
    found
}

fn line_of(text: &str, number: usize) -> Option<(Time, f64)> {
    let last = text.split(char::is_whitespace).next_back()?;
    let value = last.parse().ok().filter(|value: &f64| value.is_finite())?;
    let time = text[..text.len() - last.len()].trim();
    if time.is_empty() {
        return Some((Time::None, value));
    }
    let unsigned = time.strip_prefix('-').unwrap_or(time);
    let mut parts = unsigned.split('.');
    let is_number = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    if parts.clone().count() > 2 || !parts.all(is_number) {
        return Some((Time::Words(number), value));
    }
    // Digit by digit, and at last those of nanoseconds.
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let mut exact = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(9)) {
        exact = exact.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    let exact = if time.starts_with('-') { -exact } else { exact };
    i64::try_from(exact).ok().map(|exact| (Time::Seconds(exact), value))
}
