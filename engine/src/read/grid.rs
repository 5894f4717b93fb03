//! Summaries of intervals of time: the columns of a picture (M4: Jugel et al., "M4: A
//! Visualization-Oriented Time Series Data Aggregation", VLDB 2014), and buckets of a given
//! width or between given edges.

use super::cells::{Cells, fill, threads_worth};
use super::intervals::Intervals;
use super::snapshot::Snapshot;
use super::times::Times;
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
    /// The first nanosecond of the interval, since the Unix epoch, or `i64::MIN` if it
    /// begins earlier.
    pub start_ns: i64,
    /// The last nanosecond of the interval, or `i64::MAX` if it ends later.
    pub last_ns: i64,
    /// Count, extremes, mean and variance of its observations, and the first and the last
    /// of them. It holds at least one.
    pub summary: Summary,
    /// How much of the interval, from 0 to 1, lies within the window and from its first
    /// observation to its last. It is less than 1 if the bucket is cut off, or not yet
    /// complete.
    pub coverage: f64,
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
    intervals: Intervals<'_>,
) -> Result<Vec<Bucket>> {
    let (first, last) = (whole.first.timestamp_ns, whole.last.timestamp_ns);
    let filled = summaries(snapshot, times, whole, intervals)?;
    let bucket = |(number, summary)| {
        let coverage = intervals.coverage(number, first, last);
        let Times { from: start_ns, to: last_ns } = intervals.times(number);
        Bucket { start_ns, last_ns, summary, coverage }
    };
    Ok(filled.map(bucket).collect())
}

/// The intervals that hold observations, with their numbers.
fn summaries(
    snapshot: &Snapshot,
    times: Times,
    whole: &Summary,
    intervals: Intervals<'_>,
) -> Result<impl Iterator<Item = (i128, Summary)>> {
    let first = intervals.number_of(whole.first.timestamp_ns);
    let mut cells = Vec::new();
    if whole.count > 0 {
        let count = intervals.number_of(whole.last.timestamp_ns) - first + 1;
        cells.resize(usize::try_from(count).expect("as many as were asked for"), Summary::EMPTY);
    }
    let threads = threads_worth(snapshot, times, whole)?;
    fill(snapshot, Cells { times, intervals, first, cells: &mut cells }, threads)?;
    let cells = cells.into_iter().zip(first..).map(|(summary, number)| (number, summary));
    Ok(cells.filter(|(_, summary)| summary.count > 0))
}
