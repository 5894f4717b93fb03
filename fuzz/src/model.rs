//! What a store must answer, computed from its observations in a plain vector.

use std::time::Duration;

use gaugelog::{ErrorKind, Observation, Result, Snapshot, Summary, fuzzing};

use crate::input::Input;

/// Values up to this can be summed in the simplest way.
const PLAIN_MAX: f64 = 1e6;
/// The limit of `Window`.
const PARTS_MAX: i128 = 1 << 20;

pub(crate) fn same(left: Observation, right: Observation) -> bool {
    left.timestamp_ns == right.timestamp_ns && left.value.to_bits() == right.value.to_bits()
}

fn assert_same(found: &[Observation], expected: &[Observation], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(same(*found, *expected), "{what}, number {n}: {found:?}, and not {expected:?}");
    }
}

/// The observations of a snapshot.
#[derive(Clone, Copy)]
pub(crate) struct Model<'a> {
    pub(crate) all: &'a [Observation],
    /// The sequence number of the first of them.
    pub(crate) first: usize,
    /// Whether retention has removed some since the snapshot was taken.
    pub(crate) may_be_removed: bool,
}

impl Model<'_> {
    /// An answer; `None` if it needs what was removed.
    fn answer<T>(&self, result: Result<T>) -> Option<T> {
        match result {
            Ok(answer) => Some(answer),
            Err(error) if self.may_be_removed && error.kind() == ErrorKind::Removed => None,
            Err(error) => panic!("an answer, and not {error}"),
        }
    }

    fn within(&self, from: i64, to: i64) -> Vec<Observation> {
        let times = from..=to;
        self.all.iter().filter(|it| times.contains(&it.timestamp_ns)).copied().collect()
    }

    /// Asks one question.
    pub(crate) fn assert_some(&self, snapshot: &Snapshot, input: &mut Input<'_>) {
        assert_eq!(snapshot.len(), self.all.len() as u64);
        assert_eq!(snapshot.first_sequence(), self.first as u64);
        match input.byte() % 16 {
            0 | 6 => {
                let from = input.below(self.all.len());
                self.assert_sequences(snapshot, from, from + input.below(2000));
            }
            1 => self.assert_whole_summary(snapshot),
            7 => self.assert_latest(snapshot, input.below(3000)),
            2 | 8 | 9 => {
                let (from, to) = self.times(input);
                self.assert_window(snapshot, from, to);
            }
            3 | 5 | 12 => {
                let (from, to) = self.times(input);
                self.assert_quantile(snapshot, from, to, input);
            }
            4 | 10 => self.assert_histogram(snapshot, 1 + input.below(300)),
            11 => self.assert_edges(snapshot, input),
            13 | 14 => self.assert_buckets(snapshot, input),
            _ => self.assert_columns(snapshot, 1 + input.below(300)),
        }
    }

    /// Two times, at or near those of observations.
    fn times(&self, input: &mut Input<'_>) -> (i64, i64) {
        let mut time = || match input.below(self.all.len() + 2).checked_sub(2) {
            None => [i64::MIN, i64::MAX][input.below(2)],
            Some(n) => self.all[n].timestamp_ns.saturating_add(i64::from(input.byte() % 3) - 1),
        };
        (time(), time())
    }

    /// In order of arrival. `from` and `to` count from the first kept observation.
    pub(crate) fn assert_sequences(&self, snapshot: &Snapshot, from: usize, to: usize) {
        let to = to.min(self.all.len());
        let wanted = (self.first + from) as u64..(self.first + to) as u64;
        let mut found = Vec::new();
        for (item, sequence) in snapshot.by_sequence(wanted.clone()).zip(wanted.start..) {
            let Some((number, observation)) = self.answer(item) else { return };
            assert_eq!(number, sequence, "no gap and no double");
            found.push(observation);
        }
        assert_same(&found, &self.all[from.min(to)..to], "by sequence");
    }

    fn assert_latest(&self, snapshot: &Snapshot, count: usize) {
        let mut found = Vec::new();
        for item in snapshot.latest(count as u64) {
            let Some((_, observation)) = self.answer(item) else { return };
            found.push(observation);
        }
        assert_same(&found, &self.all[self.all.len().saturating_sub(count)..], "the latest");
    }

    /// In order of time, with summaries. Both times are included.
    pub(crate) fn assert_window(&self, snapshot: &Snapshot, from: i64, to: i64) {
        let window = snapshot.window(from..=to);
        let mut sorted = self.within(from, to);
        if let Some(summary) = self.answer(window.summary()) {
            assert_summary(&summary, &sorted);
        }
        sorted.sort_by_key(|it| it.timestamp_ns);
        let mut found = Vec::new();
        for item in window.iter() {
            let Some(observation) = self.answer(item) else { return };
            found.push(observation);
        }
        assert_same(&found, &sorted, "by time");
    }

    /// The whole summary, to the last bit, and compared with plain arithmetic.
    pub(crate) fn assert_whole_summary(&self, snapshot: &Snapshot) {
        let Some(summary) = self.answer(snapshot.summary()) else { return };
        let expected = fuzzing::summary_of(self.first as u64, self.all);
        assert_eq!(bits(&summary), bits(&expected), "the data's statistics");
        assert_summary(&summary, self.all);
    }

    /// The median, another quantile or an estimate.
    pub(crate) fn assert_quantile(
        &self,
        snapshot: &Snapshot,
        from: i64,
        to: i64,
        input: &mut Input<'_>,
    ) {
        let (which, q) = (input.byte() % 4, f64::from(input.byte()) / 255.0);
        let (found, values, q) = match which {
            0 => (snapshot.median(), sorted(self.all), 0.5),
            1 => (snapshot.window(from..=to).quantile(q), sorted(&self.within(from, to)), q),
            2 => (snapshot.quantile(q), sorted(self.all), q),
            _ => (snapshot.quantile_estimate(q), sorted(self.all), q),
        };
        let Some(found) = self.answer(found) else { return };
        let Some((expected, largest)) = quantile(&values, q) else {
            return assert!(found.is_none(), "{found:?} of nothing");
        };
        let found = found.expect("there are values");
        if which < 3 {
            assert_eq!(found.to_bits(), expected.to_bits(), "{q}: {found}, and not {expected}");
        } else {
            // Halved, so that the difference does not overflow.
            let error = (found / 2.0 - expected / 2.0).abs();
            assert!(error <= largest / 2.0 * 1.01e-3, "{q}: {found}, for {expected}");
        }
    }

    /// Bins hold what their edges enclose.
    pub(crate) fn assert_histogram(&self, snapshot: &Snapshot, bins: usize) {
        let Some(found) = self.answer(snapshot.window(..).histogram(bins)) else { return };
        let Some(found) = found else { return assert!(self.all.is_empty()) };
        assert_eq!(found.edges.len(), found.counts.len() + 1);
        assert_eq!(found.counts.iter().sum::<u64>(), self.all.len() as u64);
        assert_eq!(found.counts, counts(self.all, &found.edges), "{:?}", found.edges);
    }

    /// Bins between given edges.
    fn assert_edges(&self, snapshot: &Snapshot, input: &mut Input<'_>) {
        let any = |input: &mut Input<'_>| match input.below(self.all.len() + 1) {
            0 => f64::from(input.byte()) - 100.0,
            n => self.all[n - 1].value,
        };
        let edges: Vec<f64> = (0..input.below(6)).map(|_| any(input)).collect();
        let found = snapshot.window(..).histogram(edges.as_slice());
        if edges.len() < 2 || !edges.is_sorted_by(|left, right| left < right) {
            let kind = found.expect_err("bins that there cannot be").kind();
            return assert!(kind == ErrorKind::Invalid || self.may_be_removed);
        }
        let Some(found) = self.answer(found) else { return };
        let found = found.expect("given edges have counts");
        assert_eq!(found.counts, counts(self.all, &edges), "{edges:?}");
    }

    /// Columns hold the first, last, smallest and largest of equal intervals.
    pub(crate) fn assert_columns(&self, snapshot: &Snapshot, columns: usize) {
        let Some(found) = self.answer(snapshot.window(..).columns(columns)) else { return };
        let times = || self.all.iter().map(|it| i128::from(it.timestamp_ns));
        let (Some(first), Some(last)) = (times().min(), times().max()) else {
            return assert!(found.is_empty());
        };
        let span = last - first + 1;
        let count = i128::try_from(columns).expect("few").min(span);
        let cells = cells(self.all, first, (span + count - 1) / count);
        assert_eq!(found.len(), cells.len(), "columns with something in them");
        for (found, (start, all)) in found.iter().zip(&cells) {
            let summary = Summary::from_all(all);
            assert_eq!((i128::from(found.start_ns), found.count), (*start, all.len() as u64));
            assert!(same(found.first, summary.first) && same(found.last, summary.last));
            let bits = |min: f64, max: f64| (min.to_bits(), max.to_bits());
            assert_eq!(bits(found.min, found.max), bits(summary.min, summary.max));
        }
    }

    /// Buckets of a width. One of them begins at an origin.
    fn assert_buckets(&self, snapshot: &Snapshot, input: &mut Input<'_>) {
        let width = match input.byte() % 4 {
            0 => u64::from(input.byte()),
            1 => 1000 * (1 + u64::from(input.u16())),
            2 => u64::MAX - u64::from(input.byte()),
            _ => 1 << (input.byte() % 64),
        };
        let origin = if input.flag() { 0 } else { input.u64().cast_signed() };
        let (from, to) = self.times(input);
        let found = snapshot.window(from..=to).buckets(Duration::from_nanos(width), origin);
        let (all, width, origin) = (self.within(from, to), i128::from(width), i128::from(origin));
        let number = |time: i128| (time - origin).div_euclid(width);
        let times = || all.iter().map(|it| i128::from(it.timestamp_ns));
        let span = times().min().zip(times().max());
        let is_out_of_range = width == 0
            || span.is_some_and(|(first, last)| number(last) - number(first) >= PARTS_MAX);
        if is_out_of_range {
            let kind = found.expect_err("buckets that there cannot be").kind();
            return assert!(kind == ErrorKind::Invalid || self.may_be_removed);
        }
        let Some(found) = self.answer(found) else { return };
        let Some((first, last)) = span else { return assert!(found.is_empty()) };
        let cells = cells(&all, origin, width);
        assert_eq!(found.len(), cells.len(), "buckets with something in them");
        for (found, (start, all)) in found.iter().zip(&cells) {
            assert_eq!(i128::from(found.start_ns), *start.max(&i64::MIN.into()));
            assert_summary(&found.summary, all);
            let inside = (start + width).min(last + 1) - *start.max(&first);
            let coverage = inside as f64 / width as f64;
            assert_eq!(found.coverage.to_bits(), coverage.to_bits(), "{coverage}");
        }
    }
}

fn bits(summary: &Summary) -> [u64; 10] {
    let float = |value: Option<f64>| value.map_or(u64::MAX, f64::to_bits);
    let at = |it: Option<Observation>| {
        it.map_or([0, 0], |it| [it.timestamp_ns.cast_unsigned(), it.value.to_bits()])
    };
    let ([first_ns, first], [last_ns, last]) = (at(summary.first()), at(summary.last()));
    [
        summary.count(),
        float(summary.min()),
        float(summary.max()),
        float(summary.mean()),
        float(summary.variance()),
        float(summary.std_dev()),
        first_ns,
        first,
        last_ns,
        last,
    ]
}

/// The extremes of a run that is not empty.
struct Extremes {
    first: Observation,
    last: Observation,
    min: f64,
    max: f64,
}

trait FromAll {
    fn from_all(all: &[Observation]) -> Extremes;
}

impl FromAll for Summary {
    fn from_all(all: &[Observation]) -> Extremes {
        let numbered = || all.iter().enumerate();
        let first = numbered().min_by_key(|(n, it)| (it.timestamp_ns, *n));
        let last = numbered().max_by_key(|(n, it)| (it.timestamp_ns, *n));
        let values = sorted(all);
        Extremes {
            first: *first.expect("not empty").1,
            last: *last.expect("not empty").1,
            min: values[0],
            max: values[values.len() - 1],
        }
    }
}

fn assert_summary(summary: &Summary, all: &[Observation]) {
    assert_eq!(summary.count(), all.len() as u64, "count");
    if all.is_empty() {
        assert!(summary.mean().is_none() && summary.variance().is_none());
        return assert!(summary.min().is_none() && summary.first().is_none());
    }
    let expected = Summary::from_all(all);
    let is_same = |found: Option<Observation>, expected| found.is_some_and(|it| same(it, expected));
    assert!(is_same(summary.first(), expected.first), "{summary:?}, first {:?}", expected.first);
    assert!(is_same(summary.last(), expected.last), "{summary:?}, last {:?}", expected.last);
    let bits = |min: Option<f64>, max: Option<f64>| (min.map(f64::to_bits), max.map(f64::to_bits));
    let (min, max) = (Some(expected.min), Some(expected.max));
    assert_eq!(bits(summary.min(), summary.max()), bits(min, max), "minimum and maximum");
    let largest = expected.min.abs().max(expected.max.abs()).max(1e-300);
    if largest > PLAIN_MAX {
        return;
    }
    let count = all.len() as f64;
    let mean = all.iter().map(|it| it.value).sum::<f64>() / count;
    let variance = all.iter().map(|it| (it.value - mean).powi(2)).sum::<f64>() / count;
    let near = |found: Option<f64>, expected: f64, scale: f64| {
        let found = found.expect("there is one");
        // Close to zero a variance has few digits, and its tolerance none.
        let tolerance = (1e-9 * scale).max(f64::from_bits(4));
        assert!((found - expected).abs() <= tolerance, "{found}, and not {expected}");
    };
    near(summary.mean(), mean, largest);
    near(summary.variance(), variance, largest * largest);
}

fn sorted(all: &[Observation]) -> Vec<f64> {
    let mut values: Vec<f64> = all.iter().map(|it| it.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// numpy's linear rule, with the largest magnitude of the two values that it uses.
fn quantile(sorted: &[f64], q: f64) -> Option<(f64, f64)> {
    let last = sorted.len().checked_sub(1)?;
    if q == 0.5 {
        let (left, right) = (sorted[last / 2], sorted[last.div_ceil(2)]);
        let is_one = left.to_bits() == right.to_bits();
        let middle = if is_one { left } else { f64::midpoint(left, right) };
        return Some((middle, left.abs().max(right.abs())));
    }
    let place = q * last as f64;
    let (left, right) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    let (fraction, difference) = (place.fract(), right - left);
    let between = if fraction == 0.0 || left.to_bits() == right.to_bits() {
        left
    } else if difference.is_infinite() {
        left * (1.0 - fraction) + right * fraction
    } else if fraction < 0.5 {
        left + difference * fraction
    } else {
        right - difference * (1.0 - fraction)
    };
    Some((between, left.abs().max(right.abs())))
}

/// A bin includes its lower edge; the last one also its upper edge.
fn counts(all: &[Observation], edges: &[f64]) -> Vec<u64> {
    let last = edges.len() - 2;
    let mut counts = vec![0; last + 1];
    for Observation { value, .. } in all {
        let bin = edges.partition_point(|edge| edge <= value);
        if bin > 0 && *value <= edges[last + 1] {
            counts[(bin - 1).min(last)] += 1;
        }
    }
    counts
}

/// The intervals of a width that hold observations, by their first nanosecond, in order.
fn cells(all: &[Observation], origin: i128, width: i128) -> Vec<(i128, Vec<Observation>)> {
    let mut cells = std::collections::BTreeMap::<i128, Vec<Observation>>::new();
    for it in all {
        let number = (i128::from(it.timestamp_ns) - origin).div_euclid(width);
        cells.entry(origin + number * width).or_default().push(*it);
    }
    cells.into_iter().collect()
}
