//! Numbers, one a line: compared with a parser that has all bytes before it.

use std::io::{self, Read};

use gaugelog_sources::{Lines, Source};

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
            (Ok(value), Ok(Some(reading))) => {
                assert_eq!(reading.value.to_bits(), value.to_bits());
            }
            (Err(number), Err(error)) => {
                let text = error.to_string();
                assert!(text.starts_with(&format!("line {number}: ")), "{number}: {text}");
                assert!(!text.chars().any(char::is_control), "a terminal may be shown {text:?}");
                assert!(text.len() < 1024, "{} bytes of error", text.len());
                assert!(error.can_poll_again(), "the next line goes on");
            }
            (expected, found) => panic!("{expected:?}, and not {found:?}"),
        }
    }
    for _ in 0..2 {
        assert!(matches!(lines.poll(), Ok(None)), "the end stays the end");
    }
}

/// The numbers in `text`, and of lines that are none their number.
fn expected(text: &[u8]) -> Vec<Result<f64, usize>> {
    let mut found = Vec::new();
    let lines = text.split(|byte| *byte == b'\n');
    for (line, number) in lines.zip(1..) {
        if line.len() > LINE_BYTES_MAX {
            found.push(Err(number));
            continue;
        }
        match str::from_utf8(line).map(str::trim) {
            Ok("") => {}
            Ok(text) => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => found.push(Ok(value)),
                _ => found.push(Err(number)),
            },
            Err(_) => found.push(Err(number)),
        }
    }
    found
}
