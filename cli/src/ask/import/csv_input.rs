//! The rows of a CSV file, with what the csv crate does not say: whether the file ends in a
//! quoted cell, or in the middle of a line.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Position, Reader, ReaderBuilder};

use super::{Failure, Refused};

/// The longest row. A quote that is not closed takes no more memory than this.
pub(super) const ROW_BYTES_MAX: usize = 1 << 20;

/// Comes after the file: a row of its own, or the end of a cell whose quote is not closed.
/// No delimiter is one of its bytes.
const END: &[u8] = b"\r\n\xFF\xFE\xFF\xFE\xFF\xFE\xFF\xFE";
const END_CELL: &[u8] = END.split_at(2).1;

/// Reads row after row.
pub(super) struct CsvInput {
    reader: Reader<Bytes>,
    taken: Rc<Taken>,
}

/// What the csv crate has taken of the file.
#[derive(Debug, Default)]
struct Taken {
    /// Bytes since it returned a row.
    since_row: Cell<usize>,
    last: Cell<Option<u8>>,
    /// The first byte of the first line end.
    line_end: Cell<Option<u8>>,
    is_all: Cell<bool>,
}

impl CsvInput {
    pub(super) fn new(builder: &ReaderBuilder, input: Box<dyn Read>) -> Self {
        let taken = Rc::default();
        let bytes = Bytes { input, end: END, taken: Rc::clone(&taken) };
        Self { reader: builder.from_reader(bytes), taken }
    }

    /// Reads the next row; false at the end of the file.
    pub(super) fn next(&mut self, row: &mut ByteRecord) -> Result<bool, Failure> {
        self.taken.since_row.set(0);
        let read = self.reader.read_byte_record(row);
        if self.taken.since_row.get() > ROW_BYTES_MAX {
            let why = "a row that begins here has more than 1 MiB, perhaps because a quote is not \
                       closed; close or remove it";
            let begun = row.position().map_or(0, Position::line);
            return Err(refused(begun + u64::from(self.taken.ends_at_cr()), why));
        }
        if !read.map_err(failed)? {
            return Ok(false);
        }
        let last = row.iter().next_back().unwrap_or_default();
        if !self.taken.is_all.get() || !last.ends_with(END_CELL) {
            return Ok(true);
        }
        if row.len() == 1 && last == END_CELL {
            return Ok(false);
        }
        let why = "a quote begins a cell here, and is not closed before the end of the file; close \
                   or remove it";
        Err(refused(self.reader.position().line() - line_feeds(last), why))
    }

    /// The line at which the row that was read last begins, counted from 1. The position that
    /// the csv crate gives it is before blank lines and comments.
    pub(super) fn line(&self, row: &ByteRecord) -> u64 {
        let own_end = u64::from(!self.taken.ends_at_cr());
        let end = self.reader.position().line();
        end.saturating_sub(own_end + row.iter().map(line_feeds).sum::<u64>()).max(1)
    }

    /// Whether the row that was read last is that of a last line without a line end.
    pub(super) fn lacks_line_end(&self) -> bool {
        self.taken.is_all.get()
            && self.taken.last.get().is_some_and(|byte| !matches!(byte, b'\n' | b'\r'))
    }
}

fn line_feeds(cell: &[u8]) -> u64 {
    cell.iter().filter(|byte| **byte == b'\n').count() as u64
}

impl Taken {
    /// Whether rows end at a carriage return. The csv crate counts a line feed after it only
    /// with the next row.
    fn ends_at_cr(&self) -> bool {
        self.line_end.get() == Some(b'\r')
    }
}

fn refused(line: u64, why: &str) -> Failure {
    Failure::Refused(Refused { line, why: why.to_owned(), can_be_skipped: false })
}

fn failed(error: csv::Error) -> Failure {
    let line = error.position().map_or(0, Position::line);
    let why = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Failure::Input(error),
        _ => Failure::Refused(Refused::row(line, why)),
    }
}

struct Bytes {
    input: Box<dyn Read>,
    /// What is left of `END`.
    end: &'static [u8],
    taken: Rc<Taken>,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = &self.taken;
        if taken.since_row.get() > ROW_BYTES_MAX {
            return Err(io::Error::other("a row is too long"));
        }
        if !taken.is_all.get() {
            let read = self.input.read(buffer)?;
            taken.since_row.set(taken.since_row.get() + read);
            if let Some(last) = read.checked_sub(1) {
                taken.last.set(Some(buffer[last]));
                if taken.line_end.get().is_none() {
                    let mut bytes = buffer[..read].iter().copied();
                    taken.line_end.set(bytes.find(|byte| matches!(byte, b'\n' | b'\r')));
                }
                return Ok(read);
            }
            taken.is_all.set(true);
            // The same line end as in the file.
            self.end = &END[usize::from(!taken.ends_at_cr())..];
        }
        self.end.read(buffer)
    }
}
