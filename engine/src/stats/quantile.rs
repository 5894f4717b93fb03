//! Quantiles: exact ones, by one scan of the values where sketches help, and
//! estimates by sketches alone.
//!
//! Where the values of both ranks are in buckets of a single value, the sketches are
//! the answer. Otherwise they only propose the interval to search: if they are wrong
//! or missing, the search begins with all of f64 and narrows the interval by
//! counting. Memory is fixed: 1 MiB of collected values or 1.5 MiB of counters.

use std::ops::ControlFlow;

use super::order::{self, key};
use super::sketch::Buckets;
use crate::error::Result;

/// Up to this number values are collected and selected from; more are counted first.
const COLLECTED_MAX: u64 = 1 << 17;
/// The cells that a counting scan divides its interval into.
const CELLS: u64 = 1 << 16;

/// Takes values, on any thread.
pub(crate) type Each<'e> = &'e mut (dyn FnMut(&[f64]) + Send);

/// Values that can be read through any number of times.
pub(crate) trait Values {
    /// Hands over, in slices and in any order, every value from `low` to `high`
    /// (both included, by total order), each once. It may hand over others too.
    /// Returns how many values below `low` it has not handed over, so that leaves
    /// whose range is known need not be read.
    fn scan(&mut self, low: f64, high: f64, each: Each<'_>) -> Result<u64>;
}

/// The quantile `q`, from 0 to 1, of `count` values, linear between ranks as
/// numpy's default; at 0.5 the median, rounded once. `None` if there are no
/// values, `q` is out of range or there turn out to be fewer values than `count`.
///
/// # Errors
/// Those of the scans.
pub(crate) fn exact(
    values: &mut impl Values,
    buckets: &Buckets,
    count: u64,
    q: f64,
) -> Result<Option<f64>> {
    let Some(place) = Place::of(q, count) else { return Ok(None) };
    let mut found = None;
    if let (Some(left), Some(right)) = (buckets.of_rank(place.left), buckets.of_rank(place.right)) {
        if let (Some(left), Some(right)) = (left.single(), right.single())
            && buckets.count() == count
        {
            return Ok(Some(place.between(left, right)));
        }
        let count = if left == right { left.count } else { left.count.saturating_add(right.count) };
        found =
            search(values, Interval { low: key(left.low), high: key(right.high), count }, &place)?;
    }
    if found.is_none() {
        found = search(values, Interval::everything(count), &place)?;
    }
    Ok(found.map(|(left, right)| place.between(left, right)))
}

/// The quantile `q`, from 0 to 1, of values that lie from `min` to `max`; `None`
/// where there are no values or `q` is out of range. It has three significant digits,
/// unless the values are of more than 500 signs and powers of two.
pub(crate) fn estimate(buckets: &Buckets, min: f64, max: f64, q: f64) -> Option<f64> {
    let place = Place::of(q, buckets.count())?;
    let middle = |rank| {
        let bucket = buckets.of_rank(rank)?;
        Some(f64::midpoint(bucket.low.max(min), bucket.high.min(max)).clamp(min, max))
    };
    Some(place.between(middle(place.left)?, middle(place.right)?))
}

/// Where a quantile lies among sorted values: between two neighbouring ranks,
/// or on one.
struct Place {
    left: u64,
    right: u64,
    /// How far from the left to the right one, below 1.
    fraction: f64,
    is_median: bool,
}

impl Place {
    /// numpy's `q * (count - 1)`.
    fn of(q: f64, count: u64) -> Option<Self> {
        let last = count.checked_sub(1)?;
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        if q == 0.5 {
            let (left, right) = (last / 2, last.div_ceil(2));
            return Some(Self { left, right, fraction: 0.5, is_median: true });
        }
        let index = q * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the rank below, from within 0 and the last one"
        )]
        let left = (index.floor() as u64).min(last);
        let fraction = index.fract();
        let right = if fraction > 0.0 { left.saturating_add(1).min(last) } else { left };
        Some(Self { left, right, fraction, is_median: false })
    }

    /// The quantile, from the values of the two ranks.
    fn between(&self, left: f64, right: f64) -> f64 {
        let (difference, fraction) = (right - left, self.fraction);
        if self.left == self.right || left.to_bits() == right.to_bits() {
            left
        } else if self.is_median {
            f64::midpoint(left, right)
        } else if difference.is_infinite() {
            // The signs differ, so that neither half nor the sum overflows.
            left * (1.0 - fraction) + right * fraction
        } else if fraction < 0.5 {
            left + difference * fraction
        } else {
            right - difference * (1.0 - fraction)
        }
    }
}

/// An interval of keys, with about how many values it holds.
#[derive(Clone, Copy)]
struct Interval {
    low: u64,
    high: u64,
    count: u64,
}

impl Interval {
    fn everything(count: u64) -> Self {
        Self { low: key(f64::NEG_INFINITY), high: key(f64::INFINITY), count }
    }
}

/// The values of the two ranks, if both lie in the interval.
fn search(
    values: &mut impl Values,
    mut interval: Interval,
    place: &Place,
) -> Result<Option<(f64, f64)>> {
    loop {
        let step = if interval.count <= COLLECTED_MAX {
            collect(values, interval, place)?
        } else {
            narrow(values, interval, place)?
        };
        match step {
            ControlFlow::Break(found) => return Ok(found),
            ControlFlow::Continue(next) => interval = next,
        }
    }
}

/// The end of a search, or the interval with which it goes on: a smaller one, or
/// the same with a larger count. Both come to an end.
type Step = ControlFlow<Option<(f64, f64)>, Interval>;

/// Collects what lies in the interval and selects.
fn collect(values: &mut impl Values, interval: Interval, place: &Place) -> Result<Step> {
    let mut keys: Vec<u64> = Vec::new();
    let found = sweep(values, interval, |key| {
        if (keys.len() as u64) < COLLECTED_MAX {
            keys.push(key);
        }
    })?;
    let Some(left) = found.offset_of(place) else { return Ok(Step::Break(None)) };
    if keys.len() as u64 != found.inside {
        return Ok(Step::Continue(Interval { count: found.inside, ..interval }));
    }
    Ok(Step::Break(select(&mut keys, left, place)))
}

/// The values of the two ranks. The left one is the `left` of `keys`.
fn select(keys: &mut [u64], left: u64, place: &Place) -> Option<(f64, f64)> {
    let left = usize::try_from(left).expect("below their number");
    let (_, &mut at_left, above) = keys.select_nth_unstable(left);
    let at_right =
        if place.left == place.right { Some(at_left) } else { above.iter().copied().min() };
    at_right.map(|at_right| (order::value(at_left), order::value(at_right)))
}

/// Counts what lies in the interval, cell by cell, to find a smaller interval.
fn narrow(values: &mut impl Values, interval: Interval, place: &Place) -> Result<Step> {
    #[derive(Clone, Copy)]
    struct Cell {
        count: u64,
        min: u64,
        max: u64,
    }
    let span_bits = 64 - (interval.high - interval.low).leading_zeros();
    let cell_bits = span_bits.saturating_sub(CELLS.ilog2());
    let mut cells = vec![Cell { count: 0, min: u64::MAX, max: 0 }; 1 << (span_bits - cell_bits)];
    let found = sweep(values, interval, |key| {
        let number = usize::try_from((key - interval.low) >> cell_bits).expect("below 2^16");
        let cell = &mut cells[number];
        cell.count += 1;
        cell.min = cell.min.min(key);
        cell.max = cell.max.max(key);
    })?;
    let Some(mut left) = found.offset_of(place) else { return Ok(Step::Break(None)) };
    let mut filled = cells.iter().filter(|cell| cell.count > 0);
    let Some(cell) = filled.find(|cell| {
        let holds = left < cell.count;
        left = if holds { left } else { left - cell.count };
        holds
    }) else {
        return Ok(Step::Break(None));
    };
    // The smallest and the largest of a cell are known, so that neither many
    // equal values nor two neighbouring ranks far apart need another scan.
    let left_is_last = left + 1 == cell.count;
    if place.left != place.right && left_is_last {
        let next = filled.next();
        return Ok(Step::Break(next.map(|next| (order::value(cell.max), order::value(next.min)))));
    }
    if cell.min == cell.max {
        return Ok(Step::Break(Some((order::value(cell.min), order::value(cell.min)))));
    }
    Ok(Step::Continue(Interval { low: cell.min, high: cell.max, count: cell.count }))
}

/// What a scan has found of an interval.
#[derive(Default)]
struct Found {
    below: u64,
    inside: u64,
}

impl Found {
    /// The left rank, counted from the first value inside; `None` unless both
    /// ranks are inside.
    fn offset_of(&self, place: &Place) -> Option<u64> {
        let right = place.right.checked_sub(self.below)?;
        let left = place.left.checked_sub(self.below)?;
        (right < self.inside).then_some(left)
    }
}

/// Reads all values once and calls `take` with the key of each in the interval.
fn sweep(
    values: &mut impl Values,
    interval: Interval,
    mut take: impl FnMut(u64) + Send,
) -> Result<Found> {
    let (low, high) = (order::value(interval.low), order::value(interval.high));
    let mut found = Found::default();
    let mut take_each = |found: &mut Found, values: &[f64]| {
        for key in values.iter().copied().map(key) {
            if key < interval.low {
                found.below += 1;
            } else if key <= interval.high {
                found.inside += 1;
                take(key);
            }
        }
    };
    let not_handed_over = values.scan(low, high, &mut |values| take_each(&mut found, values))?;
    found.below = found.below.saturating_add(not_handed_over);
    Ok(found)
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

#[cfg(test)]
mod tests;
