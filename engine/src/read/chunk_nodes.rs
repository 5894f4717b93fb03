//! The nodes within a chunk, which are merged from the summaries of its leaves.

use std::ops::Range;
use std::sync::OnceLock;

use crate::chunk::reader::Chunk;
use crate::error::{Damage, Result};
use crate::format::chunk::Place;
use crate::format::names::chunk_name;
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, CHUNK_LEVEL, LEAVES};
use crate::os::disk::Directory;
use crate::stats::summary::Summary;

/// A chunk and the nodes below its own. They are merged when one is wanted.
#[derive(Debug)]
pub(crate) struct ChunkNodes {
    chunk: Chunk,
    inner: OnceLock<Vec<Option<Summary>>>,
}

impl ChunkNodes {
    pub(crate) fn new(chunk: Chunk) -> Self {
        Self { chunk, inner: OnceLock::new() }
    }

    pub(crate) fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    pub(crate) fn place(&self) -> Place {
        self.chunk.place()
    }

    /// The summary with which the chunk was sealed.
    pub(crate) fn own(&self) -> &Summary {
        &self.chunk.nodes()[0].summary
    }

    /// Whether rows were lost, before the chunk was sealed or later.
    pub(crate) fn has_lost(&self) -> bool {
        self.chunk.lost().next().is_some()
    }

    /// A node below the chunk's own; `None` if a summary it needs is not readable.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if the summaries of the leaves
    /// do not merge to the chunk's own node.
    pub(crate) fn below(
        &self,
        directory: &Directory,
        level: u32,
        index: u64,
    ) -> Result<Option<&Summary>> {
        let inner = match self.inner.get() {
            Some(inner) => inner,
            None => {
                let merged = self.merged()?;
                self.inner.get_or_init(|| merged)
            }
        };
        // A repair may have counted a leaf as empty.
        let merged = inner[1].as_ref().filter(|_| !self.has_lost());
        if merged.is_some_and(|merged| !has_same_bits(merged, self.own())) {
            let detail = "the summaries of the chunk's leaves are not those of the chunk";
            return Err(self.damage(directory, self.place().sequences(), detail).into());
        }
        let of_level = 1 << (CHUNK_LEVEL - level);
        let number = usize::try_from(of_level + index % of_level).expect("one of few nodes");
        self.get(inner, number)
    }

    /// Node 1 is the chunk's own; the children of node k are 2k and 2k + 1. `None` if the
    /// summary of a leaf is damaged.
    fn merged(&self) -> Result<Vec<Option<Summary>>> {
        // Number 0 is not used. There are as many nodes above the leaves as leaves, less one.
        let mut inner = vec![None; LEAVES];
        for number in (1..LEAVES).rev() {
            let (left, right) = (self.get(&inner, 2 * number)?, self.get(&inner, 2 * number + 1)?);
            inner[number] = left.zip(right).map(|(left, right)| left.merge(right));
        }
        Ok(inner)
    }

    fn get<'a>(
        &'a self,
        inner: &'a [Option<Summary>],
        number: usize,
    ) -> Result<Option<&'a Summary>> {
        match number.checked_sub(LEAVES) {
            Some(leaf) => self.chunk.leaf_or_damaged(leaf as u64),
            None => Ok(inner[number].as_ref()),
        }
    }

    /// The losses within `leaves` of the chunk that no repair has accepted.
    pub(crate) fn losses(&self, leaves: Range<u64>) -> impl Iterator<Item = Damage> + '_ {
        let wanted = self.place().leaf_sequences(leaves.start).start
            ..self.place().leaf_sequences(leaves.end.min(CHUNK_LEAVES) - 1).end;
        self.chunk.unaccepted().filter_map(move |damage| {
            let lost = damage.lost.start.max(wanted.start)..damage.lost.end.min(wanted.end);
            (!lost.is_empty()).then_some(Damage { lost, ..damage })
        })
    }

    pub(crate) fn damage(&self, directory: &Directory, lost: Range<u64>, detail: &str) -> Damage {
        let path = directory.file_path(&chunk_name(self.chunk.number()));
        Damage { path, offset: 0, lost, detail: detail.into() }
    }
}
