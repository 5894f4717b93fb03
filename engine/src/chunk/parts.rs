//! Parts of a chunk's file, read and checked.
//!
//! A part that seems damaged is read again by position first: a map may show old pages.
//! An unreadable sector counts as damage to what lies in it.

use std::ops::Range;
use std::path::Path;

use crate::error::{Damage, Error, ErrorKind};
use crate::format::chunk::{Header, PREFIX_BYTES};
use crate::format::record::Invalid;
use crate::os::map::Bytes;

pub(super) type Result<T> = std::result::Result<T, Fault>;

/// Why a part cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is damaged; the text says how.
    Damaged(String),
    /// It could not be read, and may be intact.
    Unread(Error),
}

impl Fault {
    /// The error about the part at `offset`. Because of it the observations `lost` cannot
    /// be read.
    pub(super) fn into_error(self, path: &Path, offset: u64, lost: Range<u64>) -> Error {
        match self {
            Self::Damaged(detail) => Damage { path: path.to_owned(), offset, lost, detail }.into(),
            Self::Unread(error) => error,
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        // Damage here means that the name leads to something that is not a file.
        if error.is_device_failure() || error.damage().is_some() {
            Self::Damaged(error.detail_with_source())
        } else {
            Self::Unread(error)
        }
    }
}

/// Fills `into` from `offset` and decodes it.
pub(super) fn read<T>(
    bytes: &Bytes,
    offset: u64,
    into: &mut [u8],
    decode: impl Fn(&[u8]) -> Result<T>,
) -> Result<T> {
    let checked = |read: crate::error::Result<usize>, into: &[u8]| {
        if read? < into.len() {
            return Err(Fault::Damaged("the file ends too early".into()));
        }
        decode(into)
    };
    let first = checked(bytes.read(offset, into), into);
    if first.is_ok() || !bytes.is_mapped() {
        return first;
    }
    checked(bytes.file().read(offset, into), into)
}

/// The header before the pages or, if that is damaged, the one after them.
pub(super) fn header(bytes: &Bytes) -> Result<Header> {
    match header_before(bytes) {
        Err(Fault::Damaged(detail)) => match header_after(bytes) {
            Err(Fault::Damaged(_)) => Err(Fault::Damaged(detail)),
            second => second,
        },
        first => first,
    }
}

fn header_before(bytes: &Bytes) -> Result<Header> {
    let stated = |prefix: &[u8]| Header::stated_bytes(prefix).map_err(|it| fault(bytes, it));
    let length = read(bytes, 0, &mut [0; PREFIX_BYTES], stated)?;
    header_at(bytes, 0, length)
}

fn header_after(bytes: &Bytes) -> Result<Header> {
    let end = bytes.file().len()?;
    let stated = |end: &[u8]| Header::stated_bytes_at_end(end).map_err(|it| fault(bytes, it));
    let mut length = [0; 4];
    let offset = end.saturating_sub(length.len() as u64);
    let length = read(bytes, offset, &mut length, stated)?;
    header_at(bytes, end.saturating_sub(length as u64), length)
}

/// The header of `length` bytes at `offset`.
pub(super) fn header_at(bytes: &Bytes, offset: u64, length: usize) -> Result<Header> {
    let decode = |header: &[u8]| Header::decode(header).map_err(|it| fault(bytes, it));
    read(bytes, offset, &mut vec![0; length], decode)
}

fn fault(bytes: &Bytes, invalid: Invalid) -> Fault {
    Fault::Damaged(match invalid {
        Invalid::Magic => "the file does not begin like a chunk".into(),
        Invalid::Checksum => "the header fails its checksum".into(),
        Invalid::Fields => "the header contradicts itself".into(),
        Invalid::Version(_) => {
            // Not reported as damage, because a repair would give the data up.
            let detail = "the chunk was written by a later version of this program; use that";
            return Fault::Unread(Error::new(ErrorKind::Version, bytes.path(), detail));
        }
    })
}
