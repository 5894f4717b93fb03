//! A small store, its files damaged, forged, renamed, removed and mixed with
//! others', then opened, read, appended to, and read again.
//!
//! Whatever is there: no panic, an error says which file it is about, and what
//! is not read is said to be lost. Where nothing was forged: no wrong value, and
//! what was readable stays readable behind an append.

use gaugelog::{Observation, Options, Store, SyncPolicy};

use crate::input::Input;
use crate::model::same;
use crate::mutation::{Done, mutate};
use crate::reading::{Seen, read, told};
use crate::scratch::{Files, Place};
use crate::template::{STEPS_MAX, observation, template};

const MUTATIONS_MAX: usize = 12;

/// Does all of this as `bytes` say.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (files, done) = damaged(&mut input);
    gaugelog::fuzzing::count_identities_from(1 << 40);
    let place = Place::with(&files);
    let size = files.values().map(|bytes| bytes.len() as u64).sum();
    let options = options(&mut input);
    let read_only = input.flag();
    let opened =
        if read_only { options.open_read_only(place.path()) } else { options.open(place.path()) };
    let Some(store) = told(opened, place.path()) else { return };
    tell(&store, &files, done);
    let Some(seen) = read(&store, &mut input, size, !done.forged) else { return };
    if !done.forged {
        assert_never_wrong(&seen, done);
    }
    if input.is_empty() {
        return;
    }
    let appended = append(&mut input, &store, done);
    drop(store);
    let again = self::options(&mut input).open(place.path());
    let Some(store) = told(again, place.path()) else { return assert!(done.forged) };
    // At most two new segments, and copies of all there was.
    let Some(then) = read(&store, &mut input, 4 * size + (1 << 20), !done.forged) else { return };
    if !done.forged {
        assert_kept(&seen, &appended, &then);
    }
}

/// For whoever looks into one input: what it made, on standard error.
fn tell(store: &Store, files: &Files, done: Done) {
    if std::env::var_os("GAUGELOG_FUZZ_TELL").is_some() {
        eprintln!("{done:?}, {:#?}", store.found());
        for (name, bytes) in files {
            eprintln!("{name}: {} bytes", bytes.len());
        }
        let snapshot = store.snapshot().expect("a snapshot");
        for item in snapshot.arrivals(0..u64::MAX) {
            eprintln!("{item:?}");
        }
    }
}

/// The files of a store that had something done to them.
fn damaged(input: &mut Input<'_>) -> (Files, Done) {
    let steps = usize::from(input.byte()) % (STEPS_MAX + 1);
    let recipe = input.bytes(steps);
    let mut files = template(0, recipe).files.clone();
    let mut done = Done::default();
    for _ in 0..usize::from(input.byte()) % (MUTATIONS_MAX + 1) {
        if input.is_empty() {
            break;
        }
        mutate(input, recipe, &mut files, &mut done);
    }
    (files, done)
}

fn options(input: &mut Input<'_>) -> Options {
    let what = input.byte();
    let policy = if what & 1 == 0 { SyncPolicy::Never } else { SyncPolicy::Always };
    let segment_bytes_max = if what & 2 == 0 { 1024 } else { 1 << 20 };
    Options::new()
        .sync(policy)
        .segment_bytes_max(segment_bytes_max)
        .positioned_reads(what & 4 != 0)
        .lock_wait(std::time::Duration::ZERO)
}

/// Each is what was appended under its number, to the one store or the other.
fn assert_never_wrong(seen: &Seen, done: Done) {
    let all_of = |id| {
        seen.arrivals.iter().all(|(sequence, found)| {
            usize::try_from(*sequence).is_ok_and(|n| same(*found, observation(id, n)))
        })
    };
    assert!(all_of(0) || (done.mixed && all_of(1)), "a value that was never appended there");
}

/// Appends a few by one way or another; what was acknowledged.
fn append(input: &mut Input<'_>, store: &Store, done: Done) -> Vec<(u64, Observation)> {
    let mut appended = Vec::new();
    let ours: Vec<_> = (0..1500).map(|n| observation(7, n)).collect();
    for _ in 0..1 + input.byte() % 3 {
        let what = input.byte();
        let count = if what >= 240 { 1500 } else { 1 + usize::from(what / 4) };
        let batch = &ours[..count];
        let start = if what & 1 == 0 {
            told(store.append_batch(batch), store.path()).map(|numbers| numbers.start)
        } else {
            held(store, batch)
        };
        let Some(start) = start else { continue };
        if !done.forged {
            appended.extend((start..).zip(batch.iter().copied()));
        }
    }
    if input.flag() {
        told(store.sync(), store.path());
    }
    appended
}

/// Appends by a writer; the first one's number.
fn held(store: &Store, batch: &[Observation]) -> Option<u64> {
    let mut writer = told(store.writer(), store.path())?;
    for observation in batch {
        told(writer.push(*observation), store.path())?;
    }
    let end = told(writer.flush(), store.path());
    told(writer.close(), store.path());
    end.map(|end| end - batch.len() as u64)
}

/// What could be read can be read, and what was acknowledged.
fn assert_kept(before: &Seen, appended: &[(u64, Observation)], then: &Seen) {
    let mut found = then.arrivals.iter();
    for (sequence, expected) in before.arrivals.iter().chain(appended) {
        let kept = found.find(|(number, _)| number == sequence);
        let kept = kept.unwrap_or_else(|| panic!("{sequence} of {} is gone", then.length));
        assert!(same(kept.1, *expected), "{sequence}: {:?}, and not {expected:?}", kept.1);
    }
}
