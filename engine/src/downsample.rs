//! Reducing a series to what a picture of it can show: first, last, smallest
//! and largest of each pixel column (M4: Jugel et al., "M4: A
//! Visualization-Oriented Time Series Data Aggregation", VLDB 2014).

use crate::descent::{Node, Visitor, Way, descend};
use crate::error::Result;
use crate::observation::Observation;
use crate::stats::summary::Summary;
use crate::view::View;

/// What the observations of one interval of time look like in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// The first nanosecond of the interval, since the Unix epoch.
    pub start_ns: i64,
    /// How many observations are in it: never 0.
    pub count: u64,
    /// The earliest; of equal times, the first to be appended.
    pub first: Observation,
    /// The latest; of equal times, the last to be appended.
    pub last: Observation,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

/// The columns that hold anything, in order of time, of `columns` (at least 1)
/// equal intervals that cover `whole`.
pub(crate) fn downsample(view: &View, whole: &Summary, columns: usize) -> Result<Vec<Column>> {
    if whole.count == 0 {
        return Ok(Vec::new());
    }
    let first = i128::from(whole.first.timestamp_ns);
    let span = i128::from(whole.last.timestamp_ns) - first + 1;
    let count = i128::try_from(columns).unwrap_or(i128::MAX).min(span).max(1);
    let width = (span + count - 1) / count;
    let mut picture = Picture { first, width, columns: vec![None; columns] };
    descend(view, &mut picture)?;
    Ok(picture.columns.into_iter().flatten().collect())
}

struct Picture {
    first: i128,
    width: i128,
    columns: Vec<Option<Column>>,
}

impl Picture {
    /// The column a time is in; the last, or the first, for what lies outside
    /// (only data that changed under the reader does).
    fn index(&self, timestamp_ns: i64) -> usize {
        let index = (i128::from(timestamp_ns) - self.first) / self.width;
        usize::try_from(index.max(0)).unwrap_or(usize::MAX).min(self.columns.len() - 1)
    }

    /// Adds what comes later by sequence number than all that was added.
    fn add(&mut self, later: Column) {
        let index = self.index(later.first.timestamp_ns);
        let start = self.first + i128::try_from(index).unwrap_or(i128::MAX) * self.width;
        let slot = &mut self.columns[index];
        let Some(column) = slot else {
            let start_ns = i64::try_from(start).unwrap_or(i64::MAX);
            *slot = Some(Column { start_ns, ..later });
            return;
        };
        column.count += later.count;
        if later.first.timestamp_ns < column.first.timestamp_ns {
            column.first = later.first;
        }
        if later.last.timestamp_ns >= column.last.timestamp_ns {
            column.last = later.last;
        }
        if later.min.total_cmp(&column.min).is_lt() {
            column.min = later.min;
        }
        if later.max.total_cmp(&column.max).is_gt() {
            column.max = later.max;
        }
    }
}

impl Visitor for Picture {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let Some(summary) = node.summary.filter(|summary| summary.count > 0) else {
            return Way::Down;
        };
        let Summary { count, first, last, min, max, .. } = *summary;
        if self.index(first.timestamp_ns) != self.index(last.timestamp_ns) {
            return Way::Down;
        }
        self.add(Column { start_ns: 0, count, first, last, min, max });
        Way::Past
    }

    fn read(&mut self, _: u64, observations: &[Observation]) {
        for &observation in observations {
            self.add(Column {
                start_ns: 0,
                count: 1,
                first: observation,
                last: observation,
                min: observation.value,
                max: observation.value,
            });
        }
    }
}
