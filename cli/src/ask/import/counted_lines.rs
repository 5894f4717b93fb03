//! The lines of a file without times, where a row that is dropped would shift all after it.

use std::io::{self, BufRead, BufReader, Read};

use memchr::memchr;

use super::csv_input::ROW_BYTES_MAX;
use super::row_scan::RowScan;

/// A CSV file in which a blank line among the data is a row with one empty cell, which the
/// csv crate would drop. `#` begins a comment only above the heading, or above the
/// first row where there is none.
pub(super) struct CountedLines {
    input: BufReader<Box<dyn Read>>,
    scan: RowScan,
    /// Rows that are still to come before all lines count.
    before: usize,
    line: Vec<u8>,
    /// How much of `line` was handed over.
    given: usize,
}

impl CountedLines {
    /// `heading` rows are above the data.
    pub(super) fn new(input: Box<dyn Read>, delimiter: u8, heading: usize) -> Self {
        let input = BufReader::with_capacity(1 << 18, input);
        // Without a heading, the first row is what shows that the data has begun.
        let (line, before) = (Vec::new(), heading.max(1));
        Self { input, scan: RowScan::new(delimiter, false), before, line, given: 0 }
    }

    fn next_line(&mut self) -> io::Result<()> {
        self.line.clear();
        self.given = 0;
        // A line that is longer is refused after this part of it.
        let most = 2 * ROW_BYTES_MAX as u64;
        self.input.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        if !self.scan.is_quoted() {
            self.count_line();
        }
        // A line without a quote leaves it where it is, at the begin of a row or in a cell.
        if memchr(b'"', &self.line).is_some() {
            // The CSV reader finds the same misplaced quote, and refuses its row.
            let _ = self.scan.follow(&self.line);
        }
        Ok(())
    }

    /// Makes a blank line a row, and a comment a blank line.
    fn count_line(&mut self) {
        let is_blank = matches!(&self.line[..], b"\n" | b"\r\n");
        if self.before == 0 {
            if is_blank {
                self.line.splice(..0, *b"\"\"");
            }
        } else if self.line.starts_with(b"#") {
            // The line end stays, as lines are counted in errors.
            let end = match self.line.ends_with(b"\r\n") {
                true => 2,
                false => usize::from(self.line.ends_with(b"\n")),
            };
            self.line.drain(..self.line.len() - end);
        } else if !is_blank {
            self.before -= 1;
        }
    }
}

impl Read for CountedLines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        loop {
            if self.given == self.line.len() {
                // As many lines as are here already: others may be long in coming.
                if read > 0 && memchr(b'\n', self.input.buffer()).is_none() {
                    return Ok(read);
                }
                self.next_line()?;
            }
            let given = (&self.line[self.given..]).read(&mut buffer[read..])?;
            if given == 0 {
                return Ok(read);
            }
            self.given += given;
            read += given;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn counts(heading: usize, text: &str, expected: &str) {
        let mut found = String::new();
        let input = Box::new(io::Cursor::new(text.to_owned()));
        CountedLines::new(input, b',', heading).read_to_string(&mut found).unwrap();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_blank_line_among_the_data_is_a_row() {
        counts(0, "1\n\n2\n\r\n#3\n", "1\n\"\"\n2\n\"\"\r\n#3\n");
        counts(0, "# of\n\n1\n\n2", "\n\n1\n\"\"\n2");
        counts(0, "# of \n#\t\r\n1\n#", "\n\r\n1\n#");
        counts(0, "# of", "");
        counts(1, "# of\n\nv\n\n#N/A\n1\n\n2", "\n\nv\n\"\"\n#N/A\n1\n\"\"\n2");
        counts(0, "", "");
    }

    #[test]
    fn a_blank_line_in_a_quoted_cell_is_text() {
        counts(0, "1,\"a\n\nb\"\n\n2\n", "1,\"a\n\nb\"\n\"\"\n2\n");
        counts(0, "1,\"a\"\"\n\n\"\n\n", "1,\"a\"\"\n\n\"\n\"\"\n");
        counts(0, "1,5\" pipe\n\n2\n", "1,5\" pipe\n\"\"\n2\n");
        counts(0, "1,5\"\" pipe\n\n2\n", "1,5\"\" pipe\n\"\"\n2\n");
        counts(1, "\"a\n\nb\"\n\n1\n\n", "\"a\n\nb\"\n\"\"\n1\n\"\"\n");
    }
}
