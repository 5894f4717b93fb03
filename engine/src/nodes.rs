//! Looking up nodes of the summary tree, as they are stored, in a view.

use std::path::PathBuf;

use crate::error::Result;
use crate::segment::chain::Segment;
use crate::segment::map::Bytes;
use crate::segment::node_file;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;
use crate::view::View;

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
        node_file::read(bytes, offset, segment.identity, (level, index))
    }

    /// The file that a node is written to, and where its record begins there.
    pub(crate) fn place(&mut self, level: u32, index: u64) -> Result<Option<(PathBuf, u64)>> {
        let found = self.open(level, index)?;
        Ok(found.map(|(segment, offset)| {
            (node_file::path(self.view.chain().directory(), segment), offset)
        }))
    }

    /// Opens the file that a node is written to; its segment, and where its record
    /// begins there.
    fn open(&mut self, level: u32, index: u64) -> Result<Option<(&'v Segment, u64)>> {
        let chain = self.view.chain();
        let Some(last) = (((index + 1) << level) * LEAF).checked_sub(1) else { return Ok(None) };
        let Some((at, segment)) = chain.find(last)? else { return Ok(None) };
        if self.opened.as_ref().is_none_or(|(opened, _)| *opened != at) {
            self.opened = Some((at, node_file::open(chain.directory(), segment)?));
        }
        Ok(node_file::offset(segment.first_sequence, level, index).map(|offset| (segment, offset)))
    }
}
