//! A log's bytes, read by position in blocks of 32 KiB. An unreadable sector counts as
//! corrupt: it is read as zeros, and noted.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::format::frame::BLOCK_BYTES;
use crate::os::disk::DiskFile;

const BLOCK: usize = 32 * 1024;

/// One block of a log at a time.
#[derive(Debug)]
pub(crate) struct Blocks {
    file: Arc<DiskFile>,
    start: u64,
    bytes: Vec<u8>,
    /// How much of `bytes` is filled from the file.
    filled: usize,
    /// The furthest sector that could not be read, and why.
    unreadable: Option<(u64, Error)>,
}

impl Blocks {
    pub(crate) fn new(file: Arc<DiskFile>) -> Self {
        Self { file, start: u64::MAX, bytes: Vec::new(), filled: 0, unreadable: None }
    }

    /// The offset of the first byte at or after `offset` that is not in a hole of the
    /// file.
    pub(crate) fn next_data(&self, offset: u64) -> Option<u64> {
        self.file.next_data(offset)
    }

    /// The bytes from `offset` to the end of its block, or of the file.
    pub(crate) fn from(&mut self, offset: u64) -> Result<&[u8]> {
        let start = offset - offset % BLOCK_BYTES;
        if start != self.start {
            self.load(start)?;
        }
        let skip = usize::try_from(offset - start).expect("less than a block");
        Ok(&self.bytes[skip.min(self.filled)..self.filled])
    }

    /// Drops the block, so that it is read again.
    pub(crate) fn forget(&mut self) {
        self.start = u64::MAX;
    }

    /// Takes the furthest sector that could not be read since the last call, and why.
    pub(crate) fn take_unreadable(&mut self) -> Option<(u64, Error)> {
        self.unreadable.take()
    }

    fn load(&mut self, start: u64) -> Result<()> {
        self.bytes.resize(BLOCK, 0);
        self.start = u64::MAX;
        let (filled, met) = self.file.read_around(start, &mut self.bytes)?;
        if let Some((offset, _)) = met
            && self.unreadable.as_ref().is_none_or(|(furthest, _)| *furthest < offset)
        {
            self.unreadable = met;
        }
        (self.start, self.filled) = (start, filled);
        Ok(())
    }
}
