//! Filling the summaries of intervals of time, on several threads.

use super::intervals::Intervals;
use super::nodes::Node;
use super::parallel::{on_threads, threads_for};
use super::scan::{Columns, Scan};
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way, walk};
use crate::chunk::reader::Wanted;
use crate::error::Result;
use crate::format::LEAF;
use crate::observation::Observation;
use crate::stats::summary::Summary;

/// Summaries of intervals that follow each other.
pub(super) struct Cells<'c> {
    /// What is counted.
    pub(super) times: Times,
    pub(super) intervals: Intervals<'c>,
    /// The number of the first cell's interval.
    pub(super) first: i128,
    pub(super) cells: &'c mut [Summary],
}

impl Cells<'_> {
    /// The times that belong to the cells.
    fn wanted(&self) -> Times {
        let last = self.first + self.cells.len() as i128 - 1;
        let from = self.intervals.times(self.first).from.max(self.times.from);
        let to = self.intervals.times(last).to.min(self.times.to);
        Times { from, to }
    }

    /// Adds a summary whose sequence numbers come after all that were added before.
    fn add(&mut self, number: i128, summary: impl FnOnce() -> Summary) {
        let cell = usize::try_from(number - self.first).ok();
        // Others are those of another thread. Rows of a diverged copy may lie outside of
        // all; they are reported elsewhere.
        if let Some(cell) = cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = cell.merge(&summary());
        }
    }
}

/// Fills the cells. Each thread fills some of them and goes through the whole tree for
/// that, so what is in a cell does not depend on the number of threads.
pub(super) fn fill(snapshot: &Snapshot, cells: Cells<'_>, threads: usize) -> Result<()> {
    let Cells { times, intervals, first, cells } = cells;
    let of_each = cells.len().div_ceil(threads).max(1);
    let parts = cells.chunks_mut(of_each);
    let threads = parts.len();
    let parts = parts.zip((first..).step_by(of_each));
    let fill = |(): &mut (), (cells, first)| {
        walk(snapshot, &mut Grid::new(Cells { times, intervals, first, cells }))
    };
    on_threads(threads, parts, || (), fill).map(drop)
}

/// The summary of a window: one interval that holds all times. It is merged from the largest
/// nodes inside the window and the matching rows of leaves that the range cuts.
pub(super) fn summary(snapshot: &Snapshot, times: Times) -> Result<Summary> {
    let intervals = Intervals::Between(&[i64::MIN as i128, i64::MAX as i128 + 1]);
    let mut cells = [Summary::EMPTY];
    walk(snapshot, &mut Grid::new(Cells { times, intervals, first: 0, cells: &mut cells }))?;
    let [summary] = cells;
    Ok(summary)
}

struct Grid<'c> {
    cells: Cells<'c>,
    wanted: Times,
    copy: Columns,
}

impl<'c> Grid<'c> {
    fn new(cells: Cells<'c>) -> Self {
        Self { wanted: cells.wanted(), cells, copy: Columns::default() }
    }
}

impl Visitor for Grid<'_> {
    fn visit(&mut self, _: &Node, summary: &Summary) -> Way {
        let number_of = |row: &Observation| self.cells.intervals.number_of(row.timestamp_ns);
        match self.wanted.relation(summary) {
            Relation::Outside => Way::Past,
            Relation::Inside if number_of(&summary.first) == number_of(&summary.last) => {
                let number = number_of(&summary.first);
                self.cells.add(number, || summary.clone());
                Way::Past
            }
            Relation::Inside | Relation::Cut => Way::Down(Wanted::ROWS),
        }
    }

    fn rows(&mut self, rows: &Scan) {
        let (mut times, mut values) = rows.within(&self.cells.times, &mut self.copy);
        while let Some(time) = times.first() {
            let number = self.cells.intervals.number_of(*time);
            let interval = self.cells.intervals.times(number);
            let run = times.iter().take_while(|time| interval.contain(**time)).count();
            let (times_of_run, values_of_run);
            (times_of_run, times) = times.split_at(run);
            (values_of_run, values) = values.split_at(run);
            self.cells.add(number, || Summary::of_columns(times_of_run, values_of_run));
        }
    }
}

/// How many threads are worth beginning.
pub(super) fn threads_worth(snapshot: &Snapshot, times: Times, whole: &Summary) -> Result<usize> {
    let threads = threads_for(whole.count);
    let is_worth = threads > 1 && has_parts_apart(snapshot, times, whole)?;
    Ok(if is_worth { threads } else { 1 })
}

/// Whether the parts of the store have little of their time in common. Every thread would
/// read what they have in common.
pub(super) fn has_parts_apart(snapshot: &Snapshot, times: Times, whole: &Summary) -> Result<bool> {
    let smallest = (whole.count / LEAF / PARTS).max(1).ilog2();
    let mut parts = Parts { times, smallest, spans: 0 };
    walk(snapshot, &mut parts)?;
    let (first, last) = (whole.first.timestamp_ns, whole.last.timestamp_ns);
    Ok(parts.spans * 2 <= (i128::from(last) - i128::from(first)) * 3)
}

/// About how many parts are looked at.
const PARTS: u64 = 8;

/// The spans of time of the store's parts.
struct Parts {
    times: Times,
    /// The level of the smallest ones.
    smallest: u32,
    spans: i128,
}

impl Visitor for Parts {
    fn visit(&mut self, node: &Node, summary: &Summary) -> Way {
        if self.times.relation(summary) == Relation::Outside {
            return Way::Past;
        }
        if node.level > self.smallest {
            return Way::Down(Wanted::ROWS);
        }
        let first = summary.first.timestamp_ns.max(self.times.from);
        let last = summary.last.timestamp_ns.min(self.times.to);
        self.spans += i128::from(last) - i128::from(first);
        Way::Past
    }

    /// Only a leaf without a summary comes here.
    fn rows(&mut self, _: &Scan) {}
}
