//! Looks at a store by every way to it, and compares with what must be there.

use std::path::Path;

use super::super::{readable, summary_of};
use super::choices::{State, digest};
use super::place::Place;
use super::told::{Death, Told};
use crate::checkpoint;
use crate::error::ErrorKind;
use crate::observation::Observation;
use crate::options::Options;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, FRAME_BYTES_MIN, decode_block_header, decode_frame,
    decode_segment_header, frame_bytes,
};
use crate::snapshot::Snapshot;
use crate::store::Store;

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
    let options = options.clone().positioned_reads(chance.is_multiple_of(2));
    let found = find(place.path(), state, told, &options);
    told.assert_admits(&found, death);
    if chance % 16 == 1 {
        let other = options.clone().positioned_reads(!chance.is_multiple_of(2));
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
    // Not through `Options`, which has no segments as small as these.
    let opened = Store::open_with(path, options.clone(), false);
    let none = [ErrorKind::NotFound, ErrorKind::NotAStore];
    let store = match opened {
        Err(error) if !told.created && none.contains(&error.kind()) => {
            Store::create_with(path, options.clone()).expect("created where there is none")
        }
        opened => opened.expect("opens the first time"),
    };
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    if let Some(segment) = state.as_ref().and_then(LastSegment::of) {
        let end = (segment.end_sequence, segment.dropped_bytes);
        assert_eq!((store.found().observations, store.found().dropped_bytes), end);
    }
    let snapshot = store.snapshot().expect("a snapshot");
    let (found, errors) = readable(&snapshot);
    assert!(errors.is_empty(), "{errors:?}");
    assert!(found.iter().map(|(sequence, _)| *sequence).eq(0..store.found().observations));
    let found: Vec<Observation> = found.into_iter().map(|(_, observation)| observation).collect();
    assert_statistics(&snapshot, &found);
    if digest(state) % 8 == 3 {
        assert_verified(&store);
    }
    found
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
    assert_eq!(snapshot.summary_of(..).expect("read"), summary);
    // What takes longest is asked now and then.
    if found.len() % 4 == 1 {
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

/// The last segment as its bytes have it, without any of the engine's shortcuts.
struct LastSegment {
    name: String,
    frames: Vec<Placed>,
    end_sequence: u64,
    /// Behind the end, up to the last byte that is not zero.
    dropped_bytes: u64,
}

/// A frame of the last segment.
#[derive(Clone, Copy)]
struct Placed {
    start: u64,
    end: u64,
    first_sequence: u64,
    count: u64,
    oath: u64,
}

impl LastSegment {
    fn of(files: &super::simulated_disk::Files) -> Option<Self> {
        let (name, content) = files.iter().rfind(|(name, _)| name.ends_with(".rows"))?;
        let bytes = content.bytes();
        let (header, mut at) = decode_segment_header(&bytes).expect("made whole");
        let (mut sequence, mut block_first) = (header.first_sequence, header.first_sequence);
        let mut frames = Vec::new();
        loop {
            let mut here = at;
            if BLOCK_BYTES - here % BLOCK_BYTES < FRAME_BYTES_MIN as u64 {
                here = here.next_multiple_of(BLOCK_BYTES);
            }
            let rest = |at: u64| bytes.get(usize::try_from(at).expect("in memory")..);
            if here % BLOCK_BYTES == 0 {
                let block =
                    rest(here).and_then(|it| decode_block_header(header.identity, here, it));
                if block.is_none_or(|block| block.first_sequence != sequence) {
                    break;
                }
                block_first = sequence;
                here += BLOCK_HEADER_BYTES as u64;
            }
            let left = usize::try_from(BLOCK_BYTES - here % BLOCK_BYTES).expect("a block");
            let frame = rest(here).and_then(|rest| {
                let rest = &rest[..rest.len().min(left)];
                decode_frame(header.identity, here, block_first, rest)
            });
            let Some((frame, first_sequence)) = frame.filter(|(_, first)| *first == sequence)
            else {
                // Padding and a block's header are written with the frame behind them.
                break;
            };
            let count = u64::from(frame.count);
            at = here + frame_bytes(frame.count) as u64;
            frames.push(Placed { start: here, end: at, first_sequence, count, oath: frame.oath });
            sequence += count;
        }
        let dropped_bytes = (content.zeros_from() as u64).saturating_sub(at);
        Some(Self { name: name.to_string(), frames, end_sequence: sequence, dropped_bytes })
    }
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
