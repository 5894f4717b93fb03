//! The values of a view as an exact quantile asks for them: from the guides
//! where those list them, otherwise from the leaves that may hold them.

use std::ops::Range;

use crate::descent::{Descent, Node, Visitor, Way};
use crate::error::Result;
use crate::guide_file::Stored;
use crate::observation::Observation;
use crate::scan::read_leaves;
use crate::segment_guides;
use crate::stats::buckets::Buckets;
use crate::stats::guide::Guide;
use crate::stats::middle::Middle;
use crate::stats::quantile::Values;
use crate::stats::tree::LEAF;
use crate::view::View;

/// With more leaves that no guide lists values of, it is better to know the
/// bucket before they are read.
const LEAVES_UNLISTED_MOST: u64 = 256;

/// So many guides are kept in memory once they are read; further ones are read
/// again where their buckets are wanted.
const KEPT_MAX: usize = 16;

/// What the guides of a view say.
pub(crate) struct Guides<'v> {
    view: &'v View,
    /// Those of the first segments, without their lists.
    kept: Vec<Option<Stored>>,
    /// The lists together, and whose values they are: leaves in order.
    middle: Option<Middle>,
    listed: Vec<Range<u64>>,
}

impl<'v> Guides<'v> {
    pub(crate) fn read(view: &'v View) -> Result<Self> {
        let mut guides = Self::unread(view);
        let mut total = 0;
        for index in 0..view.chain().len() {
            let mut stored = segment_guides::held(view, index)?;
            if let Some(stored) = &mut stored
                && let Some(middle) = stored.middle.take()
                && guides.listed.last().is_none_or(|last| last.end <= stored.leaves.start)
            {
                let with_it = stored.counts.total().saturating_add(total);
                let joined = match &mut guides.middle {
                    // Where its values lie elsewhere its leaves are read.
                    Some(all) => all.join(middle, with_it),
                    first => first.insert(middle).len() > 0,
                };
                if joined {
                    total = with_it;
                    guides.listed.push(stored.leaves.clone());
                }
            }
            if index < KEPT_MAX {
                guides.kept.push(stored);
            }
        }
        Ok(guides)
    }

    /// For their buckets alone, or for no use of them.
    pub(crate) fn unread(view: &'v View) -> Self {
        Self { view, kept: Vec::new(), middle: None, listed: Vec::new() }
    }

    /// How many values lie where, by the guides of all segments and of what is
    /// in none of them yet.
    pub(crate) fn buckets(&self) -> Result<Buckets> {
        let mut buckets = Buckets::default();
        for index in 0..self.view.chain().len() {
            let again;
            let stored = match self.kept.get(index) {
                Some(kept) => kept,
                None => {
                    again = segment_guides::held(self.view, index)?;
                    &again
                }
            };
            let stored = stored.as_ref();
            segment_guides::count_all(self.view, index, stored, |counts| buckets.add(counts))?;
        }
        let end = self.view.end_sequence();
        read_leaves(self.view, end / LEAF..end.div_ceil(LEAF), |_, leaf| {
            let largest = leaf.iter().map(|it| it.value.abs()).fold(0.0, f64::max);
            let mut open = Guide::for_magnitude(largest);
            leaf.iter().for_each(|observation| open.record(observation.value));
            buckets.add(&open.counts());
        })?;
        Ok(buckets)
    }

    /// The values; with the guides' lists only where `listed` says so: they hold
    /// what was there when they were made.
    pub(crate) fn values(&self, listed: bool) -> Listed<'_> {
        let middle = self.middle.as_ref().filter(|_| listed);
        Listed { view: self.view, middle, leaves: &self.listed }
    }
}

/// The values of a view, to be asked for as often as an exact quantile needs.
pub(crate) struct Listed<'g> {
    view: &'g View,
    /// That of the values in these leaves, which are in order.
    middle: Option<&'g Middle>,
    leaves: &'g [Range<u64>],
}

impl Listed<'_> {
    /// The interval that is listed, where few leaves are not.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        let listed: u64 = self.leaves.iter().map(|leaves| leaves.end - leaves.start).sum();
        let few = self.view.end_sequence() / LEAF <= listed.saturating_add(LEAVES_UNLISTED_MOST);
        self.middle.filter(|_| few).map(Middle::ends)
    }
}

impl Values for Listed<'_> {
    fn scan(&mut self, low: f64, high: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
        let middle = self.middle.filter(|middle| middle.covers(low, high));
        let mut below = 0;
        if let Some(middle) = middle {
            below = middle.before(low);
            middle.within(low, high).for_each(|(value, count)| each(&[value], count));
        }
        let listed = if middle.is_some() { self.leaves } else { &[] };
        let mut selecting = Selecting { low, high, each, below, values: Vec::new() };
        let mut descent = Descent::new(self.view, &mut selecting);
        let mut next = 0;
        for leaves in listed {
            descent.leaves(next..leaves.start)?;
            next = leaves.end;
        }
        descent.leaves(next..self.view.end_sequence() / LEAF)?;
        descent.open_leaf()?;
        Ok(selecting.below)
    }
}

/// Reads the leaves that may hold values from `low` to `high`.
struct Selecting<'e> {
    low: f64,
    high: f64,
    each: &'e mut dyn FnMut(&[f64], u64),
    /// Values that were not handed over because they are below `low`.
    below: u64,
    values: Vec<f64>,
}

impl Visitor for Selecting<'_> {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let Some(summary) = node.summary.filter(|summary| summary.count > 0) else {
            return Way::Down;
        };
        if summary.max.total_cmp(&self.low).is_lt() {
            self.below += summary.count;
            return Way::Past;
        }
        if summary.min.total_cmp(&self.high).is_gt() { Way::Past } else { Way::Down }
    }

    fn read(&mut self, _: u64, observations: &[Observation]) {
        self.values.clear();
        self.values.extend(observations.iter().map(|observation| observation.value));
        (self.each)(&self.values, 1);
    }
}
