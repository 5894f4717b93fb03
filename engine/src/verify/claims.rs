//! What headers and checkpoint say of the observations before them: the edge of
//! the summary tree, and where the segment stood.

use std::collections::VecDeque;
use std::path::PathBuf;

use crate::checkpoint::{self, Checkpoint};
use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::segment::chain::Segment;
use crate::segment::walk::{Step, Walk};
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, LEAF, cover};
use crate::view::View;

use super::findings::{Findings, settled};
use super::leaves::Lost;
use super::same_bits;

#[derive(Debug)]
pub(super) struct Claims<'v> {
    view: &'v View,
    /// The segment whose header is to be read next.
    next: usize,
    header: Option<Claim>,
    checkpoints: VecDeque<Claim>,
}

/// That this is the edge over so many leaves.
#[derive(Debug)]
struct Claim {
    path: PathBuf,
    offset: u64,
    leaves: u64,
    nodes: Vec<Summary>,
}

impl<'v> Claims<'v> {
    pub(super) fn new(view: &'v View, findings: &mut Findings) -> Result<Self> {
        let path = view.chain().directory().join(checkpoint::NAME);
        let mut checkpoints = Vec::new();
        for (offset, slot) in slots(view, findings)? {
            let detail = match slot {
                None => "a slot of the checkpoint does not match its checksum",
                Some(slot) if view.origin().is_some_and(|origin| origin != slot.origin) => {
                    "the checkpoint is of another store"
                }
                Some(slot) => {
                    let fits = stands(view, &slot)?;
                    let (leaves, nodes) = (slot.durable.sequence / LEAF, slot.edge);
                    checkpoints.push(Claim { path: path.clone(), offset, leaves, nodes });
                    if fits {
                        continue;
                    }
                    "the checkpoint names a place at which no frame ends"
                }
            };
            let (path, detail) = (path.clone(), detail.into());
            findings.extend([Damage { path, offset, lost: 0..0, detail }]);
        }
        checkpoints.sort_by_key(|claim| claim.leaves);
        let mut claims = Self { view, next: 0, header: None, checkpoints: checkpoints.into() };
        claims.read_header()?;
        Ok(claims)
    }

    /// Compares what is said of as many leaves as `edge` covers with it.
    pub(super) fn compare(
        &mut self,
        edge: &Edge,
        lost: &Lost,
        findings: &mut Findings,
    ) -> Result<()> {
        while let Some(claim) = self.header.take_if(|claim| claim.leaves <= edge.leaves()) {
            claim.compare(edge, lost, findings);
            self.read_header()?;
        }
        while let Some(claim) = self.checkpoints.pop_front_if(|claim| claim.leaves <= edge.leaves())
        {
            claim.compare(edge, lost, findings);
        }
        Ok(())
    }

    /// Reads the next header that holds.
    fn read_header(&mut self) -> Result<()> {
        let chain = self.view.chain();
        while self.header.is_none() && self.next < chain.len() {
            let index = self.next;
            self.next += 1;
            let Some(segment) = chain.known(index)? else { continue };
            self.header = chain.edge_of(index)?.map(|nodes| Claim {
                path: segment.path.clone(),
                offset: 0,
                leaves: segment.first_sequence / LEAF,
                nodes,
            });
        }
        Ok(())
    }
}

impl Claim {
    fn compare(self, edge: &Edge, lost: &Lost, findings: &mut Findings) {
        // Beyond leaves that are lost altogether nothing can be said.
        if self.leaves != edge.leaves() {
            return;
        }
        let pairs = self.nodes.iter().zip(edge.nodes());
        let differs = cover(0..self.leaves)
            .zip(pairs)
            .any(|((level, _), (said, found))| !lost.at(level) && !same_bits(said, found));
        if differs {
            let Self { path, offset, .. } = self;
            let detail = "the edge of the summary tree is not that of the observations".into();
            findings.extend([Damage { path, offset, lost: 0..0, detail }]);
        }
    }
}

/// The checkpoint's slots, as they are when no writer is in the midst of one.
fn slots(view: &View, findings: &mut Findings) -> Result<Vec<(u64, Option<Checkpoint>)>> {
    let directory = view.chain().directory();
    let whole = || {
        let slots = checkpoint::slots(directory)?;
        let holds = slots.iter().all(|(_, slot)| slot.is_some());
        holds.then_some(slots).ok_or_else(|| Error::damaged(directory, 0, "a slot does not hold"))
    };
    settled(whole).or_else(|_| checkpoint::slots(directory)).or_else(|error| {
        findings.add_error(error)?;
        Ok(Vec::new())
    })
}

/// Whether a frame ends where the checkpoint says that its segment is durable.
/// One of a segment that is gone, or of a place behind damage, says nothing.
fn stands(view: &View, checkpoint: &Checkpoint) -> Result<bool> {
    let chain = view.chain();
    let mut named: Option<&Segment> = None;
    for index in 0..chain.len() {
        named = chain.known(index)?.filter(|it| it.ordinal == checkpoint.ordinal).or(named);
    }
    let Some(segment) = named else { return Ok(true) };
    if segment.identity != checkpoint.identity || segment.first_sequence != checkpoint.segment_first
    {
        return Ok(false);
    }
    // Not to the end of the view, which may be what the checkpoint says.
    let limit = u64::MAX;
    let bytes = chain.open(segment)?;
    let durable = checkpoint.durable;
    let start = segment.seek(&bytes, limit, durable.sequence.saturating_sub(1))?;
    let mut walk = Walk::new(bytes, segment.owner(), start.durable, start.block_first, limit);
    while walk.at().offset < durable.offset {
        match walk.step()? {
            Step::Frame(_) | Step::BadBlock { .. } => {}
            Step::End | Step::BadFrame => return Ok(true),
        }
    }
    Ok(walk.at() == durable)
}
