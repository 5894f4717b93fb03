//! Everything that can be asked of a store that may be damaged or forged.

use std::path::Path;

use gaugelog::{Error, Observation, Result, Snapshot, Store};

use crate::input::Input;
use crate::model;

/// What was read of a store.
pub(crate) struct Seen {
    pub(crate) length: u64,
    pub(crate) arrivals: Vec<(u64, Observation)>,
    /// Nothing was said to be damaged or lost.
    pub(crate) whole: bool,
}

/// Of a call that may fail: that the error says what it is about.
pub(crate) fn told<T>(result: Result<T>, path: &Path) -> Option<T> {
    result.map_err(|error| assert_told(&error, path)).ok()
}

fn assert_told(error: &Error, path: &Path) {
    assert!(error.path().starts_with(path), "an error about {:?}: {error}", error.path());
    assert!(error.to_string().len() < 2_000, "{error}");
}

/// Reads `store`, whose files have `bytes` bytes, by every way there is. What is
/// `trusted`, no record forged, must agree with itself.
pub(crate) fn read(
    store: &Store,
    input: &mut Input<'_>,
    bytes: u64,
    trusted: bool,
) -> Option<Seen> {
    let path = store.path();
    let snapshot = told(store.snapshot(), path)?;
    let mut seen =
        Seen { length: snapshot.len(), arrivals: Vec::new(), whole: snapshot.damage().is_empty() };
    let mut errors = 0;
    for item in snapshot.arrivals(0..u64::MAX) {
        match item {
            Ok((sequence, observation)) => {
                assert!(sequence < seen.length, "{sequence} of {}", seen.length);
                let before = seen.arrivals.last().map(|(before, _)| *before);
                assert!(before.is_none_or(|before| before < sequence), "in order");
                seen.arrivals.push((sequence, observation));
            }
            Err(error) => {
                assert_told(&error, path);
                errors += 1;
            }
        }
        assert!(seen.arrivals.len() as u64 <= bytes / 16, "more than the files can hold");
        assert!(errors <= bytes / 8 + 100, "errors without an end");
    }
    let gapless = seen.arrivals.len() as u64 == seen.length;
    assert!(gapless || errors > 0, "a gap of which nothing is said");
    seen.whole &= gapless && errors == 0;
    if input.byte() % 4 == 1
        && let Some(found) = told(store.verify(), path)
        && trusted
    {
        assert_eq!(found.observations, seen.length);
        assert_eq!(found.readable, seen.arrivals.len() as u64);
        assert!(seen.whole || !found.is_sound(), "damage that verifying does not find");
    }
    let all: Vec<Observation> = seen.arrivals.iter().map(|(_, it)| *it).collect();
    if seen.whole && trusted {
        check(&snapshot, input, &all);
    } else {
        ask(&snapshot, input, path, trusted.then_some(seen.length));
    }
    Some(seen)
}

/// Nothing is damaged: all answers, of some questions, are those of `all`.
fn check(snapshot: &Snapshot, input: &mut Input<'_>, all: &[Observation]) {
    model::assert_whole_summary(snapshot, all);
    let questions = input.byte();
    if questions & 1 != 0 {
        let (from, to) = times(input);
        model::assert_range(snapshot, all, from, to);
    }
    if questions & 2 != 0 {
        let from = input.below(all.len());
        model::assert_arrivals(snapshot, all, from, from + input.below(2048));
    }
    match questions >> 2 & 7 {
        7 => model::assert_quantile(snapshot, all, input),
        1 | 3 => model::assert_histogram(snapshot, all, 1 + input.below(64)),
        2 | 4 => model::assert_columns(snapshot, all, 1 + input.below(64)),
        _ => {}
    }
}

fn times(input: &mut Input<'_>) -> (i64, i64) {
    let from = 10 * i64::from(input.u16() % 4096) - 40;
    match input.byte() {
        0..=127 => (i64::MIN, i64::MAX),
        length => (from, from + i64::from(length) * i64::from(length)),
    }
}

/// No answer can be relied on, but there is one, or an error that says why not.
fn ask(snapshot: &Snapshot, input: &mut Input<'_>, path: &Path, length: Option<u64>) {
    let questions = input.byte();
    let (from, to) = times(input);
    let q = f64::from(input.byte()) / 255.0;
    let counts = [told(snapshot.summary(), path), told(snapshot.summary_of(from..=to), path)];
    for summary in counts.into_iter().flatten() {
        assert!(length.is_none_or(|length| summary.count() <= length), "{summary:?}");
    }
    match questions & 15 {
        13 => drop(told(snapshot.median(), path)),
        14 => drop(told(snapshot.quantile(q), path)),
        15 => drop(told(snapshot.quantile_estimate(q), path)),
        _ => {}
    }
    match questions >> 4 & 3 {
        3 => drop(told(snapshot.histogram(20), path)),
        1 => drop(told(snapshot.downsample(50), path)),
        2 => {
            let some = u64::from(input.u16());
            for found in snapshot.arrivals(some..some + 2048) {
                told(found, path);
            }
        }
        _ => {}
    }
    // Over what cannot be read, and past it.
    for found in snapshot.range(from..=to) {
        told(found, path);
    }
}
