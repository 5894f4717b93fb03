//! The nodes within a chunk, which are merged from the summaries of its leaves.

use std::ops::Range;

use super::get_or_try;
use super::reader::Chunk;
use crate::error::{Damage, Result};
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, CHUNK_LEVEL, LEAVES};
use crate::stats::summary::Summary;

impl Chunk {
    /// The losses within `leaves` of the chunk that no repair has accepted. They count as
    /// damage.
    pub(crate) fn losses(&self, leaves: Range<u64>) -> impl Iterator<Item = Damage> + '_ {
        let wanted = self.header.place.leaf_sequences(leaves.start).start
            ..self.header.place.leaf_sequences(leaves.end.min(CHUNK_LEAVES) - 1).end;
        self.unaccepted().filter_map(move |damage| {
            let lost = damage.lost.start.max(wanted.start)..damage.lost.end.min(wanted.end);
            (!lost.is_empty()).then_some(Damage { lost, ..damage })
        })
    }

    /// A node below the chunk's own; `None` if a summary it needs is not readable.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if the summaries of the leaves
    /// do not merge to the chunk's own node.
    pub(crate) fn node_below(&self, level: u32, index: u64) -> Result<Option<&Summary>> {
        let merged = get_or_try(&self.merged, || self.merge())?;
        let of_level = 1 << (CHUNK_LEVEL - level);
        let number = usize::try_from(of_level + index % of_level).expect("one of few nodes");
        self.numbered(merged, number)
    }

    /// Node 1 is the chunk's own; the children of node k are 2k and 2k + 1. `None` if the
    /// summary of a leaf is damaged.
    pub(super) fn merge(&self) -> Result<Vec<Option<Summary>>> {
        // Number 0 is not used. There are as many nodes above the leaves as leaves, less one.
        let mut merged = vec![None; LEAVES];
        for number in (1..LEAVES).rev() {
            let left = self.numbered(&merged, 2 * number)?;
            let both = left.zip(self.numbered(&merged, 2 * number + 1)?);
            merged[number] = both.map(|(left, right)| left.merge(right));
        }
        // If rows were lost, a repair may have counted a leaf as empty.
        let own = merged[1].as_ref().filter(|_| self.header.lost.is_empty());
        if own.is_some_and(|own| !has_same_bits(own, &self.header.nodes[0].summary)) {
            let detail = "the summaries of the chunk's leaves are not those of the chunk";
            return Err(self.damaged(0, detail).losing(self.header.place.sequences()));
        }
        Ok(merged)
    }

    fn numbered<'a>(
        &'a self,
        merged: &'a [Option<Summary>],
        number: usize,
    ) -> Result<Option<&'a Summary>> {
        match number.checked_sub(LEAVES) {
            Some(leaf) => self.leaf_or_damaged(leaf as u64),
            None => Ok(merged[number].as_ref()),
        }
    }
}
