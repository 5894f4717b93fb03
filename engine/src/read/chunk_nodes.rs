//! The nodes within a chunk, which are merged from the summaries of its leaves.

use std::ops::Range;
use std::sync::Arc;

use crate::chunk::reader::Chunk;
use crate::error::{Damage, Result};
use crate::format::chunk::Place;
use crate::format::names::chunk_name;
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, CHUNK_LEVEL};
use crate::os::disk::Directory;
use crate::stats::summary::Summary;

/// A chunk and the nodes below its own.
#[derive(Debug)]
pub(crate) struct ChunkNodes {
    chunk: Arc<Chunk>,
    /// Node 1 is the chunk's own; the children of node k are 2k and 2k + 1. `None` where
    /// the summary of a leaf cannot be had.
    inner: Vec<Option<Summary>>,
}

/// The nodes within a chunk, its own included, and the number that is not used.
const INNER: usize = 1 << CHUNK_LEVEL;

impl ChunkNodes {
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) where the summaries of the
    /// leaves are not those of the chunk's own node.
    pub(crate) fn new(directory: &Directory, chunk: Arc<Chunk>) -> Result<Self> {
        let mut nodes = Self { chunk, inner: vec![None; INNER] };
        for number in (1..INNER).rev() {
            let (left, right) = (nodes.get(2 * number), nodes.get(2 * number + 1));
            nodes.inner[number] = left.zip(right).map(|(left, right)| left.merge(right));
        }
        let own = nodes.own();
        // A repair may have had to count a leaf as empty.
        let is_complete = !nodes.has_lost();
        let merged = nodes.inner[1].as_ref();
        if is_complete && merged.is_some_and(|merged| !has_same_bits(merged, own)) {
            let detail = "the summaries of the chunk's leaves are not those of the chunk";
            return Err(nodes.damage(directory, nodes.place().sequences(), detail).into());
        }
        Ok(nodes)
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

    /// Whether rows were lost, before the chunk was sealed or since.
    pub(crate) fn has_lost(&self) -> bool {
        self.chunk.lost().next().is_some()
    }

    /// The node of a level below the chunk's own; `None` where it cannot be had.
    pub(crate) fn below(&self, level: u32, index: u64) -> Option<&Summary> {
        let of_level = 1 << (CHUNK_LEVEL - level);
        self.get(usize::try_from(of_level + index % of_level).expect("one of few nodes"))
    }

    fn get(&self, number: usize) -> Option<&Summary> {
        match number.checked_sub(INNER) {
            Some(leaf) => self.chunk.leaf(leaf as u64).ok(),
            None => self.inner[number].as_ref(),
        }
    }

    /// The losses within `leaves` of the chunk that no repair has accepted.
    pub(crate) fn losses(&self, directory: &Directory, leaves: Range<u64>) -> Vec<Damage> {
        if self.chunk.is_accepted() {
            return Vec::new();
        }
        let wanted = self.place().leaf_sequences(leaves.start).start
            ..self.place().leaf_sequences(leaves.end.min(CHUNK_LEAVES) - 1).end;
        let lost = self.chunk.lost();
        lost.map(|lost| lost.start.max(wanted.start)..lost.end.min(wanted.end))
            .filter(|lost| !lost.is_empty())
            .map(|lost| {
                let detail = "lost before the chunk was sealed; `gaugelog repair` accepts that";
                self.damage(directory, lost, detail)
            })
            .collect()
    }

    pub(crate) fn damage(
        &self,
        directory: &Directory,
        lost: Range<u64>,
        detail: &str,
    ) -> Damage {
        let path = directory.file_path(&chunk_name(self.chunk.number()));
        Damage { path, offset: 0, lost, detail: detail.into() }
    }
}
