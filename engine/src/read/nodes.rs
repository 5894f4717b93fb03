//! The summary tree of a view: its largest nodes, and the children of each node.
//!
//! Where a node is found: the manifest has the largest ones of the sealed part; a chunk
//! has those that it completes, and the summaries of its leaves; those that the log
//! completes are computed once. Children are checked to merge to the bits of their
//! parent, so files of two diverged copies are noticed.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::log_nodes::LogNodes;
use super::missing::Missing;
use super::remembered::Remembered;
use crate::chunk::get_or_try;
use crate::chunk::reader::Chunk;
use crate::error::{Damage, Error, ErrorKind, Result};
use crate::format::names::chunk_name;
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, CHUNK_LEVEL, LEAF, last_chunk};
use crate::options::Options;
use crate::stats::summary::Summary;
use crate::stats::tree::{self, Node as Known};
use crate::view::View;

/// The most chunks that are kept open, with their nodes: some 20 KiB each.
const CHUNKS_MAX: usize = 160;
/// How many of them are the newest. One of these makes room for the next, so that what
/// reads many chunks uses memory again while it is in the processor's cache. M4 of a
/// billion observations takes an eighth less time.
const CHUNKS_NEWEST: usize = 12;
/// Once in this number of times the oldest one makes room, so that a newer one stays.
const OLDEST_EACH: usize = 8;
/// The most of them that are read through maps, of up to 512 KiB each.
const CHUNKS_MAPPED_MAX: usize = 24;

const DIVERGED: &str = "the summaries in this chunk do not belong to those of the manifest and of \
                        the chunks before it; the files are of copies that went on apart";

/// A node of the tree, whose summary is `None` if a file that has it cannot be used.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) level: u32,
    pub(crate) index: u64,
    pub(crate) summary: Option<Summary>,
}

impl Node {
    /// The leaves that it covers.
    pub(crate) fn leaves(&self) -> Range<u64> {
        self.index << self.level..(self.index + 1) << self.level
    }

    /// The sequence numbers that it covers.
    pub(crate) fn sequences(&self) -> Range<u64> {
        let leaves = self.leaves();
        leaves.start * LEAF..leaves.end * LEAF
    }
}

impl From<&Known> for Node {
    fn from(node: &Known) -> Self {
        Self { level: node.level, index: node.index, summary: Some(node.summary.clone()) }
    }
}

/// The tree of a view. It is read by any number of threads at once.
#[derive(Debug)]
pub(crate) struct Tree {
    view: View,
    log: OnceLock<LogNodes>,
    /// What was lost before it was sealed, and is not accepted.
    sealed_losses: OnceLock<Vec<Damage>>,
    chunks: Mutex<Chunks>,
    remembered: Remembered,
    /// Once this is set, nothing more is read.
    cancelled: Option<Arc<AtomicBool>>,
}

/// Chunks that are open.
#[derive(Debug, Default)]
struct Chunks {
    open: HashMap<u32, Arc<Chunk>>,
    /// In the order in which they were opened.
    order: VecDeque<u32>,
    /// How many were closed.
    closed: usize,
    /// Those that may be mapped.
    recent: VecDeque<u32>,
}

impl Chunks {
    fn get(&mut self, number: u32) -> Option<Arc<Chunk>> {
        let chunk = Arc::clone(self.open.get(&number)?);
        if !self.recent.contains(&number) {
            self.recent.push_back(number);
        }
        if self.recent.len() > CHUNKS_MAPPED_MAX
            && let Some(oldest) = self.recent.pop_front().and_then(|oldest| self.open.get(&oldest))
        {
            oldest.unmap();
        }
        Some(chunk)
    }

    /// Adds a chunk. Returns one that is not kept any more.
    fn insert(&mut self, number: u32, chunk: &Arc<Chunk>) -> Option<Arc<Chunk>> {
        if self.open.insert(number, Arc::clone(chunk)).is_none() {
            self.order.push_back(number);
        }
        if self.order.len() <= CHUNKS_MAX {
            return None;
        }
        self.closed += 1;
        let is_oldest_due = self.closed.is_multiple_of(OLDEST_EACH);
        let place = if is_oldest_due { 0 } else { CHUNKS_MAX - CHUNKS_NEWEST };
        self.open.remove(&self.order.remove(place)?)
    }
}

impl Tree {
    /// Shares with `earlier` the summaries of whole chunks, if the manifest states the same.
    pub(crate) fn new(view: View, options: &Options, earlier: Option<&Self>) -> Self {
        let earlier = earlier.filter(|earlier| earlier.view.record() == view.record());
        let remembered = earlier.map(|earlier| earlier.remembered.clone()).unwrap_or_default();
        let (log, sealed_losses, chunks) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        let cancelled = options.cancelled.clone();
        Self { view, log, sealed_losses, chunks, remembered, cancelled }
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    /// # Errors
    /// [`ErrorKind::Cancelled`] if what is read is not wanted any more.
    pub(crate) fn check_wanted(&self) -> Result<()> {
        if !self.cancelled.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Ok(());
        }
        let path = self.view.directory().path();
        Err(Error::new(ErrorKind::Cancelled, path, "reading was cancelled"))
    }

    /// The largest nodes, left to right, which cover everything.
    pub(crate) fn roots(&self) -> Result<&[Known]> {
        Ok(&self.log()?.roots)
    }

    /// The losses that the tree alone states. The times of
    /// these observations are not known, so no answer about times is complete.
    pub(crate) fn losses(&self) -> Result<impl Iterator<Item = &Damage>> {
        let sealed = get_or_try(&self.sealed_losses, || self.find_sealed_losses())?;
        Ok(sealed.iter().chain(&self.log()?.lost))
    }

    /// The children of a node above the leaves.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if they cannot be had or do
    /// not belong to their parent; no part of the node can be used then.
    pub(crate) fn children(&self, node: &Node) -> Result<[Node; 2]> {
        let (level, index) = (node.level - 1, node.index * 2);
        if level < CHUNK_LEVEL && !self.is_of_log(node) {
            let chunk = self.chunk(last_chunk(CHUNK_LEVEL, index >> (CHUNK_LEVEL - level)))?;
            let below = |index| {
                let summary = chunk.node_below(level, index)?.cloned();
                Ok::<_, Error>(Node { level, index, summary })
            };
            return Ok([below(index)?, below(index + 1)?]);
        }
        if let Some([left, right]) = self.remembered.children_of(node) {
            return Ok([
                Node { level, index, summary: Some(left) },
                Node { level, index: index + 1, summary: Some(right) },
            ]);
        }
        let children = [self.node(level, index)?, self.node(level, index + 1)?];
        // Those of the log are what the parent was merged from, as are those of a chunk.
        if node.level > CHUNK_LEVEL
            && let [Some(left), Some(right)] = [0, 1].map(|at| children[at].summary.as_ref())
            && let Some(parent) = &node.summary
        {
            if !has_same_bits(&left.merge(right), parent) {
                return Err(self
                    .diverged(last_chunk(node.level, node.index), node.sequences())
                    .into());
            }
            if !self.is_of_log(node) {
                self.remembered.add(node, [left, right]);
            }
        }
        Ok(children)
    }

    /// The chunk of this number.
    ///
    /// # Errors
    /// As [`View::chunk`]; [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if its
    /// summaries are not those of the manifest; [`ErrorKind::Cancelled`].
    pub(crate) fn chunk(&self, number: u32) -> Result<Arc<Chunk>> {
        self.check_wanted()?;
        let chunks = || self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunk) = chunks().get(number) {
            return Ok(chunk);
        }
        let chunk = Arc::new(self.view.chunk(number)?);
        self.check_listed(&chunk)?;
        let mut chunks = chunks();
        let closed = chunks.insert(number, &chunk);
        chunks.get(number);
        // Files are closed when the others can go on.
        drop(chunks);
        drop(closed);
        Ok(chunk)
    }

    fn log(&self) -> Result<&LogNodes> {
        get_or_try(&self.log, || LogNodes::read(&self.view))
    }

    fn is_of_log(&self, node: &Node) -> bool {
        node.sequences().end > self.view.sealed_end_sequence()
    }

    /// A node of the log, or of whole chunks.
    fn node(&self, level: u32, index: u64) -> Result<Node> {
        let mut node = Node { level, index, summary: None };
        node.summary = if self.is_of_log(&node) {
            Some(self.log()?.summary_of(level, index))
        } else {
            self.sealed(&node)?
        };
        Ok(node)
    }

    /// The summary of a node of whole chunks: from the manifest, or from the last of
    /// them.
    fn sealed(&self, node: &Node) -> Result<Option<Summary>> {
        let among = |nodes| tree::find(nodes, node.level, node.index);
        if let Some(known) = among(self.view.record().edge.nodes()) {
            return Ok(Some(known.summary.clone()));
        }
        match self.chunk(last_chunk(node.level, node.index)) {
            Ok(chunk) => Ok(among(&chunk.header.nodes).map(|known| known.summary.clone())),
            // It may not be wanted at all. If it is, its parts are looked for.
            Err(error) if error.damage().is_some() || error.kind() == ErrorKind::Removed => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Goes down wherever a summary counts less than all rows: to the chunks that were
    /// sealed with losses.
    fn find_sealed_losses(&self) -> Result<Vec<Damage>> {
        let losses = Missing::default();
        let mut nodes: Vec<Node> = self.view.record().edge.nodes().iter().map(Node::from).collect();
        nodes.reverse();
        while let Some(node) = nodes.pop() {
            let all = LEAF << node.level;
            if node.summary.as_ref().is_some_and(|summary| summary.count >= all) {
                continue;
            }
            let found = if node.level == CHUNK_LEVEL {
                self.chunk(last_chunk(node.level, node.index)).map(|chunk| {
                    chunk.losses(0..CHUNK_LEAVES).for_each(|damage| losses.add(damage));
                })
            } else {
                self.children(&node).map(|[left, right]| nodes.extend([right, left]))
            };
            if let Err(error) = found {
                losses.add(error.damage().ok_or(error)?);
            }
            if losses.is_full() {
                break;
            }
        }
        Ok(losses.list())
    }

    /// The manifest repeats the largest nodes of those that the chunks hold.
    fn check_listed(&self, chunk: &Chunk) -> Result<()> {
        let place = chunk.header.place;
        for listed in self.view.record().edge.nodes() {
            let own = tree::find(&chunk.header.nodes, listed.level, listed.index);
            if own.is_some_and(|own| !has_same_bits(&own.summary, &listed.summary)) {
                return Err(self.diverged(place.number, place.sequences()).into());
            }
        }
        Ok(())
    }

    fn diverged(&self, number: u32, lost: Range<u64>) -> Damage {
        let path = self.view.directory().file_path(&chunk_name(number));
        Damage { path, offset: 0, lost, detail: DIVERGED.into() }
    }

    /// An error about the store as a whole.
    pub(crate) fn invalid(&self, detail: String) -> Error {
        Error::new(ErrorKind::Invalid, self.view.directory().path(), detail)
    }
}
