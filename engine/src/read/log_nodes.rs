//! The nodes that the log's leaves complete. A snapshot summarises the leaves once from
//! rows, and continues from the manifest's nodes.

use super::missing::Missing;
use crate::error::{Damage, Result};
use crate::format::LEAF;
use crate::log::reader::Piece;
use crate::observation::Observation;
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, Node};
use crate::view::View;

/// What the log adds to the tree.
#[derive(Debug)]
pub(crate) struct LogNodes {
    /// The largest nodes that cover everything, and the last leaf if it is not full.
    pub(crate) roots: Vec<Node>,
    /// Rows that cannot be read.
    pub(crate) lost: Vec<Damage>,
    /// One level after the other, the leaves first. Within a level, the log's nodes come
    /// right after the manifest's.
    levels: Vec<Level>,
}

#[derive(Debug, Default)]
struct Level {
    first: u64,
    summaries: Vec<Summary>,
}

impl LogNodes {
    pub(crate) fn read(view: &View) -> Result<Self> {
        let mut reading = Reading {
            edge: view.record().edge.clone(),
            levels: Vec::new(),
            lost: Missing::default(),
            leaf: Vec::new(),
        };
        if let Some(damage) = view.missing_log() {
            reading.lost.add(damage.clone());
        }
        let end = view.end_sequence();
        if let Some(log) = view.log() {
            log.read(view.sealed_end_sequence()..end, &mut |piece| {
                match piece {
                    Piece::Rows { first_sequence, rows } => reading.take(first_sequence, rows),
                    Piece::Lost(damage, _) => {
                        reading.lost.add(damage);
                    }
                    Piece::Absent(_) => {}
                }
                Ok(())
            })?;
        }
        Ok(reading.finish(end))
    }

    /// The node, if one of the log's leaves completes it.
    pub(crate) fn get(&self, level: u32, index: u64) -> Option<&Summary> {
        let level = self.levels.get(usize::try_from(level).ok()?)?;
        level.summaries.get(usize::try_from(index.checked_sub(level.first)?).ok()?)
    }
}

struct Reading {
    edge: Edge,
    levels: Vec<Level>,
    lost: Missing,
    /// Rows of the leaf that comes after those that the edge covers.
    leaf: Vec<Observation>,
}

impl Reading {
    fn take(&mut self, first_sequence: u64, mut rows: &[Observation]) {
        let mut sequence = first_sequence;
        while !rows.is_empty() {
            self.finish_leaves(sequence / LEAF);
            let rest = LEAF - sequence % LEAF;
            let count = usize::try_from(rest).expect("1,024 or less").min(rows.len());
            let (of_leaf, others) = rows.split_at(count);
            self.leaf.extend_from_slice(of_leaf);
            sequence += count as u64;
            rows = others;
        }
    }

    /// Adds the leaves before this one to the tree.
    fn finish_leaves(&mut self, before: u64) {
        while self.edge.end_leaf() < before {
            let levels = &mut self.levels;
            self.edge.push(Summary::of(&self.leaf), |node| add(levels, node));
            self.leaf.clear();
        }
    }

    fn finish(mut self, end_sequence: u64) -> LogNodes {
        self.finish_leaves(end_sequence / LEAF);
        let mut roots = self.edge.nodes().to_vec();
        if !self.leaf.is_empty() {
            let last = Node::leaf(self.edge.end_leaf(), Summary::of(&self.leaf));
            add(&mut self.levels, &last);
            roots.push(last);
        }
        LogNodes { roots, lost: self.lost.list(), levels: self.levels }
    }
}

fn add(levels: &mut Vec<Level>, node: &Node) {
    let level = usize::try_from(node.level).expect("below 64");
    if levels.len() <= level {
        levels.resize_with(level + 1, Level::default);
    }
    let level = &mut levels[level];
    if level.summaries.is_empty() {
        level.first = node.index;
    }
    level.summaries.push(node.summary.clone());
}
