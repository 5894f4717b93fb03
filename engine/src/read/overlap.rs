//! Sorting rows whose times overlap, with fixed memory.

use super::nodes::Node;
use super::scan::{Columns, Scan};
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way};
use crate::chunk::reader::Wanted;
use crate::stats::summary::Summary;

/// The most rows that are sorted in memory. They take 24 bytes each, and half as much
/// again for sorting.
pub(super) const ROWS_MAX: usize = if cfg!(test) { 1 << 12 } else { 1 << 18 };
/// The most rows that are handed over at once.
const PORTION: usize = 1024;

/// By time, then by order of arrival.
pub(super) type Key = (i64, u64);

/// A row that waits for its turn.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time: i64,
    sequence: u64,
    value: f64,
}

impl Entry {
    fn key(&self) -> Key {
        (self.time, self.sequence)
    }
}

/// The rows of a leaf that are within `times` and, if `after` is given, come after it.
fn entries(rows: &Scan, times: Times, after: Option<Key>) -> impl Iterator<Item = Entry> {
    let columns = rows.times().iter().zip(rows.values());
    let rows = columns.zip(rows.sequences());
    rows.map(|((time, value), sequence)| Entry { time: *time, sequence: *sequence, value: *value })
        .filter(move |entry| times.contain(entry.time) && after.is_none_or(|it| it < entry.key()))
}

/// Rows that were read and wait, because others may come before them.
#[derive(Debug, Default)]
pub(super) struct Pool {
    entries: Vec<Entry>,
    /// The rows before this index are handed over; from it to `sorted` they are sorted.
    next: usize,
    sorted: usize,
}

impl Pool {
    pub(super) fn is_empty(&self) -> bool {
        self.next == self.entries.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries.len() - self.next > ROWS_MAX
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn add(&mut self, rows: &Scan, times: Times, after: Option<Key>) {
        self.entries.extend(entries(rows, times, after));
    }

    /// Puts the next rows before `bound` into `into`, or any rows if there is no bound.
    /// Returns the last of them.
    pub(super) fn take_before(&mut self, bound: Option<Key>, into: &mut Columns) -> Option<Key> {
        let (rest, fresh) = (self.sorted - self.next, self.entries.len() - self.sorted);
        if fresh > 0 {
            // Rows that many leaves share must not be sorted again for each of these
            // leaves: that would take quadratic time.
            let has_room = self.entries.len() - self.next < ROWS_MAX / 4 * 3;
            if bound.is_some() && fresh < rest / 2 && has_room {
                return None;
            }
            self.entries.drain(..self.next);
            self.entries.sort_by_key(Entry::key);
            (self.next, self.sorted) = (0, self.entries.len());
        }
        let waiting = &self.entries[self.next..];
        let ready = waiting.partition_point(|entry| bound.is_none_or(|it| entry.key() < it));
        let taken = &waiting[..ready.min(PORTION)];
        into.clear();
        into.times.extend(taken.iter().map(|entry| entry.time));
        into.values.extend(taken.iter().map(|entry| entry.value));
        self.next += taken.len();
        taken.last().map(Entry::key)
    }
}

/// One pass over everything. It keeps the first rows after `after`.
#[derive(Debug)]
pub(super) struct Pass {
    times: Times,
    after: Option<Key>,
    kept: Vec<Entry>,
    /// Nothing after this is kept, because enough earlier rows are known.
    bound: Option<Key>,
    /// The number of rows that were read.
    read: usize,
}

impl Pass {
    pub(super) fn new(times: Times, after: Option<Key>) -> Self {
        Self { times, after, kept: Vec::new(), bound: None, read: 0 }
    }

    /// The last of the kept rows, if there may be others after it.
    pub(super) fn bound(&self) -> Option<Key> {
        self.bound
    }

    /// Whether far more rows were read than kept.
    pub(super) fn is_wasteful(&self) -> bool {
        self.read > 4 * ROWS_MAX
    }

    /// The kept rows, sorted.
    pub(super) fn take_pool(&mut self) -> Pool {
        let mut entries = std::mem::take(&mut self.kept);
        entries.sort_unstable_by_key(Entry::key);
        Pool { next: 0, sorted: entries.len(), entries }
    }

    /// Reduces the kept rows to the allowed number.
    pub(super) fn reduce(&mut self) {
        if self.kept.len() > ROWS_MAX {
            let (_, last, _) = self.kept.select_nth_unstable_by_key(ROWS_MAX - 1, Entry::key);
            self.bound = Some(last.key());
            self.kept.truncate(ROWS_MAX);
        }
    }
}

/// Whether all rows of a node come no later than `after`.
pub(super) fn is_past(node: &Node, summary: &Summary, after: Option<Key>) -> bool {
    let last = (summary.last.timestamp_ns, node.sequences().end - 1);
    after.is_some_and(|after| last <= after)
}

impl Visitor for Pass {
    fn visit(&mut self, node: &Node, summary: &Summary) -> Way {
        let first = (summary.first.timestamp_ns, node.sequences().start);
        let is_later = self.bound.is_some_and(|bound| first > bound);
        let is_outside = self.times.relation(summary) == Relation::Outside;
        if is_outside || is_later || is_past(node, summary, self.after) {
            return Way::Past;
        }
        Way::Down(Wanted::ROWS)
    }

    fn rows(&mut self, rows: &Scan) {
        self.read += rows.times().len();
        let bound = self.bound;
        let wanted = entries(rows, self.times, self.after);
        self.kept.extend(wanted.filter(|entry| bound.is_none_or(|bound| entry.key() <= bound)));
        if self.kept.len() > ROWS_MAX + ROWS_MAX / 4 {
            self.reduce();
        }
    }
}
