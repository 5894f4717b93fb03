//! Going down the summary tree of a view, from its largest nodes to the leaves.

use std::ops::Range;

use crate::damage::Damage;
use crate::error::Result;
use crate::nodes::Nodes;
use crate::observation::Observation;
use crate::scan::{Run, Scan, read_leaves};
use crate::stats::summary::Summary;
use crate::stats::tree::{LEAF, cover};
use crate::view::View;

/// A node met on the way down.
#[derive(Debug)]
pub(crate) struct Node<'s> {
    /// The sequence numbers that it covers.
    pub(crate) sequences: Range<u64>,
    /// Its summary, where there is one: not of the open leaf, and otherwise not
    /// where it would have to be computed, unless the visitor needs it.
    pub(crate) summary: Option<&'s Summary>,
}

/// Where to go from a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Its parts are not wanted.
    Past,
    /// Its children are wanted, or, of a leaf, its observations.
    Down,
}

/// Who goes down: nodes come from left to right, and the observations of a leaf
/// gone down into before the next node.
pub(crate) trait Visitor {
    /// Whether a summary that is not stored is to be computed.
    const NEEDS_SUMMARIES: bool = false;

    fn visit(&mut self, node: &Node<'_>) -> Way;

    /// Observations of a leaf; the first has sequence number `first`.
    fn read(&mut self, first: u64, observations: &[Observation]);

    /// A place in a leaf that cannot be read.
    fn damaged(&mut self, damage: Damage) -> Result<()> {
        Err(damage.into())
    }
}

/// Takes `visitor` through all of `view`.
pub(crate) fn descend<V: Visitor>(view: &View, visitor: &mut V) -> Result<()> {
    let mut descent = Descent::new(view, visitor);
    descent.leaves(0..view.end_sequence() / LEAF)?;
    descent.open_leaf()
}

/// The sequence numbers below a node.
fn covered(level: u32, index: u64) -> Range<u64> {
    (index << level) * LEAF..((index + 1) << level) * LEAF
}

/// The way of a visitor through parts of a view.
pub(crate) struct Descent<'a, V> {
    view: &'a View,
    nodes: Nodes<'a>,
    scan: Scan<'a>,
    visitor: &'a mut V,
    run: Vec<Observation>,
}

impl<'a, V: Visitor> Descent<'a, V> {
    pub(crate) fn new(view: &'a View, visitor: &'a mut V) -> Self {
        Self {
            view,
            nodes: Nodes::new(view),
            scan: Scan::new(view, 0..0),
            visitor,
            run: Vec::new(),
        }
    }

    /// Goes down to complete leaves.
    pub(crate) fn leaves(&mut self, leaves: Range<u64>) -> Result<()> {
        cover(leaves).try_for_each(|(level, index)| self.node(level, index))
    }

    /// Goes to the leaf behind the last complete one.
    pub(crate) fn open_leaf(&mut self) -> Result<()> {
        let end = self.view.end_sequence();
        let open = end - end % LEAF..end;
        if open.is_empty() {
            return Ok(());
        }
        match self.visitor.visit(&Node { sequences: open.clone(), summary: None }) {
            Way::Past => Ok(()),
            Way::Down => self.observations(open),
        }
    }

    fn node(&mut self, level: u32, index: u64) -> Result<()> {
        let mut summary = self.nodes.get(level, index);
        let sequences = covered(level, index);
        if summary.is_none() && !self.view.may_hold(&sequences)? {
            // So that missing files do not cost a visit of each leaf in them.
            return self.observations(sequences);
        }
        if summary.is_none() && V::NEEDS_SUMMARIES {
            summary = Some(self.computed(level, index)?);
        }
        let node = Node { sequences: sequences.clone(), summary: summary.as_ref() };
        if self.visitor.visit(&node) == Way::Past {
            return Ok(());
        }
        if level == 0 {
            return self.observations(sequences);
        }
        self.node(level - 1, index * 2)?;
        self.node(level - 1, index * 2 + 1)
    }

    /// A node's summary, from its children where it is not stored.
    fn computed(&mut self, level: u32, index: u64) -> Result<Summary> {
        if let Some(stored) = self.nodes.get(level, index) {
            return Ok(stored);
        }
        if !self.view.may_hold(&covered(level, index))? {
            return Ok(Summary::EMPTY);
        }
        if level == 0 {
            let mut summary = Summary::EMPTY;
            read_leaves(self.view, index..index + 1, |_, leaf| summary = Summary::of(leaf))?;
            return Ok(summary);
        }
        let left = self.computed(level - 1, index * 2)?;
        Ok(left.merge(&self.computed(level - 1, index * 2 + 1)?))
    }

    fn observations(&mut self, sequences: Range<u64>) -> Result<()> {
        self.scan.go_to(sequences);
        while let Some(found) = self.scan.next(&mut self.run)? {
            match found {
                Run::Observations { first } => self.visitor.read(first, &self.run),
                Run::Damaged(damage) => self.visitor.damaged(damage)?,
            }
        }
        Ok(())
    }
}
