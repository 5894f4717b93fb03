//! How many values lie where, over any number of sketches.

use std::collections::BTreeMap;

use super::{Cell, Sketch, Unit};
use crate::stats::order::key;

/// Pages of memory, each of 8 KiB for the values of one power of two and one sign. All
/// values from 1e-38 to 1e38 of either sign fit; more are counted with fewer digits.
const PAGES_MAX: usize = 512;
const PAGE: usize = 1 << PAGE_BITS;
const PAGE_BITS: u32 = 10;

/// `count` values lie from `low` to `high`, both included, in total order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: u64,
}

impl Bucket {
    /// The value that it holds, if it can hold but one.
    pub(crate) fn single(&self) -> Option<f64> {
        (self.low.to_bits() == self.high.to_bits()).then_some(self.low)
    }
}

/// Counts of values in intervals that do not overlap.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    /// Counts of the same unit, which add up, by unit and number of the page.
    pages: BTreeMap<(Unit, i32), Box<[u64; PAGE]>>,
    /// One count is that of 2^coarseness places.
    coarseness: u32,
    count: u64,
}

impl Buckets {
    /// Adds a sketch, whatever its unit.
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

    /// Joins each two neighbouring counts.
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
    pub(crate) fn of_rank(&self, rank: u64) -> Option<Bucket> {
        let mut below = 0_u64;
        self.apart().find(|bucket| {
            below = below.saturating_add(bucket.count);
            rank < below
        })
    }

    /// The buckets in order. Those that overlap, of different units, are joined.
    fn apart(&self) -> impl Iterator<Item = Bucket> {
        let mut units: Vec<Unit> = self.pages.keys().map(|(unit, _)| *unit).collect();
        units.dedup();
        let mut of_units: Vec<_> =
            units.into_iter().map(|unit| self.of_unit(unit).peekable()).collect();
        let mut next_low = move || {
            let heads =
                of_units.iter_mut().filter_map(|buckets| Some((key(buckets.peek()?.low), buckets)));
            let (_, lowest) = heads.min_by_key(|(low, _)| *low)?;
            lowest.next()
        };
        let mut next = next_low();
        std::iter::from_fn(move || {
            let mut bucket = next.take()?;
            next = next_low();
            while let Some(overlapping) = next.filter(|next| key(next.low) <= key(bucket.high)) {
                if key(bucket.high) < key(overlapping.high) {
                    bucket.high = overlapping.high;
                }
                bucket.count = bucket.count.saturating_add(overlapping.count);
                next = next_low();
            }
            Some(bucket)
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
