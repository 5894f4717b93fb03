//! The values around the median, each with how often it occurs: what spares an
//! exact median the reading of all others.
//!
//! A [`Middle`] lists every value of an interval and knows how many lie below
//! it. Values are added in any number and memory stays fixed: where too many
//! are listed, the interval is made smaller around the median so far. Of values
//! that come as if drawn, the median is then always among them; where they have
//! moved away, it is not, and they are listed anew.

use super::counts::Counts;
use super::order::{self, key};

/// So many different values are listed at most: 256 KiB.
pub(crate) const LISTED_MAX: usize = 1 << 14;
/// As many of several lists together: 1 MiB.
const JOINED_MAX: usize = 1 << 16;
/// Values that are gathered before they are sorted in.
const FRESH: usize = 1 << 13;

/// Every value in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Middle {
    /// Keys, both included.
    low: u64,
    high: u64,
    /// How many values are below `low`.
    below: u64,
    /// By key.
    listed: Vec<Listed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed {
    key: u64,
    count: u64,
}

impl Middle {
    /// That of no values, which knows of no value that it does not list.
    pub(crate) fn of_nothing() -> Self {
        Self::between(f64::NEG_INFINITY, f64::INFINITY, 0)
    }

    /// Of values from `low` to `high`, none of which is listed yet.
    pub(crate) fn between(low: f64, high: f64, below: u64) -> Self {
        Self { low: key(low), high: key(high), below, listed: Vec::new() }
    }

    /// The middle with these values, in order; `None` where there is no such one.
    pub(crate) fn from_listed(
        (low, high): (f64, f64),
        below: u64,
        values: impl ExactSizeIterator<Item = (f64, u64)>,
    ) -> Option<Self> {
        if low.is_nan() || high.is_nan() || values.len() > LISTED_MAX || values.len() == 0 {
            return None;
        }
        let mut middle = Self::between(low, high, below);
        middle.listed.reserve_exact(values.len());
        let (mut least, mut total) = (middle.low, below);
        for (value, count) in values {
            let key = key(value);
            if key < least || key > middle.high || count == 0 {
                return None;
            }
            total = total.checked_add(count)?;
            // Not beyond u64: no key is that of a NaN, for `high` is none.
            least = key + 1;
            middle.listed.push(Listed { key, count });
        }
        Some(middle)
    }

    /// The interval's ends.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (order::value(self.low), order::value(self.high))
    }

    /// How many values are below the interval.
    pub(crate) fn below(&self) -> u64 {
        self.below
    }

    /// How many different values are listed.
    pub(crate) fn len(&self) -> usize {
        self.listed.len()
    }

    /// The values in order, each with how often it occurs.
    pub(crate) fn values(&self) -> impl Iterator<Item = (f64, u64)> {
        self.listed.iter().map(|listed| (order::value(listed.key), listed.count))
    }

    /// Whether all values from `low` to `high` are listed.
    pub(crate) fn covers(&self, low: f64, high: f64) -> bool {
        self.low <= key(low) && key(high) <= self.high
    }

    /// How many values there are before `value`, which lies in the interval.
    pub(crate) fn before(&self, value: f64) -> u64 {
        self.listed.iter().take_while(|listed| listed.key < key(value)).fold(self.below, sum)
    }

    /// The values from `low` to `high`, as [`Middle::values`].
    pub(crate) fn within(&self, low: f64, high: f64) -> impl Iterator<Item = (f64, u64)> {
        let (low, high) = (key(low), key(high));
        let start = self.listed.partition_point(|listed| listed.key < low);
        let wanted = self.listed[start..].iter().take_while(move |listed| listed.key <= high);
        wanted.map(|listed| (order::value(listed.key), listed.count))
    }

    /// Whether it can be that of the values with these counts.
    pub(crate) fn agrees_with(&self, counts: &Counts) -> bool {
        // Of `counted` values that are less than a place and `listed` that are so far
        // as the middle knows: within the interval these are all.
        let agree = |place: u64, counted: u64, listed: u64| {
            if place < self.low {
                counted <= listed
            } else if place <= self.high + 1 {
                counted == listed
            } else {
                counted >= listed
            }
        };
        let mut values = self.listed.iter().peekable();
        let (mut counted, mut listed) = (0, self.below);
        let each = counts.buckets().all(|bucket| {
            let (low, high) = (key(bucket.low), key(bucket.high));
            let begins = agree(low, counted, listed);
            counted += bucket.count;
            while let Some(value) = values.next_if(|value| (low..=high).contains(&value.key)) {
                listed = sum(listed, value);
            }
            begins && agree(high + 1, counted, listed)
        });
        each && values.next().is_none()
    }

    /// Whether the median of `total` values, both of an even number, is listed.
    fn holds_median(&self, total: u64) -> bool {
        let Some(last) = total.checked_sub(1) else { return false };
        let end = self.listed.iter().fold(self.below, sum);
        self.below <= last / 2 && last.div_ceil(2) < end
    }

    /// Sorts in keys that lie in the interval.
    fn add(&mut self, fresh: &mut Vec<u64>) {
        fresh.sort_unstable();
        let runs = fresh.chunk_by(|left, right| left == right);
        self.listed.extend(runs.map(|run| Listed { key: run[0], count: run.len() as u64 }));
        fresh.clear();
        self.unite();
    }

    /// Puts two lists, one behind the other, in one order.
    fn unite(&mut self) {
        // Two sorted runs, which the stable sort takes as such.
        self.listed.sort_by_key(|listed| listed.key);
        self.listed.dedup_by(|next, kept| {
            let equal = next.key == kept.key;
            if equal {
                kept.count = kept.count.saturating_add(next.count);
            }
            equal
        });
    }

    /// Takes in the middle of other values, in the interval that both know, if the
    /// median of all, `total` values, is still there; if not, it stays as it was.
    pub(crate) fn join(&mut self, mut other: Self, total: u64) -> bool {
        let (low, high) = (self.low.max(other.low), self.high.min(other.high));
        if low > high {
            return false;
        }
        let alone = self.clone();
        self.cut(low, high);
        other.cut(low, high);
        self.below = self.below.saturating_add(other.below);
        self.listed.append(&mut other.listed);
        self.unite();
        self.trim(total, JOINED_MAX);
        let joined = self.holds_median(total);
        if !joined {
            *self = alone;
        }
        joined
    }

    /// Keeps a part of the interval.
    fn cut(&mut self, low: u64, high: u64) {
        let end = self.listed.partition_point(|listed| listed.key <= high);
        self.listed.truncate(end);
        let start = self.listed.partition_point(|listed| listed.key < low);
        self.below = self.listed.drain(..start).as_slice().iter().fold(self.below, sum);
        (self.low, self.high) = (low, high);
    }

    /// Keeps `most` of what is listed, around the median of `total` values.
    fn trim(&mut self, total: u64, most: usize) {
        let Some(surplus) = self.listed.len().checked_sub(most.max(1)) else { return };
        if surplus == 0 {
            return;
        }
        let (mut up_to, rank) = (self.below, total / 2);
        let median = self.listed.iter().take_while(|listed| {
            up_to = up_to.saturating_add(listed.count);
            up_to <= rank
        });
        let start = median.count().saturating_sub(most / 2).min(surplus);
        let end = start + most.max(1);
        // Up to the next value on each side there is none.
        let before = start.checked_sub(1).and_then(|before| self.listed.get(before));
        let low = before.map_or(self.low, |before| before.key + 1);
        let high = self.listed.get(end).map_or(self.high, |next| next.key - 1);
        self.cut(low, high);
    }

    /// One with the same interval, to be counted again: see [`Middle::recount`].
    pub(crate) fn emptied(&self) -> Self {
        let listed = self.listed.iter().map(|listed| Listed { count: 0, ..*listed }).collect();
        Self { below: 0, listed, ..*self }
    }

    /// Counts `value`; whether it is listed, if it lies in the interval.
    pub(crate) fn recount(&mut self, value: f64) -> bool {
        let key = key(value);
        if key < self.low {
            self.below += 1;
        } else if key <= self.high {
            let Ok(at) = self.listed.binary_search_by_key(&key, |listed| listed.key) else {
                return false;
            };
            self.listed[at].count += 1;
        }
        true
    }
}

fn sum(before: u64, listed: &Listed) -> u64 {
    before.saturating_add(listed.count)
}

/// How many different values of `total` are written down. The median of a part
/// is that of a whole but for a deviation of the square root of the part's
/// number, halved, in ranks: here four such deviations lie on each side. Of few
/// values an eighth, so that the list stays small beside them.
fn listed_of(total: u64) -> usize {
    let deviations = total.isqrt().saturating_mul(4).max(4096);
    usize::try_from(deviations.min(total / 8)).unwrap_or(LISTED_MAX).min(LISTED_MAX)
}

/// A middle to which all values are added.
#[derive(Debug)]
pub(crate) struct Growing {
    middle: Middle,
    total: u64,
    fresh: Vec<u64>,
}

impl Growing {
    /// Goes on from the middle of `total` values.
    pub(crate) fn from(middle: Middle, total: u64) -> Self {
        Self { middle, total, fresh: Vec::with_capacity(FRESH) }
    }

    pub(crate) fn take(&mut self, value: f64) {
        let key = key(value);
        self.total += 1;
        if key < self.middle.low {
            self.middle.below += 1;
        } else if key <= self.middle.high {
            self.fresh.push(key);
            if self.fresh.len() == FRESH {
                self.settle();
            }
        }
    }

    fn settle(&mut self) {
        self.middle.add(&mut self.fresh);
        self.middle.trim(self.total, LISTED_MAX);
    }

    /// What is to be written down of it; `None` unless it has taken `total` values
    /// and lists their median.
    pub(crate) fn finish(mut self, total: u64) -> Option<Middle> {
        if self.total != total {
            return None;
        }
        self.settle();
        self.middle.trim(self.total, listed_of(self.total));
        self.middle.holds_median(self.total).then_some(self.middle)
    }
}

/// A middle that is listed anew, of a known number of values in its interval.
#[derive(Debug)]
pub(crate) struct Listing {
    middle: Middle,
    wanted: u64,
    found: u64,
    fresh: Vec<u64>,
}

impl Listing {
    /// Is to find `wanted` values in the interval of `middle`.
    pub(crate) fn of(middle: Middle, wanted: u64) -> Self {
        Self { middle, wanted, found: 0, fresh: Vec::with_capacity(FRESH) }
    }

    /// Whether there are more different values than can be listed.
    pub(crate) fn is_full(&self) -> bool {
        self.middle.listed.len() > LISTED_MAX
    }

    pub(crate) fn take(&mut self, value: f64) {
        let key = key(value);
        if self.middle.low <= key && key <= self.middle.high && !self.is_full() {
            self.found += 1;
            self.fresh.push(key);
            if self.fresh.len() == FRESH {
                self.middle.add(&mut self.fresh);
            }
        }
    }

    /// What is to be written down of it, where `total` is the number of all
    /// values; `None` unless all that are wanted were found.
    pub(crate) fn finish(mut self, total: u64) -> Option<Middle> {
        self.middle.add(&mut self.fresh);
        if self.is_full() || self.found != self.wanted {
            return None;
        }
        self.middle.trim(total, listed_of(total));
        self.middle.holds_median(total).then_some(self.middle)
    }
}

#[cfg(test)]
mod tests;
