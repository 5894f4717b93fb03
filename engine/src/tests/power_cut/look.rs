//! Looks at a store by every way to it, and compares with what must be there.

use std::path::Path;

use super::super::{readable, summary_of};
use super::choices::{State, digest};
use super::last_segment::{LastSegment, Placed};
use super::place::Place;
use super::told::{Death, Told};
use crate::checkpoint;
use crate::error::ErrorKind;
use crate::observation::Observation;
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::store::{self, Store};

/// One state in so many is read through maps, which take longer.
const MAPPED_EVERY: u64 = 8;
/// One in so many is seen through a store's handle.
const STORE_EVERY: u64 = 4;

/// Looks at the store that `place` shows in `state`, checks that `told` admits
/// what is found there, and returns it.
pub(super) fn look(
    place: &mut Place,
    state: &State,
    told: &Told,
    death: Death,
    options: &Options,
) -> Vec<Observation> {
    let chance = digest(state);
    let maps = chance % MAPPED_EVERY == 1;
    let options = options.clone().positioned_reads(!maps);
    let found = find(place.path(), state, told, &options);
    told.assert_admits(&found, death);
    if chance % 16 == 1 {
        let other = options.clone().positioned_reads(maps);
        assert!(find(place.path(), state, told, &other) == found, "through a map, or by position");
    }
    if chance % 16 == 2 {
        for name in state.iter().flat_map(|files| files.keys()) {
            if name.ends_with(".tree") || name.ends_with(".guide") || **name == *checkpoint::NAME {
                place.remove(name);
            }
        }
        assert!(find(place.path(), state, told, &options) == found, "without derived files");
    }
    if chance % 32 == 4 {
        assert_rot_is_told(place, state, &found, chance, &options);
    }
    if !told.created {
        // The look may have created it.
        place.clear();
    }
    found
}

/// Opens the store and reads all of it.
fn find(path: &Path, state: &State, told: &Told, options: &Options) -> Vec<Observation> {
    let chance = digest(state);
    let (opened, snapshot) = if told.created && !chance.is_multiple_of(STORE_EVERY) {
        // What opening a store finds is what a snapshot of it sees: seen once for both.
        let (opened, view) =
            store::look(path, options.positioned_reads).expect("opens the first time");
        (opened, Snapshot::new(view))
    } else {
        let store = open(path, told, options);
        if chance.is_multiple_of(2 * STORE_EVERY) {
            assert_verified(&store);
        }
        (store.found().clone(), store.snapshot().expect("a snapshot"))
    };
    assert!(opened.damage.is_empty(), "{opened:?}");
    if let Some(files) = state
        && let Some(segment) = LastSegment::of(files)
    {
        let end = (segment.end_sequence, segment.dropped_bytes);
        assert_eq!((opened.observations, opened.dropped_bytes), end);
        segment.assert_not_ahead(files);
    }
    let (found, errors) = readable(&snapshot);
    assert!(errors.is_empty(), "{errors:?}");
    assert!(found.iter().map(|(sequence, _)| *sequence).eq(0..opened.observations));
    let found: Vec<Observation> = found.into_iter().map(|(_, observation)| observation).collect();
    assert_statistics(&snapshot, &found);
    found
}

/// Opens the store, or creates it where it may not be there.
fn open(path: &Path, told: &Told, options: &Options) -> Store {
    // Not through `Options`, which has no segments as small as these.
    let opened = Store::open_with(path, options.clone(), false);
    let none = [ErrorKind::NotFound, ErrorKind::NotAStore];
    match opened {
        Err(error) if !told.created && none.contains(&error.kind()) => {
            Store::create_with(path, options.clone()).expect("created where there is none")
        }
        opened => opened.expect("opens the first time"),
    }
}

/// Of what is not synced, as what is derived is not, a torn part may be there;
/// what holds tells the truth.
fn assert_verified(store: &Store) {
    for damage in store.verify().expect("read").damage {
        let derived = damage.path.extension().is_none_or(|kind| kind != "rows");
        let torn = damage.detail.ends_with("does not match its checksum");
        assert!(derived && torn, "{damage:?}");
    }
}

/// Promise 5: the statistics are those of the observations found.
fn assert_statistics(snapshot: &Snapshot, found: &[Observation]) {
    let summary = snapshot.summary().expect("read");
    assert_eq!(summary, summary_of(found));
    // What takes longest is asked now and then.
    if found.len() % 8 == 1 {
        assert_eq!(snapshot.summary_of(..).expect("read"), summary);
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

/// Promise 4, up to the last oath: a bit that turns in a frame that a later one
/// swears to have been synced is told as rot, and costs that frame alone.
fn assert_rot_is_told(
    place: &mut Place,
    state: &State,
    found: &[Observation],
    chance: u64,
    options: &Options,
) {
    let Some(segment) = state.as_ref().and_then(LastSegment::of) else { return };
    let sworn = segment.frames.iter().map(|frame| frame.oath).max().unwrap_or(0);
    let sworn_to: Vec<Placed> =
        segment.frames.iter().copied().filter(|frame| frame.end <= sworn).collect();
    let Some(drawn) = (chance >> 8).checked_rem(sworn_to.len() as u64) else { return };
    let rotten = sworn_to[usize::try_from(drawn).expect("in memory")];
    let byte = rotten.start + (chance >> 32) % (rotten.end - rotten.start);
    let byte = usize::try_from(byte).expect("in memory");
    place.remove(checkpoint::NAME);
    place.flip(&segment.name, byte);
    let store = Store::open_with(place.path(), options.clone(), false).expect("opens all the same");
    let lost = rotten.first_sequence..rotten.first_sequence + rotten.count;
    let told: Vec<_> = store.found().damage.iter().map(|it| (it.offset, it.lost.clone())).collect();
    assert_eq!(told, [(rotten.start, lost.clone())], "rot at {byte}");
    let (left, errors) = readable(&store.snapshot().expect("a snapshot"));
    assert_eq!(errors.len(), 1, "{errors:?}");
    let kept = (0..).zip(found).filter(|(sequence, _)| !lost.contains(sequence));
    assert!(left.into_iter().eq(kept.map(|(sequence, it)| (sequence, *it))), "rot at {byte}");
    place.flip(&segment.name, byte);
}
