//! A small store whose files are damaged, forged, renamed, removed and mixed with those
//! of another store. Then it is opened, read, appended to, repaired, copied, and read
//! again.
//!
//! Whatever is there: no panic, an error says which file it is about, and what is not
//! read is reported as lost. If nothing was forged: no wrong value; what verifies clean
//! reads clean; what was readable stays readable after an append and a repair; and a
//! repaired store verifies clean.

use std::collections::BTreeMap;

use gaugelog::{Observation, Options, Store, SyncPolicy, Verification, fuzzing};

use crate::input::Input;
use crate::model::same;
use crate::mutation::{Done, mutate};
use crate::reading::{Seen, checked, read};
use crate::scratch::{Files, Place};
use crate::template::{DIVERGED, FOREIGN, OURS, STEPS_MAX, observation, template};

const MUTATIONS_MAX: usize = 12;
/// The id of the store whose values are appended.
const APPENDED: u64 = 7;

/// Does this, as `bytes` say.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (files, done) = damaged(&mut input);
    fuzzing::count_identities_from(1 << 40);
    let place = Place::with(&files);
    print(&place, &format!("{done:?}"));
    let size = files.values().map(|bytes| bytes.len() as u64).sum();
    let first = options(&mut input);
    let opened = match input.flag() {
        true => first.open_read_only(place.path()),
        false => first.open(place.path()),
    };
    let mut seen = None;
    if let Some(store) = checked(opened, place.path()) {
        seen = read(&store, &mut input, size, !done.is_forged);
        if let Some(seen) = seen.as_ref().filter(|_| !done.is_forged) {
            assert_never_wrong(seen, done);
        }
    }
    let mut appended = Vec::new();
    for _ in 0..3 {
        if input.is_empty() {
            return;
        }
        // At most a new log and new chunks, and what is appended.
        let size = 4 * size + (1 << 20);
        let what = input.byte() % 4;
        match what {
            0 | 1 => append(&mut input, &place, done, seen.as_ref(), &mut appended),
            2 => repair(&mut input, &place),
            _ => copy(&mut input, &place, size, done),
        }
        print(&place, ["appended", "appended", "repaired", "copied"][usize::from(what)]);
        let trusted = !done.is_forged;
        let opened = options(&mut input).open(place.path());
        let Some(store) = checked(opened, place.path()) else { continue };
        let Some(then) = read(&store, &mut input, size, trusted) else { continue };
        if trusted && let Some(seen) = &seen {
            // A foreign chunk also costs those that are merged with it later.
            let is_sound = then.verification.as_ref().is_some_and(Verification::is_sound);
            assert_kept(seen, &appended, &then, done.is_diverged && !is_sound);
        }
    }
}

/// Prints the files, to examine one input.
fn print(place: &Place, what: &str) {
    if std::env::var_os("GAUGELOG_FUZZ_PRINT").is_none() {
        return;
    }
    eprintln!("{what}: {:?}", fuzzing::listed(place.path()));
    for (name, bytes) in place.files() {
        eprintln!("  {name}: {} bytes", bytes.len());
    }
    let found = Store::open_read_only(place.path()).and_then(|store| {
        eprintln!("{:?}\n{:?}", store.recovery(), store.verify());
        store.snapshot()
    });
    match found {
        Ok(snapshot) => {
            for error in snapshot.by_sequence(..).filter_map(Result::err) {
                eprintln!("{error}, {:?}", error.lost());
            }
        }
        Err(error) => eprintln!("{error}"),
    }
}

/// The files of a store after some changes.
fn damaged(input: &mut Input<'_>) -> (Files, Done) {
    let steps = usize::from(input.byte()) % (STEPS_MAX + 1);
    let recipe = input.bytes(steps);
    let mut files = template(OURS, recipe).files.clone();
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
    Options::new()
        .sync(policy)
        .log_bytes_max(if what & 2 == 0 { 16 << 10 } else { 64 << 20 })
        .positioned_reads(what & 4 != 0)
        .lock_wait(std::time::Duration::ZERO)
}

/// Each observation is what was appended under its number, to one of the stores involved.
fn assert_never_wrong(seen: &Seen, done: Done) {
    let all_of = |ids: &[u64]| {
        seen.rows.iter().all(|(sequence, found)| {
            let n = usize::try_from(*sequence).expect("few observations");
            ids.iter().any(|id| same(*found, observation(*id, n)))
        })
    };
    let ours: &[u64] = if done.is_diverged { &[OURS, DIVERGED] } else { &[OURS] };
    assert!(
        all_of(ours) || (done.is_mixed && all_of(&[FOREIGN])),
        "a value that was never appended there"
    );
}

/// Appends a few in one of several ways, and adds what was acknowledged to `appended`.
fn append(
    input: &mut Input<'_>,
    place: &Place,
    done: Done,
    seen: Option<&Seen>,
    appended: &mut Vec<(u64, Observation)>,
) {
    let opened = options(input).open(place.path());
    let Some(store) = checked(opened, place.path()) else { return };
    let ours: Vec<_> = (0..2100).map(|n| observation(APPENDED, n)).collect();
    for _ in 0..1 + input.byte() % 3 {
        let what = input.byte();
        let count = match what {
            250.. => 2100,
            220.. => 1100,
            _ => 1 + usize::from(what / 4),
        };
        let batch = &ours[..count];
        let numbers = if what & 1 == 0 {
            checked(store.append_batch(batch), store.path())
        } else {
            held(&store, batch)
        };
        let Some(numbers) = numbers else { continue };
        assert_eq!(numbers.end - numbers.start, count as u64);
        if let Some(seen) = seen.filter(|_| !done.is_forged) {
            assert!(numbers.start >= seen.end, "a number is given once");
        }
        appended.extend(numbers.zip(batch.iter().copied()));
    }
    if input.flag() {
        checked(store.sync(), store.path());
    }
    if input.flag() {
        checked(store.seal(), store.path());
    }
}

/// Appends with a held writer. Returns the sequence numbers, from a snapshot.
fn held(store: &Store, batch: &[Observation]) -> Option<std::ops::Range<u64>> {
    let mut writer = checked(store.writer(), store.path())?;
    for observation in batch {
        checked(writer.push(*observation), store.path())?;
    }
    checked(writer.flush(), store.path())?;
    let end = checked(store.snapshot(), store.path()).map(|snapshot| snapshot.end_sequence());
    checked(writer.close(), store.path());
    end.map(|end| end - batch.len() as u64..end)
}

/// A repaired store verifies clean, and a second repair finds nothing to do.
fn repair(input: &mut Input<'_>, place: &Place) {
    let path = place.path();
    let Some(repair) = checked(options(input).repair(path), path) else { return };
    let store = options(input).open_read_only(path).expect("a repaired store can be opened");
    let found = store.verify().expect("a repaired store can be read");
    assert!(found.is_sound(), "after {repair:?}: {:?}", found.damage);
    let again = options(input).repair(path).expect("a repaired store can be repaired");
    assert_eq!((again.lost, again.rewritten.len()), (0, 0), "{again:?}");
}

/// A copy is another store with the same rows.
fn copy(input: &mut Input<'_>, place: &Place, size: u64, done: Done) {
    let opened = options(input).open_read_only(place.path());
    let Some(store) = checked(opened, place.path()) else { return };
    let to = Place::new();
    let Ok(count) = store.copy_to(to.path()) else { return };
    let copied = options(input).open(to.path()).expect("a copy can be opened");
    let trusted = !done.is_forged;
    let Some(seen) = read(&copied, input, size, trusted) else { return assert!(!trusted) };
    if trusted {
        assert_eq!(count, seen.end - copied.snapshot().expect("a snapshot").first_sequence());
        let original = store.verify().expect("what was copied can be read");
        let is_sound = seen.verification.is_some_and(|found| found.is_sound());
        assert!(is_sound || !original.is_sound(), "damage that only the copy has");
    }
}

/// What could be read, and what was acknowledged, can be read.
fn assert_kept(before: &Seen, appended: &[(u64, Observation)], then: &Seen, may_lose: bool) {
    let found: BTreeMap<u64, Observation> = then.rows.iter().copied().collect();
    for (sequence, expected) in before.rows.iter().chain(appended) {
        match found.get(sequence) {
            Some(kept) => {
                assert!(same(*kept, *expected), "{sequence}: {kept:?}, and not {expected:?}");
            }
            None => assert!(may_lose, "{sequence} of {} is gone", then.end),
        }
    }
}
