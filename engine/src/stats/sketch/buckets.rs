//! How many values lie where, over any number of sketches.

use std::collections::BTreeMap;

use super::{Cell, Sketch, Unit};
use crate::stats::order::key;

/// Pages of memory, each of 8 KiB for the values of one power of two and one sign. All
/// values from 1e-38 to 1e38 of either sign fit; a wider range is counted with fewer
/// digits.
const PAGES_MAX: usize = 512;
const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 10;

/// `count` values, or some of them, lie from `low` to `high`, both included, in total
/// order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: u64,
}

impl Bucket {
    /// The value that it holds, if it can hold only one.
    pub(crate) fn single(&self) -> Option<f64> {
        (self.low.to_bits() == self.high.to_bits()).then_some(self.low)
    }
}

/// Counts of values in intervals. Those of one unit do not overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    /// Counts by unit and page number. Counts of the same unit add up.
    pages: BTreeMap<(Unit, i32), Box<[u64; PAGE]>>,
    /// One count covers 2^coarseness places.
    coarseness: u32,
    count: u64,
}

impl Buckets {
    /// Adds a sketch of any unit.
    pub(crate) fn add(&mut self, sketch: &Sketch) {
        self.count = self.count.saturating_add(sketch.count);
        let mut cells = &sketch.cells[..];
        while let Some(first) = cells.first() {
            let coarseness = self.coarseness;
            let page_of = |cell: &Cell| cell.place >> (PAGE_BITS + coarseness);
            let page = page_of(first);
            if self.pages.len() == PAGES_MAX && !self.pages.contains_key(&(sketch.unit, page)) {
                self.coarsen();
                continue;
            }
            let counts = self.pages.entry((sketch.unit, page)).or_insert_with(empty_page);
            while let Some((cell, rest)) = cells.split_first()
                && page_of(cell) == page
            {
                let count = &mut counts[(cell.place >> coarseness).cast_unsigned() as usize % PAGE];
                *count = count.saturating_add(cell.count.into());
                cells = rest;
            }
        }
    }

    /// Joins each pair of neighbouring counts.
    fn coarsen(&mut self) {
        self.coarseness += 1;
        for ((unit, page), fine) in std::mem::take(&mut self.pages) {
            let coarse = self.pages.entry((unit, page >> 1)).or_insert_with(empty_page);
            let half = (page & 1).unsigned_abs() as usize * PAGE / 2;
            for (count, pair) in coarse[half..].iter_mut().zip(fine.as_chunks::<2>().0) {
                *count = pair[0].saturating_add(pair[1]);
            }
        }
    }

    /// The number of values.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The bucket that holds the value of this rank, counted from 0.
    ///
    /// Buckets of different units may overlap. Joining all that do could give any width.
    /// So two bounds are used: the value of this rank is at least the lower bound of this
    /// rank among all lower bounds, and at most the upper bound of this rank among all
    /// upper bounds. Both are within a bucket's width of it.
    pub(crate) fn of_rank(&self, rank: u64) -> Option<Bucket> {
        let of_rank = |bound: fn(&Bucket) -> f64| {
            let mut below = 0_u64;
            self.sorted_by(bound).find(|bucket| {
                below = below.saturating_add(bucket.count);
                rank < below
            })
        };
        let lowest = of_rank(|bucket| bucket.low)?;
        if self.units().nth(1).is_none() {
            return Some(lowest);
        }
        let (low, high) = (lowest.low, of_rank(|bucket| bucket.high)?.high);
        let overlaps = |it: &Bucket| key(it.low) <= key(high) && key(low) <= key(it.high);
        let overlapping = self.sorted_by(|bucket| bucket.low).filter(overlaps);
        let count = overlapping.fold(0_u64, |sum, bucket| sum.saturating_add(bucket.count));
        Some(Bucket { low, high, count })
    }

    fn units(&self) -> impl Iterator<Item = Unit> {
        let mut units: Vec<Unit> = self.pages.keys().map(|(unit, _)| *unit).collect();
        units.dedup();
        units.into_iter()
    }

    /// The buckets of all units, ordered by one of their bounds.
    fn sorted_by(&self, bound: fn(&Bucket) -> f64) -> impl Iterator<Item = Bucket> {
        let mut of_units: Vec<_> = self.units().map(|unit| self.of_unit(unit).peekable()).collect();
        std::iter::from_fn(move || {
            let heads = of_units
                .iter_mut()
                .filter_map(|buckets| Some((key(bound(buckets.peek()?)), buckets)));
            let (_, next) = heads.min_by_key(|(bound, _)| *bound)?;
            next.next()
        })
    }

    /// The buckets of one unit that hold values, in order.
    fn of_unit(&self, unit: Unit) -> impl Iterator<Item = Bucket> {
        let last = (1 << self.coarseness) - 1;
        self.pages.range((unit, i32::MIN)..=(unit, i32::MAX)).flat_map(
            move |((_, page), counts)| {
                let places =
                    (page << (PAGE_BITS + self.coarseness)..).step_by(1 << self.coarseness);
                let filled = places.zip(counts.iter()).filter(|(_, count)| **count > 0);
                filled.map(move |(place, count)| {
                    let ((low, _), (_, high)) =
                        (unit.values_at(place), unit.values_at(place + last));
                    Bucket { low, high, count: *count }
                })
            },
        )
    }
}

fn empty_page() -> Box<[u64; PAGE]> {
    Box::new([0; PAGE])
}

#[cfg(test)]
mod tests;
