//! Standard input, or any other stream of text: a number a line, or a time and a number.

use std::io::{self, BufRead, BufReader, Read};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use crate::line::{LineFormat, LineParser};
use crate::quote::quoted;
use crate::source::{Pace, Reading, Source, SourceError};

/// The longest line that is read, in bytes without its end. A number needs 25, or about
/// 770 if every digit of the smallest one is printed.
const LINE_BYTES_MAX: usize = 4096;

/// Some programs write this before a text in UTF-8.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// How much of a bad line an error quotes, in characters.
const QUOTED_CHARS_MAX: usize = 40;

/// The numbers of a stream, one a line, read as they arrive.
///
/// A time may come before the number, separated by spaces or tabs. It is a calendar time
/// (`2026-06-01T12:00:00.5Z`, `2026-06-01 14:00:00+02:00`, or `2026-06-01 12:00:00`,
/// which is in UTC unless [`LineFormat::zone`] says otherwise), or seconds since 1970
/// with or without a fraction; both to the nanosecond. Without a time, a number has the
/// time at which it was read. The first valid line decides whether there are times,
/// unless [`LineFormat::time`] is set.
///
/// A line ends in LF, CRLF or CR. Blank lines and a byte order mark are skipped. A line
/// that is not a finite number, is not UTF-8 or is longer than 4,096 bytes is an error
/// that names the line, and reading goes on with the next line. Ambiguous lines are
/// errors too: a bare number as time before 1980, a lone first number that looks like a
/// time, a number with blanks within. An error of the stream itself is the end. A last
/// line without a line end is stored with a warning, since it may be half of one.
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
    /// Whether the rest of a line that is too long must still be skipped.
    skipping: bool,
    /// Whether the last line ended in CR: a following LF belongs to its end.
    behind_cr: bool,
    parser: LineParser,
    /// Whether the first refused line is the end.
    is_strict: bool,
}

/// What was found in place of a line.
#[derive(Debug, PartialEq)]
enum Found {
    /// A complete line.
    Line,
    /// The last line, without an end.
    Unfinished,
    /// The beginning of a line that is too long.
    TooLong,
    /// The end of the stream.
    End,
}

/// Standard input, without a buffer. Another program that shares the terminal or the pipe
/// may have made it non-blocking; this waits for input nevertheless.
#[derive(Debug)]
#[non_exhaustive]
pub struct StandardInput;

impl Read for StandardInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stdin = rustix::stdio::stdin();
        loop {
            match rustix::io::read(stdin, &mut *buffer) {
                Err(Errno::AGAIN) => {
                    match poll(&mut [PollFd::from_borrowed_fd(stdin, PollFlags::IN)], None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(Errno::INTR) => {}
                // There is no standard input.
                Err(Errno::BADF) => return Ok(0),
                read => return Ok(read?),
            }
        }
    }
}

impl Lines<StandardInput> {
    /// The numbers on standard input.
    #[must_use]
    pub fn stdin() -> Self {
        Self::named(StandardInput, "stdin", "numbers from standard input, one a line")
    }
}

impl<R: Read + Send> Lines<R> {
    /// The numbers in `reader`, which may block. It is buffered here.
    #[must_use]
    pub fn new(reader: R) -> Self {
        Self::named(reader, "lines", "numbers from a stream, one a line")
    }

    fn named(reader: R, name: &'static str, description: &'static str) -> Self {
        Self {
            reader: BufReader::new(reader),
            name,
            description,
            line: Vec::new(),
            line_number: 0,
            skipping: false,
            behind_cr: false,
            parser: LineParser::new(LineFormat::default()),
            is_strict: false,
        }
    }

    /// Sets the format of the lines.
    #[must_use]
    pub fn format(mut self, format: LineFormat) -> Self {
        self.parser = LineParser::new(format);
        self
    }

    /// Whether the first refused line is the end, and an unfinished last line is refused.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// Reads the next line into `self.line`. Buffered lines are returned without reading
    /// from the stream, so a line is available as soon as it has arrived.
    fn read_line(&mut self) -> io::Result<Found> {
        if self.skipping {
            self.skip_line()?;
        }
        self.line.clear();
        self.line_number += 1;
        if self.behind_cr {
            self.fill()?;
            self.behind_cr = false;
            let is_rest_of_end = self.reader.buffer().first() == Some(&b'\n');
            self.reader.consume(usize::from(is_rest_of_end));
        }
        loop {
            self.fill()?;
            let buffered = self.reader.buffer();
            if buffered.is_empty() {
                return Ok(if self.line.is_empty() { Found::End } else { Found::Unfinished });
            }
            let end = line_ends(buffered);
            let length = end.unwrap_or(buffered.len());
            let room = LINE_BYTES_MAX - self.line.len();
            if length > room {
                self.line.extend_from_slice(&buffered[..room]);
                self.reader.consume(room);
                self.skipping = true;
                return Ok(Found::TooLong);
            }
            self.line.extend_from_slice(&buffered[..length]);
            self.behind_cr = end.is_some_and(|end| buffered[end] == b'\r');
            self.reader.consume(length + usize::from(end.is_some()));
            if end.is_some() {
                return Ok(Found::Line);
            }
        }
    }

    /// Skips the rest of a line that is too long.
    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            self.fill()?;
            let buffered = self.reader.buffer();
            let end = line_ends(buffered);
            let length = end.map_or(buffered.len(), |at| at + 1);
            self.behind_cr = end.is_some_and(|end| buffered[end] == b'\r');
            self.reader.consume(length);
            if end.is_some() || length == 0 {
                self.skipping = false;
                return Ok(());
            }
        }
    }

    /// Waits for input unless there is some. If the buffer is empty then, it is the end.
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
        let message = format!("line {number}: \"{line}\" {what}");
        if self.is_strict { SourceError::fatal(message) } else { SourceError::new(message) }
    }

    /// The reading of the line, or `None` if it is blank.
    fn reading(&mut self) -> Result<Option<Reading>, SourceError> {
        let line = match self.line.strip_prefix(&BYTE_ORDER_MARK) {
            Some(rest) if self.line_number == 1 => rest,
            _ => &self.line,
        };
        let text = str::from_utf8(line).map_err(|_| "is not UTF-8".to_owned());
        text.and_then(|text| self.parser.parse(text)).map_err(|what| self.bad_line(&what))
    }

    /// The same for a last line without an end, which may be half of one.
    fn unfinished(&mut self) -> Result<Option<Reading>, SourceError> {
        let reading = self.reading()?;
        if reading.is_some() {
            if self.is_strict {
                return Err(self.bad_line("has no line end, and may be half of a line"));
            }
            let (number, line) = (self.line_number, quoted(&self.line, QUOTED_CHARS_MAX));
            log::warn!(
                "line {number}: \"{line}\" has no line end: it is stored, and may be half of a line"
            );
        }
        Ok(reading)
    }
}

/// Where the first line ends, with LF, CRLF or CR.
fn line_ends(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'))
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
                Found::Unfinished => return self.unfinished(),
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
