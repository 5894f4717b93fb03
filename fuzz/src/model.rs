//! What a store must answer, from its observations in a plain vector.

use gaugelog::{Column, Observation, Snapshot, Summary, fuzzing};

use crate::input::Input;

/// Values up to here are summed up without a care.
const PLAIN_MAX: f64 = 1e6;

pub(crate) fn same(left: Observation, right: Observation) -> bool {
    left.timestamp_ns == right.timestamp_ns && left.value.to_bits() == right.value.to_bits()
}

fn assert_same(found: &[Observation], expected: &[Observation], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (n, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(same(*found, *expected), "{what}, number {n}: {found:?}, and not {expected:?}");
    }
}

/// In order of arrival.
pub(crate) fn assert_arrivals(snapshot: &Snapshot, all: &[Observation], from: usize, to: usize) {
    let to = to.min(all.len());
    let mut found = Vec::new();
    for (item, sequence) in snapshot.arrivals(from as u64..to as u64).zip(from as u64..) {
        let (number, observation) = item.expect("readable");
        assert_eq!(number, sequence, "no gap and no double");
        found.push(observation);
    }
    assert_same(&found, &all[from.min(to)..to], "arrivals");
}

/// In order of time, and what summarises them; both times are within.
pub(crate) fn assert_range(snapshot: &Snapshot, all: &[Observation], from: i64, to: i64) {
    let times = from..=to;
    let within: Vec<_> =
        all.iter().filter(|it| times.contains(&it.timestamp_ns)).copied().collect();
    assert_summary(&snapshot.summary_of(times.clone()).expect("readable"), &within);
    let mut sorted = within;
    sorted.sort_by_key(|it| it.timestamp_ns);
    let found: Vec<_> = snapshot.range(times).map(|it| it.expect("readable")).collect();
    assert_same(&found, &sorted, "range");
}

/// The whole summary, to the last bit and against plain arithmetic.
pub(crate) fn assert_whole_summary(snapshot: &Snapshot, all: &[Observation]) {
    let summary = snapshot.summary().expect("readable");
    assert_eq!(bits(&summary), bits(&fuzzing::summary_of(all)), "the data's statistics");
    assert_summary(&summary, all);
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

fn assert_summary(summary: &Summary, all: &[Observation]) {
    assert_eq!(summary.count(), all.len() as u64, "count");
    let values = sorted(all);
    let bits = |value: Option<f64>| value.map(f64::to_bits);
    assert_eq!(bits(summary.min()), bits(values.first().copied()), "min");
    assert_eq!(bits(summary.max()), bits(values.last().copied()), "max");
    let first = all.iter().enumerate().min_by_key(|(n, it)| (it.timestamp_ns, *n));
    let last = all.iter().enumerate().max_by_key(|(n, it)| (it.timestamp_ns, *n));
    for (found, expected) in [(summary.first(), first), (summary.last(), last)] {
        let expected = expected.map(|(_, it)| *it);
        let equal =
            found.zip(expected).map_or(found.is_none() && expected.is_none(), |(a, b)| same(a, b));
        assert!(equal, "{found:?}, and not {expected:?}");
    }
    if all.is_empty() {
        assert!(summary.mean().is_none() && summary.variance().is_none());
    } else if values.iter().all(|value| value.abs() <= PLAIN_MAX) {
        let count = all.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let near = |found: Option<f64>, expected: f64, scale: f64| {
            let found = found.expect("there is one");
            assert!((found - expected).abs() <= 1e-9 * scale, "{found}, and not {expected}");
        };
        let largest = values.iter().fold(1e-300, |most: f64, value| most.max(value.abs()));
        near(summary.mean(), mean, largest);
        near(summary.variance(), variance, largest * largest);
    }
}

fn sorted(all: &[Observation]) -> Vec<f64> {
    let mut values: Vec<f64> = all.iter().map(|it| it.value).collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The median, another quantile or an estimate: each counts through histograms,
/// which costs the fuzzer more than all else.
pub(crate) fn assert_quantile(snapshot: &Snapshot, all: &[Observation], input: &mut Input<'_>) {
    let values = sorted(all);
    let (which, q) = (input.byte() % 3, f64::from(input.byte()) / 255.0);
    let found = match which {
        0 => snapshot.median(),
        1 => snapshot.quantile(q),
        _ => snapshot.quantile_estimate(q),
    };
    let (found, Some(last)) = (found.expect("readable"), values.len().checked_sub(1)) else {
        return;
    };
    let found = found.expect("there are values");
    let at = if which == 0 { 0.5 } else { q } * last as f64;
    let (left, right) = match which {
        0 | 1 => (values[at.floor() as usize], values[at.ceil() as usize]),
        _ => (values[0], values[last]),
    };
    assert!((left..=right).contains(&found), "{which}, {q}: {found}, not {left} to {right}");
    if which == 0 && left.to_bits() != right.to_bits() {
        assert_eq!(found.to_bits(), f64::midpoint(left, right).to_bits(), "the median");
    }
}

/// Bins hold what their edges enclose.
pub(crate) fn assert_histogram(snapshot: &Snapshot, all: &[Observation], bins: usize) {
    let found = snapshot.histogram(bins).expect("readable");
    let Some(found) = found else { return assert!(all.is_empty()) };
    assert_eq!(found.edges.len(), found.counts.len() + 1);
    let last = found.counts.len() - 1;
    let mut counts = vec![0; last + 1];
    for Observation { value, .. } in all {
        let bin = found.edges.partition_point(|edge| edge <= value).saturating_sub(1);
        counts[bin.min(last)] += 1;
    }
    assert_eq!(found.counts, counts, "{:?}", found.edges);
}

/// Columns hold the first, last, smallest and largest of equal intervals.
pub(crate) fn assert_columns(snapshot: &Snapshot, all: &[Observation], columns: usize) {
    let found = snapshot.downsample(columns).expect("readable");
    let times = || all.iter().map(|it| i128::from(it.timestamp_ns));
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return assert!(found.is_empty());
    };
    let span = last - first + 1;
    let count = i128::try_from(columns).expect("few").min(span);
    let width = (span + count - 1) / count;
    let mut expected: Vec<(i128, Column)> = Vec::new();
    let mut ordered: Vec<_> = all.to_vec();
    ordered.sort_by_key(|it| it.timestamp_ns);
    for it in ordered {
        let index = (i128::from(it.timestamp_ns) - first) / width;
        match expected.last_mut() {
            Some((at, column)) if *at == index => {
                column.count += 1;
                column.last = it;
                let values = [column.min, column.max, it.value];
                column.min = values.into_iter().min_by(f64::total_cmp).expect("three");
                column.max = values.into_iter().max_by(f64::total_cmp).expect("three");
            }
            _ => {
                let start_ns = i64::try_from(first + index * width).expect("within the data");
                let (min, max) = (it.value, it.value);
                expected
                    .push((index, Column { start_ns, count: 1, first: it, last: it, min, max }));
            }
        }
    }
    assert_eq!(found.len(), expected.len(), "columns with something in them");
    for (found, (_, expected)) in found.iter().zip(&expected) {
        let bits = |it: &Column| (it.start_ns, it.count, it.min.to_bits(), it.max.to_bits());
        assert_eq!(bits(found), bits(expected));
        assert!(same(found.first, expected.first) && same(found.last, expected.last));
    }
}
