//! Rule 3 of the tail: unconfirmed frames are copied into a new log before anything after
//! them is called durable.

use super::disk_watch::{Event, no_space, record as recorded};
use super::*;
use crate::os::disk::Operation;

#[test]
fn frames_of_a_writer_that_never_synced_are_copied_before_a_durable_append() {
    let (_guard, path) = place();
    append_each(&options(SyncPolicy::Never).create(&path).expect("created"), 0..3);
    let before = log_path(&path);
    append_each(&Store::open(&path).expect("opened"), 3..4);
    assert_ne!(log_path(&path), before, "a new log");
    assert!(!before.exists(), "the old one is removed");
    assert_eq!(record(&path).made_observations, 3);
    assert_holds(&path, &observations(0..4));
}

/// An append that brings the unsynced bytes to 8 MiB, where they are synced.
#[test]
fn an_append_that_cannot_copy_them_before_its_sync_stores_nothing() {
    let (_guard, path) = place();
    let before = observations(0..500_000);
    let alive = path.with_extension("alive");
    let store = options(SyncPolicy::Never).log_bytes_max(64 << 20).create(&alive).expect("created");
    let mut writer = store.writer().expect("a writer");
    before.iter().for_each(|it| writer.push(*it).expect("pushed"));
    writer.flush().expect("written");
    copy_store(&alive, &path);
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    let store = options(SyncPolicy::Never).open(&path).expect("opened");
    let (result, _) = recorded(refuse, || {
        store.append_batch(&observations(500_000..530_000)).expect_err("no log can be made")
    });
    assert_eq!(result.stored(), 0);
    assert_eq!(arrivals(&path), before);
    append_each(&store, 500_000..500_001);
    assert_eq!(arrivals(&path).len(), 500_001);
}

#[test]
fn confirmed_frames_are_appended_to_in_place() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..3);
    let before = log_path(&path);
    append_each(&Store::open(&path).expect("opened"), 3..4);
    assert_eq!(log_path(&path), before);
}

fn late(path: &Path) -> Store {
    Options::new().late_marks(true).open_or_create(path).expect("opened")
}

#[test]
fn a_mark_is_put_off_until_the_next_append_or_until_the_store_is_closed() {
    let (_guard, path) = place();
    let store = late(&path);
    let durable_end = || Store::open(&path).and_then(|it| it.snapshot()).map(|it| it.durable_end());
    for end in 1..4 {
        let (_, events) = record_events(|| append_each(&store, end * 10 - 10..end * 10));
        let writes = events.iter().filter(|event| {
            matches!(event.operation, Operation::Write { .. }) && event.file.ends_with(".log")
        });
        assert!(end == 1 || writes.count() == 10, "{events:?}");
        assert_eq!(durable_end().expect("a snapshot"), end * 10 - 1);
    }
    let before = log_path(&path);
    drop(store);
    assert_eq!(durable_end().expect("a snapshot"), 30);
    append_each(&Store::open(&path).expect("opened"), 30..31);
    assert_eq!(log_path(&path), before, "nothing was copied");
    assert_holds(&path, &observations(0..31));
}

#[test]
fn a_sync_leaves_the_mark_that_was_put_off() {
    let (_guard, path) = place();
    let store = late(&path);
    append_each(&store, 0..3);
    store.sync().expect("synced");
    assert_eq!(store.snapshot().expect("a snapshot").durable_end(), 3);
}

/// Frames without a mark may be from a writer that died before its sync.
#[test]
fn what_a_killed_process_had_not_marked_is_copied() {
    let (_guard, path) = place();
    let store = late(&path);
    append_each(&store, 0..3);
    std::mem::forget(store);
    let before = log_path(&path);
    append_each(&Store::open(&path).expect("opened"), 3..4);
    assert_ne!(log_path(&path), before, "a new log");
    assert_holds(&path, &observations(0..4));
}

#[test]
fn no_mark_is_left_where_others_have_gone_on() {
    let (_guard, path) = place();
    let (one, other) = (late(&path), Store::open_or_create(&path).expect("opened"));
    for n in 0..20 {
        append_each(if n % 2 == 0 { &one } else { &other }, n * 3..n * 3 + 3);
    }
    append_each(&one, 60..61);
    append_each(&other, 61..62);
    let (_, events) = record_events(|| drop(one));
    let wrote = |event: &Event| matches!(event.operation, Operation::Write { .. });
    assert!(!events.iter().any(wrote), "{events:?}");
    assert_holds(&path, &observations(0..62));
}

#[test]
fn an_unsynced_append_after_unconfirmed_frames_copies_nothing() {
    let (_guard, path) = place();
    append_each(&options(SyncPolicy::Never).create(&path).expect("created"), 0..3);
    let before = log_path(&path);
    let store = options(SyncPolicy::Never).open(&path).expect("opened");
    append_each(&store, 3..4);
    assert_eq!(log_path(&path), before);
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!((snapshot.len(), snapshot.durable_end()), (4, 0));
    store.sync().expect("synced");
    assert_ne!(log_path(&path), before);
    assert_eq!(store.snapshot().expect("a snapshot").durable_end(), 4);
    assert_holds(&path, &observations(0..4));
}

/// An unsynced writer that alternates with a durable one: each durable append copies the
/// log once, and the copied part stays below a chunk.
#[test]
fn an_unsynced_writer_alternating_with_a_durable_one_copies_at_most_a_full_log() {
    const APPENDS: u64 = 10_000;
    let (_guard, path) = place();
    let durable = Store::create(&path).expect("created");
    let unsynced = options(SyncPolicy::Never).open(&path).expect("opened");
    for n in 0..APPENDS {
        let store = if n % 2 == 0 { &unsynced } else { &durable };
        let (appended, events) = record_events(|| store.append(observation(n)));
        assert_eq!(appended.expect("appended"), n);
        let written = events.iter().map(|event| match event.operation {
            Operation::Write { length, .. } if event.file.ends_with(".log.tmp") => length as u64,
            _ => 0,
        });
        let copied: u64 = written.sum();
        // The first append makes the first log.
        assert_eq!(copied > 0, n % 2 == 1 || n == 0, "{n}: {copied}");
        assert!(copied <= FULL_LOG, "{n}: {copied}");
        if n % 100 == 99 {
            assert!(count_files(&path, ".log") <= 2, "{:?}", names(&path));
        }
    }
    assert_eq!(u64::from(record(&path).sealed_end), APPENDS / CHUNK);
    assert_holds(&path, &observations(0..APPENDS));
}

/// The bytes of a log with a chunk's rows, with one header in 32 KiB, and of the empty
/// log that replaces it when it is sealed.
const FULL_LOG: u64 = 2 * RECORD_BYTES as u64 + 16 * CHUNK + 1_024;

fn record_events<T>(work: impl FnOnce() -> T) -> (T, Vec<Event>) {
    super::disk_watch::record(|_, _| Ok(()), work)
}
