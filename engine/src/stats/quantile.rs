//! Quantiles: exact ones, by one scan of the values where sketches help, and
//! estimates by sketches alone.
//!
//! Where the values of both ranks are in buckets of a single value, the sketches are
//! the answer. Otherwise they only propose the interval to search: if they are wrong
//! or missing, the search begins with all of f64 and narrows the interval by
//! counting. Several quantiles are searched in the same scans. Memory is fixed: for each of
//! up to 8 at once, 1 MiB of collected values or 1.5 MiB of counters.

mod pass;

use std::ops::ControlFlow;

use super::order::key;
use super::sketch::Buckets;
use crate::error::Result;
pub(crate) use pass::within;
use pass::{Interval, Pass, Step};

/// As many are searched in one scan.
const AT_ONCE_MAX: usize = 8;

/// Takes values for the interval with this number, on any thread.
pub(crate) type Each<'e> = &'e mut (dyn FnMut(usize, &[f64]) + Send);

/// Values that can be read through any number of times.
pub(crate) trait Values {
    /// For each of `intervals`, hands over, in slices and in any order, every value from its
    /// low to its high end (both included, by total order), each once. It may hand over
    /// others too. Returns for each how many values below it were not handed over for it,
    /// so that leaves whose range is known need not be read.
    fn scan(&mut self, intervals: &[(f64, f64)], each: Each<'_>) -> Result<Vec<u64>>;
}

/// The quantiles `qs`, each from 0 to 1, of `count` values, linear between ranks as
/// numpy's default; at 0.5 the median, rounded once. `None` if there are no
/// values, `q` is out of range or there turn out to be fewer values than `count`.
///
/// # Errors
/// Those of the scans.
pub(crate) fn exact(
    values: &mut impl Values,
    buckets: &Buckets,
    count: u64,
    qs: &[f64],
) -> Result<Vec<Option<f64>>> {
    let begin = |q: &f64| Some(Search::begin(Place::of(*q, count)?, buckets, count));
    let mut searches: Vec<Option<Search>> = qs.iter().map(begin).collect();
    loop {
        let open = searches.iter_mut().flatten();
        let open = open.filter_map(|search| Some((Pass::over(search.interval?), search)));
        let (mut passes, open): (Vec<Pass>, Vec<&mut Search>) = open.take(AT_ONCE_MAX).unzip();
        if open.is_empty() {
            break;
        }
        let intervals: Vec<(f64, f64)> = passes.iter().map(Pass::ends).collect();
        let below = values.scan(&intervals, &mut |number, values| passes[number].take(values))?;
        for ((search, pass), below) in open.into_iter().zip(passes).zip(below) {
            search.go_on(pass.end(below, &search.place));
        }
    }
    let value = |search: Option<Search>| {
        let Search { place, found, .. } = search?;
        found.map(|(left, right)| place.between(left, right))
    };
    Ok(searches.into_iter().map(value).collect())
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

/// The search for the values of two ranks.
struct Search {
    place: Place,
    /// How many values there are.
    count: u64,
    /// What is to be searched next, if anything is.
    interval: Option<Interval>,
    /// Whether the search began with all of f64.
    is_of_everything: bool,
    found: Option<(f64, f64)>,
}

impl Search {
    fn begin(place: Place, buckets: &Buckets, count: u64) -> Self {
        let mut search =
            Self { place, count, interval: None, is_of_everything: false, found: None };
        let (left, right) = (search.place.left, search.place.right);
        let Some((left, right)) = buckets.of_rank(left).zip(buckets.of_rank(right)) else {
            search.begin_with_everything();
            return search;
        };
        search.found = left.single().zip(right.single()).filter(|_| buckets.count() == count);
        if search.found.is_none() {
            let count =
                if left == right { left.count } else { left.count.saturating_add(right.count) };
            search.interval = Some(Interval { low: key(left.low), high: key(right.high), count });
        }
        search
    }

    fn begin_with_everything(&mut self) {
        self.is_of_everything = true;
        let (low, high) = (key(f64::NEG_INFINITY), key(f64::INFINITY));
        self.interval = Some(Interval { low, high, count: self.count });
    }

    /// Takes the result of a pass over the interval.
    fn go_on(&mut self, step: Step) {
        match step {
            ControlFlow::Continue(next) => self.interval = Some(next),
            ControlFlow::Break(None) if !self.is_of_everything => self.begin_with_everything(),
            ControlFlow::Break(found) => (self.interval, self.found) = (None, found),
        }
    }
}

#[cfg(test)]
mod tests;
