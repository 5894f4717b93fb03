//! A manifest that is lost is made again from the other files, whatever is left of them.

use std::io;

use super::*;
use crate::chunk::writer::{encode, summarised};
use crate::error::ErrorKind;
use crate::format::chunk::Place;
use crate::os::disk::{Operation, watch};
use crate::stats::tree::Edge;

#[test]
fn a_lost_manifest_is_made_again_from_the_other_files() {
    for (count, removed) in [(1, 0), (2_100, 0), (5_000, 2_048), (9_000, 4_096)] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        store.append_batch(&observations(0..count)).expect("appended");
        append_each(&store, count..count + 2);
        store.remove_before(observation(removed).timestamp_ns).expect("removed");
        let before = record(&path);
        std::fs::remove_file(manifest_path(&path)).expect("removed");
        let repair = Store::repair(&path).expect("repaired");
        assert!(repair.is_manifest_rebuilt && repair.lost == 0, "{repair:?}");
        assert_eq!(record(&path).first_chunk, before.first_chunk);
        assert_holds_from(&path, removed, &observations(removed..count + 2));
    }
}

/// Chunks, a log, and the log that it replaced, which a killed process left. The manifest is
/// lost. Returns the replaced log and how many observations there are.
fn with_two_logs() -> (TempDir, PathBuf, PathBuf, u64) {
    let (guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..10);
    let replaced = (std::fs::read(log_path(&path)).expect("a log"), log_path(&path));
    store.append_batch(&observations(10..5_000)).expect("appended");
    std::fs::write(&replaced.1, &replaced.0).expect("written");
    std::fs::remove_file(manifest_path(&path)).expect("removed");
    (guard, path, replaced.1, 5_000)
}

#[test]
fn a_log_that_cannot_be_opened_now_is_not_passed_over() {
    let (_guard, path, replaced, count) = with_two_logs();
    let before = names(&path);
    for errno in [13, 24, 12] {
        let replaced = replaced.clone();
        let refuse = move |file: &Path, operation, _: &[u8]| {
            let is_log = file.extension().is_some_and(|ending| ending == "log");
            match operation == Operation::Open && is_log && file != replaced {
                true => Err(io::Error::from_raw_os_error(errno)),
                false => Ok(()),
            }
        };
        let error = watch::with(refuse, || Store::repair(&path)).expect_err("not opened");
        assert_eq!(error.io_error().and_then(io::Error::raw_os_error), Some(errno), "{error}");
        assert_eq!(names(&path), before);
    }
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!((repair.lost, repair.is_loss_unknown), (0, false), "{repair:?}");
    assert_holds(&path, &observations(0..count));
}

/// Its observations are lost, and nothing states how many they are.
#[test]
fn a_log_that_is_damaged_is_passed_over_and_the_loss_said() {
    for is_unreadable in [false, true] {
        let (_guard, path, replaced, _) = with_two_logs();
        let kept = path.join("0123456789abcdef.log.damaged");
        std::fs::write(&kept, "may be all that is left").expect("written");
        let is_newer = |file: &Path| {
            file.extension().is_some_and(|ending| ending == "log") && file != replaced
        };
        if !is_unreadable {
            let mut logs = names(&path).into_iter().map(|name| path.join(name));
            flip(&logs.find(|file| is_newer(file)).expect("a log"), 20);
        }
        let replaced = replaced.clone();
        let refuse = move |file: &Path, operation, _: &[u8]| {
            let is_log = file.extension().is_some_and(|ending| ending == "log");
            match is_unreadable && operation == Operation::Open && is_log && file != replaced {
                true => Err(io::Error::from_raw_os_error(117)),
                false => Ok(()),
            }
        };
        let repair = watch::with(refuse, || Store::repair(&path)).expect("repaired");
        assert!(repair.is_manifest_rebuilt && repair.is_loss_unknown, "{repair:?}");
        assert!(repair.orphans.contains(&kept), "{repair:?}");
        assert_holds(&path, &observations(0..10));
    }
}

/// No manifest could list it.
#[test]
fn a_chunk_of_the_highest_number_is_no_part_of_a_store() {
    let (_guard, path) = place();
    std::fs::create_dir(&path).expect("a directory");
    let place = Place { store: 7, number: u32::MAX, source_log: 1, seal: 2, predecessor: 0 };
    let rows = observations(0..CHUNK);
    let mut edge = Edge::starting_at(u64::from(u32::MAX) * CHUNK_LEAVES);
    let bytes = encode(&summarised(place, rows, Vec::new(), &mut edge));
    std::fs::write(chunk_path(&path, u32::MAX), bytes).expect("written");
    let error = Store::repair(&path).expect_err("nothing can be made of it");
    assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
    assert_eq!(count_files(&path, ".log"), 0, "{:?}", names(&path));
}

/// Nothing states what the log held.
#[test]
fn chunks_without_manifest_and_log_are_a_store_again() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..9_000)).expect("appended");
    store.remove_before(observation(2_048).timestamp_ns).expect("removed");
    // Of another store, and as such kept.
    let other = path.with_extension("other");
    Store::create(&other)
        .expect("created")
        .append_batch(&observations(0..5_000))
        .expect("appended");
    std::fs::copy(chunk_path(&other, 0), chunk_path(&path, 0)).expect("copied");
    std::fs::remove_file(log_path(&path)).expect("removed");
    std::fs::remove_file(manifest_path(&path)).expect("removed");
    let repair = Store::repair(&path).expect("repaired");
    assert!(repair.is_manifest_rebuilt && repair.is_loss_unknown, "{repair:?}");
    assert_eq!((repair.lost, repair.orphans), (0, vec![chunk_path(&path, 0)]));
    append_each(&Store::open(&path).expect("opened"), 8_192..8_200);
    assert_holds_from(&path, 2_048, &observations(2_048..8_200));
}

/// A directory that has a name like one of the files that a repair removes is left alone.
#[test]
fn a_repair_leaves_directories() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..10);
    for name in ["0000000000000001.log.damaged", "manifest.tmp"] {
        std::fs::create_dir(path.join(name)).expect("a directory");
    }
    for _ in 0..2 {
        let repair = Store::repair(&path).expect("repaired");
        assert_eq!((repair.lost, repair.orphans.len()), (0, 2), "{repair:?}");
    }
    assert_holds(&path, &observations(0..10));
}

#[test]
fn what_has_no_manifest_no_log_and_no_chunk_is_no_store() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    std::fs::remove_file(log_path(&path)).expect("removed");
    std::fs::remove_file(manifest_path(&path)).expect("removed");
    for number in [0, 1] {
        std::fs::write(chunk_path(&path, number), "no chunk").expect("written");
    }
    let before = names(&path);
    let error = Store::repair(&path).expect_err("nothing states what the store is");
    assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
    assert_eq!(names(&path), before);
}

/// A chunk was sealed when those before it had been removed. One of these was restored, so it
/// now completes a node above both.
#[test]
fn a_chunk_gets_the_nodes_that_it_did_not_complete_before() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..4_096)).expect("appended");
    let first = std::fs::read(chunk_path(&path, 0)).expect("a chunk");
    store.remove_before(observation(5_000).timestamp_ns).expect("removed");
    store.append_batch(&observations(4_096..16_384)).expect("appended");
    store.seal().expect("sealed");
    std::fs::write(chunk_path(&path, 0), first).expect("written");
    std::fs::remove_file(log_path(&path)).expect("removed");
    std::fs::remove_file(manifest_path(&path)).expect("removed");
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!((repair.lost, record(&path).first_chunk), (2_048, 0), "{repair:?}");
    let store = Store::open(&path).expect("opened");
    let found = store.verify().expect("verified");
    assert_eq!((found.is_sound(), found.readable), (true, 14_336), "{found:?}");
    assert_eq!(Store::repair(&path).expect("again").rewritten, Vec::<PathBuf>::new());
    store.remove_before(observation(7_000).timestamp_ns).expect("removed");
    assert!(store.verify().expect("verified").is_sound());
    assert_holds_from(&path, 6_144, &observations(6_144..16_384));
}
