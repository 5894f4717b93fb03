//! What a store that was tampered with is still good for: statistics, verifying,
//! appending, and opening again.

use std::path::Path;

use super::specimen::{Specimen, observation, options};
use super::verdict::{Expected, sight};
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::snapshot::Snapshot;
use crate::stats::summary::Summary;
use crate::store::Store;

/// Checks one of several things, by `turn`; whether the store has changed by it.
pub(super) fn check(
    path: &Path,
    specimen: &Specimen,
    expected: &Expected,
    snapshot: &Snapshot,
    turn: u64,
) -> bool {
    match turn % 4 {
        0 => statistics(specimen, expected, snapshot),
        1 => order_of_time(specimen, expected, snapshot),
        2 => verified(path, specimen, expected),
        _ => {
            appended(path, specimen, expected);
            return true;
        }
    }
    false
}

/// Observations with the given sequence numbers.
fn those(sequences: impl Iterator<Item = u64>) -> Vec<Observation> {
    sequences.map(observation).collect()
}

/// A statistic is that of all observations, an error where some of those that it
/// needs are lost, or, where the summary does without them, that of what is left.
fn statistics(specimen: &Specimen, expected: &Expected, snapshot: &Snapshot) {
    let all = those(0..expected.sight.observations);
    let left = those(expected.sight.served.iter().cloned().flatten());
    let lost = all.len() != left.len();
    let judge =
        |found: Result<Option<f64>>, of: &dyn Fn(&[Observation]) -> f64, what: &str| match found {
            Ok(found) => {
                let found = found.expect("there are values");
                let right = found == of(&all) || (lost && found == of(&left));
                assert!(right, "{what}: {found} instead of {}", of(&all));
            }
            Err(error) => assert_told(&error, specimen, expected),
        };
    judge(snapshot.median(), &|them| quantile(them, 0.5), "median");
    judge(snapshot.quantile(0.99), &|them| quantile(them, 0.99), "quantile");
    match snapshot.histogram(7) {
        Ok(found) => {
            let counted: u64 = found.expect("there are values").counts.iter().sum();
            let lengths = [all.len() as u64, left.len() as u64, expected.summary.count];
            assert!(lengths.contains(&counted), "histogram of {counted}, not of {lengths:?}");
        }
        Err(error) => assert_told(&error, specimen, expected),
    }
    let (from, to) = (observation(700).timestamp_ns, observation(1_040).timestamp_ns);
    match snapshot.summary_of(from..to) {
        Ok(found) => {
            let count = |them: &[Observation]| {
                them.iter().filter(|it| (from..to).contains(&it.timestamp_ns)).count() as u64
            };
            assert_eq!(found.count(), count(&all), "summary of a range");
        }
        Err(error) => assert_told(&error, specimen, expected),
    }
}

/// numpy's default.
fn quantile(observations: &[Observation], q: f64) -> f64 {
    let mut values: Vec<f64> = observations.iter().map(|it| it.value).collect();
    values.sort_by(f64::total_cmp);
    let last = u32::try_from(values.len() - 1).expect("a few");
    let index = q * f64::from(last);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small index")]
    let left = index.floor() as usize;
    let (low, high) = (values[left], values[(left + 1).min(values.len() - 1)]);
    let fraction = index.fract();
    if q == 0.5 && fraction > 0.0 {
        f64::midpoint(low, high)
    } else if fraction < 0.5 {
        low + (high - low) * fraction
    } else {
        high - (high - low) * (1.0 - fraction)
    }
}

/// The error is one of damage, and of a place that reading tells of.
fn assert_told(error: &Error, specimen: &Specimen, expected: &Expected) {
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let named = expected.sight.told.iter().any(|place| {
        error.path().ends_with(&specimen.files[place.file].name)
            && error.offset() == Some(place.offset)
    });
    assert!(named, "{error}");
}

fn order_of_time(specimen: &Specimen, expected: &Expected, snapshot: &Snapshot) {
    // Times come in order here.
    let mut left = expected.sight.served.iter().cloned().flatten();
    for item in snapshot.range(..) {
        match item {
            Ok(found) => assert_eq!(Some(found), left.next().map(observation)),
            Err(error) => assert_told(&error, specimen, expected),
        }
    }
    assert_eq!(left.next(), None, "all that is left comes in order of time");
    match snapshot.downsample(5) {
        Ok(columns) => {
            let counted: u64 = columns.iter().map(|column| column.count).sum();
            assert!(counted <= expected.sight.observations);
        }
        Err(error) => assert_told(&error, specimen, expected),
    }
}

pub(super) fn verified(path: &Path, specimen: &Specimen, expected: &Expected) {
    let store = Store::open_read_only(path).expect("opened");
    let found = store.verify().expect("verified");
    let told: Vec<_> = found
        .damage
        .iter()
        .map(|damage| (damage.path.clone(), damage.offset, damage.lost.clone()))
        .collect();
    let listed = expected.verified.iter().map(|place| {
        (path.join(&specimen.files[place.file].name), place.offset, place.lost.clone())
    });
    assert_eq!(told, listed.collect::<Vec<_>>(), "{found:?}");
    let served: u64 = expected.sight.served.iter().map(|range| range.end - range.start).sum();
    assert_eq!(found.readable, served);
    assert_eq!(found.observations, expected.sight.observations);
    assert_eq!(found.dropped_bytes, expected.sight.dropped_bytes);
}

/// Nothing that could be read is lost by appending, and it opens again.
fn appended(path: &Path, specimen: &Specimen, expected: &Expected) {
    let before = &expected.sight;
    let mut stored = those(0..before.observations);
    let new = observation(1_000_000);
    let store = Store::open_with(path, options(SyncPolicy::Always, 1 << 20), false);
    let store = store.expect("opened");
    let appended = store.append(new);
    let mut served = before.served.clone();
    match &appended {
        Ok(sequence) => {
            assert_eq!(*sequence, before.observations);
            stored.push(new);
            match served.last_mut() {
                Some(last) if last.end == *sequence => last.end += 1,
                _ => served.push(*sequence..*sequence + 1),
            }
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
            assert!(error.path().starts_with(path) && error.path() != path, "{error}");
        }
    }
    drop(store);
    let (seen, snapshot) = sight(path, specimen, &stored, true).expect("opened");
    assert_eq!(seen.observations, stored.len() as u64, "{appended:?}");
    assert_eq!(seen.served, served, "what could be read before, and the new one: {appended:?}");
    let lost = |sight: &super::verdict::Sight| {
        sight.told.iter().map(|place| place.lost.clone()).filter(|lost| !lost.is_empty()).collect()
    };
    let (lost_before, lost_now): (Vec<_>, Vec<_>) = (lost(before), lost(&seen));
    assert_eq!(lost_before, lost_now);
    if appended.is_ok() {
        assert_eq!(seen.dropped_bytes, 0);
        let count = snapshot.summary().expect("read").count();
        assert_eq!(count, expected.summary.count() + 1);
    }
    let _ = Summary::EMPTY;
}
