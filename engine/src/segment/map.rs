//! How the bytes of a file come into memory: through read-only maps, or by
//! position where a map is refused or not wanted.
//!
//! This is the only module with `unsafe`. Its contract:
//!
//! * A map is read-only, and only ever a window of at most 512 KiB, so a large
//!   file costs little resident memory.
//! * A window ends at or before the file's length at the moment of mapping, and
//!   nothing beyond it is read. Files of a store are never shortened while they
//!   have their name, so no read of ours lands behind the end (SIGBUS). A file
//!   cut short by a stranger, or a disk that fails under a page, still can;
//!   [`Options::positioned_reads`](crate::Options::positioned_reads) is for those.
//! * Files with holes are not mapped: reading a hole allocates a page on some
//!   file systems, and raises SIGBUS where there is none left. Segments have none.
//! * No reference into a map is ever made: other processes write to the same
//!   pages. Bytes are copied out through a raw pointer, and what was copied is
//!   checked, never the map.
#![allow(unsafe_code, reason = "memory maps cannot be had without it")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{OFlags, SeekFrom};
use rustix::io::Errno;

use crate::disk::{Operation, call};
use crate::error::{Error, Result};

const WINDOW_BYTES: u64 = 256 * 1024;

/// A file opened for reading.
#[derive(Debug)]
pub(crate) struct Bytes {
    file: File,
    path: PathBuf,
    opened_with: u64,
    window: Option<Window>,
    maps: bool,
}

#[derive(Debug)]
struct Window {
    start: u64,
    map: MmapRaw,
}

impl Bytes {
    pub(crate) fn open(path: &Path, positioned_reads: bool) -> Result<Self> {
        // Opening a pipe would wait for its other end, but for this flag.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let open = || OpenOptions::new().read(true).custom_flags(flags).open(path);
        let opened = call(path, Operation::Open, open).and_then(|file| {
            let metadata = call(path, Operation::Size, || file.metadata())?;
            Ok((file, metadata))
        });
        match opened.map_err(|error| Error::io(path, "open the file", error))? {
            (file, metadata) if metadata.is_file() => {
                let (path, opened_with) = (path.to_owned(), metadata.len());
                Ok(Self { file, path, opened_with, window: None, maps: !positioned_reads })
            }
            _ => Err(Error::damaged(path, 0, "not a regular file")),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether what is read may come through a map.
    pub(crate) fn is_mapped(&self) -> bool {
        self.maps
    }

    /// The file's length in bytes when it was opened.
    pub(crate) fn opened_with(&self) -> u64 {
        self.opened_with
    }

    /// The file's length in bytes now.
    pub(crate) fn len(&self) -> Result<u64> {
        call(&self.path, Operation::Size, || self.file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| Error::io(&self.path, "read the size", error))
    }

    /// Where the first byte at or behind `offset` lies that is not in a hole of the
    /// file; `None` where there is none. A file system that keeps no account of its
    /// holes, or does not give it, has none.
    pub(crate) fn next_data(&self, offset: u64) -> Option<u64> {
        let seek = || Ok(rustix::fs::seek(&self.file, SeekFrom::Data(offset))?);
        match call(&self.path, Operation::Seek, seek) {
            Ok(at) => Some(at.max(offset)),
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => None,
            Err(_) => Some(offset),
        }
    }

    /// Fills `into` from `offset`; fewer bytes only at the end of the file.
    pub(crate) fn read(&mut self, offset: u64, into: &mut [u8]) -> Result<usize> {
        if !self.maps {
            return self.read_by_position(offset, into);
        }
        let wanted = u64::try_from(into.len()).unwrap_or(u64::MAX);
        if !self.window.as_ref().is_some_and(|window| window.holds(offset, wanted)) {
            self.window = None;
            let length = self.len()?;
            if offset.saturating_add(wanted) > length {
                return self.read_by_position(offset, into);
            }
            let map = || Window::map(&self.file, offset, length);
            match call(&self.path, Operation::Map, map) {
                Ok(window) if window.holds(offset, wanted) => self.window = Some(window),
                Ok(_) => return self.read_by_position(offset, into),
                // Refused (9p gives EINVAL, some file systems ENODEV): read without.
                Err(_) => {
                    self.maps = false;
                    return self.read_by_position(offset, into);
                }
            }
        }
        match &self.window {
            Some(window) => {
                window.copy(offset, into);
                Ok(into.len())
            }
            None => self.read_by_position(offset, into),
        }
    }

    /// The file as long as it was when it was opened, past any map, but no more than
    /// so many bytes.
    pub(crate) fn read_all(&self, most: usize) -> Result<Vec<u8>> {
        // Not more than there is: another call would only tell of the end.
        let length = usize::try_from(self.opened_with).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; length];
        let read = self.read_by_position(0, &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// As [`Bytes::read`], past any map: what the file says when it is asked.
    pub(crate) fn read_by_position(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            let read = || self.file.read_at(&mut into[filled..], at);
            match call(&self.path, Operation::Read, read) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(Error::io(&self.path, "read", error).at(at)),
            }
        }
        Ok(filled)
    }
}

impl Window {
    fn map(file: &File, offset: u64, length: u64) -> io::Result<Self> {
        let start = offset - offset % WINDOW_BYTES;
        // Twice the window's step, so that a block that straddles a step is within one.
        let end = length.min(start + 2 * WINDOW_BYTES);
        let bytes = usize::try_from(end - start).map_err(io::Error::other)?;
        let map = MmapOptions::new().offset(start).len(bytes).map_raw_read_only(file)?;
        Ok(Self { start, map })
    }

    fn holds(&self, offset: u64, wanted: u64) -> bool {
        let end = self.start + u64::try_from(self.map.len()).unwrap_or(0);
        offset >= self.start && offset.checked_add(wanted).is_some_and(|last| last <= end)
    }

    /// Copies `into.len()` bytes from file offset `offset`; the caller has
    /// asked [`Window::holds`].
    fn copy(&self, offset: u64, into: &mut [u8]) {
        let wanted = u64::try_from(into.len()).unwrap_or(u64::MAX);
        assert!(self.holds(offset, wanted), "a copy stays within its window");
        let skip = usize::try_from(offset - self.start).expect("a window is smaller than memory");
        // SAFETY: `holds` was asserted, so the source range lies within the
        // map, which lives as long as `self`; the map lies within the file
        // (see `map`), which is never shortened. Source and destination do not
        // overlap: the map is read-only and `into` is writable. Another
        // process may be writing the source: the copy may then mix old and new
        // bytes, which the checksum over the copy refuses.
        unsafe {
            std::ptr::copy_nonoverlapping(
                self.map.as_ptr().add(skip),
                into.as_mut_ptr(),
                into.len(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_and_positions_read_the_same_bytes() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let content: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
        std::fs::write(file.path(), &content).expect("written");
        let mut mapped = Bytes::open(file.path(), false).expect("opened");
        let mut positioned = Bytes::open(file.path(), true).expect("opened");
        for (offset, length) in
            [(0, 10), (262_140, 32_768), (500_000, 300_000), (3_999_990, 100), (5_000_000, 8)]
        {
            let (mut a, mut b) = (vec![0; length], vec![1; length]);
            let read = mapped.read(offset, &mut a).expect("read");
            assert_eq!(read, positioned.read(offset, &mut b).expect("read"));
            assert_eq!(a[..read], b[..read]);
            let start = usize::try_from(offset).expect("small").min(content.len());
            assert_eq!(a[..read], content[start..start + read]);
        }
    }

    #[test]
    fn a_file_that_grows_is_read_to_its_new_end() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), [1; 100]).expect("written");
        let mut bytes = Bytes::open(file.path(), false).expect("opened");
        let mut into = [0; 200];
        assert_eq!(bytes.read(0, &mut into).expect("read"), 100);
        std::fs::write(file.path(), [2; 150]).expect("written");
        assert_eq!(bytes.read(0, &mut into).expect("read"), 150);
        assert_eq!(into[149], 2);
    }
}
