//! Rule 5 of the tail: nothing is named before it is durable, nothing is removed before
//! its replacement is durable, and no more than 8 MiB stay unsynced under any policy.

use std::cell::RefCell;
use std::rc::Rc;

use super::disk_watch::{Event, Judge, record};
use super::*;
use crate::os::disk::Operation;

/// Runs `work` on the store at `path`, and checks each call as it comes.
fn judged<T>(path: &Path, work: impl FnOnce() -> T) -> (T, Vec<Event>) {
    let judge = Rc::new(RefCell::new(Judge::new(path)));
    let parent = path.to_owned();
    record(
        move |file, event| {
            if file == parent || file.parent() == Some(&parent) {
                judge.borrow_mut().judge(event);
            }
            Ok(())
        },
        work,
    )
}

fn policies() -> [SyncPolicy; 2] {
    [SyncPolicy::Always, SyncPolicy::Never]
}

#[test]
fn appending_and_sealing_keep_the_order() {
    for policy in policies() {
        let (_guard, path) = place();
        let work = || {
            let store = options(policy).create(&path).expect("created");
            append_each(&store, 0..3);
            store.append_batch(&observations(3..5_000)).expect("appended");
            append_each(&store, 5_000..5_003);
            store.sync().expect("synced");
        };
        let (_, events) = judged(&path, work);
        assert!(events.iter().any(|event| event.file.ends_with(".chunk")), "something was sealed");
        assert_holds(&path, &observations(0..5_003));
    }
}

#[test]
fn recovery_retention_and_repair_keep_the_order() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    drop(store);
    edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
    let work = || {
        let store = Store::open(&path).expect("opened");
        append_each(&store, 5_000..5_001);
        store.remove_before(observation(3_000).timestamp_ns).expect("removed");
    };
    judged(&path, work);
    assert_holds_from(&path, 2_048, &observations(2_048..5_001));
    flip(&chunk_path(&path, 1), 700);
    flip(&log_path(&path), FIRST_FRAME + 30);
    judged(&path, || Store::repair(&path).expect("repaired"));
    assert_sound(&path);
}

/// A power cut may undo a rename that no sync has made durable. Then the new file would
/// have replaced one that was to be kept.
#[test]
fn a_file_that_is_set_aside_is_so_durably() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    std::fs::write(chunk_path(&path, 0), "in the way").expect("written");
    flip(&log_path(&path), FIRST_FRAME + 20);
    let work = || store.append_batch(&observations(5..2_100)).expect("appended");
    let (_, events) = judged(&path, work);
    let aside = |event: &Event| event.operation == Operation::SetAside;
    assert_eq!(events.iter().filter(|event| aside(event)).count(), 2, "chunk and log: {events:?}");
    let last = events.iter().rposition(aside).expect("the log");
    let synced = events[last..].iter().any(|event| event.operation == Operation::SyncDirectory);
    assert!(synced, "{events:?}");
}

#[test]
fn a_durable_append_is_synced_before_it_returns() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..1);
    let (_, events) = record(|_, _| Ok(()), || append_each(&store, 1..2));
    let operations: Vec<_> = events.iter().map(|event| event.operation).collect();
    assert!(
        matches!(
            operations[..],
            [Operation::Write { .. }, Operation::Sync, Operation::Write { .. }]
        ),
        "a frame, its sync, a mark: {operations:?}"
    );
}

/// The process that replaced the manifest may have died before that was durable. Without
/// the sync a power cut could bring back the old manifest, which does not list this log.
#[test]
fn the_directory_is_synced_before_the_first_frame_of_a_log_that_another_process_made() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    drop(store);
    // It died before it left a mark.
    cut(&log_path(&path), made_bytes(&path));
    let store = Store::open(&path).expect("opened");
    let (_, events) = record(|_, _| Ok(()), || append_each(&store, 2_100..2_101));
    let sync = events.iter().position(|event| event.operation == Operation::SyncDirectory);
    let write = events.iter().position(|event| matches!(event.operation, Operation::Write { .. }));
    assert!(sync.expect("a sync") < write.expect("a frame"), "{events:?}");
    assert_holds(&path, &observations(0..2_101));
}

/// The bytes that the listed log was made with.
fn made_bytes(path: &Path) -> u64 {
    super::record(path).made_bytes
}

#[test]
fn no_more_than_8_mib_stay_unsynced() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    let options = Options { log_bytes_max: 64 << 20, ..options(SyncPolicy::Never) };
    drop(store);
    let store = options.open(&path).expect("opened");
    let work = || {
        let mut writer = store.writer().expect("a writer");
        for n in 0..1_200_000 {
            writer.push(Observation::new(n, 1.0)).expect("pushed");
        }
        writer.close().expect("closed");
    };
    let (_, events) = judged(&path, work);
    let syncs = events.iter().filter(|event| event.operation == Operation::Sync).count();
    assert!(syncs >= 2, "{syncs} syncs of 19 MB");
}
