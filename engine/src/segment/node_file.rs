//! The file beside a row segment that holds the finished nodes of the summary
//! tree. Derived: a node that is missing or does not hold is computed again
//! from the observations.
//!
//! A node belongs to the segment that holds its last observation. Records
//! stand in order of completion, so their place follows from level and index.

use std::path::{Path, PathBuf};

use crate::disk::DiskFile;
use crate::error::{Error, Result};
use crate::segment::chain::Segment;
use crate::segment::format::{NODE_BYTES, decode_node, encode_node};
use crate::segment::map::Bytes;
use crate::segment::names::derived_name;
use crate::stats::summary::Summary;
use crate::stats::tree::{LEAF, nodes_complete, place};

const KIND: &str = "tree";

/// Where in its segment's file a node's record begins; `None` if the node was
/// complete before the segment began.
pub(crate) fn offset(first_sequence: u64, level: u32, index: u64) -> Option<u64> {
    let before = nodes_complete(first_sequence / LEAF);
    place(level, index).checked_sub(before)?.checked_mul(NODE_BYTES as u64)
}

/// Records to be written to the file of one segment.
#[derive(Debug)]
pub(crate) struct NodeBatch {
    ordinal: u64,
    identity: u64,
    first_sequence: u64,
    /// Records that stand one behind the other, and where the first stands.
    runs: Vec<(u64, Vec<u8>)>,
}

impl NodeBatch {
    pub(crate) fn new(segment: &Segment) -> Self {
        let Segment { ordinal, identity, first_sequence, .. } = *segment;
        Self { ordinal, identity, first_sequence, runs: Vec::new() }
    }

    pub(crate) fn push(&mut self, level: u32, index: u64, node: &Summary) {
        let Some(at) = offset(self.first_sequence, level, index) else { return };
        match self.runs.last_mut() {
            Some((start, records)) if *start + records.len() as u64 == at => {
                encode_node(self.identity, level, index, node, records);
            }
            _ => {
                let mut records = Vec::new();
                encode_node(self.identity, level, index, node, &mut records);
                self.runs.push((at, records));
            }
        }
    }

    /// Writes what was pushed.
    pub(crate) fn write(self, directory: &Path) -> Result<()> {
        self.write_to(directory).map(drop)
    }

    /// Writes what was pushed, and waits until the disk has the whole file.
    pub(crate) fn write_and_sync(self, directory: &Path) -> Result<()> {
        self.write_to(directory)?.sync()
    }

    fn write_to(self, directory: &Path) -> Result<DiskFile> {
        let file = DiskFile::open_derived(&directory.join(derived_name(self.ordinal, KIND)))?;
        for (at, records) in &self.runs {
            file.write(*at, records)?;
        }
        Ok(file)
    }
}

/// The file of a segment's nodes, in the store's directory.
pub(crate) fn path(directory: &Path, segment: &Segment) -> PathBuf {
    directory.join(derived_name(segment.ordinal, KIND))
}

/// The file, to be read from; `None` where it is not there.
pub(crate) fn open(directory: &Path, segment: &Segment) -> Result<Option<Bytes>> {
    // By position: a failed write may have left a hole, and reading a hole
    // through a map can be a signal (a full tmpfs).
    match Bytes::open(&path(directory, segment), true) {
        Err(error) if error.is_not_found() => Ok(None),
        opened => opened.map(Some),
    }
}

/// The record at `offset`, which is that of this node; `None` where there is none, an
/// error where it does not hold.
pub(crate) fn read(
    bytes: &Bytes,
    offset: u64,
    identity: u64,
    (level, index): (u32, u64),
) -> Result<Option<Summary>> {
    let mut record = [0; NODE_BYTES];
    let read = bytes.read_by_position(offset, &mut record)?;
    let record = &record[..read];
    // A hole, where a power cut or a full disk has left nothing.
    if record.iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    let detail = "a node of the summary tree does not match its checksum";
    decode_node(identity, level, index, record)
        .map(Some)
        .ok_or_else(|| Error::damaged(bytes.path(), offset, detail))
}

/// One more than the last leaf, from leaf `from` on, of which there is a record. Of all
/// before it the observations were synced when it was written.
pub(crate) fn leaves_recorded(
    directory: &Path,
    segment: &Segment,
    from: u64,
) -> Result<Option<u64>> {
    let Some(bytes) = open(directory, segment)? else { return Ok(None) };
    let before = nodes_complete(segment.first_sequence / LEAF);
    let records = bytes.opened_with() / NODE_BYTES as u64;
    // Of n leaves there are less than 2n records, but no less than 2n - 64.
    let most = (before.saturating_add(records) / 2).saturating_add(32);
    for leaf in (from..most.min(segment.leaves_end_max())).rev() {
        let Some(offset) = offset(segment.first_sequence, 0, leaf) else { break };
        if offset < bytes.opened_with() {
            match read(&bytes, offset, segment.identity, (0, leaf)) {
                Ok(Some(_)) => return Ok(Some(leaf + 1)),
                Err(error) if error.is_lack() => return Err(error),
                _ => {}
            }
        }
    }
    Ok(None)
}
