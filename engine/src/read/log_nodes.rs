//! The nodes that the log's leaves complete. A snapshot summarises the leaves once from
//! rows, and continues from the manifest's nodes.

use std::collections::HashMap;

use super::missing::Missing;
use super::scan::Columns;
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
    nodes: Nodes,
}

/// By level and index, without empty ones: a log may state that it lost 2^27 observations.
type Nodes = HashMap<(u32, u64), Summary>;

impl LogNodes {
    pub(crate) fn read(view: &View) -> Result<Self> {
        let mut reading = Reading {
            edge: view.record().edge.clone(),
            nodes: Nodes::new(),
            lost: Missing::default(),
            leaf: Columns::default(),
        };
        if let Some(damage) = view.missing_log() {
            reading.lost.add(damage.clone());
        }
        let end = view.end_sequence();
        if let Some(log) = view.log() {
            log.read(view.sealed_end_sequence()..end, &mut |piece| {
                match piece {
                    Piece::Rows { first_sequence, rows } => reading.take(first_sequence, rows),
                    Piece::Lost(damage, _) => reading.lost.add(damage),
                    Piece::Absent(_) => {}
                }
                Ok(())
            })?;
        }
        Ok(reading.finish(end))
    }

    /// The summary of a node that one of the log's leaves completes.
    pub(crate) fn summary_of(&self, level: u32, index: u64) -> Summary {
        self.nodes.get(&(level, index)).cloned().unwrap_or(Summary::EMPTY)
    }
}

struct Reading {
    edge: Edge,
    nodes: Nodes,
    lost: Missing,
    /// Rows of the leaf that comes after those that the edge covers.
    leaf: Columns,
}

impl Reading {
    fn take(&mut self, first_sequence: u64, mut rows: &[Observation]) {
        let mut sequence = first_sequence;
        while !rows.is_empty() {
            self.finish_leaves(sequence / LEAF);
            let rest = LEAF - sequence % LEAF;
            let count = usize::try_from(rest).expect("1,024 or less").min(rows.len());
            let (of_leaf, others) = rows.split_at(count);
            self.leaf.times.extend(of_leaf.iter().map(|row| row.timestamp_ns));
            self.leaf.values.extend(of_leaf.iter().map(|row| row.value));
            sequence += count as u64;
            rows = others;
        }
    }

    /// Adds the leaves before this one to the tree.
    fn finish_leaves(&mut self, before: u64) {
        while self.edge.end_leaf() < before {
            let leaf = Summary::of_columns(&self.leaf.times, &self.leaf.values);
            self.edge.push(leaf, |node| {
                if node.summary.count > 0 {
                    self.nodes.insert((node.level, node.index), node.summary.clone());
                }
            });
            self.leaf.clear();
        }
    }

    fn finish(mut self, end_sequence: u64) -> LogNodes {
        self.finish_leaves(end_sequence / LEAF);
        let mut roots = self.edge.nodes().to_vec();
        let leaf = Summary::of_columns(&self.leaf.times, &self.leaf.values);
        if leaf.count > 0 {
            let last = Node { level: 0, index: self.edge.end_leaf(), summary: leaf };
            self.nodes.insert((last.level, last.index), last.summary.clone());
            roots.push(last);
        }
        LogNodes { roots, lost: self.lost.list(), nodes: self.nodes }
    }
}
