//! Reading observations in the order of arrival.

use std::collections::VecDeque;
use std::iter::FusedIterator;
use std::ops::Range;

use super::ahead::ScanAhead;
use super::missing::extend;
use super::nodes::Node;
use super::snapshot::Snapshot;
use crate::error::{Damage, Error, Result};
use crate::format::{CHUNK_LEVEL, LEAF};
use crate::observation::Observation;

/// Observations with their sequence numbers, in the order of arrival: what
/// [`Snapshot::by_sequence`] and [`Snapshot::latest`] return.
///
/// An `Err` stands for observations that cannot be read
/// ([`Error::lost`](crate::Error::lost)); the iterator goes on with the others. After an
/// error of another kind than [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) it ends.
#[derive(Debug)]
pub struct BySequence {
    snapshot: Snapshot,
    wanted: Range<u64>,
    /// Nodes of the sealed part that are not read yet, the next one last. Chunks are
    /// reached through the tree, so that chunks of another copy are noticed.
    nodes: Vec<Node>,
    /// Leaves that are read next.
    leaves: Range<u64>,
    /// The rows of the leaf read last, the next one to return, and the end of the wanted
    /// ones.
    ahead: ScanAhead,
    row: usize,
    row_end: usize,
    /// Damage that was met. The next leaf may continue it.
    pending: Option<Damage>,
    /// What may be lost after the end, if the end is wanted.
    after_end: Option<Damage>,
    errors: VecDeque<Error>,
}

impl BySequence {
    pub(crate) fn new(snapshot: Snapshot, wanted: Range<u64>) -> Self {
        let listed = snapshot.tree().view().record().edge.nodes();
        let nodes = listed.iter().rev().map(Node::from).collect();
        let view = snapshot.tree().view();
        let log = view.sealed_end_sequence().max(wanted.start);
        let reaches_end = wanted.end >= view.end_sequence();
        Self {
            after_end: view.unknown_loss().filter(|_| reaches_end),
            nodes,
            leaves: log / LEAF..log / LEAF,
            wanted,
            ahead: ScanAhead::default(),
            row: 0,
            row_end: 0,
            pending: None,
            errors: VecDeque::new(),
            snapshot,
        }
    }

    /// Goes on after the rows of a leaf were returned, until there are others or an error;
    /// `None` at the end.
    #[cold]
    fn advance(&mut self) -> Option<Result<()>> {
        loop {
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            if self.row < self.row_end {
                return Some(Ok(()));
            }
            match self.read_next() {
                Ok(true) => {}
                Ok(false) => match self.pending.take() {
                    Some(damage) => self.errors.push_back(damage.into()),
                    None => {
                        let damage = self.after_end.take()?;
                        self.lose(damage);
                    }
                },
                Err(error) => {
                    // The file cannot be read; another attempt would fail too.
                    self.nodes.clear();
                    self.wanted.end = self.wanted.start;
                    self.leaves = 0..0;
                    self.after_end = None;
                    self.errors.extend(self.pending.take().map(Error::from));
                    self.errors.push_back(error);
                }
            }
        }
    }

    /// Reads one more leaf, or the children of one more node. Returns whether there was
    /// one.
    fn read_next(&mut self) -> Result<bool> {
        let wanted = self.wanted.start / LEAF..self.wanted.end.div_ceil(LEAF);
        if self.leaves.start < self.leaves.end.min(wanted.end) {
            let leaf = self.leaves.start;
            self.leaves.start += 1;
            self.read_leaf(leaf)?;
            return Ok(true);
        }
        if self.wanted.is_empty() {
            return Ok(false);
        }
        let Some(node) = self.nodes.pop() else {
            let log = self.snapshot.tree().view().sealed_end_sequence() / LEAF;
            let next = log.max(wanted.start).max(self.leaves.end);
            self.leaves = next..wanted.end;
            return Ok(next < wanted.end);
        };
        let leaves = node.leaves();
        if leaves.end <= wanted.start || leaves.start >= wanted.end {
            return Ok(true);
        }
        if node.level == CHUNK_LEVEL {
            self.leaves = leaves.start.max(wanted.start)..leaves.end.min(wanted.end);
            return Ok(true);
        }
        match self.snapshot.tree().children(&node) {
            Ok([left, right]) => self.nodes.extend([right, left]),
            Err(error) => self.lose(error.damage().ok_or(error)?),
        }
        Ok(true)
    }

    fn read_leaf(&mut self, leaf: u64) -> Result<()> {
        self.ahead.read(self.snapshot.tree(), leaf)?;
        let sequences = self.ahead.scan.sequences();
        self.row = sequences.partition_point(|sequence| *sequence < self.wanted.start);
        self.row_end = sequences.partition_point(|sequence| *sequence < self.wanted.end);
        let lost: Vec<Damage> = self.ahead.scan.take_lost().collect();
        for damage in lost {
            // A whole chunk may be lost.
            self.leaves.start = self.leaves.start.max(damage.lost.end / LEAF);
            self.lose(damage);
        }
        // Errors about lost observations come before the later rows of the same leaf, since
        // a caller may take only the next few items.
        if self.row < self.row_end {
            let first = self.ahead.scan.sequences()[self.row];
            let before = self.pending.take_if(|pending| pending.lost.end <= first);
            self.errors.extend(before.map(Error::from));
        }
        Ok(())
    }

    fn lose(&mut self, damage: Damage) {
        if let Some(missing) = self.snapshot.skips_to() {
            missing.add(damage);
        } else if !self.pending.as_mut().is_some_and(|pending| extend(pending, &damage)) {
            self.errors.extend(self.pending.replace(damage).map(Error::from));
        }
    }
}

impl Iterator for BySequence {
    type Item = Result<(u64, Observation)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.row >= self.row_end
            && let Err(error) = self.advance()?
        {
            return Some(Err(error));
        }
        let row = self.row;
        self.row += 1;
        let observation =
            Observation::new(self.ahead.scan.times()[row], self.ahead.scan.values()[row]);
        Some(Ok((self.ahead.scan.sequences()[row], observation)))
    }
}

impl FusedIterator for BySequence {}
