//! What was appended is read back by arrival, by time, and as statistics.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers are small and made here"
)]

mod support;

use std::path::Path;

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::{Random, arrivals, place, series};

/// Times in order, except that some are late and some are equal.
fn disordered(count: usize) -> Vec<Observation> {
    let mut random = Random(11);
    let mut all = series(count);
    for index in 0..count {
        match random.below(20) {
            0 => all[index].timestamp_ns -= 1_000_000_000 * random.below(5_000) as i64,
            1 => all[index].timestamp_ns = all[index / 2].timestamp_ns,
            _ => {}
        }
    }
    all
}

fn filled(path: &Path, options: &Options, all: &[Observation]) -> Store {
    let store = options.clone().sync(SyncPolicy::Never).create(path).expect("created");
    let mut random = Random(3);
    let mut rest = all;
    while !rest.is_empty() {
        let portion = (1 + random.below(3000) as usize).min(rest.len());
        store.append_batch(&rest[..portion]).expect("appended");
        rest = &rest[portion..];
    }
    store
}

fn by_time(all: &[Observation]) -> Vec<Observation> {
    let mut sorted = all.to_vec();
    sorted.sort_by_key(|observation| observation.timestamp_ns);
    sorted
}

#[test]
fn arrivals_come_back_over_chunks_and_log() {
    for positioned in [false, true] {
        let (_guard, path) = place();
        let all = disordered(200_000);
        let store = filled(&path, &Options::new().positioned_reads(positioned), &all);
        let snapshot = store.snapshot().expect("a snapshot");
        assert_eq!(arrivals(&snapshot), all);
        let part: Vec<_> =
            snapshot.by_sequence(70_001..70_500).map(|it| it.expect("read")).collect();
        assert_eq!(part.len(), 499);
        assert_eq!(part[0], (70_001, all[70_001]));
    }
}

#[test]
fn ranges_come_in_order_of_time_and_ties_in_order_of_arrival() {
    let (_guard, path) = place();
    let all = disordered(140_000);
    let sorted = by_time(&all);
    let store = filled(&path, &Options::new(), &all);
    let snapshot = store.snapshot().expect("a snapshot");
    let everything: Vec<_> = snapshot.window(..).iter().map(|it| it.expect("read")).collect();
    assert!(everything == sorted);
    let mut random = Random(5);
    for _ in 0..30 {
        let from = random.below(140_000) as i64 * 1_000_000_000;
        let to = from + random.below(2_000) as i64 * 1_000_000_000;
        let found: Vec<_> = snapshot.window(from..to).iter().map(|it| it.expect("read")).collect();
        let expected: Vec<_> =
            sorted.iter().filter(|it| (from..to).contains(&it.timestamp_ns)).copied().collect();
        assert!(found == expected, "{from} to {to}");
    }
    assert_eq!(snapshot.window(5..5).iter().count(), 0);
    let reversed = std::ops::Range { start: 9, end: 3 };
    assert_eq!(snapshot.window(reversed).iter().count(), 0);
    assert_eq!(snapshot.window(i64::MIN..=i64::MAX).iter().count(), 140_000);
}

#[test]
fn total_disorder_is_sorted_too() {
    let (_guard, path) = place();
    let mut random = Random(17);
    let all: Vec<_> = (0..150_000)
        .map(|n| Observation::new(random.below(100_000) as i64, f64::from(n)))
        .collect();
    let store = filled(&path, &Options::new(), &all);
    let snapshot = store.snapshot().expect("a snapshot");
    let found: Vec<_> = snapshot.window(..).iter().map(|it| it.expect("read")).collect();
    assert!(found == by_time(&all));
}

#[test]
fn equal_times_of_any_number_keep_their_order() {
    let (_guard, path) = place();
    let all: Vec<_> = (0..90_000).map(|n| Observation::new(42, f64::from(n))).collect();
    let store = filled(&path, &Options::new(), &all);
    let snapshot = store.snapshot().expect("a snapshot");
    let found: Vec<_> = snapshot.window(42..=42).iter().map(|it| it.expect("read")).collect();
    assert!(found == all);
    assert_eq!(snapshot.window(..).columns(10).expect("columns").len(), 1);
}

#[test]
fn quantiles_are_those_of_the_sorted_values() {
    check_quantiles(30_001);
}

/// Over chunks and the log.
#[test]
fn quantiles_of_many_are_those_of_the_sorted_values() {
    check_quantiles(150_001);
}

fn check_quantiles(count: usize) {
    let (_guard, path) = place();
    let all = series(count);
    let store = filled(&path, &Options::new(), &all);
    let mut values: Vec<f64> = all.iter().map(|it| it.value).collect();
    values.sort_by(f64::total_cmp);
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.median().expect("read"), Some(values[values.len() / 2]));
    for q in [0.0, 0.001, 0.1, 0.25, 0.9, 0.999, 1.0] {
        let rank = (q * (count - 1) as f64).round() as usize;
        assert_eq!(snapshot.quantile(q).expect("read"), Some(values[rank]), "{q}");
        let estimate = snapshot.quantile_estimate(q).expect("read").expect("some");
        assert!((estimate / values[rank] - 1.0).abs() < 0.001, "{q}: {estimate}");
    }
    for q in [-0.1, 1.1, f64::NAN] {
        assert!(snapshot.quantile(q).is_err(), "{q}");
    }
}

#[test]
fn columns_hold_what_the_observations_of_their_time_hold() {
    let (_guard, path) = place();
    let all = disordered(140_000);
    let store = filled(&path, &Options::new(), &all);
    let snapshot = store.snapshot().expect("a snapshot");
    let sorted = by_time(&all);
    for wanted in [1, 7, 1_000] {
        let columns = snapshot.window(..).columns(wanted).expect("columns");
        assert!(columns.len() <= wanted);
        let mut rest = sorted.as_slice();
        for (index, column) in columns.iter().enumerate() {
            let next = columns.get(index + 1).map_or(i64::MAX, |next| next.start_ns);
            let count = rest.iter().take_while(|it| it.timestamp_ns < next).count();
            let (within, behind) = rest.split_at(count);
            assert_eq!(column.count, count as u64);
            assert_eq!((column.first, column.last), (within[0], within[count - 1]));
            let values = within.iter().map(|it| it.value);
            assert_eq!(column.min, values.clone().fold(f64::INFINITY, f64::min));
            assert_eq!(column.max, values.fold(f64::NEG_INFINITY, f64::max));
            assert!(column.start_ns <= within[0].timestamp_ns);
            rest = behind;
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn bins_count_every_value_once() {
    let (_guard, path) = place();
    let all = series(70_000);
    let store = filled(&path, &Options::new(), &all);
    let histogram = store.snapshot().expect("a snapshot").window(..).histogram(10).expect("read");
    let histogram = histogram.expect("not empty");
    for (bin, count) in histogram.counts.iter().enumerate() {
        let (low, high) = (histogram.edges[bin], histogram.edges[bin + 1]);
        let within = |value: f64| low <= value && (value < high || bin == 9);
        assert_eq!(*count, all.iter().filter(|it| within(it.value)).count() as u64);
    }
}

#[test]
fn an_empty_store_has_no_statistics_and_no_errors() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let snapshot = store.snapshot().expect("a snapshot");
    assert!(snapshot.is_empty());
    let summary = snapshot.summary().expect("a summary");
    assert_eq!((summary.count(), summary.mean(), summary.variance()), (0, None, None));
    assert_eq!(snapshot.median().expect("read"), None);
    assert_eq!(snapshot.quantile_estimate(0.5).expect("read"), None);
    assert_eq!(snapshot.window(..).histogram(10).expect("read"), None);
    assert!(snapshot.window(..).columns(10).expect("read").is_empty());
    assert_eq!(snapshot.window(..).iter().count(), 0);
    assert_eq!(snapshot.by_sequence(0..10).count(), 0);
}

#[test]
fn a_snapshot_does_not_move() {
    let (_guard, path) = place();
    let store = Options::new().sync(SyncPolicy::Never).create(&path).expect("created");
    let all = series(80_000);
    store.append_batch(&all[..5_000]).expect("appended");
    let snapshot = store.snapshot().expect("a snapshot");
    let before = support::bits(&snapshot.summary().expect("a summary"));
    store.append_batch(&all[5_000..]).expect("appended");
    assert_eq!(store.verify().expect("verified").chunks, 1);
    assert_eq!(snapshot.len(), 5_000);
    assert_eq!(arrivals(&snapshot), all[..5_000]);
    assert_eq!(support::bits(&snapshot.summary().expect("a summary")), before);
    assert_eq!(snapshot.window(..).iter().count(), 5_000);
}
