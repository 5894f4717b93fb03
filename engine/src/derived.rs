//! Keeping what is derived from the observations up to date: the tree's edge
//! and its nodes, the guides of the quantiles, the checkpoint.
//!
//! Nothing derived ever speaks of an observation that was not synced: after a
//! power cut another one might come to have its sequence number.

use crate::checkpoint::{self, Checkpoint};
use crate::error::Result;
use crate::leaves::summarise;
use crate::nodes::Nodes;
use crate::scan::{Refused, read_leaves};
use crate::segment::chain::Segment;
use crate::segment::node_file::NodeBatch;
use crate::segment_guides;
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, LEAF};
use crate::view::View;

/// Complete leaves that a guide may be behind its segment: what a quantile
/// reads besides the one scan.
const GUIDE_LEAVES_BEHIND: u64 = 128;
/// Leaves that are read, each time, to list the values around a median that has
/// moved away: appending stays within a few times its cost.
const GUIDE_LEAVES_AGAIN: u64 = 4 * GUIDE_LEAVES_BEHIND;

/// How often a device is asked for what it does not give, before it counts as lost.
const ASKED_MOST: usize = 3;

#[derive(Clone, Debug)]
pub(crate) struct Derived {
    edge: Edge,
    generation: u64,
}

impl Derived {
    /// As the checkpoint or the last segment's header has it.
    pub(crate) fn of(view: &View) -> Result<Self> {
        Ok(Self { edge: view.edge()?, generation: view.chain().generation() })
    }

    pub(crate) fn edge(&self) -> &Edge {
        &self.edge
    }

    /// That of the checkpoint last written.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes in all of `view`, which ends where its last segment is durable.
    pub(crate) fn advance(&mut self, view: &View) -> Result<()> {
        let Some((segment, tail)) = view.active()? else { return Ok(()) };
        if let Some(nodes) = self.grow(view, segment, Refused::IsAnError)? {
            nodes.write(view.chain().directory())?;
            segment_guides::bring_up(view, GUIDE_LEAVES_BEHIND, GUIDE_LEAVES_AGAIN)?;
        }
        self.generation = self.generation.wrapping_add(1);
        checkpoint::write(
            view.chain().directory(),
            &Checkpoint {
                generation: self.generation,
                ordinal: segment.ordinal,
                identity: segment.identity,
                origin: view.origin().unwrap_or(segment.identity),
                segment_first: segment.first_sequence,
                durable: tail.end,
                block_first: tail.block_first,
                edge: self.edge.nodes().to_vec(),
            },
        )
    }

    /// Brings the edge up to the end of `view`, and what stands beside its last
    /// segment, before that is left for good: complete and durable, unless the
    /// file system refuses; then readers compute it again.
    pub(crate) fn finish(&mut self, view: &View) -> Result<()> {
        let Some((segment, _)) = view.active()? else { return Ok(()) };
        let directory = view.chain().directory();
        if let Some(nodes) = self.grow_for_good(view, segment)? {
            drop(nodes.write(directory));
        }
        drop(segment_guides::bring_up(view, 1, u64::MAX));
        drop(complete_nodes(view));
        Ok(())
    }

    /// As [`Derived::grow`], where what the device does not give will never be
    /// asked for again: it is asked more than once, and only where it gives the
    /// segment's header does a place that it refuses count as lost.
    fn grow_for_good(&mut self, view: &View, segment: &Segment) -> Result<Option<NodeBatch>> {
        for _ in 0..ASKED_MOST {
            match self.grow(view, segment, Refused::IsAnError) {
                Err(error) if error.is_device_failure() => {}
                other => return other,
            }
        }
        view.chain().edge_of(view.chain().len() - 1)?;
        self.grow(view, segment, Refused::IsLost)
    }

    /// Takes further complete leaves into the edge, and returns the nodes that
    /// they completed.
    fn grow(
        &mut self,
        view: &View,
        segment: &Segment,
        refused: Refused,
    ) -> Result<Option<NodeBatch>> {
        let leaves = view.end_sequence() / LEAF;
        if leaves <= self.edge.leaves() {
            return Ok(None);
        }
        let mut nodes = NodeBatch::new(segment);
        let mut edge = self.edge.clone();
        summarise(view, edge.leaves()..leaves, refused, |index, leaf| {
            edge.skip_to(index);
            edge.push(leaf, |level, index, node| nodes.push(level, index, node));
        })?;
        edge.skip_to(leaves);
        self.edge = edge;
        Ok(Some(nodes))
    }
}

/// Writes the nodes that the tree file of the last segment of `view` lacks (a
/// power cut may have taken some), and waits until the disk has them all.
fn complete_nodes(view: &View) -> Result<()> {
    let Some((segment, _)) = view.active()? else { return Ok(()) };
    let (first, end) = (segment.first_sequence / LEAF, view.end_sequence() / LEAF);
    let mut stored = Nodes::new(view);
    let mut written = NodeBatch::new(segment);
    if let Some(mut edge) = Edge::from_nodes(first, segment.edge.clone()) {
        for leaf in first..end {
            let mut summary = stored.get(0, leaf);
            if summary.is_none() {
                read_leaves(view, leaf..leaf + 1, |_, leaf| summary = Some(Summary::of(leaf)))?;
            }
            edge.push(summary.unwrap_or(Summary::EMPTY), |level, index, node| {
                // One that holds is kept, though its leaves may have rotted since.
                if stored.get(level, index).is_none() {
                    written.push(level, index, node);
                }
            });
        }
    }
    written.write_and_sync(view.chain().directory())
}
