//! What still works on a store with changed bytes: opening, statistics, verifying,
//! appending, and repairing.

use std::path::Path;

use super::super::contents;
use super::in_place::Expected;
use super::specimen::{Specimen, observation};
use crate::observation::Observation;
use crate::store::Store;

/// Makes one of several checks, by `turn`. Returns whether it has changed the store.
pub(super) fn check(
    path: &Path,
    specimen: &Specimen,
    file: usize,
    expected: &Expected,
    turn: u64,
) -> bool {
    match turn % 4 {
        0 => opened(path, specimen, expected),
        1 => verified(path, specimen, expected),
        2 => {
            appended(path, specimen, expected);
            return true;
        }
        _ => {
            repaired(path, specimen, file, expected);
            return true;
        }
    }
    false
}

fn opened(path: &Path, specimen: &Specimen, expected: &Expected) {
    let store = Store::open(path).expect("opened");
    assert_eq!(store.recovery().observations, expected.end);
    assert_eq!(store.recovery().dropped_bytes, expected.dropped_bytes);
    specimen.judge(&contents(path), &(0..expected.end), expected);
}

fn verified(path: &Path, specimen: &Specimen, expected: &Expected) {
    let found = Store::open_read_only(path).expect("opened").verify().expect("verified");
    for damage in &found.damage {
        let known = specimen.reported.iter().any(|it| it.lost == damage.lost);
        let at = expected.verified.is_some_and(|(file, offset)| {
            damage.path.ends_with(&specimen.files[file].name) && damage.offset == offset
        });
        assert!(known || at, "{damage:?} instead of {:?}", expected.verified);
    }
    if let Some((file, offset)) = expected.verified {
        let listed = found.damage.iter().any(|damage| {
            damage.path.ends_with(&specimen.files[file].name) && damage.offset == offset
        });
        assert!(listed, "{} at {offset} is not listed: {found:?}", specimen.files[file].name);
    }
    assert_eq!(found.readable, served(specimen, expected));
    assert_eq!(found.observations, expected.end);
    assert_eq!(found.dropped_bytes, expected.dropped_bytes);
}

/// How many observations can be read.
fn served(specimen: &Specimen, expected: &Expected) -> u64 {
    let all = specimen.served.iter().cloned().flatten();
    all.filter(|n| !expected.lost.contains(n)).count() as u64
}

/// Appending loses nothing that could be read.
fn appended(path: &Path, specimen: &Specimen, expected: &Expected) {
    let before = contents(path).served();
    let new = observation(900_000);
    let store = Store::open(path).expect("opened");
    assert_eq!(store.append(new).expect("appended"), expected.end);
    drop(store);
    let now = contents(path);
    assert_eq!(now.rows.last(), Some(&(expected.end, new)));
    let mut served = before;
    match served.last_mut() {
        Some(last) if last.end == expected.end => last.end += 1,
        _ => served.push(expected.end..expected.end + 1),
    }
    assert_eq!(now.served(), served);
    assert_rows(&now.rows[..now.rows.len() - 1], specimen);
}

/// A repair accepts what is lost and loses nothing else.
fn repaired(path: &Path, specimen: &Specimen, file: usize, expected: &Expected) {
    let before = contents(path);
    // The damage of a page covers its whole leaf, with what was lost earlier.
    let is_lost = |n: &u64| before.damage.iter().any(|damage| damage.lost.contains(n));
    let is_absent = |n: &u64| before.absent.iter().any(|absent| absent.contains(n));
    let lost = (0..expected.end).filter(|n| is_lost(n) && !is_absent(n)).count() as u64;
    let repair = Store::repair(path).expect("repaired");
    let name = &specimen.files[file].name;
    assert_eq!(repair.lost, lost, "{name}: {repair:?}, {:?}", before.damage);
    assert!(!repair.is_manifest_rebuilt);
    let now = contents(path);
    assert!(now.damage.is_empty(), "{name}: {:?}", now.damage);
    assert_eq!(now.served(), before.served(), "{name}");
    assert_rows(&now.rows, specimen);
    let verified = Store::open(path).expect("opened").verify().expect("verified");
    assert!(verified.is_sound(), "{name}: {repair:?} {verified:?}");
    assert_eq!(verified.observations, expected.end);
    assert_eq!(verified.readable + verified.accepted, expected.end);
    let again = Store::repair(path).expect("repaired");
    assert!(again.lost == 0 && again.rewritten.is_empty(), "a sound store stays: {again:?}");
}

fn assert_rows(rows: &[(u64, Observation)], specimen: &Specimen) {
    for (sequence, row) in rows {
        let stored = specimen.observations[usize::try_from(*sequence).expect("in memory")];
        assert_eq!(
            (row.timestamp_ns, row.value.to_bits()),
            (stored.timestamp_ns, stored.value.to_bits())
        );
    }
}
