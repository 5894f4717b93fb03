//! Everything that can be asked of a store that may be damaged or forged.

use std::path::Path;

use gaugelog::{Error, ErrorKind, Observation, Result, Snapshot, Store, Verification, fuzzing};

use crate::input::Input;
use crate::model::{Model, same};

/// What was read of a store.
pub(crate) struct Seen {
    pub(crate) end: u64,
    pub(crate) rows: Vec<(u64, Observation)>,
    /// What verifying found, if it was possible.
    pub(crate) verification: Option<Verification>,
}

/// A call that may fail. The error must name a file of the store.
pub(crate) fn checked<T>(result: Result<T>, path: &Path) -> Option<T> {
    result.map_err(|error| check_error(&error, path)).ok()
}

fn check_error(error: &Error, path: &Path) {
    assert!(error.path().starts_with(path), "an error about {:?}: {error}", error.path());
    assert!(error.to_string().len() < 2_000, "{error}");
}

/// Reads `store`, whose files have `bytes` bytes, in every way. If `trusted`, no record
/// was forged: all answers must agree.
pub(crate) fn read(
    store: &Store,
    input: &mut Input<'_>,
    bytes: u64,
    trusted: bool,
) -> Option<Seen> {
    let path = store.path();
    let snapshot = checked(store.snapshot(), path)?;
    let most = Limits::new(path, bytes);
    let (rows, damaged) = by_sequence(&snapshot, path, &most);
    assert_same_around_damage(&snapshot, path, &most, &rows, damaged);
    let verification = checked(store.verify(), path);
    let length = snapshot.len();
    if trusted && let Some(verification) = &verification {
        assert_eq!(verification.observations, length);
        if verification.is_sound() {
            assert_eq!(damaged, 0, "verified clean, and damage is read");
            assert_eq!(verification.readable, rows.len() as u64);
            assert_eq!(verification.readable + verification.accepted, length, "all is there");
        }
        let is_whole = rows.len() as u64 + verification.accepted == length;
        assert!(is_whole || damaged > 0, "a gap that is not reported");
    }
    let is_whole =
        verification.as_ref().is_some_and(Verification::is_sound) && rows.len() as u64 == length;
    let all: Vec<Observation> = rows.iter().map(|(_, it)| *it).collect();
    let first = usize::try_from(snapshot.first_sequence()).unwrap_or(usize::MAX);
    if is_whole && trusted {
        let model = Model { all: &all, first, may_be_removed: false };
        model.assert_whole_summary(&snapshot);
        for _ in 0..input.byte() % 4 {
            model.assert_some(&snapshot, input);
        }
    } else {
        ask(&snapshot, input, path, None);
        let around = snapshot.skip_damage();
        ask(&around, input, path, Some(&all).filter(|_| trusted));
    }
    Some(Seen { end: snapshot.end_sequence(), rows, verification })
}

/// The most that the files can hold.
struct Limits {
    rows: u64,
    errors: u64,
}

impl Limits {
    fn new(path: &Path, bytes: u64) -> Self {
        let files = std::fs::read_dir(path).map_or(0, Iterator::count) as u64;
        Self { rows: bytes / 16 + files * fuzzing::CHUNK, errors: bytes / 8 + 1000 }
    }
}

/// The rows in order of arrival, and how many places were reported as damaged.
fn by_sequence(snapshot: &Snapshot, path: &Path, most: &Limits) -> (Vec<(u64, Observation)>, u64) {
    let mut rows: Vec<(u64, Observation)> = Vec::new();
    let (mut errors, mut damaged) = (0, 0);
    for item in snapshot.by_sequence(..) {
        match item {
            Ok((sequence, observation)) => {
                assert!((snapshot.first_sequence()..snapshot.end_sequence()).contains(&sequence));
                let before = rows.last().map(|(before, _)| *before);
                assert!(before.is_none_or(|before| before < sequence), "in order");
                assert!(observation.value.is_finite());
                rows.push((sequence, observation));
            }
            Err(error) => {
                check_error(&error, path);
                errors += 1;
                damaged += u64::from(error.kind() == ErrorKind::Damaged);
            }
        }
        assert!(rows.len() as u64 <= most.rows, "more than the files can hold");
        assert!(errors <= most.errors, "errors without an end");
    }
    (rows, damaged)
}

/// Skipping damage returns the same rows, and lists what is missing.
fn assert_same_around_damage(
    snapshot: &Snapshot,
    path: &Path,
    most: &Limits,
    rows: &[(u64, Observation)],
    damaged: u64,
) {
    let around = snapshot.skip_damage();
    let (again, errors) = by_sequence(&around, path, most);
    assert_eq!(errors, 0, "damage is listed, and no error");
    let is_same = |(a, b): (&(u64, Observation), &(u64, Observation))| a.0 == b.0 && same(a.1, b.1);
    assert!(again.len() == rows.len() && again.iter().zip(rows).all(is_same), "the same rows");
    assert_eq!(around.missing().is_empty(), damaged == 0, "{:?}", around.missing());
}

/// The answers may be wrong, but there is an answer, or an error that says why not. If
/// damage is skipped, it is no error. `readable` are all rows in order of arrival, if
/// they are known.
fn ask(
    snapshot: &Snapshot,
    input: &mut Input<'_>,
    path: &Path,
    readable: Option<&Vec<Observation>>,
) {
    let must_answer = readable.is_some();
    let answers = |is_answer: bool| assert!(is_answer || !must_answer, "damage is no error here");
    let from = 10 * i64::from(input.u16() % 4096) - 40;
    let to = from + i64::from(input.byte()) * 256;
    let q = f64::from(input.byte()) / 255.0;
    let (whole, window) = (snapshot.window(..), snapshot.window(from..=to));
    let summary = checked(snapshot.summary(), path);
    answers(summary.is_some());
    let questions = input.byte();
    match questions & 7 {
        0 => answers(checked(snapshot.median(), path).is_some()),
        1 => answers(checked(window.quantile(q), path).is_some()),
        2 => answers(checked(snapshot.quantile_estimate(q), path).is_some()),
        3 => answers(checked(window.histogram(20), path).is_some()),
        4 => answers(checked(whole.columns(50), path).is_some()),
        5 => answers(checked(window.columns(50), path).is_some()),
        6 => {
            let width = std::time::Duration::from_nanos(1 + u64::from(input.u16()));
            drop(checked(window.buckets(width, from), path));
        }
        _ => answers(checked(window.summary(), path).is_some()),
    }
    let mut found = Vec::new();
    for item in whole.iter() {
        found.extend(checked(item, path));
    }
    assert!(found.is_sorted_by_key(|it| it.timestamp_ns), "in order of time");
    for item in window.iter() {
        checked(item, path);
    }
    for item in snapshot.latest(input.u16().into()) {
        checked(item, path);
    }
    if let Some(readable) = readable {
        let mut sorted = readable.clone();
        sorted.sort_by_key(|it| it.timestamp_ns);
        assert_eq!(found.len(), sorted.len(), "all that is readable, by time");
        assert!(found.iter().zip(&sorted).all(|(a, b)| same(*a, *b)), "equal times by arrival");
        let count = summary.expect("an answer").count();
        assert!(count <= snapshot.len(), "{count} of {}", snapshot.len());
    }
}
