//! Standard input, or any other stream of text: a number a line, or a time and a number.

mod moment;

use std::io::{self, BufRead, BufReader, Read};

use crate::quote::quoted;
use crate::source::{Pace, Reading, Source, SourceError};

/// The longest line that is read, in bytes without its end. A number needs 25, or
/// some 770 where somebody prints every digit of the smallest.
const LINE_BYTES_MAX: usize = 4096;

/// How much of a bad line an error quotes, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// The numbers of a stream, one a line, taken as they arrive.
///
/// A time may stand before the number: in RFC 3339 (`2026-06-01T12:00:00.5Z`), or seconds
/// since 1970 with or without a fraction, both to the nanosecond. Without one, a number
/// is of the moment at which it was read.
///
/// White space around a number is allowed and blank lines are skipped. A line that
/// is no finite number, is not UTF-8 or is longer than 4,096 bytes is an error that
/// names the line, and the next line goes on; an error of the stream itself is the
/// end. A last line without a line end counts.
///
/// ```
/// use gaugelog_sources::{Lines, Reading, Source};
/// let mut lines = Lines::new("14.2\n\nwarm\n 1e1\r\n".as_bytes());
/// assert_eq!(lines.poll()?, Some(Reading::new(14.2)));
/// assert_eq!(lines.poll().unwrap_err().to_string(), r#"line 3: "warm" is not a finite number"#);
/// assert_eq!(lines.poll()?, Some(Reading::new(10.0)));
/// assert_eq!(lines.poll()?, None);
/// let mut lines = Lines::new("1780315200.25 14.2".as_bytes());
/// assert_eq!(lines.poll()?, Some(Reading::at(1_780_315_200_250_000_000, 14.2)));
/// # Ok::<(), gaugelog_sources::SourceError>(())
/// ```
#[derive(Debug)]
pub struct Lines<R> {
    reader: BufReader<R>,
    name: &'static str,
    description: &'static str,
    /// The line being read, without its end; never longer than `LINE_BYTES_MAX`.
    line: Vec<u8>,
    /// The number of the line being read, from 1; 0 before the first.
    line_number: u64,
    /// The rest of the line was given up as too long and is still to be passed over.
    skipping: bool,
}

/// What was found where a line was expected.
#[derive(Debug, PartialEq)]
enum Found {
    /// A line, whole.
    Line,
    /// The beginning of a line that is too long.
    TooLong,
    /// The end of the stream.
    End,
}

impl Lines<io::Stdin> {
    /// The numbers on standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self::named(io::stdin(), "stdin", "numbers from standard input, one a line")
    }
}

impl<R: Read + Send> Lines<R> {
    /// The numbers in `reader`, which may block. It is buffered here.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self::named(reader, "lines", "numbers from a stream, one a line")
    }

    fn named(reader: R, name: &'static str, description: &'static str) -> Self {
        let reader = BufReader::new(reader);
        Self { reader, name, description, line: Vec::new(), line_number: 0, skipping: false }
    }

    /// Reads the next line into `self.line`. What is already buffered is served
    /// without touching the stream, so a line is available as soon as it arrived.
    fn read_line(&mut self) -> io::Result<Found> {
        if self.skipping {
            self.skip_line()?;
        }
        self.line.clear();
        self.line_number += 1;
        loop {
            self.fill()?;
            let buffered = self.reader.buffer();
            if buffered.is_empty() {
                return Ok(if self.line.is_empty() { Found::End } else { Found::Line });
            }
            let end = buffered.iter().position(|&byte| byte == b'\n');
            let length = end.unwrap_or(buffered.len());
            let room = LINE_BYTES_MAX - self.line.len();
            if length > room {
                self.line.extend_from_slice(&buffered[..room]);
                self.reader.consume(room);
                self.skipping = true;
                return Ok(Found::TooLong);
            }
            self.line.extend_from_slice(&buffered[..length]);
            self.reader.consume(length + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(Found::Line);
            }
        }
    }

    /// Passes over the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            self.fill()?;
            let buffered = self.reader.buffer();
            let end = buffered.iter().position(|&byte| byte == b'\n');
            let length = end.map_or(buffered.len(), |at| at + 1);
            self.reader.consume(length);
            if end.is_some() || length == 0 {
                self.skipping = false;
                return Ok(());
            }
        }
    }

    /// Waits for input unless there is some; an empty buffer then is the end.
    fn fill(&mut self) -> io::Result<()> {
        loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                filled => return filled.map(|_| ()),
            }
        }
    }

    fn bad_line(&self, what: &str) -> SourceError {
        let number = self.line_number;
        let line = quoted(&self.line, QUOTED_CHARS_MAX);
        SourceError::new(format!("line {number}: \"{line}\" {what}"))
    }

    /// What the line says, or `None` where it is blank.
    fn reading(&self) -> Result<Option<Reading>, SourceError> {
        let text = str::from_utf8(&self.line).map_err(|_| self.bad_line("is not UTF-8"))?.trim();
        if text.is_empty() {
            return Ok(None);
        }
        // RFC 3339 allows a space within the time: the number is the last word.
        let (time, number) = text.rsplit_once(char::is_whitespace).unwrap_or(("", text));
        let value = match number.parse::<f64>() {
            Ok(value) if value.is_finite() => value,
            _ if time.is_empty() => return Err(self.bad_line("is not a finite number")),
            _ => return Err(self.bad_line("does not end in a finite number")),
        };
        if time.is_empty() {
            return Ok(Some(Reading::new(value)));
        }
        let timestamp_ns = moment::parse(time.trim_end()).map_err(|what| self.bad_line(what))?;
        Ok(Some(Reading::at(timestamp_ns, value)))
    }
}

impl<R: Read + Send> Source for Lines<R> {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> String {
        self.description.to_owned()
    }

    fn pace(&self) -> Pace {
        Pace::Own
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        loop {
            let found = self.read_line().map_err(|error| {
                SourceError::fatal_io(&format!("read line {}", self.line_number), error)
            })?;
            match found {
                Found::End => return Ok(None),
                Found::TooLong => {
                    let what = format!("is longer than {LINE_BYTES_MAX} bytes");
                    return Err(self.bad_line(&what));
                }
                Found::Line => match self.reading()? {
                    None => continue,
                    reading => return Ok(reading),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests;
