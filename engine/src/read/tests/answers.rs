//! Statistics of every window equal those computed from its rows.

use std::time::{Duration, SystemTime};

use rand::RngExt;

use super::*;
use crate::format::LEAF;
use crate::format::summary::has_same_bits;
use crate::read::grid::Bucket;
use crate::read::histogram::Bins;
use crate::read::window::Window;
use crate::stats::summary::Summary;
use crate::stats::tree::Edge;

fn about(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
}

/// Compares a summary with that of rows in order of time.
fn check_summary(summary: &Summary, by_time: &[Observation]) {
    assert_eq!(summary.count(), by_time.len() as u64);
    assert_eq!(
        (summary.first(), summary.last()),
        (by_time.first().copied(), by_time.last().copied())
    );
    let values: Vec<f64> = by_time.iter().map(|row| row.value).collect();
    assert_eq!(summary.min(), values.iter().copied().min_by(f64::total_cmp));
    assert_eq!(summary.max(), values.iter().copied().max_by(f64::total_cmp));
    let count = values.len() as f64;
    if let (Some(mean), Some(variance)) = (summary.mean(), summary.variance()) {
        let expected = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - expected).powi(2)).sum();
        assert!(about(mean, expected) && about(variance, squares / count));
    }
}

/// numpy's linear rule.
fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let at = q * values.len().checked_sub(1)? as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small rank")]
    let left = at.floor() as usize;
    let (low, high) = (values[left], values[(left + 1).min(values.len() - 1)]);
    Some(low + (high - low) * at.fract())
}

fn check_quantiles(filled: &Filled, snapshot: &Snapshot, times: &RangeInclusive<i64>) {
    let mut values: Vec<f64> = filled.by_time(times).iter().map(|row| row.value).collect();
    values.sort_by(f64::total_cmp);
    let (qs, window) = ([0.0, 0.001, 0.25, 0.5, 0.77, 1.0], snapshot.window(times.clone()));
    let all = Window::quantiles_of_all(std::slice::from_ref(&window), &qs).expect("read");
    for (q, of_all) in qs.into_iter().zip(all) {
        let found = window.quantile(q).expect("read");
        assert_eq!(found.map(f64::to_bits), of_all.map(f64::to_bits));
        let expected = quantile(&values, q);
        assert_eq!(found.is_some(), expected.is_some());
        if let (Some(found), Some(expected)) = (found, expected) {
            assert!(about(found, expected), "{q} {times:?}: {found} {expected}");
        }
    }
}

fn check_histogram(by_time: &[Observation], snapshot: &Snapshot, times: &RangeInclusive<i64>) {
    for bins in [Bins::from(7), Bins::from([-20.0, 0.0, 3.5, 60.0])] {
        let histogram = snapshot.window(times.clone()).histogram(bins.clone()).expect("read");
        let Some(histogram) = histogram else {
            assert!(by_time.is_empty() && bins == Bins::Equal(7));
            continue;
        };
        let last = histogram.counts.len() - 1;
        for (bin, count) in histogram.counts.iter().enumerate() {
            let (low, high) = (histogram.edges[bin], histogram.edges[bin + 1]);
            let is_in = |value: f64| low <= value && (value < high || bin == last && value == high);
            assert_eq!(*count, by_time.iter().filter(|row| is_in(row.value)).count() as u64);
        }
    }
}

fn check_columns(by_time: &[Observation], snapshot: &Snapshot, times: &RangeInclusive<i64>) {
    for count in [1, 13, 400] {
        let columns = snapshot.window(times.clone()).columns(count).expect("read");
        assert!(columns.len() <= count);
        let mut rest = by_time;
        for (number, column) in columns.iter().enumerate() {
            let next = columns.get(number + 1).map_or(i64::MAX, |next| next.start_ns);
            let within = rest.partition_point(|row| row.timestamp_ns < next);
            let (within, later) = rest.split_at(within);
            assert_eq!(column.count, within.len() as u64);
            assert_eq!((column.first, column.last), (within[0], within[within.len() - 1]));
            assert!(column.start_ns <= column.first.timestamp_ns);
            let summary = Summary::of(within);
            assert_eq!((column.min, column.max), (summary.min, summary.max));
            rest = later;
        }
        assert!(rest.is_empty());
    }
}

fn check_buckets(by_time: &[Observation], snapshot: &Snapshot, times: &RangeInclusive<i64>) {
    let window = snapshot.window(times.clone());
    for (width, origin) in [(7_001_i64, 0), (100_000, -33), (1 << 62, 50)] {
        let duration = Duration::from_nanos(width.unsigned_abs());
        let buckets = window.buckets(duration, origin).expect("read");
        assert!(buckets.iter().all(|it| it.last_ns - it.start_ns == width - 1));
        check_each_bucket(&buckets, by_time);
    }
    let edges = [-70_000, 0, 3, 4, 20_000, 45_001, 90_000, 130_000];
    let buckets = window.buckets_between(&edges).expect("read");
    for bucket in &buckets {
        let at = edges.binary_search(&bucket.start_ns).expect("an edge");
        assert_eq!(bucket.last_ns, edges[at + 1] - 1);
    }
    let within = |row: &&Observation| (-70_000..130_000).contains(&row.timestamp_ns);
    let within: Vec<Observation> = by_time.iter().filter(within).copied().collect();
    check_each_bucket(&buckets, &within);
}

/// Compares buckets with the rows that they are of, in order of time.
fn check_each_bucket(buckets: &[Bucket], by_time: &[Observation]) {
    let mut rest = by_time;
    for bucket in buckets {
        let within = rest.partition_point(|row| row.timestamp_ns <= bucket.last_ns);
        let (within, later) = rest.split_at(within);
        check_summary(&bucket.summary, within);
        let first = by_time[0].timestamp_ns.max(bucket.start_ns);
        let last = by_time[by_time.len() - 1].timestamp_ns.min(bucket.last_ns);
        let width = (bucket.last_ns - bucket.start_ns + 1) as f64;
        assert!(about(bucket.coverage, (last - first + 1) as f64 / width), "{bucket:?}");
        rest = later;
    }
    assert!(rest.is_empty());
}

#[test]
fn answers_about_every_window_are_those_of_its_rows() {
    let mut random = random(11);
    for order in ORDERS {
        let count = random.random_range(3_000..15_000);
        let filled = Filled::new(series(order, count, &mut random), &mut random);
        let snapshot = filled.snapshot();
        for times in windows(count, &mut random) {
            let by_time = filled.by_time(&times);
            let window = snapshot.window(times.clone());
            check_summary(&window.summary().expect("read"), &by_time);
            check_quantiles(&filled, &snapshot, &times);
            check_histogram(&by_time, &snapshot, &times);
            check_columns(&by_time, &snapshot, &times);
            check_buckets(&by_time, &snapshot, &times);
        }
        assert_eq!(snapshot.median().expect("read"), snapshot.quantile(0.5).expect("read"));
    }
}

#[test]
fn the_summary_of_everything_depends_on_the_rows_alone() {
    let mut random = random(12);
    for count in [1, 1023, 1024, 5000, 8192, 20_000] {
        let filled = Filled::new(series(Order::Random, count, &mut random), &mut random);
        let leaf = usize::try_from(LEAF).expect("small");
        let leaves = filled.rows.chunks_exact(leaf);
        let mut edge = Edge::starting_at(0);
        let partial = Summary::of(leaves.remainder());
        leaves.for_each(|leaf| edge.push(Summary::of(leaf), |_| {}));
        let expected = edge.total(&partial);
        let snapshot = filled.snapshot();
        for found in [snapshot.summary(), snapshot.window(-1..1_000_000).summary()] {
            assert!(has_same_bits(&found.expect("read"), &expected), "{count}");
        }
    }
}

/// In a whole store: sealed chunks and the log are each sketched in their own unit.
#[test]
fn estimates_have_three_digits_of_the_smallest_values_too() {
    for scale in [1.0, 1e-15, 1e-300, 1e-312] {
        let mut random = random(14);
        let mut rows = series(Order::Ascending, 20_000, &mut random);
        rows.iter_mut().for_each(|row| row.value = (50.0 + row.value.abs()) * scale);
        let filled = Filled::new(rows, &mut random);
        let mut values: Vec<f64> = filled.rows.iter().map(|row| row.value).collect();
        values.sort_by(f64::total_cmp);
        for q in [0.0, 0.1, 0.5, 0.9, 1.0] {
            let estimate = filled.snapshot().quantile_estimate(q).expect("read").expect("some");
            let exact = quantile(&values, q).expect("some");
            let error = (estimate / exact - 1.0).abs();
            assert!(error <= 0.001, "{q}: {estimate} is not {exact}");
        }
    }
}

#[test]
fn estimates_have_three_digits() {
    let mut random = random(13);
    let filled = Filled::new(series(Order::Ascending, 20_000, &mut random), &mut random);
    let mut values: Vec<f64> = filled.rows.iter().map(|row| row.value).collect();
    values.sort_by(f64::total_cmp);
    for q in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let estimate = filled.snapshot().quantile_estimate(q).expect("read").expect("some");
        let exact = quantile(&values, q).expect("some");
        assert!((estimate - exact).abs() <= 0.001 * exact.abs() + 0.02, "{q}: {estimate} {exact}");
    }
}

/// The sketches of chunks with different decimals, and of the log, give the answer.
#[test]
fn quantiles_of_decimals_need_no_scan() {
    let mut random = random(14);
    let rows: Vec<_> = (0..9_000)
        .map(|n| {
            let tenths = if n < 4_000 { n % 50 * 10 } else { n % 431 };
            Observation::new(i64::from(n), f64::from(tenths) / 10.0)
        })
        .collect();
    let filled = Filled::new(rows, &mut random);
    let snapshot = filled.snapshot();
    let exact = snapshot.quantile(0.3).expect("read");
    assert_eq!(snapshot.quantile_estimate(0.3).expect("read"), exact);
}

#[test]
fn an_empty_store_has_no_statistics_and_no_errors() {
    let filled = Filled::new(Vec::new(), &mut random(15));
    let snapshot = filled.snapshot();
    assert!(snapshot.is_empty() && snapshot.damage().is_empty());
    let window = snapshot.window(..);
    assert_eq!(snapshot.summary().expect("read"), Summary::EMPTY);
    assert_eq!(snapshot.median().expect("read"), None);
    assert_eq!(snapshot.quantile_estimate(0.5).expect("read"), None);
    assert_eq!(window.histogram(10).expect("read"), None);
    assert_eq!(window.histogram([0.0, 1.0]).expect("read").expect("counts").counts, [0]);
    assert!(window.columns(10).expect("read").is_empty());
    assert!(window.buckets(Duration::from_secs(1), 0).expect("read").is_empty());
    assert_eq!((window.iter().count(), snapshot.by_sequence(..).count()), (0, 0));
    assert_eq!((snapshot.latest(3).count(), snapshot.durable_end()), (0, 0));
}

#[test]
fn arguments_out_of_range_are_refused() {
    let mut random = random(16);
    let filled = Filled::new(series(Order::Ascending, 2_000, &mut random), &mut random);
    let window = filled.snapshot().window(..);
    let kinds = [
        window.quantile(-0.1).map(drop),
        window.quantile(f64::NAN).map(drop),
        filled.snapshot().quantile_estimate(1.1).map(drop),
        window.histogram(0).map(drop),
        window.histogram((1 << 20) + 1).map(drop),
        window.histogram([1.0]).map(drop),
        window.histogram([1.0, 1.0]).map(drop),
        window.histogram([0.0, f64::NAN]).map(drop),
        window.columns(0).map(drop),
        window.buckets(Duration::ZERO, 0).map(drop),
        window.buckets_between(&[5]).map(drop),
        window.buckets_between(&[5, 7, 7]).map(drop),
        filled.snapshot().window(-5..).buckets(Duration::from_nanos(1), 0).map(drop),
    ]
    .map(|result| result.map_err(|error| error.kind()));
    assert_eq!(kinds[..12], [Err(crate::ErrorKind::Invalid); 12]);
    assert_eq!(kinds[12], Ok(()), "20,000 buckets are not too many");
}

/// The first bucket begins before all times, and the last ends after them.
#[test]
fn buckets_reach_both_ends_of_time() {
    let rows = [i64::MIN, i64::MIN + 4, i64::MAX].map(|time| Observation::new(time, 1.0));
    let filled = Filled::new(rows.to_vec(), &mut random(18));
    let window = filled.snapshot().window(..);
    let (far, epoch) = (Duration::from_secs(1 << 40), SystemTime::UNIX_EPOCH);
    for (found, first_ends) in [
        (window.buckets(Duration::from_nanos(1 << 57), 5), i64::MIN + 4),
        (window.buckets_between(&[epoch - far, epoch, epoch + far]), -1),
    ] {
        let [first, last] = &found.expect("read")[..] else { panic!("two buckets") };
        assert_eq!(
            (first.start_ns, first.last_ns, first.summary.count()),
            (i64::MIN, first_ends, 2)
        );
        assert_eq!((last.last_ns, last.summary.count()), (i64::MAX, 1));
    }
}

#[test]
fn threads_share_a_snapshot() {
    let mut random = random(17);
    let filled = Filled::new(series(Order::Disordered, 30_000, &mut random), &mut random);
    let snapshot = filled.snapshot();
    let expected = (snapshot.summary().expect("read"), snapshot.median().expect("read"));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let snapshot = filled.snapshot();
            scope.spawn(|| {
                let snapshot = snapshot;
                for _ in 0..3 {
                    let found =
                        (snapshot.summary().expect("read"), snapshot.median().expect("read"));
                    assert_eq!(found, expected);
                    assert_eq!(snapshot.window(..).iter().count(), 30_000);
                }
            });
        }
    });
}
