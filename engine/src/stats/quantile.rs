//! Quantiles: exact ones by one scan of the values where a guide helps, and
//! estimates by the guide alone.
//!
//! The exact result rests on the values handed over and on nothing else. A guide
//! only proposes the interval to look at; where it is wrong or there is none, the
//! search begins with all of f64 and narrows the interval by counting. Memory is
//! fixed: 2 MiB of collected values or 1.5 MiB of counters, never both.

use std::ops::ControlFlow;

use super::buckets::Buckets;
use super::order::{self, key};
use crate::error::Result;

/// So many values are collected and selected from; more are counted first.
pub(crate) const COLLECTED_MAX: u64 = 1 << 17;
const HASHES: usize = 1 << 12;
/// The cells that a counting scan divides its interval into.
const CELLS: u64 = 1 << 16;

/// Values that can be read through as often as it takes.
pub(crate) trait Values {
    /// Hands over, in slices and in any order, every value from `low` to `high`
    /// (both included, by total order), each once, or once with how often it
    /// occurs. It may hand over others too. Returns how many values below `low` it
    /// has not handed over, so that leaves whose range is known need not be read.
    fn scan(&mut self, low: f64, high: f64, each: &mut dyn FnMut(&[f64], u64)) -> Result<u64>;
}

/// The quantile `q`, from 0 to 1, of `count` values, linear between ranks as
/// numpy's default; at 0.5 the median, rounded once. `None` where there are no
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
    if let Some(interval) = Interval::guided(buckets, &place) {
        found = search(values, interval, &place)?;
    }
    if found.is_none() {
        found = search(values, Interval::everything(count), &place)?;
    }
    Ok(found.map(|(left, right)| place.between(left, right)))
}

/// As [`exact`], where the values looked for lie from one end to the other and few
/// are handed over; `None` also where they do not.
///
/// # Errors
/// Those of the scans.
pub(crate) fn within(
    values: &mut impl Values,
    (low, high): (f64, f64),
    count: u64,
    q: f64,
) -> Result<Option<f64>> {
    let Some(place) = Place::of(q, count) else { return Ok(None) };
    let found = search(values, Interval { low: key(low), high: key(high), count: 0 }, &place)?;
    Ok(found.map(|(left, right)| place.between(left, right)))
}

/// As [`exact`], of so few values that all of them are collected, in one scan:
/// no more than [`COLLECTED_MAX`].
///
/// # Errors
/// Those of the scan.
pub(crate) fn of_few(values: &mut impl Values, q: f64) -> Result<Option<f64>> {
    let mut keys = Vec::new();
    values.scan(f64::NEG_INFINITY, f64::INFINITY, &mut |values, times| {
        (0..times).for_each(|_| keys.extend(values.iter().copied().map(key)));
    })?;
    let Some(place) = Place::of(q, keys.len() as u64) else { return Ok(None) };
    Ok(select(&mut keys, place.left, &place).map(|(left, right)| place.between(left, right)))
}

/// The quantile `q`, from 0 to 1, to three significant digits, of values that
/// lie from `min` to `max`; `None` where there are no values or `q` is out of
/// range. Values below 2^-29 of the largest have fewer digits.
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

    /// From the bucket of the left rank to that of the right one.
    fn guided(buckets: &Buckets, place: &Place) -> Option<Self> {
        let (left, right) = (buckets.of_rank(place.left)?, buckets.of_rank(place.right)?);
        let count = if left == right { left.count } else { left.count.saturating_add(right.count) };
        Some(Self { low: key(left.low), high: key(right.high), count })
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
    let mut keys: Vec<(u64, u64)> = Vec::new();
    // Where the last key of each hash stands, so that of few different ones that come
    // very often no more are collected.
    let mut last = vec![0; HASHES];
    let mut all = true;
    let found = sweep(values, interval, |key, times| {
        let room = (keys.len() as u64) < COLLECTED_MAX;
        let last: &mut usize = &mut last[hash(key)];
        match keys.get_mut(*last) {
            Some((same, before)) if *same == key => *before = before.saturating_add(times),
            _ if room => {
                *last = keys.len();
                keys.push((key, times));
            }
            _ => all = false,
        }
    })?;
    let Some(left) = found.offset_of(place) else { return Ok(Step::Break(None)) };
    if !all {
        return Ok(Step::Continue(Interval { count: found.inside, ..interval }));
    }
    if keys.len() as u64 == found.inside {
        let mut keys: Vec<u64> = keys.into_iter().map(|(key, _)| key).collect();
        return Ok(Step::Break(select(&mut keys, left, place)));
    }
    Ok(Step::Break(select_repeated(keys, left, place)))
}

/// Fibonacci hashing: the highest bits of a product with 2^64 over the golden ratio.
fn hash(key: u64) -> usize {
    let bits = key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - HASHES.ilog2());
    usize::try_from(bits).expect("below 2^12")
}

/// The values of the two ranks, of which the left one is the `left` of `keys`.
fn select(keys: &mut [u64], left: u64, place: &Place) -> Option<(f64, f64)> {
    let left = usize::try_from(left).expect("below their number");
    let (_, &mut at_left, above) = keys.select_nth_unstable(left);
    let at_right =
        if place.left == place.right { Some(at_left) } else { above.iter().copied().min() };
    at_right.map(|at_right| (order::value(at_left), order::value(at_right)))
}

/// As [`select`], of keys with how often they occur.
fn select_repeated(mut keys: Vec<(u64, u64)>, left: u64, place: &Place) -> Option<(f64, f64)> {
    keys.sort_unstable();
    let of_rank = |rank| {
        let mut up_to = 0_u64;
        let mut keys = keys.iter();
        let found = keys.find(|(_, times)| {
            up_to = up_to.saturating_add(*times);
            rank < up_to
        });
        found.map(|(key, _)| order::value(*key))
    };
    Some((of_rank(left)?, of_rank(left + (place.right - place.left))?))
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
    let found = sweep(values, interval, |key, times| {
        let number = usize::try_from((key - interval.low) >> cell_bits).expect("below 2^16");
        let cell = &mut cells[number];
        cell.count = cell.count.saturating_add(times);
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

/// Reads all values once and calls `take` with the key of each in the interval,
/// and how often it occurs.
fn sweep(
    values: &mut impl Values,
    interval: Interval,
    mut take: impl FnMut(u64, u64),
) -> Result<Found> {
    let (low, high) = (order::value(interval.low), order::value(interval.high));
    let mut found = Found::default();
    let mut look_at = |found: &mut Found, values: &[f64], times: u64| {
        for key in values.iter().copied().map(key) {
            if key < interval.low {
                found.below = found.below.saturating_add(times);
            } else if key <= interval.high {
                found.inside = found.inside.saturating_add(times);
                take(key, times);
            }
        }
    };
    let not_handed_over = values.scan(low, high, &mut |values, times| {
        let (chunks, rest) = values.as_chunks::<CHUNK>();
        for chunk in chunks {
            // Most chunks hold nothing of the interval. Comparisons as floats,
            // which are vector instructions, tell; they take −0.0 for 0.0, and
            // so at worst a chunk for one to be looked at.
            let (mut less, mut up_to) = (0_u64, 0_u64);
            for value in chunk {
                less += u64::from(*value < low);
                up_to += u64::from(*value <= high);
            }
            if less == up_to {
                found.below = found.below.saturating_add(less.saturating_mul(times));
            } else {
                look_at(&mut found, chunk, times);
            }
        }
        look_at(&mut found, rest, times);
    })?;
    found.below = found.below.saturating_add(not_handed_over);
    Ok(found)
}

/// Values that are compared at once before any of them is looked at.
const CHUNK: usize = 32;

#[cfg(test)]
mod tests;
