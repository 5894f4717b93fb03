//! The summary tree, grown again from the observations, and compared with each
//! of its nodes that is written down.

use std::ops::Range;

use crate::damage::Damage;
use crate::error::Result;
use crate::nodes::Nodes;
use crate::observation::Observation;
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, LEAF};
use crate::view::View;

use super::claims::Claims;
use super::findings::{Findings, settled};
use super::guides::Guides;
use super::same_bits;

/// Of which nodes of the edge observations are lost, by level: what was written
/// down of such a node was computed when they were there, and is kept.
#[derive(Debug)]
pub(super) struct Lost([bool; 64]);

impl Lost {
    /// Whether the node of this level has lost some.
    pub(super) fn at(&self, level: u32) -> bool {
        self.0[level as usize]
    }

    /// Takes in leaf number `leaf`; returns what holds for the node of each level
    /// that it completes.
    fn push(&mut self, leaf: u64, lost: bool) -> Self {
        let mut completed = Self([false; 64]);
        let (mut level, mut lost) = (0, lost);
        completed.0[level] = lost;
        while leaf >> level & 1 == 1 {
            lost |= self.0[level];
            level += 1;
            completed.0[level] = lost;
        }
        self.0[level] = lost;
        completed
    }
}

#[derive(Debug)]
pub(super) struct Leaves<'v> {
    nodes: Nodes<'v>,
    guides: Guides<'v>,
    claims: Claims<'v>,
    edge: Edge,
    lost: Lost,
    /// What was read of the leaf that is not complete yet.
    open: Vec<Observation>,
    open_lost: bool,
    readable: u64,
}

impl<'v> Leaves<'v> {
    pub(super) fn new(view: &'v View, findings: &mut Findings) -> Result<Self> {
        Ok(Self {
            nodes: Nodes::new(view),
            guides: Guides::new(view),
            claims: Claims::new(view, findings)?,
            edge: Edge::empty(),
            lost: Lost([false; 64]),
            open: Vec::new(),
            open_lost: false,
            readable: 0,
        })
    }

    /// Takes in observations, of which the first has this sequence number.
    pub(super) fn take(
        &mut self,
        first: u64,
        mut observations: &[Observation],
        findings: &mut Findings,
    ) -> Result<()> {
        self.readable += observations.len() as u64;
        let mut next = first;
        while !observations.is_empty() {
            let rest = usize::try_from(LEAF - next % LEAF).expect("at most a leaf");
            let (now, later) = observations.split_at(rest.min(observations.len()));
            self.open.extend_from_slice(now);
            next += now.len() as u64;
            if next.is_multiple_of(LEAF) {
                self.complete(findings)?;
            }
            observations = later;
        }
        Ok(())
    }

    /// Goes on behind observations that are lost.
    pub(super) fn lose(&mut self, lost: &Range<u64>, findings: &mut Findings) -> Result<()> {
        if lost.is_empty() {
            return Ok(());
        }
        self.open_lost = true;
        if lost.end / LEAF > self.edge.leaves() {
            self.complete(findings)?;
        }
        if lost.end / LEAF > self.edge.leaves() {
            self.edge.skip_to(lost.end / LEAF);
            self.lost = Lost([true; 64]);
        }
        self.open_lost = !lost.end.is_multiple_of(LEAF);
        Ok(())
    }

    fn complete(&mut self, findings: &mut Findings) -> Result<()> {
        self.claims.compare(&self.edge, &self.lost, findings)?;
        let leaf = self.edge.leaves();
        self.guides.count(leaf, &self.open, self.open_lost, findings)?;
        let lost = self.lost.push(leaf, self.open_lost);
        let nodes = &mut self.nodes;
        let mut compared = Ok(());
        self.edge.push(Summary::of(&self.open), |level, index, node| {
            if compared.is_ok() {
                compared = compare(nodes, (level, index), node, lost.at(level), findings);
            }
        });
        compared?;
        self.open.clear();
        self.open_lost = false;
        Ok(())
    }

    /// Ends the pass; returns how many observations could be read.
    pub(super) fn finish(mut self, findings: &mut Findings) -> Result<u64> {
        self.claims.compare(&self.edge, &self.lost, findings)?;
        self.guides.finish(findings);
        Ok(self.readable)
    }
}

/// Compares a node with what is written down of it.
fn compare(
    nodes: &mut Nodes<'_>,
    (level, index): (u32, u64),
    node: &Summary,
    lost: bool,
    findings: &mut Findings,
) -> Result<()> {
    match settled(|| nodes.look(level, index)) {
        Ok(Some(stored)) if !lost && !same_bits(&stored, node) => {
            let Some((path, offset)) = nodes.place(level, index)? else { return Ok(()) };
            let detail = "a node of the summary tree is not that of its observations".into();
            findings.extend([Damage { path, offset, lost: 0..0, detail }]);
        }
        Ok(_) => {}
        Err(error) => findings.add_error(error)?,
    }
    Ok(())
}
