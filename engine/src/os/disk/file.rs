//! A file of a store.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, SeekFrom, StatxFlags};
use rustix::io::Errno;

use super::{Identity, Operation, announce_write, call, refuse_unreadable, uninterrupted};
use crate::error::{Error, Result};
use crate::os::map::start_write_out;

/// The unit of reading where the device cannot read all.
pub(crate) const SECTOR: usize = 512;

/// The number of bytes read, and the furthest sector that the device cannot read, with the
/// reason.
type Around = (usize, Option<(u64, Error)>);

/// An open file of a store.
#[derive(Debug)]
pub(crate) struct DiskFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) opened_with: u64,
    pub(super) links: u32,
}

impl DiskFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file's length in bytes when it was opened.
    pub(crate) fn opened_with(&self) -> u64 {
        self.opened_with
    }

    /// Whether the file has more than one name.
    pub(crate) fn has_other_names(&self) -> bool {
        self.links > 1
    }

    pub(in crate::os) fn file(&self) -> &File {
        &self.file
    }

    /// The file's length in bytes now. Only the length is asked for: asking for the time
    /// of change makes the next sync slower on kernels with multigrain timestamps,
    /// because the next write then changes the inode.
    pub(crate) fn len(&self) -> Result<u64> {
        let look = || {
            let flags = AtFlags::EMPTY_PATH;
            Ok(rustix::fs::statx(&self.file, "", flags, StatxFlags::SIZE)?.stx_size)
        };
        call(&self.path, Operation::Size, "read the size", look)
    }

    /// Writes all of `bytes` at `offset`, or fails after having written a part.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let write = || {
            announce_write(&self.path, offset, bytes)
                .and_then(|()| self.file.write_all_at(bytes, offset))
        };
        uninterrupted(write).map_err(|error| Error::io(&self.path, "write", error).at(offset))
    }

    /// Starts writing a part to the disk, so that the next sync has less to wait for. It
    /// is no error if the file system does not.
    pub(crate) fn start_write_out(&self, part: Range<u64>) {
        let start = || start_write_out(&self.file, part.clone());
        drop(call(&self.path, Operation::StartWriteOut, "start writing to disk", start));
    }

    /// Forces what was written, and the length, to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        call(&self.path, Operation::Sync, "sync to disk", || self.file.sync_data())
    }

    /// Fills `into` from `offset`. Reads fewer bytes only at the end of the file.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.saturating_add(filled as u64);
            let read = || {
                refuse_unreadable(&self.path, at, into.len() - filled)?;
                self.file.read_at(&mut into[filled..], at)
            };
            match call(&self.path, Operation::Read, "read", read).map_err(|error| error.at(at))? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// The `length` bytes from `offset`, or fewer at the end of the file; `None` if the device
    /// cannot read them.
    pub(crate) fn readable(&self, offset: u64, length: usize) -> Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; length];
        match self.read(offset, &mut bytes) {
            Ok(read) => {
                bytes.truncate(read);
                Ok(Some(bytes))
            }
            Err(error) if error.is_device_failure() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`read`](Self::read). Sectors that the device cannot read are zeros; the furthest
    /// of them is returned too, with the reason.
    pub(crate) fn read_around(&self, offset: u64, into: &mut [u8]) -> Result<Around> {
        match self.read(offset, into) {
            Err(error) if error.is_device_failure() => {}
            read => return Ok((read?, None)),
        }
        let length = usize::try_from(self.len()?.saturating_sub(offset)).unwrap_or(usize::MAX);
        let (mut filled, mut unreadable) = (0, None);
        let wanted = length.min(into.len());
        for (number, sector) in into[..wanted].chunks_mut(SECTOR).enumerate() {
            let at = offset + (number * SECTOR) as u64;
            match self.read(at, sector) {
                Ok(read) => filled += read,
                Err(error) if error.is_device_failure() => {
                    sector.fill(0);
                    filled += sector.len();
                    unreadable = Some((at, error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((filled, unreadable))
    }

    /// The offset of the first byte at or after `offset` that is not in a hole of the
    /// file; `None` if there is none, or if the file system has no holes.
    pub(crate) fn next_data(&self, offset: u64) -> Option<u64> {
        let seek = || Ok(rustix::fs::seek(&self.file, SeekFrom::Data(offset))?);
        match call(&self.path, Operation::Seek, "seek", seek) {
            Ok(at) => Some(at.max(offset)),
            Err(error) if error.errno() == Some(Errno::NXIO) => None,
            Err(_) => Some(offset),
        }
    }
}
