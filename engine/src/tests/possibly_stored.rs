//! Rule 6 of the tail, when what was reported as failed can neither be overwritten nor
//! cut off by a void. The error says so, and no writer's acknowledged observations are
//! lost or doubled when work goes on.

use std::cell::Cell;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use super::disk_watch::{Event, no_space, record};
use super::*;
use crate::os::disk::{Operation, watch};
use crate::write::session::Numbers;

/// Refuses all writes to a log. The first refused write still writes `stored`, as btrfs
/// does when it has no room for a copy.
fn refuse_writes_after(stored: Vec<u8>) -> impl FnMut(&Path, &Event) -> io::Result<()> {
    let is_stored = Rc::new(Cell::new(false));
    move |path: &Path, event: &Event| match event.operation {
        Operation::Write { offset, .. } if event.file.ends_with(".log") => {
            if !is_stored.replace(true) {
                let file = std::fs::OpenOptions::new().write(true).open(path).expect("a log");
                file.write_all_at(&stored, offset).expect("written");
            }
            Err(no_space())
        }
        _ => Ok(()),
    }
}

/// A store of ten observations, and the bytes that one more append writes to it.
fn store_of_ten(path: &Path, policy: SyncPolicy, tried: &[Observation]) -> (Store, Vec<u8>) {
    let store = options(policy).create(path).expect("created");
    append_each(&store, 0..10);
    let written = bytes_of(&store, path, tried);
    (store, written)
}

/// The bytes that one more append writes to a store.
fn bytes_of(store: &Store, path: &Path, tried: &[Observation]) -> Vec<u8> {
    store.sync().expect("synced");
    let twin = path.with_extension("twin");
    std::fs::create_dir(&twin).expect("a directory");
    for name in names(path) {
        std::fs::copy(path.join(&name), twin.join(&name)).expect("copied");
    }
    let end = usize::try_from(open_log(path).tail().end.offset).expect("in memory");
    options(SyncPolicy::Never).open(&twin).expect("opened").append_batch(tried).expect("appended");
    std::fs::read(log_path(&twin)).expect("read").split_off(end)
}

#[test]
fn whole_frames_of_a_write_that_failed_may_be_found_and_a_retry_stores_them_once() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let tried = observations(10..12);
        let (store, written) = store_of_ten(&path, policy, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        let error = result.expect_err("no space");
        assert!(error.to_string().contains("10 to 11 may be found later"), "{error}");
        assert_eq!((error.stored(), error.uncertain()), (0, 10..12));
        assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
        append_each(&store, 12..14);
        assert_holds(&path, &observations(0..14));
    }
}

#[test]
fn a_sync_that_fails_forgets_nothing_of_it() {
    let (_guard, path) = place();
    let tried = observations(10..12);
    let (store, written) = store_of_ten(&path, SyncPolicy::Always, &tried);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } | Operation::Sync | Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(refuse, || store.sync());
    result.expect_err("no space");
    assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
    assert_holds(&path, &observations(0..12));
}

#[test]
fn a_sync_or_seal_after_it_stores_none_of_it() {
    for is_seal in [false, true] {
        let (_guard, path) = place();
        let tried = observations(10..12);
        let (store, written) = store_of_ten(&path, SyncPolicy::Never, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        result.expect_err("no space");
        if is_seal { store.seal() } else { store.sync() }.expect("done");
        assert_holds(&path, &observations(0..10));
        assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
        assert_holds(&path, &observations(0..12));
    }
}

/// As on a full disk, where no new log can be made.
#[test]
fn retention_after_it_makes_no_log() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    store.seal().expect("sealed");
    let tried = observations(2_100..2_102);
    let written = bytes_of(&store, &path, &tried);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    assert!(result.expect_err("no space").to_string().contains("may be found later"));
    let full = |_: &Path, event: &Event| match event.operation {
        Operation::Create if event.file.contains(".log") => Err(no_space()),
        _ => Ok(()),
    };
    let (removed, _) = record(full, || store.remove_before(observation(2_050).timestamp_ns));
    assert_eq!(removed.expect("removed"), 2_048);
    assert_eq!(store.append_batch(&tried).expect("a retry"), 2_100..2_102);
    assert_holds_from(&path, 2_048, &observations(2_048..2_102));
}

/// Nothing of what failed was written, and another writer appends the same observation there.
#[test]
fn an_equal_observation_of_another_writer_is_not_dropped() {
    let policies = [SyncPolicy::Always, SyncPolicy::Never];
    for (policy, others) in policies.into_iter().flat_map(|it| policies.map(|other| (it, other))) {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        append_each(&store, 0..10);
        store.sync().expect("synced");
        let (result, _) = record(refuse_writes_after(Vec::new()), || store.append(observation(10)));
        result.expect_err("no space");
        append_each(&options(others).open(&path).expect("opened"), 10..11);
        assert_eq!(store.append(observation(11)).expect("appended"), 11);
        store.sync().expect("synced");
        assert_holds(&path, &observations(0..12));
    }
}

/// As the test before, and the writer cannot look whether something was written either.
#[test]
fn a_durable_observation_of_another_writer_is_not_dropped() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let mut has_failed = false;
    let refuse = move |path: &Path, operation: Operation, _: &[u8]| {
        let is_write = matches!(operation, Operation::Write { .. });
        let is_of_log = path.extension().is_some_and(|it| it == "log");
        let is_refused = is_of_log && (is_write || has_failed);
        has_failed |= is_refused;
        if is_refused { Err(no_space()) } else { Ok(()) }
    };
    let result = watch::with(refuse, || store.append(observation(10)));
    assert!(result.expect_err("no space").to_string().contains("may be found later"));
    append_each(&Store::open(&path).expect("opened"), 10..11);
    assert_eq!(store.append(observation(11)).expect("appended"), 11);
    assert_holds(&path, &observations(0..12));
}

/// Another process has kept what failed, and has not synced it. A retry that cannot sync it
/// either has stored nothing.
#[test]
fn what_is_found_and_cannot_be_synced_is_not_stored() {
    let (_guard, path) = place();
    let tried = observations(10..12);
    let (store, written) = store_of_ten(&path, SyncPolicy::Always, &tried);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    append_each(&options(SyncPolicy::Never).open(&path).expect("opened"), 12..13);
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Sync | Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(refuse, || store.append_batch(&tried));
    assert_eq!(result.expect_err("no space").stored(), 0);
    assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
    assert_holds(&path, &observations(0..13));
}

/// Another process appends after what was reported as failed without copying it, as it
/// does if it syncs nothing. What it acknowledged stays, whatever the first process does.
#[test]
fn what_another_writer_acknowledged_after_it_is_not_dropped() {
    for is_retry in [false, true] {
        let (_guard, path) = place();
        let tried = observations(10..12);
        let (store, written) = store_of_ten(&path, SyncPolicy::Never, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        result.expect_err("no space");
        let other = options(SyncPolicy::Never).open(&path).expect("opened");
        append_each(&other, 12..15);
        if is_retry {
            assert_eq!(store.append_batch(&tried).expect("a retry"), 10..12);
        }
        append_each(&store, 15..17);
        assert_holds(&path, &observations(0..17));
    }
}

/// Another process takes over the first of what was reported as failed and appends after
/// it. A retry stores the rest, and reports where the first and the last are.
#[test]
fn a_retry_of_what_was_taken_over_in_part_states_its_own_numbers() {
    let (_guard, path) = place();
    // Two frames: one up to the end of its block, and the rest.
    let tried = observations(10..2_000);
    let (store, mut written) = store_of_ten(&path, SyncPolicy::Always, &tried);
    written.truncate(26_000);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    let other = Store::open(&path).expect("opened");
    let taken = other.append(observation(5_000)).expect("appended");
    other.append(observation(5_001)).expect("appended");
    assert!((11..1_900).contains(&taken), "{taken}");
    let numbers = store.append_batch(&tried).expect("a retry");
    assert_eq!(numbers, 10..2_002);
    let all = [observations(0..taken), observations(5_000..5_002), observations(taken..2_000)];
    assert_holds(&path, &all.concat());
    assert_eq!(store.append(observation(9_999)).expect("appended"), 2_002);
}

/// Threads append together, and each retries alone, in any order, also after something else was
/// appended.
#[test]
fn each_thread_of_a_group_finds_its_own_of_what_was_taken_over() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let (_guard, path) = place();
        let tried = observations(10..13);
        let (store, written) = store_of_ten(&path, SyncPolicy::Always, &tried);
        let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
        result.expect_err("no space");
        append_each(&Store::open(&path).expect("opened"), 13..15);
        store.append_batch(&[]).expect("nothing");
        assert_eq!(store.append(observation(15)).expect("another"), 15);
        for place in order {
            assert_eq!(store.append(tried[place]).expect("a retry"), 10 + place as u64);
        }
        append_each(&store, 16..17);
        // It was found once, and is now another one.
        assert_eq!(store.append(tried[0]).expect("appended"), 17);
        let all = [observations(0..17), vec![tried[0]]];
        assert_holds(&path, &all.concat());
    }
}

/// The retry of some that were taken over fails, and they are found by the next one.
#[test]
fn a_retry_that_fails_too_stores_nothing_twice() {
    let (_guard, path) = place();
    let tried = observations(10..12);
    let (store, written) = store_of_ten(&path, SyncPolicy::Always, &tried);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    append_each(&Store::open(&path).expect("opened"), 12..14);
    let mixed = [observation(14), tried[1], observation(15), tried[0]];
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } => Err(no_space()),
        _ => Ok(()),
    };
    let (result, _) = record(refuse, || store.append_batch(&mixed));
    assert_eq!(result.expect_err("no space").stored(), 0);
    assert_eq!(store.append_batch(&mixed).expect("a retry"), 10..16);
    assert_holds(&path, &observations(0..16));
}

/// A retry drops what stays by replacing the log, stores a part, and then fails. What it has
/// stored was kept by no other process, so an equal observation is another one.
#[test]
fn what_a_retry_has_stored_itself_was_not_taken_over() {
    let (_guard, path) = place();
    // More than is synced at once, so that a part is stored.
    let tried = observations(10..600_010);
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    append_each(&store, 0..10);
    let written = bytes_of(&store, &path, &tried[..2]);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    let mut is_refused = false;
    let refuse_once = move |_: &Path, event: &Event| match event.operation {
        Operation::Write { offset, length } if offset > 8 << 20 && length > 16 && !is_refused => {
            is_refused = true;
            Err(no_space())
        }
        _ => Ok(()),
    };
    let (result, _) = record(refuse_once, || store.append_batch(&tried));
    let stored = result.expect_err("no space").stored();
    assert!(stored > 0 && stored < tried.len(), "{stored}");
    let rest = store.append_batch(&tried[stored..]).expect("a retry");
    assert_eq!(rest, 10 + stored as u64..600_010);
    assert_eq!(store.append(tried[1]).expect("appended"), 600_010);
    assert_eq!(store.snapshot().expect("a snapshot").len(), 600_011);
}

/// A sync drops what stays by replacing the log. What another process appends then, also if it is
/// equal, is not what failed.
#[test]
fn what_another_appends_after_a_drop_was_not_taken_over() {
    let (_guard, path) = place();
    let tried = observations(10..12);
    let (store, written) = store_of_ten(&path, SyncPolicy::Always, &tried);
    let (result, _) = record(refuse_writes_after(written), || store.append_batch(&tried));
    result.expect_err("no space");
    store.sync().expect("synced");
    append_each(&Store::open(&path).expect("opened"), 10..11);
    assert_eq!(store.append_batch(&tried).expect("a retry"), 11..13);
    assert_eq!(store.snapshot().expect("a snapshot").len(), 13);
}

/// They are retried in one append, and each thread gets its own numbers.
#[test]
fn numbers_of_threads_that_append_together_skip_what_others_appended() {
    let found = |places: Range<usize>| places.map(|place| (place, 10 + place as u64)).collect();
    let numbers = Numbers { found: found(0..3), end: 22, count: 5 };
    let parts = [0..2, 2..4, 3..5, 4..4].map(|part| numbers.of(part));
    assert_eq!(parts, [10..12, 12..21, 20..22, 21..21]);
    let all_found = Numbers { found: found(0..3), end: 22, count: 3 };
    assert_eq!((all_found.of(0..1), all_found.of(1..3)), (10..11, 11..13));
    let scattered = Numbers { found: [(1, 4), (3, 5)].into(), end: 22, count: 5 };
    assert_eq!(
        (0..5).map(|at| scattered.of(at..at + 1).start).collect::<Vec<_>>(),
        [19, 4, 20, 5, 21]
    );
}
