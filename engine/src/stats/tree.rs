//! The summary tree: leaves of 1,024 consecutive observations, aligned by
//! sequence number, and above them nodes that each join two.
//!
//! Leaf `k` covers the sequence numbers `k × 1,024` to `k × 1,024 + 1,023`; the
//! node of level `l` and index `i` covers leaves `i × 2^l` to `(i + 1) × 2^l − 1`.
//! Leaves are joined as a binary counter carries. So each node is always the merge of the
//! same two, in whatever batches the observations were appended.

use std::ops::Range;

use crate::stats::summary::Summary;

/// A node of the tree, a leaf at level 0.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) level: u32,
    pub(crate) index: u64,
    pub(crate) summary: Summary,
}

/// The node of this level and index among `nodes`.
pub(crate) fn find(nodes: &[Node], level: u32, index: u64) -> Option<&Node> {
    nodes.iter().find(|node| (node.level, node.index) == (level, index))
}

/// The largest nodes that together cover `leaves`, left to right, as (level,
/// index).
pub(crate) fn cover(leaves: Range<u64>) -> impl Iterator<Item = (u32, u64)> {
    let mut next = leaves.start;
    std::iter::from_fn(move || {
        // The index of a node's first leaf is a multiple of its size.
        let most = leaves.end.checked_sub(next)?.checked_ilog2()?;
        let level = next.trailing_zeros().min(most);
        let index = next >> level;
        next += 1 << level;
        Some((level, index))
    })
}

/// The growing tree from the first kept leaf on: the nodes of `cover(first..end)`, to
/// which leaves are added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    end_leaf: u64,
    nodes: Vec<Node>,
}

impl Edge {
    /// An empty edge. The first leaf to be added is `leaf`.
    pub(crate) fn starting_at(leaf: u64) -> Self {
        Self { end_leaf: leaf, nodes: Vec::new() }
    }

    /// The edge over `leaves`; `None` unless `nodes` are exactly those that cover them.
    pub(crate) fn from_nodes(leaves: Range<u64>, nodes: Vec<Node>) -> Option<Self> {
        let places = nodes.iter().map(|node| (node.level, node.index));
        cover(leaves.clone()).eq(places).then_some(Self { end_leaf: leaves.end, nodes })
    }

    /// The leaf after the last one covered.
    pub(crate) fn end_leaf(&self) -> u64 {
        self.end_leaf
    }

    /// The nodes, left to right.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Adds the next leaf, and calls `each` for every node that this completes,
    /// the leaf first.
    pub(crate) fn push(&mut self, leaf: Summary, mut each: impl FnMut(&Node)) {
        let mut node = Node { level: 0, index: self.end_leaf, summary: leaf };
        each(&node);
        // Nodes ascend, so the other half of the parent is the left one.
        let is_other_half =
            |node: &Node, it: &Node| it.level == node.level && it.index == node.index ^ 1;
        while let Some(left) = self.nodes.pop_if(|it| is_other_half(&node, it)) {
            let summary = left.summary.merge(&node.summary);
            node = Node { level: node.level + 1, index: node.index / 2, summary };
            each(&node);
        }
        self.nodes.push(node);
        self.end_leaf += 1;
    }

    /// The merge of all nodes, left to right, with `partial` after them.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn total(&self, partial: &Summary) -> Summary {
        let all = self.nodes.iter().map(|node| &node.summary).chain([partial]);
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
    fn the_edge_holds_the_cover_wherever_it_starts() {
        for first in 0..70 {
            let mut edge = Edge::starting_at(first);
            let mut made = std::collections::HashMap::new();
            for n in first..first + 200 {
                edge.push(leaf(n), |node| {
                    made.insert((node.level, node.index), node.clone());
                });
                let nodes: Vec<Node> =
                    cover(first..n + 1).map(|place| made[&place].clone()).collect();
                assert_eq!(nodes, edge.nodes());
                assert_eq!(Edge::from_nodes(first..n + 1, nodes).as_ref(), Some(&edge));
            }
        }
    }

    #[test]
    fn the_cover_is_without_gaps_and_of_largest_nodes() {
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
