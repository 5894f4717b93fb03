//! Rewriting a damaged chunk with what can be read.

use std::ops::Range;

use super::reader::{Chunk, Page, Wanted};
use super::writer::{Contents, encode};
use crate::error::Result;
use crate::format::chunk::Place;
use crate::format::{CHUNK_LEAVES, LEAF, Lost};
use crate::stats::summary::Summary;
use crate::stats::tree::Node;

/// A chunk that was rewritten without its damage.
#[derive(Debug)]
pub(crate) struct Repaired {
    pub(crate) bytes: Vec<u8>,
    /// How many observations were lost to the damage.
    pub(crate) lost: u64,
}

impl Chunk {
    /// The chunk with the observations that can be read. Its number, its seal number and
    /// the summaries of its leaves stay the same. Pages, sketch and lost numbers are
    /// rewritten, with this `predecessor` and these `nodes`. The loss is accepted.
    ///
    /// A leaf whose summary cannot be read either is then counted as empty.
    pub(crate) fn repaired(&self, predecessor: u64, nodes: Vec<Node>) -> Result<Repaired> {
        let (mut times, mut values, mut kept) = (Vec::new(), Vec::new(), Vec::new());
        let (mut leaves, mut page) = (Vec::new(), Page::default());
        for leaf in 0..CHUNK_LEAVES {
            let mut is_whole = false;
            match self.read_page(leaf, Wanted::ROWS, &mut page) {
                Ok(()) => {
                    times.extend_from_slice(&page.times);
                    values.extend_from_slice(&page.values);
                    kept.extend(self.header.leaf_runs(leaf));
                    is_whole = page.times.len() as u64 == LEAF;
                }
                Err(error) if error.damage().is_some() => {}
                Err(error) => return Err(error),
            }
            // For a whole leaf, the summary of its rows is the one that it was sealed
            // with.
            let sealed = self.leaf_or_damaged(leaf)?.cloned().unwrap_or(Summary::EMPTY);
            leaves.push(if is_whole { page.summary() } else { sealed });
        }
        let place = Place { predecessor, ..self.header.place };
        let lost = complement(place.sequences(), &kept);
        let contents = Contents { place, times, values, lost, leaves, nodes };
        let lost = self.header.rows() - contents.times.len() as u64;
        Ok(Repaired { bytes: encode(&contents), lost })
    }
}

/// The parts of `all` that are not in the ascending runs `kept`, accepted as lost.
fn complement(all: Range<u64>, kept: &[Range<u64>]) -> Vec<Lost> {
    let starts = std::iter::once(all.start).chain(kept.iter().map(|run| run.end));
    let ends = kept.iter().map(|run| run.start).chain(std::iter::once(all.end));
    let gaps = starts.zip(ends).map(|(start, end)| start..end).filter(|gap| !gap.is_empty());
    gaps.map(|sequences| Lost { sequences, is_accepted: true }).collect()
}
