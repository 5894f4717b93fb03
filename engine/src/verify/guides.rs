//! The guides of the quantiles, counted again.

use std::ops::Range;
use std::path::PathBuf;

use crate::damage::Damage;
use crate::error::Result;
use crate::guide_file::{self, Stored};
use crate::observation::Observation;
use crate::segment_guides;
use crate::stats::guide::Guide;
use crate::stats::middle::Middle;
use crate::view::View;

use super::findings::Findings;

#[derive(Debug)]
pub(super) struct Guides<'v> {
    view: &'v View,
    /// The segment to look at next.
    next: usize,
    /// The leaves of the one before it.
    leaves: Range<u64>,
    current: Option<Current>,
}

/// A stored guide, and one like it that is being counted.
#[derive(Debug)]
struct Current {
    path: PathBuf,
    stored: Stored,
    counted: Guide,
    middle: Option<Middle>,
    /// A value in the interval of the middle is not listed there.
    unlisted: bool,
    lost: bool,
    reached: u64,
}

impl<'v> Guides<'v> {
    pub(super) fn new(view: &'v View) -> Self {
        Self { view, next: 0, leaves: 0..0, current: None }
    }

    /// Counts the values of one leaf.
    pub(super) fn count(
        &mut self,
        leaf: u64,
        observations: &[Observation],
        lost: bool,
        findings: &mut Findings,
    ) -> Result<()> {
        while leaf >= self.leaves.end && self.next < self.view.chain().len() {
            self.finish(findings);
            self.open_next(findings)?;
        }
        let Some(current) = &mut self.current else { return Ok(()) };
        if current.stored.leaves.contains(&leaf) {
            for observation in observations {
                current.counted.record(observation.value);
                if let Some(middle) = &mut current.middle {
                    current.unlisted |= !middle.recount(observation.value);
                }
            }
            current.lost |= lost || leaf != current.reached;
            current.reached = leaf + 1;
        }
        Ok(())
    }

    fn open_next(&mut self, findings: &mut Findings) -> Result<()> {
        let index = self.next;
        self.next += 1;
        let Some(segment) = self.view.chain().known(index)? else { return Ok(()) };
        self.leaves = segment_guides::leaves_of(self.view, index, segment)?;
        match guide_file::stored(self.view.chain().directory(), segment) {
            Ok(Some(stored)) => {
                self.current = Some(Current {
                    path: guide_file::path(self.view.chain().directory(), segment),
                    counted: Guide::in_units_of(&stored.counts),
                    middle: stored.middle.as_ref().map(Middle::emptied),
                    unlisted: false,
                    reached: stored.leaves.start,
                    stored,
                    lost: false,
                });
            }
            Ok(None) => {}
            Err(error) => findings.add_error(error)?,
        }
        Ok(())
    }

    /// Compares the guide that was being counted. One that a writer has brought
    /// beyond the view since, or of which observations are lost, cannot be.
    pub(super) fn finish(&mut self, findings: &mut Findings) {
        let Some(current) = self.current.take() else { return };
        let Current { path, stored, counted, middle, unlisted, lost, reached } = current;
        let known = &stored.leaves;
        let comparable = !lost && reached == known.end && known.start == self.leaves.start;
        let same = stored.counts == counted.counts() && stored.middle == middle && !unlisted;
        if comparable && !same {
            let detail = "the guide to the quantiles is not that of the observations".into();
            findings.extend([Damage { path, offset: 0, lost: 0..0, detail }]);
        }
    }
}
