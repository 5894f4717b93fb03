//! Copies of a store that is being written. A copy by another program serves a prefix
//! without damage, or reports what is missing, and `repair` mends it. A copy by the
//! engine is always whole.
//!
//! `GAUGELOG_COPIES` is the number of copies in each way.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gaugelog::{ErrorKind, Observation, Snapshot, Store};
use support::copies::Way;
use support::processes::amount;
use support::{CHUNK, Random, arrivals, assert_sound, quick_place};

/// The observation of a sequence number. It is hard to compress, so that copying takes
/// long.
fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed(), random.normal())
}

/// What the writer has acknowledged, and what it may have removed.
#[derive(Debug, Default)]
struct Written {
    acknowledged: AtomicU64,
    removed: AtomicU64,
}

/// Appends and removes old chunks until `stop` is set.
fn append_until(stop: &AtomicBool, path: &Path, written: &Written) {
    let store = Store::open(path).expect("opened");
    let mut random = Random(3);
    let mut next = store.snapshot().expect("a snapshot").end_sequence();
    while !stop.load(Ordering::Relaxed) {
        let count = [1, 40, 2_500][usize::try_from(random.below(3)).expect("small")];
        let batch: Vec<_> = (next..next + count).map(observation).collect();
        assert_eq!(store.append_batch(&batch).expect("appended").start, next);
        next += count;
        written.acknowledged.store(next, Ordering::Release);
        if next / CHUNK > written.removed.load(Ordering::Relaxed) / CHUNK + 3 {
            written.removed.fetch_add(CHUNK, Ordering::Release);
            store.keep_bytes(3 << 20).expect("removed");
        }
    }
}

/// Runs `copy` again and again beside a writer. It gets the number of the copy, the
/// store, the place for the copy, and what was written before.
fn beside_a_writer(copies: u64, mut copy: impl FnMut(u64, &Store, &Path, &Written)) {
    let (guard, path) = quick_place();
    let store = Store::create(&path).expect("created");
    let begun: Vec<_> = (0..CHUNK + 40_000).map(observation).collect();
    store.append_batch(&begun).expect("appended");
    let (stop, written) = (AtomicBool::new(false), Written::default());
    written.acknowledged.store(begun.len() as u64, Ordering::Release);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| append_until(&stop, &path, &written));
        let copied = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for number in 0..copies {
                let to = guard.path().join("copy");
                copy(number, &store, &to, &written);
                std::fs::remove_dir_all(to).expect("removed");
            }
        }));
        stop.store(true, Ordering::Relaxed);
        writer.join().expect("the writer goes on");
        copied.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

/// Asserts that everything readable in a copy is what was appended, and that the rest is
/// reported. Returns whether anything is missing.
fn assert_honest(snapshot: &Snapshot, what: &str) -> bool {
    let snapshot = snapshot.skip_damage();
    let (mut next, mut gaps) = (snapshot.first_sequence(), 0);
    for item in snapshot.by_sequence(..) {
        let (sequence, stored) = item.expect("read around damage");
        assert!(sequence >= next, "{what}: {sequence} again");
        gaps += sequence - next;
        assert_eq!(stored, observation(sequence), "{what}: {sequence}");
        next = sequence + 1;
    }
    gaps += snapshot.end_sequence() - next;
    let missing = snapshot.missing();
    let reported: u64 = missing.iter().map(|it| it.lost.end - it.lost.start).sum();
    assert_eq!(gaps, reported, "{what}: {missing:?}");
    let count = snapshot.summary().expect("a summary").count();
    assert!(count + gaps >= snapshot.len(), "{what}: {count} counted, {gaps} missing");
    !missing.is_empty() || !snapshot.damage().is_empty()
}

/// Opens, reads and repairs a copy. Returns whether it was whole.
fn check_copy(path: &Path, before: u64, what: &str) -> bool {
    let is_damaged = match Store::open_read_only(path) {
        Ok(store) => {
            let snapshot = store.snapshot().expect("a snapshot");
            let is_damaged = assert_honest(&snapshot, what);
            if !is_damaged {
                assert!(snapshot.end_sequence() >= before, "{what}: less than before the copy");
            }
            is_damaged
        }
        Err(error) => {
            let kinds = [ErrorKind::Damaged, ErrorKind::NotAStore];
            assert!(kinds.contains(&error.kind()), "{what}: {error}");
            true
        }
    };
    let verified =
        Store::open_read_only(path).is_ok_and(|it| it.verify().expect("read").is_sound());
    match Store::repair(path) {
        Ok(repair) if verified => assert_eq!(repair.lost, 0, "{what}: {repair:?}"),
        Ok(_) => {}
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotAStore, "{what}: {error}");
            return false;
        }
    }
    let store = Store::open(path).expect("repaired");
    let snapshot = store.snapshot().expect("a snapshot");
    let verification = store.verify().expect("read");
    assert!(verification.is_sound(), "{what}: {verification:?}");
    let stored = snapshot.by_sequence(..).map(|item| item.expect("readable"));
    assert!(stored.into_iter().all(|(n, it)| it == observation(n)), "{what}");
    // The copy can be appended to.
    let next = snapshot.end_sequence();
    let batch: Vec<_> = (next..next + 70_000).map(observation).collect();
    assert_eq!(store.append_batch(&batch).expect("appended").start, next);
    assert!(store.verify().expect("read").is_sound(), "{what}");
    !is_damaged
}

#[test]
fn a_copy_by_another_program_serves_a_prefix_or_reports_what_is_missing() {
    let copies = amount("GAUGELOG_COPIES", 25);
    for way in Way::ALL.into_iter().filter(|way| way.can_be_tried()) {
        let mut whole = 0;
        beside_a_writer(copies, |number, store, to, written| {
            let before = written.acknowledged.load(Ordering::Acquire);
            way.copy(store.path(), to);
            let is_whole = check_copy(to, before, &format!("{way:?}, copy {number}"));
            whole += u64::from(is_whole);
        });
        println!("{way:?}: {whole} of {copies} copies without damage");
    }
}

#[test]
fn a_copy_by_the_engine_is_whole() {
    let copies = amount("GAUGELOG_COPIES", 25);
    beside_a_writer(copies, |number, store, to, written| {
        let before = written.acknowledged.load(Ordering::Acquire);
        let copied = store.copy_to(to).expect("copied");
        let copy = Store::open(to).expect("opened");
        assert_sound(&copy);
        let snapshot = copy.snapshot().expect("a snapshot");
        assert_eq!(snapshot.len(), copied);
        assert!(snapshot.end_sequence() >= before && snapshot.damage().is_empty());
        assert_eq!(snapshot.durable_end(), snapshot.end_sequence());
        let first = snapshot.first_sequence();
        let expected = (first..snapshot.end_sequence()).map(observation);
        assert!(arrivals(&snapshot).into_iter().eq(expected), "copy {number}");
        let own = copy.append(observation(snapshot.end_sequence())).expect("appended");
        assert_eq!(own, snapshot.end_sequence());
    });
}
