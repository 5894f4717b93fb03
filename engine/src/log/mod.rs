//! The log: rows in frames, appended one after the other.

pub(crate) mod blocks;
pub(crate) mod reader;
pub(crate) mod resync;
pub(crate) mod tail;
pub(crate) mod walk;
pub(crate) mod writer;

use crate::error::Result;
use crate::format::frame::Seed;
use crate::format::names::log_name;
use crate::format::record::{RECORD_BYTES, Record};
use crate::os::disk::{Directory, DiskFile};

/// The record at the beginning of a log.
pub(crate) fn header(directory: &Directory, id: u64) -> Result<Option<Record>> {
    let file = match directory.open_file(&log_name(id)) {
        Err(error) if error.is_of_unusable_file() => return Ok(None),
        opened => opened?,
    };
    header_of(&file)
}

/// The record at the beginning of an open log.
pub(crate) fn header_of(file: &DiskFile) -> Result<Option<Record>> {
    let bytes = file.readable(0, RECORD_BYTES)?;
    Ok(bytes.and_then(|bytes| Record::decode(&bytes).ok()))
}

/// A place in a log: an offset, and the sequence number of the frame that begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
}

/// What the manifest states about a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(crate) id: u64,
    pub(crate) seed: Seed,
    /// The sequence number of its first observation.
    pub(crate) first_sequence: u64,
    /// The end of what the log was made with. An invalid frame below it is corrupt.
    pub(crate) made: Place,
}

impl Head {
    /// The log that `record` lists.
    pub(crate) fn of(record: &Record) -> Self {
        let first_sequence = record.log_first_sequence();
        let sequence = first_sequence.saturating_add(record.made_observations);
        Self {
            id: record.log,
            seed: Seed::of_log(record.log),
            first_sequence,
            made: Place { offset: record.made_bytes, sequence },
        }
    }

    /// The number that a frame states for a sequence number; `None` if that is too large.
    pub(crate) fn relative(&self, sequence: u64) -> Option<u32> {
        u32::try_from(sequence.checked_sub(self.first_sequence)?).ok()
    }
}
