//! The columns of a series: what each pixel across a picture shows, and where the line breaks.

use std::time::Duration;

use gaugelog::{Observation, Summary, Window};

/// A stretch without data breaks the line if it is this many times longer than the usual
/// distance: a line across a night without power would show values that nobody observed.
const GAP_TIMES: f64 = 10.0;

/// Equal intervals of time: number `n` begins at `first_ns + n * width_ns`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) first_ns: i64,
    pub(super) width_ns: i128,
}

impl Grid {
    /// At most `count` intervals from the first to the last nanosecond.
    pub(super) fn covering(first_ns: i64, last_ns: i64, count: u32) -> Self {
        let span = i128::from(last_ns) - i128::from(first_ns) + 1;
        let count = i128::from(count).clamp(1, span.max(1));
        Self { first_ns, width_ns: ((span + count - 1) / count).max(1) }
    }

    /// The intervals of a window that hold anything, in order of time.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn columns(self, window: &Window) -> gaugelog::Result<Vec<Column>> {
        let seconds = u64::try_from(self.width_ns / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(self.width_ns % 1_000_000_000).unwrap_or(0);
        let buckets = window.buckets(Duration::new(seconds, rest), self.first_ns)?;
        let column = |bucket: &gaugelog::Bucket| Column::of(bucket.start_ns, &bucket.summary);
        Ok(buckets.iter().filter_map(column).collect())
    }
}

/// The observations of one interval, of which there is at least one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Column {
    /// The first nanosecond of the interval.
    pub(super) start_ns: i64,
    pub(super) count: u64,
    pub(super) first: Observation,
    pub(super) last: Observation,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) mean: f64,
}

impl Column {
    fn of(start_ns: i64, summary: &Summary) -> Option<Self> {
        let (first, last) = (summary.first()?, summary.last()?);
        let (min, max) = (summary.min()?, summary.max()?);
        let finite = |value: &f64| value.is_finite();
        // A mean that f64 cannot hold is that of the largest numbers there are.
        let mean = summary.mean().filter(finite).unwrap_or(min / 2.0 + max / 2.0);
        let all = [first.value, last.value, min, max, mean];
        let column = Self { start_ns, count: summary.count(), first, last, min, max, mean };
        all.iter().all(finite).then_some(column)
    }

    /// From its first observation to its last.
    fn span(&self) -> i128 {
        i128::from(self.last.timestamp_ns) - i128::from(self.first.timestamp_ns)
    }
}

/// The columns in runs, between which the line breaks.
pub(super) fn runs(columns: &[Column]) -> impl Iterator<Item = &[Column]> {
    let longest = usual_distance(columns) * GAP_TIMES;
    columns.chunk_by(move |left, right| stretch(left, right) <= longest)
}

/// From the last observation of a column to the first of the next.
fn stretch(left: &Column, right: &Column) -> f64 {
    (i128::from(right.first.timestamp_ns) - i128::from(left.last.timestamp_ns)) as f64
}

/// The median over the columns of the distance between two observations: in a column with
/// several of them the average, and for a single one, or several of the same time, that to
/// the next column.
fn usual_distance(columns: &[Column]) -> f64 {
    let mut distances: Vec<f64> = Vec::with_capacity(columns.len());
    for (at, column) in columns.iter().enumerate() {
        match (column.span(), columns.get(at + 1)) {
            (span, _) if span > 0 => distances.push(span as f64 / (column.count - 1) as f64),
            (_, Some(next)) => distances.push(stretch(column, next)),
            (_, None) => {}
        }
    }
    median(&mut distances).unwrap_or(f64::INFINITY)
}

/// The lower median.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// A column of `count` observations a second apart.
    fn column(second: i64, count: u64) -> Column {
        let last = second + i64::try_from(count).expect("few") - 1;
        let at = |second: i64| Observation::new(second * SECOND, 1.0);
        let (first, last) = (at(second), at(last));
        Column { start_ns: first.timestamp_ns, count, first, last, min: 1.0, max: 1.0, mean: 1.0 }
    }

    fn lengths(columns: &[Column]) -> Vec<usize> {
        runs(columns).map(<[Column]>::len).collect()
    }

    #[test]
    fn a_line_breaks_over_ten_times_the_usual_distance() {
        let before: Vec<Column> = (0..50).map(|second| column(second, 1)).collect();
        for (gap, expected) in [(10, vec![100]), (11, vec![50, 50])] {
            let after = (0..50).map(|second| column(49 + gap + second, 1));
            let all: Vec<Column> = before.iter().copied().chain(after).collect();
            assert_eq!(lengths(&all), expected, "{gap} seconds");
        }
    }

    #[test]
    fn few_clusters_are_not_joined() {
        const MONTH: i64 = 30 * 86_400;
        let three = [0, MONTH, 2 * MONTH].map(|second| column(second, 1_000));
        assert_eq!(lengths(&three), [1, 1, 1]);
        let two = [column(0, 5), column(1_000, 1)];
        assert_eq!(lengths(&two), [1, 1]);
    }

    #[test]
    fn single_observations_far_apart_are_joined() {
        assert_eq!(lengths(&[column(0, 1), column(86_400, 1)]), [2]);
        assert_eq!(lengths(&[column(0, 1)]), [1]);
        let daily: Vec<Column> = (0..30).map(|day| column(day * 86_400, 1)).collect();
        assert_eq!(lengths(&daily), [30]);
    }

    #[test]
    fn a_burst_is_joined_to_days_after_it() {
        let mut columns = vec![column(0, 600)];
        columns.extend((1..4).map(|day| column(day * 86_400, 1)));
        assert_eq!(lengths(&columns), [4]);
    }

    #[test]
    fn observations_of_one_time_are_a_place_and_no_distance() {
        let same = Column { count: 7, ..column(0, 1) };
        let columns: Vec<Column> = (0..9)
            .map(|minute| {
                let at = Observation::new(minute * 60 * SECOND, 1.0);
                Column { start_ns: at.timestamp_ns, first: at, last: at, ..same }
            })
            .collect();
        assert_eq!(lengths(&columns), [9]);
    }

    #[test]
    fn a_grid_has_no_more_intervals_than_asked_for() {
        for (first, last, count) in [(0, 0, 10), (0, 4, 10), (-7, 99, 10), (i64::MIN, i64::MAX, 9)]
        {
            let Grid { first_ns, width_ns } = Grid::covering(first, last, count);
            let number = (i128::from(last) - i128::from(first_ns)) / width_ns;
            assert!(number < i128::from(count), "{first} to {last}: number {number}");
        }
    }
}
