//! The values of a view as an exact quantile asks for them: from the guides
//! where those list them, otherwise from the leaves that may hold them.

use std::ops::Range;

use crate::descent::{Descent, Node, Visitor, Way};
use crate::error::Result;
use crate::guide_file::{self, Stored};
use crate::observation::Observation;
use crate::scan::read_leaves;
use crate::stats::buckets::Buckets;
use crate::stats::guide::Guide;
use crate::stats::middle::Middle;
use crate::stats::quantile::Values;
use crate::stats::tree::LEAF;
use crate::view::View;

/// With more leaves that no guide lists values of, it is better to know the
/// bucket before they are read.
const LEAVES_UNLISTED_MOST: u64 = 256;

/// The guides of a view, each read once.
pub(crate) struct Guides<'v> {
    view: &'v View,
    /// One a segment of the chain.
    stored: Vec<Option<Stored>>,
}

impl<'v> Guides<'v> {
    pub(crate) fn read(view: &'v View) -> Result<Self> {
        let segments = 0..view.chain().len();
        let stored = segments.map(|index| guide_file::held(view, index)).collect::<Result<_>>()?;
        Ok(Self { view, stored })
    }

    /// As if there were no guide.
    pub(crate) fn none(view: &'v View) -> Self {
        Self { view, stored: Vec::new() }
    }

    /// How many values lie where, by the guides of all segments and of what is
    /// in none of them yet.
    pub(crate) fn buckets(&self) -> Result<Buckets> {
        let mut buckets = Buckets::default();
        for (index, stored) in self.stored.iter().enumerate() {
            let stored = stored.as_ref();
            guide_file::count_all(self.view, index, stored, |counts| buckets.add(counts))?;
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
        let mut lists = Vec::new();
        let mut reached = 0;
        for Stored { leaves, middle, .. } in self.stored.iter().flatten().filter(|_| listed) {
            if let Some(middle) = middle
                && leaves.start >= reached
            {
                reached = leaves.end;
                lists.push(List { leaves: leaves.clone(), middle });
            }
        }
        Listed { view: self.view, lists }
    }
}

/// The values of some leaves around their median.
struct List<'g> {
    leaves: Range<u64>,
    middle: &'g Middle,
}

/// The values of a view, to be asked for as often as an exact quantile needs.
pub(crate) struct Listed<'g> {
    view: &'g View,
    /// Of leaves that do not overlap, in order.
    lists: Vec<List<'g>>,
}

impl Listed<'_> {
    /// The interval that all lists cover, where few leaves have none.
    pub(crate) fn everywhere(&self) -> Option<(f64, f64)> {
        let mut lists = self.lists.iter();
        let first = lists.next()?.middle.ends();
        let (low, high) = lists.map(|list| list.middle.ends()).fold(first, |all, ends| {
            let (low, high) = (all.0.total_cmp(&ends.0), all.1.total_cmp(&ends.1));
            (if low.is_lt() { ends.0 } else { all.0 }, if high.is_gt() { ends.1 } else { all.1 })
        });
        let listed: u64 = self.lists.iter().map(|list| list.leaves.end - list.leaves.start).sum();
        let few = self.view.end_sequence() / LEAF <= listed.saturating_add(LEAVES_UNLISTED_MOST);
        (few && low.total_cmp(&high).is_le()).then_some((low, high))
    }
}

impl Values for Listed<'_> {
    fn scan(&mut self, low: f64, high: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64> {
        let serving = self.lists.iter().filter(|list| list.middle.covers(low, high));
        let mut below: u64 = 0;
        for List { middle, .. } in serving.clone() {
            below = below.saturating_add(middle.before(low));
            middle.within(low, high).for_each(|(value, count)| each(&[value], count));
        }
        let mut selecting = Selecting { low, high, each, below, values: Vec::new() };
        let mut descent = Descent::new(self.view, &mut selecting);
        let mut next = 0;
        for List { leaves, .. } in serving {
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
