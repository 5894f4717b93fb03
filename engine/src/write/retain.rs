//! Retention: the oldest chunks are removed as a whole.

use super::append::Appending;
use crate::chunk::reader::Chunk;
use crate::error::{Error, Result};
use crate::format::names::chunk_name;
use crate::format::record::Record;
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK, CHUNK_LEAVES, CHUNK_LEVEL, last_chunk};
use crate::manifest;
use crate::os::lock::Lock;
use crate::stats::summary::Summary;
use crate::stats::tree::{self, Edge, Node, cover};

impl Appending {
    /// Removes the oldest chunks while all their observations are older than `time_ns` and
    /// have numbers below `sequence`. Returns how many observations were removed.
    pub(crate) fn remove_before(
        &mut self,
        lock: &Lock,
        time_ns: i64,
        sequence: u64,
    ) -> Result<u64> {
        let (mut first, mut removed) = (self.manifest.record.first_chunk, 0);
        let end = u64::from(self.manifest.record.sealed_end).min(sequence / CHUNK);
        while u64::from(first) < end {
            let summary = self.chunk_summary(first)?;
            if summary.count > 0 && summary.last.timestamp_ns >= time_ns {
                break;
            }
            removed += summary.count;
            first += 1;
        }
        self.keep_from(lock, first)?;
        Ok(removed)
    }

    /// Removes the oldest chunks until log and chunks together take at most `bytes`, or
    /// no chunk is left. Returns how many observations were removed.
    pub(crate) fn keep_bytes(&mut self, lock: &Lock, bytes: u64) -> Result<u64> {
        let record = &self.manifest.record;
        let (mut first, mut kept) = (record.sealed_end, self.log.file().len()?);
        while first > record.first_chunk && kept <= bytes {
            first -= 1;
            let chunk = self.directory.open_file(&chunk_name(first)).map_err(missing)?;
            kept = kept.saturating_add(chunk.opened_with());
        }
        if kept > bytes && first < record.sealed_end {
            first += 1;
        }
        let mut removed = 0;
        for number in record.first_chunk..first {
            removed += self.chunk_summary(number)?.count;
        }
        self.keep_from(lock, first)?;
        Ok(removed)
    }

    fn chunk_summary(&self, number: u32) -> Result<Summary> {
        Ok(self.stated(CHUNK_LEVEL, number.into())?.summary)
    }

    /// A node of whole chunks, if it belongs to those that the manifest lists.
    fn node(&self, level: u32, index: u64) -> Result<Node> {
        if let Some(node) = tree::find(self.manifest.record.edge.nodes(), level, index) {
            return Ok(node.clone());
        }
        let parent = self.node(level + 1, index / 2)?;
        let (left, right) = (self.stated(level, index & !1)?, self.stated(level, index | 1)?);
        if !has_same_bits(&left.summary.merge(&right.summary), &parent.summary) {
            let detail = "the statistics in this chunk do not belong to those of the manifest; \
                          `gaugelog repair` computes them again";
            let number = last_chunk(level + 1, index / 2);
            let path = self.directory.file_path(&chunk_name(number));
            return Err(Error::damaged(&path, 0, detail));
        }
        Ok(if index.is_multiple_of(2) { left } else { right })
    }

    /// A node of whole chunks, as the last of these chunks states it.
    fn stated(&self, level: u32, index: u64) -> Result<Node> {
        if let Some(node) = tree::find(self.manifest.record.edge.nodes(), level, index) {
            return Ok(node.clone());
        }
        let number = last_chunk(level, index);
        let store = self.manifest.record.store;
        let chunk = Chunk::open(&self.directory, store, number, true).map_err(missing)?;
        tree::find(&chunk.header.nodes, level, index).cloned().ok_or_else(|| {
            let path = self.directory.file_path(&chunk_name(number));
            Error::damaged(&path, 0, "the chunk lacks a node that it completes")
        })
    }

    /// Makes `first` the first chunk that is kept and removes those before it.
    fn keep_from(&mut self, lock: &Lock, first: u32) -> Result<()> {
        let listed = &self.manifest.record;
        let before = listed.first_chunk..first;
        if before.is_empty() {
            return Ok(());
        }
        let leaves = |chunk: u32| u64::from(chunk) * CHUNK_LEAVES;
        let range = leaves(first)..leaves(listed.sealed_end);
        let nodes = cover(range.clone())
            .map(|(level, index)| self.node(level, index))
            .collect::<Result<Vec<Node>>>()?;
        let edge = Edge::from_nodes(range, nodes).expect("the nodes of the cover");
        let record = Record {
            generation: listed.next_generation(),
            first_chunk: first,
            edge,
            ..listed.clone()
        };
        let directory = &self.directory;
        self.manifest =
            manifest::with_ballast(directory, || manifest::replace(directory, lock, &record))?;
        self.is_listing_durable = false;
        lock.sync_directory()?;
        self.is_listing_durable = true;
        before.into_iter().try_for_each(|number| self.directory.remove(&chunk_name(number)))?;
        // On a full disk there is room for it only now.
        manifest::make_ballast(&self.directory);
        Ok(())
    }
}

/// A listed chunk that is not there will not come back by itself.
fn missing(error: Error) -> Error {
    if !error.is_not_found() {
        return error;
    }
    let detail = "the chunk is missing; `gaugelog repair` goes on without it";
    Error::damaged(error.path(), 0, detail)
}
