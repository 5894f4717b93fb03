//! Promise 7, for a log that cannot be sealed: the error says why, and appending goes on once
//! the cause is gone.

use super::disk_watch::{Event, no_space, record as record_operations};
use super::*;
use crate::format::names::BALLAST;
use crate::os::disk::Operation;

/// Here a log is full at 32 MiB.
const BATCH: u64 = 200_000;

/// A store that cannot replace its log, because of what is in the way.
fn unsealable(path: &Path) -> (Store, PathBuf) {
    let unsealed = options(SyncPolicy::Never).log_bytes_max(64 << 20);
    let store = unsealed.create(path).expect("created");
    append_each(&store, 0..1);
    let in_the_way = path.join("manifest.tmp");
    std::fs::create_dir(&in_the_way).expect("a directory");
    (store, in_the_way)
}

/// Appends batches from `next` on until one is refused.
fn append_until_refused(store: &Store, next: u64) -> (u64, crate::Error) {
    for batch in 0..12 {
        let first = next + batch * BATCH;
        if let Err(error) = store.append_batch(&observations(first..first + BATCH)) {
            return (first, error);
        }
    }
    panic!("a log beyond 32 MiB");
}

#[test]
fn a_full_log_is_tried_again_after_a_pause_or_once_it_is_sealed() {
    let (_guard, path) = place();
    let (store, in_the_way) = unsealable(&path);
    let (end, error) = append_until_refused(&store, 1);
    assert_eq!(error.stored(), 0, "{error}");
    assert_eq!(error.path(), in_the_way, "what has to go: {error}");
    assert_eq!(record(&path).sealed_end, 0);

    std::fs::remove_dir(&in_the_way).expect("removed");
    let again = store.append(observation(end)).expect_err("not tried yet");
    assert_eq!(again.to_string(), error.to_string());
    store.seal().expect("sealed");
    assert_eq!(u64::from(record(&path).sealed_end), end / CHUNK);
    store.append_batch(&observations(end..end + BATCH)).expect("appended");
    assert_holds(&path, &observations(0..end + BATCH));
}

/// A writer that is closed or asked to seal makes no later attempt.
#[test]
fn the_last_attempt_of_a_writer_waits_for_no_pause() {
    let (_guard, path) = place();
    let (store, in_the_way) = unsealable(&path);
    let (end, _) = append_until_refused(&store, 1);
    let mut writer = store.writer().expect("a writer");
    writer.push(observation(end)).expect("pushed");
    std::fs::remove_dir(&in_the_way).expect("removed");
    writer.seal().expect("sealed");
    assert_eq!(u64::from(record(&path).sealed_end), end / CHUNK);
    drop(writer);

    std::fs::create_dir(&in_the_way).expect("a directory");
    let (end, _) = append_until_refused(&store, end + 1);
    let mut writer = store.writer().expect("a writer");
    writer.push(observation(end)).expect("pushed");
    std::fs::remove_dir(&in_the_way).expect("removed");
    writer.close().expect("stored");
    assert_holds(&path, &observations(0..end + 1));
}

/// As after a crash during sealing, the log has a mark at its end.
#[test]
fn a_full_log_is_sealed_by_the_first_append_of_a_process() {
    let (_guard, path) = place();
    let (store, in_the_way) = unsealable(&path);
    let end = 11 * BATCH;
    store.append_batch(&observations(1..end)).expect("appended");
    store.sync().expect("synced");
    assert_eq!(record(&path).sealed_end, 0);
    assert!(std::fs::metadata(log_path(&path)).expect("a log").len() > 32 << 20);
    drop(store);
    std::fs::remove_dir(&in_the_way).expect("removed");
    let store = Store::open(&path).expect("opened");
    append_each(&store, end..end + 1);
    assert_eq!(u64::from(record(&path).sealed_end), end / CHUNK);
    assert_holds(&path, &observations(0..end + 1));
}

/// The room for it is that of the old log.
#[test]
fn ballast_that_was_given_up_is_made_again_after_the_old_log_is_removed() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..1);
    let (old, ballast) = (log_path(&path), path.join(BALLAST));
    let is_full = move |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } if event.file.ends_with(".log.tmp") && ballast.exists() => {
            Err(no_space())
        }
        Operation::Write { .. } if event.file.starts_with(BALLAST) && old.exists() => {
            Err(no_space())
        }
        _ => Ok(()),
    };
    let append = || store.append_batch(&observations(1..5_000)).expect("appended");
    let (_, events) = record_operations(is_full, append);
    assert!(
        events.iter().any(|it| (it.file.as_str(), it.operation) == (BALLAST, Operation::Remove))
    );
    assert_eq!(record(&path).sealed_end, 2);
    assert!(path.join(BALLAST).exists(), "{:?}", names(&path));
}

/// Otherwise retention would find a full disk without it.
#[test]
fn sealing_that_lacks_room_leaves_the_ballast_and_no_chunk() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..1);
    let refuse = |_: &Path, event: &Event| match event.operation {
        Operation::Write { .. } if event.file.ends_with(".log.tmp") => Err(no_space()),
        _ => Ok(()),
    };
    let append = || store.append_batch(&observations(1..5_000)).expect("appended");
    let (_, events) = record_operations(refuse, append);
    let of_ballast = events.iter().filter(|event| event.file == BALLAST);
    assert!(of_ballast.clone().any(|event| event.operation == Operation::Remove), "{events:?}");
    assert!(path.join(BALLAST).exists(), "{:?}", names(&path));
    assert_eq!(count_files(&path, ".chunk"), 0, "{:?}", names(&path));
    append_each(&store, 5_000..7_000);
    assert_eq!(record(&path).sealed_end, 3);
    assert_holds(&path, &observations(0..7_000));
}
