//! One scan of the values in an interval: they are collected and selected from, or, if
//! there are many, counted to find a smaller interval.

use std::ops::ControlFlow;

use super::Place;
use crate::stats::order::{self, key};

/// Up to this number values are collected and selected from; more are counted first.
const COLLECTED_MAX: u64 = 1 << 17;
/// The cells that a counting scan divides its interval into.
const CELLS: u64 = 1 << 16;

/// An interval of keys, with about how many values it holds.
#[derive(Clone, Copy)]
pub(super) struct Interval {
    pub(super) low: u64,
    pub(super) high: u64,
    pub(super) count: u64,
}

/// The values of the two ranks, or the interval with which the search goes on: a smaller
/// one, or the same with a larger count. Both come to an end. `None` unless both lie in the
/// interval.
pub(super) type Step = ControlFlow<Option<(f64, f64)>, Interval>;

/// What a scan has found of an interval so far.
pub(super) struct Pass {
    interval: Interval,
    below: u64,
    inside: u64,
    found: Found,
}

enum Found {
    Keys(Vec<u64>),
    /// Each covers 2^bits keys.
    Cells {
        bits: u32,
        cells: Vec<Cell>,
    },
}

#[derive(Clone, Copy)]
struct Cell {
    count: u64,
    min: u64,
    max: u64,
}

impl Cell {
    const EMPTY: Self = Self { count: 0, min: u64::MAX, max: 0 };
}

impl Pass {
    pub(super) fn over(interval: Interval) -> Self {
        let found = if interval.count <= COLLECTED_MAX {
            Found::Keys(Vec::new())
        } else {
            let span_bits = 64 - (interval.high - interval.low).leading_zeros();
            let bits = span_bits.saturating_sub(CELLS.ilog2());
            Found::Cells { bits, cells: vec![Cell::EMPTY; 1 << (span_bits - bits)] }
        };
        Self { interval, below: 0, inside: 0, found }
    }

    /// The lowest and the highest value of the interval.
    pub(super) fn ends(&self) -> (f64, f64) {
        (order::value(self.interval.low), order::value(self.interval.high))
    }

    pub(super) fn take(&mut self, values: &[f64]) {
        let Interval { low, high, .. } = self.interval;
        for key in values.iter().copied().map(key) {
            if key < low {
                self.below += 1;
            } else if key <= high {
                self.inside += 1;
                match &mut self.found {
                    Found::Keys(keys) if keys.len() as u64 == COLLECTED_MAX => {}
                    Found::Keys(keys) => keys.push(key),
                    Found::Cells { bits, cells } => {
                        let number = usize::try_from((key - low) >> *bits).expect("below 2^16");
                        let cell = &mut cells[number];
                        cell.count += 1;
                        cell.min = cell.min.min(key);
                        cell.max = cell.max.max(key);
                    }
                }
            }
        }
    }

    /// The result, where `below` more values are below the interval.
    pub(super) fn end(self, below: u64, place: &Place) -> Step {
        let below = self.below.saturating_add(below);
        let (Some(left), Some(right)) =
            (place.left.checked_sub(below), place.right.checked_sub(below))
        else {
            return Step::Break(None);
        };
        if right >= self.inside {
            return Step::Break(None);
        }
        match self.found {
            Found::Keys(keys) if keys.len() as u64 != self.inside => {
                Step::Continue(Interval { count: self.inside, ..self.interval })
            }
            Found::Keys(mut keys) => Step::Break(select(&mut keys, left, place)),
            Found::Cells { cells, .. } => narrowed(&cells, left, place),
        }
    }
}

/// The values of the two ranks. The left one is the `left` of `keys`.
fn select(keys: &mut [u64], left: u64, place: &Place) -> Option<(f64, f64)> {
    let left = usize::try_from(left).expect("below their number");
    let (_, &mut at_left, above) = keys.select_nth_unstable(left);
    let at_right =
        if place.left == place.right { Some(at_left) } else { above.iter().copied().min() };
    at_right.map(|at_right| (order::value(at_left), order::value(at_right)))
}

/// The cell that holds the rank `left`, or the values of the two ranks.
fn narrowed(cells: &[Cell], mut left: u64, place: &Place) -> Step {
    let mut filled = cells.iter().filter(|cell| cell.count > 0);
    let Some(cell) = filled.find(|cell| {
        let holds = left < cell.count;
        left = if holds { left } else { left - cell.count };
        holds
    }) else {
        return Step::Break(None);
    };
    // The smallest and the largest of a cell are known, so that neither many
    // equal values nor two neighbouring ranks far apart need another scan.
    let left_is_last = left + 1 == cell.count;
    if place.left != place.right && left_is_last {
        let next = filled.next();
        return Step::Break(next.map(|next| (order::value(cell.max), order::value(next.min))));
    }
    if cell.min == cell.max {
        return Step::Break(Some((order::value(cell.min), order::value(cell.min))));
    }
    Step::Continue(Interval { low: cell.min, high: cell.max, count: cell.count })
}

/// Values that are compared at once before any of them is looked at.
const ROW: usize = 32;

/// Hands over what of `values` may lie from `low` to `high`, and returns how many of the
/// rest lie below. Most rows hold nothing of an interval.
pub(crate) fn within(values: &[f64], (low, high): (f64, f64), each: &mut dyn FnMut(&[f64])) -> u64 {
    let (rows, rest) = values.as_chunks::<ROW>();
    let mut below = 0;
    for row in rows {
        // Comparisons as floats are vector instructions; they take −0.0 for 0.0, and so
        // at worst hand a row over in vain.
        let (mut less, mut up_to) = (0_u64, 0_u64);
        for value in row {
            less += u64::from(*value < low);
            up_to += u64::from(*value <= high);
        }
        if less == up_to {
            below += less;
        } else {
            each(row);
        }
    }
    each(rest);
    below
}
