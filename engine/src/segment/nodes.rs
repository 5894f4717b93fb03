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
use crate::view::View;

const KIND: &str = "tree";

/// Where in its segment's file a node's record begins; `None` if the node was
/// complete before the segment began.
fn offset(first_sequence: u64, level: u32, index: u64) -> Option<u64> {
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

/// Reads nodes of a view, keeping the file last read from open.
#[derive(Debug)]
pub(crate) struct Nodes<'v> {
    view: &'v View,
    opened: Option<(usize, Option<Bytes>)>,
}

impl<'v> Nodes<'v> {
    pub(crate) fn new(view: &'v View) -> Self {
        Self { view, opened: None }
    }

    /// The stored summary of a complete node; `None` where it is not to be had.
    pub(crate) fn get(&mut self, level: u32, index: u64) -> Option<Summary> {
        self.look(level, index).ok().flatten()
    }

    /// As [`Nodes::get`]; an error where something is stored that does not hold.
    pub(crate) fn look(&mut self, level: u32, index: u64) -> Result<Option<Summary>> {
        let Some((segment, offset)) = self.open(level, index)? else { return Ok(None) };
        let Some((_, Some(bytes))) = &self.opened else { return Ok(None) };
        let mut record = [0; NODE_BYTES];
        let read = bytes.read_by_position(offset, &mut record)?;
        let record = &record[..read];
        // A hole, where a power cut or a full disk has left nothing.
        if record.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let detail = "a node of the summary tree does not match its checksum";
        decode_node(segment.identity, level, index, record)
            .map(Some)
            .ok_or_else(|| Error::damaged(bytes.path(), offset, detail))
    }

    /// The file that a node is written to, and where its record begins there.
    pub(crate) fn place(&mut self, level: u32, index: u64) -> Result<Option<(PathBuf, u64)>> {
        let found = self.open(level, index)?;
        Ok(found.map(|(segment, offset)| (path(self.view, segment), offset)))
    }

    /// Opens the file that a node is written to; its segment, and where its record
    /// begins there.
    fn open(&mut self, level: u32, index: u64) -> Result<Option<(&'v Segment, u64)>> {
        let chain = self.view.chain();
        let Some(last) = (((index + 1) << level) * LEAF).checked_sub(1) else { return Ok(None) };
        let Some((at, segment)) = chain.find(last)? else { return Ok(None) };
        if self.opened.as_ref().is_none_or(|(opened, _)| *opened != at) {
            // By position: a failed write may have left a hole, and reading a hole
            // through a map can be a signal (a full tmpfs).
            let bytes = match Bytes::open(&path(self.view, segment), true) {
                Err(error) if error.is_not_found() => None,
                opened => Some(opened?),
            };
            self.opened = Some((at, bytes));
        }
        Ok(offset(segment.first_sequence, level, index).map(|offset| (segment, offset)))
    }
}

/// The file of a segment's nodes.
fn path(view: &View, segment: &Segment) -> PathBuf {
    view.chain().directory().join(derived_name(segment.ordinal, KIND))
}
