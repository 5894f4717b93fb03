//! Counting values into bins.

use std::ops::Range;

use super::nodes::Node;
use super::parallel::on_threads;
use super::scan::Scan;
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way, walk};
use crate::chunk::reader::Wanted;
use crate::error::Result;
use crate::format::{CHUNK_LEAVES, LEAF};
use crate::stats::bins::Edges;
use crate::stats::summary::Summary;

/// The bins of a histogram.
///
/// ```
/// use gaugelog::Bins;
/// assert_eq!(Bins::from(10), Bins::Equal(10));
/// assert_eq!(Bins::from([0.0, 1.0, 10.0]), Bins::Edges(vec![0.0, 1.0, 10.0]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Bins {
    /// This number of equal bins from the smallest value to the largest, as in numpy. If
    /// all values are equal, the bins reach from half below to half above. There is one
    /// bin if the edges would not be distinct f64 numbers.
    Equal(usize),
    /// Bins between these edges, each larger than the one before. Values outside are not
    /// counted.
    Edges(Vec<f64>),
}

impl From<usize> for Bins {
    fn from(count: usize) -> Self {
        Self::Equal(count)
    }
}

impl From<Vec<f64>> for Bins {
    fn from(edges: Vec<f64>) -> Self {
        Self::Edges(edges)
    }
}

impl From<&[f64]> for Bins {
    fn from(edges: &[f64]) -> Self {
        Self::Edges(edges.to_vec())
    }
}

impl<const N: usize> From<[f64; N]> for Bins {
    fn from(edges: [f64; N]) -> Self {
        Self::Edges(edges.to_vec())
    }
}

/// Bins and how many values lie in each. A bin includes its lower edge, and the last one
/// also its upper edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The bins' edges in ascending order, one more than there are bins.
    pub edges: Vec<f64>,
    /// How many values lie in each bin.
    pub counts: Vec<u64>,
}

/// Threads count part after part. Few leaves are not worth a walk through the tree, and each
/// walk meets again what the store has lost.
const LEAVES_OF_PART_MIN: u64 = if cfg!(test) { 1 } else { 16 * CHUNK_LEAVES };
const PARTS_MAX: u64 = 64;

/// How many values within `times` lie in each bin.
pub(super) fn counts(
    snapshot: &Snapshot,
    times: Times,
    edges: &Edges,
    threads: usize,
) -> Result<Vec<u64>> {
    let end = snapshot.tree().view().end_sequence().div_ceil(LEAF);
    let of_part = if threads == 1 { end } else { end.div_ceil(PARTS_MAX).max(LEAVES_OF_PART_MIN) };
    let of_part = of_part.max(1);
    let firsts = (0..end).step_by(usize::try_from(of_part).unwrap_or(usize::MAX));
    let state = || Counting { times, edges, leaves: 0..0, counts: vec![0; edges.bins()] };
    let counted = on_threads(threads, firsts, state, |counting, first| {
        counting.leaves = first..first + of_part;
        walk(snapshot, counting)
    })?;
    let add = |sum: Vec<u64>, of_thread: Vec<u64>| {
        // A forged summary may state any count.
        sum.iter().zip(&of_thread).map(|(sum, more)| sum.saturating_add(*more)).collect()
    };
    Ok(counted.into_iter().map(|counting| counting.counts).reduce(add).unwrap_or_default())
}

/// A node whose values are all in one bin is counted as a whole.
struct Counting<'e> {
    times: Times,
    edges: &'e Edges,
    /// Those that are counted.
    leaves: Range<u64>,
    counts: Vec<u64>,
}

impl Counting<'_> {
    fn add(&mut self, value: f64, count: u64) {
        if let Some(bin) = self.edges.index_of(value) {
            // A forged summary may state any count.
            self.counts[bin] = self.counts[bin].saturating_add(count);
        }
    }
}

impl Visitor for Counting<'_> {
    fn visit(&mut self, node: &Node, summary: &Summary) -> Way {
        let leaves = node.leaves();
        if leaves.end <= self.leaves.start || leaves.start >= self.leaves.end {
            return Way::Past;
        }
        if leaves.start < self.leaves.start || leaves.end > self.leaves.end {
            return Way::Down(Wanted::ROWS);
        }
        match self.times.relation(summary) {
            Relation::Outside => return Way::Past,
            _ if self.edges.miss(summary.min, summary.max) => return Way::Past,
            Relation::Cut => return Way::Down(Wanted::ROWS),
            Relation::Inside => {}
        }
        match (self.edges.index_of(summary.min), self.edges.index_of(summary.max)) {
            (Some(lowest), Some(highest)) if lowest == highest => {
                self.add(summary.min, summary.count);
                Way::Past
            }
            _ => Way::Down(Wanted::VALUES),
        }
    }

    fn rows(&mut self, rows: &Scan) {
        if rows.times().is_empty() {
            rows.values().iter().for_each(|value| self.add(*value, 1));
            return;
        }
        for (time, value) in rows.times().iter().zip(rows.values()) {
            if self.times.contain(*time) {
                self.add(*value, 1);
            }
        }
    }
}
