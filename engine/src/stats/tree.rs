//! The summary tree: leaves of 1,024 consecutive observations, aligned by
//! sequence number, and above them nodes that each join two.
//!
//! Leaf `k` covers the sequence numbers `k × 1,024` to `k × 1,024 + 1,023`; the
//! node of level `l` and index `i` covers leaves `i × 2^l` to `(i + 1) × 2^l − 1`.
//! Leaves are joined as a binary counter carries, so each node is always the
//! merge of the same two, whoever appended and in whatever portions.

use std::ops::Range;

use crate::stats::summary::Summary;

/// Observations in a leaf.
pub(crate) const LEAF: u64 = 1024;

/// How many nodes, leaves among them, are complete once `leaves` leaves are:
/// also the place of leaf number `leaves` among all nodes in order of completion.
pub(crate) fn nodes_complete(leaves: u64) -> u64 {
    2 * leaves - u64::from(leaves.count_ones())
}

/// The place of a node among all nodes in order of completion: with its last
/// leaf its lower ancestors are complete, and then it is.
pub(crate) fn place(level: u32, index: u64) -> u64 {
    let last_leaf = ((index + 1) << level) - 1;
    nodes_complete(last_leaf) + u64::from(level)
}

/// The largest nodes that together cover `leaves`, left to right, as (level,
/// index). Of the first leaves, one a set bit of their number.
pub(crate) fn cover(leaves: Range<u64>) -> impl Iterator<Item = (u32, u64)> {
    let mut next = leaves.start;
    std::iter::from_fn(move || {
        // It stands where its own size divides.
        let most = leaves.end.checked_sub(next)?.checked_ilog2()?;
        let level = next.trailing_zeros().min(most);
        let index = next >> level;
        next += 1 << level;
        Some((level, index))
    })
}

/// The right edge of the growing tree: the summaries of `cover(0..leaves)`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    leaves: u64,
    nodes: Vec<Summary>,
}

impl Edge {
    pub(crate) fn empty() -> Self {
        Self { leaves: 0, nodes: Vec::new() }
    }

    /// The edge over `leaves` leaves from its summaries; `None` if they cannot be
    /// those.
    pub(crate) fn from_nodes(leaves: u64, nodes: Vec<Summary>) -> Option<Self> {
        let fits = leaves.count_ones() as usize == nodes.len()
            && cover(0..leaves).zip(&nodes).all(|((level, _), node)| node.count <= LEAF << level);
        fits.then_some(Self { leaves, nodes })
    }

    /// How many leaves it covers.
    pub(crate) fn leaves(&self) -> u64 {
        self.leaves
    }

    pub(crate) fn nodes(&self) -> &[Summary] {
        &self.nodes
    }

    /// Adds the next leaf, and tells `each` of every node that this completes,
    /// the leaf first: level, index, summary.
    pub(crate) fn push(&mut self, leaf: Summary, mut each: impl FnMut(u32, u64, &Summary)) {
        let mut node = leaf;
        let mut level = 0;
        each(0, self.leaves, &node);
        while self.leaves >> level & 1 == 1 {
            let left = self.nodes.pop().expect("a node stands for every set bit");
            node = left.merge(&node);
            level += 1;
            each(level, self.leaves >> level, &node);
        }
        self.nodes.push(node);
        self.leaves += 1;
    }

    /// Adds empty leaves until it covers `leaves`: observations that are lost.
    pub(crate) fn skip_to(&mut self, leaves: u64) {
        while self.leaves < leaves {
            // The largest node that fits: it stands where its own size divides.
            let most = (leaves - self.leaves).ilog2();
            let level = self.leaves.trailing_zeros().min(most);
            let mut node = Summary::EMPTY;
            let mut above = level;
            while self.leaves >> above & 1 == 1 {
                let left = self.nodes.pop().expect("a node stands for every set bit");
                node = left.merge(&node);
                above += 1;
            }
            self.nodes.push(node);
            self.leaves += 1 << level;
        }
    }

    /// Everything the edge covers, and `partial` behind it, joined left to right.
    pub(crate) fn total(&self, partial: &Summary) -> Summary {
        let all = self.nodes.iter().chain(std::iter::once(partial));
        all.fold(Summary::EMPTY, |left, right| left.merge(right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Observation;

    fn leaf(n: u64) -> Summary {
        let value = (n as f64).sin() * 10.0;
        Summary::of(&[Observation::new(i64::try_from(n).expect("small"), value)])
    }

    #[test]
    fn nodes_complete_in_the_order_of_their_places() {
        let mut edge = Edge::empty();
        let mut places = Vec::new();
        for n in 0..1000 {
            assert_eq!(nodes_complete(n), places.len() as u64);
            edge.push(leaf(n), |level, index, _| places.push(place(level, index)));
        }
        let expected: Vec<u64> = (0..places.len() as u64).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn skipping_is_as_pushing_empty_leaves() {
        for (before, behind) in [(0, 1), (1, 7), (5, 300), (1023, 1), (1024, 4096), (77, 1000)] {
            let mut skipped = Edge::empty();
            (0..before).for_each(|n| skipped.push(leaf(n), |_, _, _| {}));
            let mut pushed = skipped.clone();
            skipped.skip_to(before + behind);
            (0..behind).for_each(|_| pushed.push(Summary::EMPTY, |_, _, _| {}));
            assert_eq!(skipped, pushed);
        }
        let mut far = Edge::empty();
        far.skip_to(1 << 50);
        assert_eq!(far.leaves(), 1 << 50);
    }

    #[test]
    fn the_cover_is_what_the_edge_holds() {
        let mut edge = Edge::empty();
        let mut made = std::collections::HashMap::new();
        for n in 0..300 {
            edge.push(leaf(n), |level, index, node| {
                made.insert((level, index), node.clone());
            });
            let nodes: Vec<Summary> = cover(0..n + 1).map(|at| made[&at].clone()).collect();
            assert_eq!(nodes, edge.nodes());
            let mut covered = 0;
            for (level, index) in cover(0..n + 1) {
                assert_eq!(index << level, covered);
                covered += 1 << level;
            }
            assert_eq!(covered, n + 1);
        }
    }

    #[test]
    fn the_cover_of_some_is_without_gaps_and_of_largest_nodes() {
        for start in 0..40 {
            for end in start..90 {
                let mut covered = start;
                for (level, index) in cover(start..end) {
                    assert_eq!(index << level, covered);
                    covered += 1 << level;
                    let (above, twice) = (index / 2 * 2, 2_u64 << level);
                    let parent = above << level..(above << level) + twice;
                    assert!(parent.start < start || parent.end > end, "{start} {end} {level}");
                }
                assert_eq!(covered, end);
            }
        }
    }
}
