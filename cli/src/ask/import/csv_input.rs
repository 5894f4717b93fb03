//! The rows of a CSV file, with what the csv crate does not say: whether a quote is not closed,
//! in which line a row is, and whether the file ends in the middle of a line.

use std::cell::RefCell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::row_scan::{RowScan, line_ends};
use super::{Failure, Refused};

/// The longest row. A quote that is not closed takes no more memory than this.
pub(super) const ROW_BYTES_MAX: usize = 1 << 20;

/// Reads row after row.
pub(super) struct CsvInput {
    reader: Reader<Bytes>,
    taken: Rc<RefCell<Taken>>,
}

/// What the csv crate has taken of the file.
struct Taken {
    scan: RowScan,
    /// What it took last: in it is the end of the row that it returned last.
    part: Vec<u8>,
    /// The byte of the file at which that begins, the line there, and the byte before.
    begin: u64,
    line: u64,
    before: Option<u8>,
    /// Why it gets no more of the file.
    refused: Option<Refused>,
    is_all: bool,
}

impl CsvInput {
    /// Of a reader that skips comments if `has_comments`.
    pub(super) fn new(
        builder: &ReaderBuilder,
        input: Box<dyn Read>,
        delimiter: u8,
        has_comments: bool,
    ) -> Self {
        let scan = RowScan::new(delimiter, has_comments);
        let (begin, line, before, is_all) = (0, 1, None, false);
        let taken = Taken { scan, part: Vec::new(), begin, line, before, refused: None, is_all };
        let taken = Rc::new(RefCell::new(taken));
        let bytes = Bytes { input, taken: Rc::clone(&taken) };
        Self { reader: builder.from_reader(bytes), taken }
    }

    /// Reads the next row; false at the end of the file.
    pub(super) fn next(&mut self, row: &mut ByteRecord) -> Result<bool, Failure> {
        self.reader.read_byte_record(row).map_err(|error| {
            let why = error.to_string();
            match error.into_kind() {
                csv::ErrorKind::Io(error) => Failure::from(error),
                _ => Failure::Refused(Refused::row(self.line(row), why)),
            }
        })
    }

    /// The line at which the row that was read last begins, counted from 1. The position that
    /// the csv crate gives it is before blank lines and comments, and counts line feeds.
    pub(super) fn line(&self, row: &ByteRecord) -> u64 {
        let taken = self.taken.borrow();
        let end = self.reader.position().byte().saturating_sub(taken.begin);
        let end = usize::try_from(end).map_or(taken.part.len(), |end| end.min(taken.part.len()));
        let up_to_end = &taken.part[..end];
        // Of the line end of the row, the csv crate takes the line feed with the next row.
        let row_end = up_to_end.strip_suffix(b"\n").or(up_to_end.strip_suffix(b"\r"));
        let within: u64 = row.iter().map(|cell| line_ends(None, cell)).sum();
        taken.line + line_ends(taken.before, row_end.unwrap_or(up_to_end)) - within
    }

    /// Whether the row that was read last is that of a last line without a line end.
    pub(super) fn lacks_line_end(&self) -> bool {
        let taken = self.taken.borrow();
        taken.is_all && taken.scan.last().is_some_and(|byte| !matches!(byte, b'\n' | b'\r'))
    }
}

struct Bytes {
    input: Box<dyn Read>,
    taken: Rc<RefCell<Taken>>,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let taken = &mut *self.taken.borrow_mut();
        if let Some(refused) = taken.refused.take() {
            return Err(io::Error::other(refused));
        }
        if taken.scan.row_bytes() > ROW_BYTES_MAX {
            let why = "a row that begins here has more than 1 MiB, perhaps because a quote is not \
                       closed; close or remove it";
            return Err(io::Error::other(Refused::without_end(taken.scan.row_line(), why.into())));
        }
        let read = self.input.read(buffer)?;
        if read == 0 {
            let was_all = std::mem::replace(&mut taken.is_all, true);
            // The csv crate takes a comment without a line end for a row.
            if taken.scan.is_comment() && !was_all {
                buffer[0] = b'\n';
                return Ok(1);
            }
            return taken.scan.ends_open().map_or(Ok(0), |refused| Err(io::Error::other(refused)));
        }
        let part = &buffer[..read];
        taken.begin += taken.part.len() as u64;
        (taken.line, taken.before) = (taken.scan.line(), taken.scan.last());
        let right = match taken.scan.follow(part) {
            Ok(()) => part,
            // The rows before it are still read.
            Err(misquoted) => {
                taken.refused = Some(misquoted.why);
                &part[..misquoted.at]
            }
        };
        taken.part.clear();
        taken.part.extend_from_slice(right);
        match taken.refused.take_if(|_| right.is_empty()) {
            Some(refused) => Err(io::Error::other(refused)),
            None => Ok(right.len()),
        }
    }
}
