//! What a guide knows, as it is written down: how many values lie in which of
//! its buckets.

use std::ops::RangeInclusive;

use super::guide::{Guide, SCALE_MAX, SCALE_MIN, VALUE_LIMIT, power_of_two};

/// Of 2,048 buckets, the upper 1,024 are repeated for every further power of two.
const FIRST_BUCKETS: u64 = 2048;

/// What one bucket of a guide holds: `count` values of that sign whose magnitude
/// in units, rounded down, is `lowest` or counted as equal to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) negative: bool,
    pub(crate) lowest: u64,
    pub(crate) count: u64,
}

/// `count` values lie from `low` to `high`, both included, in total order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) count: u64,
}

/// Counts of values by sign and magnitude, to three significant digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Magnitudes are counted in units of 2^-scale_exponent.
    scale_exponent: i32,
    /// Negative ones, then positive ones, each by increasing magnitude.
    entries: Vec<Entry>,
    total: u64,
}

impl Counts {
    /// The counts with these entries; `None` where they are not, in this order,
    /// those of some guide.
    pub(crate) fn from_entries(
        scale_exponent: i32,
        entries: impl ExactSizeIterator<Item = Entry>,
    ) -> Option<Self> {
        if !(SCALE_MIN..=SCALE_MAX).contains(&scale_exponent) {
            return None;
        }
        let mut counts =
            Self { scale_exponent, entries: Vec::with_capacity(entries.len()), total: 0 };
        let mut before: Option<(bool, u64)> = None;
        for entry in entries {
            let Entry { negative, lowest, count } = entry;
            let place = (!negative, lowest);
            let follows = before.is_none_or(|before| before < place);
            let whole = lowest < VALUE_LIMIT && lowest.is_multiple_of(width(lowest));
            if !follows || !whole || count == 0 {
                return None;
            }
            counts.total = counts.total.checked_add(count)?;
            counts.entries.push(entry);
            before = Some(place);
        }
        Some(counts)
    }

    pub(super) fn of(guide: &Guide) -> Self {
        let entries: Vec<Entry> = guide.entries().collect();
        let total = entries.iter().fold(0, |total: u64, entry| total.saturating_add(entry.count));
        Self { scale_exponent: guide.scale_exponent(), entries, total }
    }

    /// k, where the unit is 2^-k.
    pub(crate) fn scale_exponent(&self) -> i32 {
        self.scale_exponent
    }

    /// The buckets that hold something. With the scale exponent, this is all.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many values were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// What spans the buckets of these ranks, counted from 0 and as far as there are
    /// any, and how many values lie below.
    pub(crate) fn spanning(&self, ranks: RangeInclusive<u64>) -> Option<(Bucket, u64)> {
        let mut found: Option<(Bucket, u64)> = None;
        let mut before = 0_u64;
        for bucket in self.buckets() {
            let end = before + bucket.count;
            if end > *ranks.start() && before <= *ranks.end() {
                let (span, _) = found.get_or_insert((Bucket { count: 0, ..bucket }, before));
                span.high = bucket.high;
                span.count += bucket.count;
            }
            before = end;
        }
        found
    }

    /// The buckets that hold something, as intervals of values, in order.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = Bucket> {
        let unit = power_of_two(-self.scale_exponent);
        let negative = self.entries.partition_point(|entry| entry.negative);
        let (negative, positive) = self.entries.split_at(negative);
        negative.iter().rev().chain(positive).map(move |entry| bucket(entry, unit))
    }
}

fn bucket(entry: &Entry, unit: f64) -> Bucket {
    // Both ends are exact: the integers have at most 12 significant bits.
    let next = entry.lowest + width(entry.lowest);
    let end = if next < VALUE_LIMIT { next as f64 * unit } else { f64::INFINITY };
    let near = (entry.lowest as f64 * unit).min(f64::MAX);
    let far = end.next_down().max(near);
    let (low, high) = if entry.negative { (-far, -near) } else { (near, far) };
    Bucket { low, high, count: entry.count }
}

/// How many integers are counted as equal to this one.
fn width(units: u64) -> u64 {
    1 << ((units | (FIRST_BUCKETS - 1)).ilog2() + 1 - FIRST_BUCKETS.ilog2())
}

#[cfg(test)]
mod tests;
