//! Parts of a chunk's file, read and checked.
//!
//! A part that seems damaged is read again by position first: a map may show old pages.
//! An unreadable sector counts as damage to what lies in it.

use crate::error::{Error, ErrorKind, Result};
use crate::format::chunk::{Header, PREFIX_BYTES};
use crate::format::record::Invalid;
use crate::os::map::Bytes;

/// What a device cannot read is damage to what lies at `offset`.
pub(super) fn as_damage(error: Error, offset: u64) -> Error {
    if error.is_device_failure() {
        return Error::damaged(error.path(), offset, error.detail_with_source());
    }
    error
}

/// Fills `into` from `offset` and decodes it. Damage is reported without what is lost.
pub(super) fn read<T>(
    bytes: &Bytes,
    offset: u64,
    into: &mut [u8],
    decode: impl Fn(&[u8]) -> Result<T>,
) -> Result<T> {
    let checked = |read: Result<usize>, into: &[u8]| {
        if read.map_err(|error| as_damage(error, offset))? < into.len() {
            return Err(Error::damaged(bytes.path(), offset, "the file ends too early"));
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
        Err(first) if first.damage().is_some() => match header_after(bytes) {
            Err(second) if second.damage().is_some() => Err(first),
            second => second,
        },
        first => first,
    }
}

fn header_before(bytes: &Bytes) -> Result<Header> {
    let stated = |prefix: &[u8]| Header::stated_bytes(prefix).map_err(|it| error(bytes, 0, it));
    let length = read(bytes, 0, &mut [0; PREFIX_BYTES], stated)?;
    header_at(bytes, 0, length)
}

fn header_after(bytes: &Bytes) -> Result<Header> {
    let end = bytes.file().len().map_err(|error| as_damage(error, 0))?;
    let mut length = [0; 4];
    let offset = end.saturating_sub(length.len() as u64);
    let stated =
        |end: &[u8]| Header::stated_bytes_at_end(end).map_err(|it| error(bytes, offset, it));
    let length = read(bytes, offset, &mut length, stated)?;
    header_at(bytes, end.saturating_sub(length as u64), length)
}

/// The header of `length` bytes at `offset`.
pub(super) fn header_at(bytes: &Bytes, offset: u64, length: usize) -> Result<Header> {
    let decode = |header: &[u8]| Header::decode(header).map_err(|it| error(bytes, offset, it));
    read(bytes, offset, &mut vec![0; length], decode)
}

fn error(bytes: &Bytes, offset: u64, invalid: Invalid) -> Error {
    let detail = match invalid {
        Invalid::Magic => "the file does not begin like a chunk",
        Invalid::Checksum => "the header fails its checksum",
        Invalid::Fields => "the header contradicts itself",
        Invalid::Version(_) => {
            // Not reported as damage, because a repair would give the data up.
            let detail = "the chunk was written by a later version of this program; use that";
            return Error::new(ErrorKind::Version, bytes.path(), detail);
        }
    };
    Error::damaged(bytes.path(), offset, detail)
}
