//! Numbers, one a line, with or without a time, compared with a parser that has all bytes
//! from the start.

use std::io::{self, Read};

use gaugelog_sources::{Lines, Source, SourceError};

use crate::input::Input;

const LINE_BYTES_MAX: usize = 4096;
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Returns its bytes in portions, sometimes after an interruption.
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

/// Polls all lines of `bytes`. The first byte sets the portions.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let most = match usize::from(input.byte()) {
        0 => 64 * 1024,
        most => most,
    };
    // The fuzzer alone hardly makes long lines: they need too many bytes.
    let repeats = [1, 1, 1, 64, 1024][usize::from(input.byte()) % 5];
    let once = input.rest();
    let text = once.repeat(repeats.min(1 + TEXT_BYTES_MAX / once.len().max(1)));
    let mut lines = Lines::new(Portions { bytes: &text, most, interrupt: false });
    let mut times = Times::Undecided;
    for (line, number) in lines_of(&text) {
        let Some(expected) = expected(line, number == 1, times) else { continue };
        match (expected, lines.poll()) {
            (Some((time, value)), Ok(Some(reading))) => {
                assert_eq!(reading.value.to_bits(), value.to_bits());
                match time {
                    Time::None => assert_eq!(reading.timestamp_ns, None),
                    Time::Seconds(exact) => assert_eq!(reading.timestamp_ns, Some(exact)),
                    Time::Words => assert!(reading.timestamp_ns.is_some(), "line {number}"),
                }
                times = if matches!(time, Time::None) { Times::Never } else { Times::Always };
            }
            // Only the calendar decides which words are a time.
            (Some((Time::Words, _)) | None, Err(error)) => check_error(&error, number),
            (expected, found) => panic!("line {number}: {expected:?}, and not {found:?}"),
        }
    }
    for _ in 0..2 {
        assert!(matches!(lines.poll(), Ok(None)), "the end stays the end");
    }
}

fn check_error(error: &SourceError, number: usize) {
    let text = error.to_string();
    assert!(text.starts_with(&format!("line {number}: ")), "{number}: {text}");
    assert!(!text.chars().any(char::is_control), "a terminal would show {text:?}");
    assert!(text.len() < 1024, "{} bytes of error", text.len());
    assert!(error.can_poll_again(), "the next line goes on");
}

/// The time before a number.
#[derive(Clone, Copy, Debug)]
enum Time {
    None,
    /// In seconds, stored as nanoseconds.
    Seconds(i64),
    /// In words.
    Words,
}

/// Whether lines have times. The first valid line decides.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Times {
    Undecided,
    Always,
    Never,
}

/// The lines of a text with their numbers. They end in LF, CRLF or CR.
fn lines_of(text: &[u8]) -> Vec<(&[u8], usize)> {
    let mut lines = Vec::new();
    let mut begin = 0;
    while begin < text.len() {
        let rest = &text[begin..];
        let end = rest.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(rest.len());
        lines.push((&rest[..end], lines.len() + 1));
        begin += end + if rest[end..].starts_with(b"\r\n") { 2 } else { 1 };
    }
    lines
}

/// The expected result of a line: `None` if it is skipped, `Some(None)` if it is refused.
fn expected(line: &[u8], is_first: bool, times: Times) -> Option<Option<(Time, f64)>> {
    if line.len() > LINE_BYTES_MAX {
        return Some(None);
    }
    let line = match line.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) if is_first => rest,
        _ => line,
    };
    let Ok(text) = str::from_utf8(line) else { return Some(None) };
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    let (last, before) = words.split_last()?;
    Some(line_of(text, last, before, times))
}

fn line_of(text: &str, last: &str, before: &[&str], times: Times) -> Option<(Time, f64)> {
    let value = last.parse().ok().filter(|value: &f64| value.is_finite())?;
    if before.is_empty() {
        let is_a_time = UNITS.iter().any(|unit| is_plausible(exact(last, *unit)));
        let is_value = times == Times::Never || times == Times::Undecided && !is_a_time;
        return is_value.then_some((Time::None, value));
    }
    if times == Times::Never {
        return None;
    }
    let time = text.trim_matches([' ', '\t']);
    let time = time[..time.len() - last.len()].trim_end_matches([' ', '\t']);
    match exact(time, 9) {
        None => Some((Time::Words, value)),
        found => {
            let nanoseconds = found.filter(|found| *found >= 315_532_800_000_000_000)?;
            i64::try_from(nanoseconds).ok().map(|exact| (Time::Seconds(exact), value))
        }
    }
}

/// How many decimals each unit has in nanoseconds.
const UNITS: [usize; 4] = [9, 6, 3, 0];

/// From 1980 to 2100.
fn is_plausible(nanoseconds: Option<i128>) -> bool {
    let range = 315_532_800_000_000_000..4_102_444_800_000_000_000;
    nanoseconds.is_some_and(|it| range.contains(&it))
}

/// The value of a number in nanoseconds, computed digit by digit.
fn exact(text: &str, behind: usize) -> Option<i128> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let mut exact = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes().chain(std::iter::repeat(b'0')).take(behind)) {
        exact = exact.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    Some(if text.starts_with('-') { -exact } else { exact })
}
