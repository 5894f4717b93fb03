//! Summaries of equal intervals of time: the columns of a picture (M4: Jugel et al., "M4:
//! A Visualization-Oriented Time Series Data Aggregation", VLDB 2014), and buckets of a
//! given width.

use super::nodes::Node;
use super::scan::{Columns, Scan};
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way, walk};
use crate::chunk::reader::Wanted;
use crate::error::Result;
use crate::observation::Observation;
use crate::stats::summary::Summary;

/// The observations of one interval of time, as a picture shows them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// The first nanosecond of the interval, since the Unix epoch.
    pub start_ns: i64,
    /// How many observations the interval holds: never 0.
    pub count: u64,
    /// The earliest; among equal times, the first to arrive.
    pub first: Observation,
    /// The latest; among equal times, the last to arrive.
    pub last: Observation,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// The observations of one interval of time.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Bucket {
    /// The first nanosecond of the interval, since the Unix epoch.
    pub start_ns: i64,
    /// Count, extremes, mean and variance of its observations, and the first and the last
    /// of them. It holds at least one.
    pub summary: Summary,
    /// How much of the interval, from 0 to 1, lies within the window and from its first
    /// observation to its last. It is less than 1 if the bucket is cut off, or not yet
    /// complete.
    pub coverage: f64,
}

/// Equal intervals of time: number `n` begins at `origin + n * width`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    pub(super) origin: i128,
    pub(super) width: i128,
}

impl Intervals {
    /// `count` intervals, or fewer, from `first` to `last`.
    pub(super) fn covering(first: i64, last: i64, count: usize) -> Self {
        let (origin, span) = (i128::from(first), i128::from(last) - i128::from(first) + 1);
        let count = i128::try_from(count).unwrap_or(i128::MAX).clamp(1, span);
        Self { origin, width: (span + count - 1) / count }
    }

    /// The number of the interval that holds a time.
    pub(super) fn number_of(&self, time: i64) -> i128 {
        (i128::from(time) - self.origin).div_euclid(self.width)
    }

    fn start(&self, number: i128) -> i128 {
        self.origin.saturating_add(number.saturating_mul(self.width))
    }

    fn start_ns(&self, number: i128) -> i64 {
        let start = self.start(number).max(i64::MIN.into());
        i64::try_from(start).unwrap_or(i64::MAX)
    }

    /// The last nanosecond of the interval that holds a time.
    fn last_of(&self, time: i64) -> i64 {
        let last = self.start(self.number_of(time)).saturating_add(self.width - 1);
        i64::try_from(last).unwrap_or(i64::MAX)
    }

    /// How much of an interval lies from `first` to `last`.
    fn coverage(&self, number: i128, first: i64, last: i64) -> f64 {
        let start = self.start(number).max(first.into());
        let end = self.start(number).saturating_add(self.width).min(i128::from(last) + 1);
        (end - start).max(0) as f64 / self.width as f64
    }
}

/// The columns that hold observations, in order of time. `whole` is the window's summary.
pub(super) fn columns(
    snapshot: &Snapshot,
    times: Times,
    whole: &Summary,
    count: usize,
) -> Result<Vec<Column>> {
    let (first, last) = (whole.first.timestamp_ns, whole.last.timestamp_ns);
    let intervals = Intervals::covering(first, last, count);
    let column = |(number, summary): (i128, Summary)| {
        let Summary { count, first, last, min, max, .. } = summary;
        Column { start_ns: intervals.start_ns(number), count, first, last, min, max }
    };
    let filled = summaries(snapshot, times, whole, intervals)?;
    Ok(filled.map(column).collect())
}

/// The buckets that hold observations, in order of time. `whole` is the window's summary.
pub(super) fn buckets(
    snapshot: &Snapshot,
    times: Times,
    whole: &Summary,
    intervals: Intervals,
) -> Result<Vec<Bucket>> {
    let (first, last) = (whole.first.timestamp_ns, whole.last.timestamp_ns);
    let filled = summaries(snapshot, times, whole, intervals)?;
    let bucket = |(number, summary)| {
        let coverage = intervals.coverage(number, first, last);
        Bucket { start_ns: intervals.start_ns(number), summary, coverage }
    };
    Ok(filled.map(bucket).collect())
}

/// The intervals that hold observations, with their numbers.
fn summaries(
    snapshot: &Snapshot,
    times: Times,
    whole: &Summary,
    intervals: Intervals,
) -> Result<impl Iterator<Item = (i128, Summary)>> {
    let first = intervals.number_of(whole.first.timestamp_ns);
    let mut cells = Vec::new();
    if whole.count > 0 {
        let count = intervals.number_of(whole.last.timestamp_ns) - first + 1;
        cells.resize(usize::try_from(count).expect("as many as were asked for"), Summary::EMPTY);
    }
    let mut grid = Grid { times, intervals, first, cells, within: Columns::default() };
    walk(snapshot, &mut grid)?;
    let cells = grid.cells.into_iter().zip(first..).map(|(summary, number)| (number, summary));
    Ok(cells.filter(|(_, summary)| summary.count > 0))
}

struct Grid {
    times: Times,
    intervals: Intervals,
    /// The number of the first cell's interval.
    first: i128,
    cells: Vec<Summary>,
    within: Columns,
}

impl Grid {
    /// Adds a summary whose sequence numbers come after all that were added before.
    fn add(&mut self, number: i128, summary: &Summary) {
        let cell = usize::try_from(number - self.first).ok();
        // Rows of a diverged copy may lie outside. They are reported elsewhere.
        if let Some(cell) = cell.and_then(|cell| self.cells.get_mut(cell)) {
            *cell = cell.merge(summary);
        }
    }
}

impl Visitor for Grid {
    fn visit(&mut self, _: &Node, summary: &Summary) -> Way {
        let number_of = |row: &Observation| self.intervals.number_of(row.timestamp_ns);
        match self.times.relation(summary) {
            Relation::Outside => Way::Past,
            Relation::Inside if number_of(&summary.first) == number_of(&summary.last) => {
                self.add(number_of(&summary.first), summary);
                Way::Past
            }
            Relation::Inside | Relation::Cut => Way::Down(Wanted::ROWS),
        }
    }

    fn rows(&mut self, rows: &Scan) {
        let mut within = std::mem::take(&mut self.within);
        rows.within(&self.times, &mut within);
        let (mut times, mut values) = (&within.times[..], &within.values[..]);
        while let Some(time) = times.first() {
            let number = self.intervals.number_of(*time);
            let interval =
                Times { from: self.intervals.start_ns(number), to: self.intervals.last_of(*time) };
            let run = times.iter().take_while(|time| interval.contain(**time)).count();
            let (times_of_run, values_of_run);
            (times_of_run, times) = times.split_at(run);
            (values_of_run, values) = values.split_at(run);
            self.add(number, &Summary::of_columns(times_of_run, values_of_run));
        }
        self.within = within;
    }
}
