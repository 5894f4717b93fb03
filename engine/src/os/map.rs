//! Reading the bytes of a file: through read-only maps, or by position where a map is
//! refused or not wanted.
//!
//! This is the only module with `unsafe`, so the one other call that needs it is here
//! too. The contract of the maps:
//!
//! * A map is read-only, and a window of at most 512 KiB, so a large file costs
//!   little resident memory.
//! * A window ends at or before the file's length at the moment of mapping, and
//!   nothing after it is read. Files of a store are never shortened while they
//!   have their name, so no read reaches past the end (SIGBUS). A file cut short
//!   by another program, or a disk that fails under a page, still can;
//!   [`Options::positioned_reads`](crate::Options::positioned_reads) is for those.
//! * No reference into a map is ever made: other processes write to the same
//!   pages. Bytes are copied out through a raw pointer, and the copy is checked,
//!   never the map.
#![allow(unsafe_code, reason = "neither memory maps nor sync_file_range can be had without it")]

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::{MmapOptions, MmapRaw};

use super::disk::{DiskFile, Operation, call};
use crate::error::Result;

const WINDOW_BYTES: u64 = 256 * 1024;
/// How often a file is read before it is mapped. Mapping and unmapping take as long as
/// about ten reads by position.
const READS_BEFORE_MAP: u32 = 16;

/// A file opened for reading, which any number of threads read at once.
#[derive(Debug)]
pub(crate) struct Bytes {
    file: Arc<DiskFile>,
    maps: AtomicBool,
    mapped: Mutex<Mapped>,
}

#[derive(Debug, Default)]
struct Mapped {
    /// The number of reads without a window so far.
    reads: u32,
    window: Option<Arc<Window>>,
}

#[derive(Debug)]
struct Window {
    start: u64,
    map: MmapRaw,
}

/// Starts writing a part of `file` to the disk, without waiting for it. It is only a
/// hint: a sync reports success or failure.
pub(super) fn start_write_out(file: &File, part: Range<u64>) -> io::Result<()> {
    let (offset, bytes) = (part.start.cast_signed(), (part.end - part.start).cast_signed());
    // SAFETY: the call takes no pointer, and the descriptor is open while `file` lives.
    let done = unsafe {
        libc::sync_file_range(file.as_raw_fd(), offset, bytes, libc::SYNC_FILE_RANGE_WRITE)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Bytes {
    pub(crate) fn new(file: Arc<DiskFile>, positioned_reads: bool) -> Self {
        Self { file, maps: AtomicBool::new(!positioned_reads), mapped: Mutex::default() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn file(&self) -> &Arc<DiskFile> {
        &self.file
    }

    /// Whether bytes may have been read through a map. Before a caller reports bytes as
    /// corrupt, it reads them again by position: a map can show old pages (overlayfs).
    pub(crate) fn is_mapped(&self) -> bool {
        self.maps.load(Ordering::Relaxed)
    }

    /// Fills `into` from `offset`. Reads fewer bytes only at the end of the file.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        match self.window(offset, into.len())? {
            Some(window) => {
                window.copy(offset, into);
                Ok(into.len())
            }
            None => self.file.read(offset, into),
        }
    }

    /// Gives the map back, if there is one. Further reads map the file again.
    pub(crate) fn unmap(&self) {
        *self.mapped.lock().unwrap_or_else(PoisonError::into_inner) = Mapped::default();
    }

    /// The window that holds all the wanted bytes; `None` if they are read without one.
    fn window(&self, offset: u64, length: usize) -> Result<Option<Arc<Window>>> {
        let wanted = length as u64;
        if !self.is_mapped() || wanted > WINDOW_BYTES {
            return Ok(None);
        }
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = mapped.window.as_ref().filter(|window| window.holds(offset, wanted)) {
            return Ok(Some(Arc::clone(window)));
        }
        if mapped.reads < READS_BEFORE_MAP {
            mapped.reads += 1;
            return Ok(None);
        }
        let length = self.file.len()?;
        if offset.saturating_add(wanted) > length {
            return Ok(None);
        }
        let map = || Window::map(self.file.file(), offset, length);
        match call(self.file.path(), Operation::Map, "map the file", map) {
            Ok(window) if window.holds(offset, wanted) => {
                let window = Arc::new(window);
                mapped.window = Some(Arc::clone(&window));
                Ok(Some(window))
            }
            Ok(_) => Ok(None),
            // Refused (9p gives EINVAL, some file systems ENODEV): read without.
            Err(_) => {
                self.maps.store(false, Ordering::Relaxed);
                Ok(None)
            }
        }
    }
}

impl Window {
    fn map(file: &File, offset: u64, length: u64) -> io::Result<Self> {
        let start = offset - offset % WINDOW_BYTES;
        // Twice the window's step, so that a block across a step is within one window.
        let end = length.min(start + 2 * WINDOW_BYTES);
        let bytes = usize::try_from(end - start).map_err(io::Error::other)?;
        let map = MmapOptions::new().offset(start).len(bytes).map_raw_read_only(file)?;
        Ok(Self { start, map })
    }

    fn holds(&self, offset: u64, wanted: u64) -> bool {
        let end = self.start + self.map.len() as u64;
        offset >= self.start && offset.checked_add(wanted).is_some_and(|last| last <= end)
    }

    /// Copies `into.len()` bytes from file offset `offset`. The caller has checked with
    /// [`Window::holds`].
    fn copy(&self, offset: u64, into: &mut [u8]) {
        assert!(self.holds(offset, into.len() as u64), "a copy stays within its window");
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
    use super::super::disk::Directory;
    use super::*;

    #[test]
    fn maps_and_positions_read_the_same_bytes() {
        let place = tempfile::tempdir().expect("a directory");
        let content: Vec<u8> = (0..1_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
        std::fs::write(place.path().join("file"), &content).expect("written");
        let directory = Directory::open(place.path()).expect("opened");
        let file = Arc::new(directory.open_file("file").expect("opened"));
        let mapped = Bytes::new(Arc::clone(&file), false);
        let positioned = Bytes::new(file, true);
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
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("file");
        std::fs::write(&path, [1; 100]).expect("written");
        let directory = Directory::open(place.path()).expect("opened");
        let bytes = Bytes::new(Arc::new(directory.open_file("file").expect("opened")), false);
        let mut into = [0; 200];
        assert_eq!(bytes.read(0, &mut into).expect("read"), 100);
        std::fs::write(&path, [2; 150]).expect("written");
        assert_eq!(bytes.read(0, &mut into).expect("read"), 150);
        assert_eq!(into[149], 2);
    }
}
