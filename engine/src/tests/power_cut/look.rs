//! Reads a store in every way, and compares with what must be there.

use std::path::Path;
use std::sync::Arc;

use super::super::contents::contents_of;
use super::super::{RECORD_BYTES, summary_from};
use super::choices::{State, digest};
use super::listed_log::{ListedLog, Placed};
use super::place::Place;
use super::reported::{Death, Reading, Reported};
use crate::error::ErrorKind;
use crate::format::names::MANIFEST;
use crate::observation::Observation;
use crate::options::Options;
use crate::os::disk::Directory;
use crate::read::snapshot::Snapshot;
use crate::store::{Recovery, Store};
use crate::view::View;

/// One in this many states is read through maps, which takes longer.
const MAPPED_EVERY: u64 = 8;
/// One in this many is read through a store's handle; one in twice as many is verified.
const STORE_EVERY: u64 = 8;

/// Reads the store that `place` shows in `state`, checks that `reported` admits what is
/// found there, and returns it.
pub(super) fn look(
    place: &mut Place,
    state: &State,
    reported: &Reported,
    death: Death,
    options: &Options,
) -> Reading {
    let chance = digest(state);
    let maps = chance % MAPPED_EVERY == 1;
    let options = options.clone().positioned_reads(!maps);
    let found = read_all(place.path(), state, reported, &options);
    reported.assert_admits(&found, death);
    if chance % 16 == 1 {
        let other = options.clone().positioned_reads(maps);
        let again = read_all(place.path(), state, reported, &other);
        assert!(again == found, "through a map, or by position");
    }
    let manifest = state.as_ref().and_then(|files| files.get(MANIFEST));
    if chance % 32 == 2 && manifest.is_some() && !reported.is_corrupt {
        assert_one_copy_of_the_manifest_suffices(place, chance, &found, &options);
    }
    if chance % 32 == 4 && !reported.is_corrupt {
        assert_corruption_is_reported(place, state, &found, chance, &options);
    }
    if !reported.created || reported.is_corrupt {
        // Reading may have created or repaired the store.
        place.clear();
    }
    found
}

/// Opens the store and reads all of it.
fn read_all(path: &Path, state: &State, reported: &Reported, options: &Options) -> Reading {
    let chance = digest(state);
    if reported.is_corrupt {
        repair(path, options);
    }
    let view = if reported.created && !chance.is_multiple_of(STORE_EVERY) {
        View::take(&directory(path), options.positioned_reads).expect("opens the first time")
    } else {
        let Some(store) = open(path, reported, options) else { return Reading::default() };
        if chance.is_multiple_of(2 * STORE_EVERY) {
            let found = store.verify().expect("read");
            assert!(found.is_sound(), "{found:?}");
        }
        let view = View::take(&directory(path), options.positioned_reads).expect("opens again");
        assert_eq!(*store.recovery(), Recovery::of(&view));
        view
    };
    let opened = Recovery::of(&view);
    assert!(opened.damage.is_empty(), "{opened:?}");
    if let Some(files) = state
        && !reported.is_corrupt
        && let Some(log) = ListedLog::of(files)
    {
        let end = (log.end_sequence, log.dropped_bytes);
        assert_eq!((view.end_sequence(), opened.dropped_bytes), end);
        // Valid frames after the end may state more, and so may the previous log.
        let durable = log.watermark.map_or(0, |it| it.1);
        let admitted = durable..=log.end_sequence;
        assert!(admitted.contains(&view.durable_sequence()), "{admitted:?}");
    }
    let contents = contents_of(&view).expect("read");
    assert!(contents.damage.is_empty() && contents.absent.is_empty(), "{:?}", contents.damage);
    let (first, end) = (view.first_sequence(), view.end_sequence());
    assert!(contents.rows.iter().map(|(sequence, _)| *sequence).eq(first..end));
    let observations: Vec<Observation> = contents.rows.into_iter().map(|(_, it)| it).collect();
    assert_statistics(view, &observations, chance);
    Reading { first: usize::try_from(first).expect("in memory"), observations }
}

fn directory(path: &Path) -> Arc<Directory> {
    Arc::new(Directory::open(path).expect("the directory"))
}

/// The manifest is corrupt, or a repair that was cut off has already replaced it.
fn repair(path: &Path, options: &Options) {
    if let Err(error) = View::take(&directory(path), options.positioned_reads) {
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }
    let repaired = options.repair(path).expect("repaired");
    assert_eq!(repaired.lost, 0, "{repaired:?}");
}

/// Opens the store, or creates it if it may be missing. `None` if there is not even an
/// empty store: an interrupted copy leaves none.
fn open(path: &Path, reported: &Reported, options: &Options) -> Option<Store> {
    // Not through `Options`, which does not allow logs as small as these.
    let opened = options.open(path);
    let none = [ErrorKind::NotFound, ErrorKind::NotAStore];
    match opened {
        Err(error) if !reported.created && none.contains(&error.kind()) => {
            match options.create(path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => None,
                created => Some(created.expect("created where there is none")),
            }
        }
        opened => Some(opened.expect("opens the first time")),
    }
}

/// Promise 5: the statistics are those of the observations found.
fn assert_statistics(view: View, found: &[Observation], chance: u64) {
    let first = view.first_sequence();
    let snapshot = Snapshot::new(view, &Options::new(), None);
    let summary = snapshot.summary().expect("read");
    assert_eq!(summary, summary_from(first, found));
    // Slow questions are asked only sometimes.
    if chance % 8 == 3 {
        let rows = snapshot.by_sequence(..).map(|row| row.expect("read"));
        assert!(rows.eq((first..).zip(found.iter().copied())), "read by sequence");
        assert_eq!(snapshot.window(..).summary().expect("read"), summary);
        assert_eq!(snapshot.median().expect("read"), median(found));
    }
}

fn median(found: &[Observation]) -> Option<f64> {
    let mut values: Vec<f64> = found.iter().map(|observation| observation.value).collect();
    let middle = values.len().checked_sub(1)? / 2;
    let (_, low, above) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp);
    let high = next.filter(|_| found.len().is_multiple_of(2)).unwrap_or(*low);
    Some(f64::midpoint(*low, high))
}

/// Promise 4: each of the manifest's copies suffices, and damage to the other one is
/// reported.
fn assert_one_copy_of_the_manifest_suffices(
    place: &mut Place,
    chance: u64,
    found: &Reading,
    options: &Options,
) {
    let byte = usize::try_from((chance >> 8) % (2 * RECORD_BYTES as u64)).expect("small");
    place.flip(MANIFEST, byte);
    let view = View::take(&directory(place.path()), options.positioned_reads).expect("opens");
    let reported = Recovery::of(&view).damage;
    let copy = byte / RECORD_BYTES * RECORD_BYTES;
    assert!(reported.iter().map(|it| it.offset).eq([copy as u64]), "{reported:?}");
    let rows = contents_of(&view).expect("read").rows;
    assert!(rows.iter().map(|(_, row)| row).eq(&found.observations), "corrupt at {byte}");
    place.flip(MANIFEST, byte);
}

/// Promise 4, up to the last watermark. A flipped bit in a frame that a later one states
/// to be durable, or with which the log was made, is reported as corruption, and costs
/// that frame alone.
fn assert_corruption_is_reported(
    place: &mut Place,
    state: &State,
    found: &Reading,
    chance: u64,
    options: &Options,
) {
    let Some(log) = state.as_ref().and_then(ListedLog::of) else { return };
    let durable = log.watermark.map_or(0, |it| it.0).max(log.record.made_bytes);
    let stated: Vec<Placed> =
        log.frames.iter().copied().filter(|frame| frame.end <= durable).collect();
    let Some(drawn) = (chance >> 8).checked_rem(stated.len() as u64) else { return };
    let corrupt = stated[usize::try_from(drawn).expect("in memory")];
    let byte = corrupt.start + (chance >> 32) % (corrupt.end - corrupt.start);
    let byte = usize::try_from(byte).expect("in memory");
    place.flip(&log.name, byte);
    let view = View::take(&directory(place.path()), options.positioned_reads).expect("opens");
    let contents = contents_of(&view).expect("read");
    let lost = corrupt.first_sequence..corrupt.first_sequence + corrupt.count;
    let reported = contents.damage.iter().map(|it| (it.offset, it.lost.clone()));
    assert!(reported.eq([(corrupt.start, lost.clone())]), "{byte}: {:?}", contents.damage);
    let kept = (found.first as u64..).zip(found.observations.iter().copied());
    let kept = kept.filter(|(sequence, _)| !lost.contains(sequence));
    assert!(contents.rows.into_iter().eq(kept), "corrupt at {byte}");
    place.flip(&log.name, byte);
}
