//! The guides to the quantiles of a view's segments: brought up to what was
//! appended, and asked for.

use std::ops::Range;

use crate::damage::Damage;
use crate::descent::{Descent, Node, Visitor, Way};
use crate::error::{Error, Result};
use crate::guide_file::{self, Stored};
use crate::nodes::Nodes;
use crate::observation::Observation;
use crate::scan::read_leaves;
use crate::segment::chain::Segment;
use crate::stats::counts::{Bucket, Counts};
use crate::stats::guide::Guide;
use crate::stats::middle::{Growing, Listing, Middle};
use crate::stats::tree::LEAF;
use crate::view::View;

/// Half as many ranks as are listed anew around the median.
const RANKS_AROUND: u64 = 2048;

/// The leaves of the segment at `index` of the view's chain.
pub(crate) fn leaves_of(view: &View, index: usize, segment: &Segment) -> Result<Range<u64>> {
    let first = segment.first_sequence / LEAF;
    Ok(first..(view.held_until(index, segment)? / LEAF).max(first))
}

/// Brings the guide of the last segment up to the end of `view`, if it lags
/// behind by `lag` leaves or more. Where the values around the median have to be
/// listed anew, at most so many leaves as `again` are read for that.
pub(crate) fn bring_up(view: &View, lag: u64, again: u64) -> Result<()> {
    let Some((segment, _)) = view.active()? else { return Ok(()) };
    let leaves = leaves_of(view, view.chain().len() - 1, segment)?;
    // Most appends end here, before the file is opened: guides are written at
    // multiples of the lag alone.
    if leaves.end - leaves.start < lag {
        return Ok(());
    }
    let known = holding(view, segment, leaves.clone());
    let until = known.as_ref().map_or(leaves.start, |known| known.leaves.end);
    if leaves.end - until < lag {
        return Ok(());
    }
    let guide = grown(view, known, leaves, again)?;
    guide_file::replace(view.chain().directory(), segment, &guide)
}

/// The guide to `leaves`, of which the first are `known`.
fn grown(view: &View, known: Option<Stored>, leaves: Range<u64>, again: u64) -> Result<Stored> {
    let (guide, mut growing, counted) = match known {
        Some(Stored { counts, middle, leaves }) => {
            let growing = middle.map(|middle| Growing::from(middle, counts.total()));
            (Guide::going_on(&counts), growing, leaves.end)
        }
        None => {
            let growing = Growing::from(Middle::of_nothing(), 0);
            (Guide::for_magnitude(0.0), Some(growing), leaves.start)
        }
    };
    let counts = record(view, guide, leaves.start, counted..leaves.end, |value| {
        if let Some(growing) = &mut growing {
            growing.take(value);
        }
    })?;
    let mut guide = Stored { counts, middle: None, leaves };
    if guide.is_whole() {
        guide.middle = match growing.and_then(|it| it.finish(guide.counts.total())) {
            Some(middle) => Some(middle),
            None => list(view, &guide, again)?,
        };
    }
    Ok(guide)
}

/// Lists the values around the median, if that takes reading at most so many
/// leaves.
fn list(view: &View, guide: &Stored, most: u64) -> Result<Option<Middle>> {
    let Stored { counts, leaves, .. } = guide;
    let median = counts.total() / 2;
    let ranks = median.saturating_sub(RANKS_AROUND)..=median.saturating_add(RANKS_AROUND);
    let Some((bucket, below)) = counts.spanning(ranks) else { return Ok(None) };
    let listing = Listing::of(Middle::between(bucket.low, bucket.high, below), bucket.count);
    let mut visit = ListingVisit { bucket, listing, leaves_left: most };
    Descent::new(view, &mut visit).leaves(leaves.clone())?;
    Ok(visit.listing.finish(counts.total()))
}

/// Reads the leaves that may hold values of the bucket.
struct ListingVisit {
    bucket: Bucket,
    listing: Listing,
    leaves_left: u64,
}

impl Visitor for ListingVisit {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let apart = node.summary.is_some_and(|summary| {
            summary.max.total_cmp(&self.bucket.low).is_lt()
                || summary.min.total_cmp(&self.bucket.high).is_gt()
        });
        if apart || self.leaves_left == 0 || self.listing.is_full() {
            return Way::Past;
        }
        if node.sequences.end - node.sequences.start == LEAF {
            self.leaves_left -= 1;
        }
        Way::Down
    }

    fn read(&mut self, _: u64, observations: &[Observation]) {
        observations.iter().for_each(|it| self.listing.take(it.value));
    }

    fn damaged(&mut self, _: Damage) -> Result<()> {
        // Too few values will have been found.
        Ok(())
    }
}

/// The stored guide to the leaves of the segment at `index`, where it holds.
pub(crate) fn held(view: &View, index: usize) -> Result<Option<Stored>> {
    let Some((segment, leaves)) = readable(view, index)? else { return Ok(None) };
    Ok(holding(view, segment, leaves))
}

/// Hands on the counts of the segment at `index`: those that are `held`, and what
/// these lack from the observations. Nothing where there is no segment to be read.
pub(crate) fn count_all(
    view: &View,
    index: usize,
    held: Option<&Stored>,
    mut each: impl FnMut(&Counts),
) -> Result<()> {
    let Some((_, leaves)) = readable(view, index)? else { return Ok(()) };
    let (guide, until) = match held {
        Some(held) => {
            each(&held.counts);
            (Guide::in_units_of(&held.counts), held.leaves.end)
        }
        None => (empty(view, leaves.clone())?, leaves.start),
    };
    if until < leaves.end {
        each(&record(view, guide, until, until..leaves.end, |_| {})?);
    }
    Ok(())
}

/// The segment at `index`, if it can be read, and its leaves.
fn readable(view: &View, index: usize) -> Result<Option<(&Segment, Range<u64>)>> {
    match view.chain().segment(index)? {
        Ok(segment) => Ok(Some((segment, leaves_of(view, index, segment)?))),
        Err(damage) if view.chain().is_refused() => {
            Err(Error::refused(&damage.path, damage.offset))
        }
        Err(_) => Ok(None),
    }
}

/// A guide to nothing yet, with a unit that suits the values of `leaves`.
fn empty(view: &View, leaves: Range<u64>) -> Result<Guide> {
    let mut nodes = Nodes::new(view);
    let mut largest: f64 = 0.0;
    for leaf in leaves {
        match nodes.get(0, leaf) {
            Some(summary) => largest = largest.max(summary.min.abs()).max(summary.max.abs()),
            None => read_leaves(view, leaf..leaf + 1, |_, leaf| {
                let magnitudes = leaf.iter().map(|observation| observation.value.abs());
                largest = magnitudes.fold(largest, f64::max);
            })?,
        }
    }
    Ok(Guide::for_magnitude(largest))
}

/// The counts of `guide`, which knows the values from `first` on, and of the
/// values of `leaves`, each of which `each` is told once. Values beyond the range
/// of the guide make it begin again with a wider one.
fn record(
    view: &View,
    mut guide: Guide,
    first: u64,
    leaves: Range<u64>,
    mut each: impl FnMut(f64),
) -> Result<Counts> {
    let mut beyond: f64 = 0.0;
    read_leaves(view, leaves.clone(), |_, leaf| {
        for observation in leaf {
            each(observation.value);
            if guide.fits(observation.value) {
                guide.record(observation.value);
            } else {
                beyond = beyond.max(observation.value.abs());
            }
        }
    })?;
    if beyond == 0.0 {
        return Ok(guide.counts());
    }
    let mut wider = Guide::for_magnitude(beyond);
    read_leaves(view, first..leaves.end, |_, leaf| {
        leaf.iter().for_each(|observation| wider.record(observation.value));
    })?;
    Ok(wider.counts())
}

/// The stored guide; `None` where there is none that holds for `leaves`.
fn holding(view: &View, segment: &Segment, leaves: Range<u64>) -> Option<Stored> {
    let stored = guide_file::stored(view.chain().directory(), segment).ok()??;
    let known = &stored.leaves;
    (known.start == leaves.start && known.end <= leaves.end).then_some(stored)
}
