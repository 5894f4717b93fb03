//! Reading observations in the order of their times, with fixed memory.
//!
//! Each pass goes down the tree and keeps the smallest so many of what was not
//! handed on yet, by (time, sequence number); nodes that end before what is
//! wanted, or begin behind what is kept, are not gone into. Where times come in
//! order, a pass reads hardly more than it keeps; where they do not, it reads
//! more, up to everything once a pass: time grows with disorder, memory does not.

use std::ops::{Bound, RangeBounds};

use crate::damage::Damage;
use crate::descent::{Node, Visitor, Way, descend};
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::view::View;

/// Kept of one pass at first, and at most: 2^19 of 24 bytes, and a quarter more.
const KEPT_FIRST: usize = 1 << 14;
const KEPT_MOST: usize = 1 << 19;
/// Places of damage told one by one; a store that is all damage has more.
const DAMAGE_MOST: usize = 1000;

/// The observations of a [`Snapshot`](crate::Snapshot) in order of time, equal
/// times in order of arrival.
///
/// An `Err` tells of observations that cannot be read; the iterator goes on
/// with the others. Memory does not grow with the store: at most 16 MiB.
#[derive(Debug)]
pub struct TimeOrdered<'s> {
    view: &'s View,
    from: i64,
    /// Inclusive; the range is empty if it lies before `from`.
    to: i64,
    /// Sorted; handed on up to `next`.
    kept: Vec<Entry>,
    next: usize,
    /// How many a pass keeps.
    wanted: usize,
    /// The last one handed on by an earlier pass.
    after: Option<Key>,
    finished: bool,
    errors: std::vec::IntoIter<Error>,
    told: Vec<Damage>,
}

type Key = (i64, u64);

#[derive(Clone, Copy, Debug)]
struct Entry {
    timestamp_ns: i64,
    sequence: u64,
    value: f64,
}

impl Entry {
    fn key(&self) -> Key {
        (self.timestamp_ns, self.sequence)
    }
}

impl<'s> TimeOrdered<'s> {
    pub(crate) fn new(view: &'s View, times: &impl RangeBounds<i64>) -> Self {
        let bounds = inclusive(times);
        let (from, to) = bounds.unwrap_or((0, -1));
        Self {
            view,
            from,
            to,
            kept: Vec::new(),
            next: 0,
            wanted: KEPT_FIRST,
            after: None,
            finished: bounds.is_none(),
            errors: Vec::new().into_iter(),
            told: Vec::new(),
        }
    }

    /// Keeps the next ones by time.
    fn pass(&mut self) {
        self.kept.clear();
        self.next = 0;
        let mut pass = Pass {
            from: self.from,
            to: self.to,
            after: self.after,
            wanted: self.wanted,
            kept: std::mem::take(&mut self.kept),
            sorted: true,
            bound: None,
            looked_at: 0,
            damage: Vec::new(),
        };
        let descended = descend(self.view, &mut pass);
        pass.settle();
        let mut fresh = pass.damage;
        fresh.retain(|damage| !self.told.contains(damage) && self.told.len() < DAMAGE_MOST);
        self.told.extend(fresh.iter().cloned());
        let errors = fresh.into_iter().map(Error::from).chain(descended.err());
        self.errors = errors.collect::<Vec<_>>().into_iter();
        self.kept = pass.kept;
        self.after = self.kept.last().map(Entry::key).or(self.after);
        self.finished = pass.bound.is_none();
        if pass.looked_at > 4 * self.wanted {
            self.wanted = (self.wanted * 2).min(KEPT_MOST);
        }
    }
}

impl Iterator for TimeOrdered<'_> {
    type Item = Result<Observation>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.errors.next() {
                return Some(Err(error));
            }
            if let Some(entry) = self.kept.get(self.next) {
                self.next += 1;
                return Some(Ok(Observation::new(entry.timestamp_ns, entry.value)));
            }
            if self.finished {
                return None;
            }
            self.pass();
        }
    }
}

/// The first and last nanosecond of a range; `None` if it is empty.
pub(crate) fn inclusive(times: &impl RangeBounds<i64>) -> Option<(i64, i64)> {
    let from = match times.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.checked_add(1)?,
        Bound::Unbounded => i64::MIN,
    };
    let to = match times.end_bound() {
        Bound::Included(to) => *to,
        Bound::Excluded(behind) => behind.checked_sub(1)?,
        Bound::Unbounded => i64::MAX,
    };
    (from <= to).then_some((from, to))
}

struct Pass {
    from: i64,
    to: i64,
    after: Option<Key>,
    wanted: usize,
    kept: Vec<Entry>,
    sorted: bool,
    /// Nothing behind this is kept: `wanted` are known that come no later.
    bound: Option<Key>,
    looked_at: usize,
    damage: Vec<Damage>,
}

impl Pass {
    /// Reduces what is kept to the first `wanted`.
    fn reduce(&mut self) {
        if self.kept.len() > self.wanted {
            let last = self.wanted - 1;
            self.kept.select_nth_unstable_by_key(last, Entry::key);
            self.kept.truncate(self.wanted);
            self.bound = self.kept.last().map(Entry::key);
            self.sorted = false;
        }
    }

    fn settle(&mut self) {
        self.reduce();
        if !self.sorted {
            self.kept.sort_unstable_by_key(Entry::key);
        }
    }
}

impl Visitor for Pass {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let Some(summary) = node.summary.filter(|summary| summary.count > 0) else {
            return Way::Down;
        };
        let first = (summary.first.timestamp_ns, node.sequences.start);
        let last = (summary.last.timestamp_ns, node.sequences.end - 1);
        let outside = last.0 < self.from || first.0 > self.to;
        let handed_on = self.after.is_some_and(|after| last <= after);
        let behind = self.bound.is_some_and(|bound| first > bound);
        if outside || handed_on || behind { Way::Past } else { Way::Down }
    }

    fn read(&mut self, first: u64, observations: &[Observation]) {
        self.looked_at += observations.len();
        for (sequence, observation) in (first..).zip(observations) {
            let Observation { timestamp_ns, value } = *observation;
            let key = (timestamp_ns, sequence);
            if !(self.from..=self.to).contains(&timestamp_ns)
                || self.after.is_some_and(|after| key <= after)
                || self.bound.is_some_and(|bound| key > bound)
            {
                continue;
            }
            self.sorted &= self.kept.last().is_none_or(|last| last.key() < key);
            self.kept.push(Entry { timestamp_ns, sequence, value });
            if self.sorted && self.kept.len() == self.wanted {
                self.bound = Some(key);
            } else if self.kept.len() >= self.wanted + self.wanted / 4 {
                self.reduce();
            }
        }
    }

    fn damaged(&mut self, damage: Damage) -> Result<()> {
        if self.damage.len() < DAMAGE_MOST {
            self.damage.push(damage);
        } else if let Some(last) = self.damage.last_mut() {
            last.detail = "here, and in places behind it, observations cannot be read".into();
        }
        Ok(())
    }
}
