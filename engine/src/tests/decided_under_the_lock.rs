//! Rule 1 of the tail: every decision about it is made under the lock, with the manifest
//! read again. What a process remembers counts only while the names lead to the files
//! that it holds open.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::error::ErrorKind;
use crate::os::disk::watch;

#[test]
fn handles_that_alternate_find_each_others_appends() {
    let (_guard, path) = place();
    let stores = [Store::create(&path).expect("created"), Store::open(&path).expect("opened")];
    for n in 0..2_100 {
        let store = &stores[usize::try_from(n % 2).expect("small")];
        assert_eq!(store.append(observation(n)).expect("appended"), n);
    }
    assert_holds(&path, &observations(0..2_100));
}

/// The manifest is a new one, but the log is the same.
#[test]
fn a_handle_that_remembers_the_log_finds_what_another_one_has_removed() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    let other = Store::open(&path).expect("opened");
    assert_eq!(other.remove_before(observation(3_000).timestamp_ns).expect("removed"), 2_048);
    store.append_batch(&observations(5_000..7_000)).expect("appended");
    assert_eq!((record(&path).first_chunk, record(&path).sealed_end), (1, 3));
    assert_holds_from(&path, 2_048, &observations(2_048..7_000));
}

/// Puts a copy in the place of the directory, and renames the open one.
fn swap_directory(path: &Path) {
    let (copy, away) = (path.with_extension("copy"), path.with_extension("away"));
    copy_store(path, &copy);
    fs::rename(path, &away).expect("moved");
    fs::rename(&copy, path).expect("moved");
}

#[test]
fn a_directory_swapped_under_a_store_is_noticed_at_the_next_append() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    swap_directory(&path);
    let error = store.append(observation(5)).expect_err("replaced");
    assert_eq!(error.kind(), ErrorKind::Replaced, "{error}");
    let store = Store::open(&path).expect("opened again");
    append_each(&store, 5..8);
    assert_holds(&path, &observations(0..8));
}

#[test]
fn a_directory_swapped_under_a_held_writer_is_noticed_at_the_next_flush() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        let mut writer = store.writer().expect("a writer");
        writer.push(observation(0)).expect("pushed");
        writer.flush().expect("stored");
        swap_directory(&path);
        writer.push(observation(1)).expect("pushed");
        let error = writer.flush().expect_err("replaced");
        assert_eq!(error.kind(), ErrorKind::Replaced, "{error}");
        drop(writer);
        assert_eq!(arrivals(&path), observations(0..1));
    }
}

#[test]
fn a_log_swapped_for_a_copy_is_noticed_and_the_named_one_appended_to() {
    for held in [false, true] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        append_each(&store, 0..5);
        let mut writer = held.then(|| store.writer().expect("a writer"));
        let mut append = |n| match &mut writer {
            Some(writer) => {
                writer.push(observation(n)).expect("pushed");
                writer.flush().expect("stored");
            }
            None => drop(store.append(observation(n)).expect("appended")),
        };
        append(5);
        let log = log_path(&path);
        fs::copy(&log, path.join("x")).expect("copied");
        fs::rename(path.join("x"), &log).expect("moved");
        append(6);
        drop(writer);
        assert_holds(&path, &observations(0..7));
    }
}

#[test]
fn nothing_is_acknowledged_into_an_emptied_directory() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    for name in names(&path) {
        fs::remove_file(path.join(name)).expect("removed");
    }
    let error = store.append(observation(5)).expect_err("emptied");
    assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
    assert!(error.to_string().contains("gaugelog repair"), "{error}");
}

#[test]
fn a_missing_log_stops_appends_and_is_reported_and_repaired() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    fs::remove_file(log_path(&path)).expect("removed");
    let error = store.append(observation(5)).expect_err("no log");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("gaugelog repair"), "{error}");
    let recovery = Store::open(&path).expect("opened").recovery().clone();
    assert_eq!(recovery.damage[0].lost, 2_048..2_100, "{recovery:?}");
    assert_eq!(Store::repair(&path).expect("repaired").lost, 52);
    assert_sound(&path);
    assert_eq!(
        Store::open(&path).expect("opened").append(observation(5)).expect("appended"),
        2_100
    );
}

/// The manifest states that such a log was made with nothing. So the number of
/// observations that are lost is unknown.
#[test]
fn a_missing_log_that_was_made_empty_is_no_smaller_result() {
    for sealed in [0, 2_048] {
        let (guard, path) = place();
        let store = Store::create(&path).expect("created");
        store.append_batch(&observations(0..sealed)).expect("appended");
        append_each(&store, sealed..sealed + 5);
        fs::remove_file(log_path(&path)).expect("removed");
        let copied = store.copy_to(guard.path().join("copy")).expect_err("no log");
        assert_eq!(copied.kind(), ErrorKind::Damaged, "{copied}");
        let snapshot = store.snapshot().expect("a snapshot");
        let error = snapshot.summary().expect_err("not all");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        let rows: Vec<_> = snapshot.by_sequence(..).collect();
        assert_eq!(rows.iter().filter(|row| row.is_ok()).count() as u64, sealed);
        assert!(rows.last().is_some_and(Result::is_err), "the last item says so");
        let around = snapshot.skip_damage();
        assert_eq!(around.summary().expect("read around").count(), sealed);
        assert_eq!(around.missing().len(), 1);
        assert_eq!(around.by_sequence(..).filter(Result::is_ok).count() as u64, sealed);
        assert!(store.append(observation(9)).is_err());
        assert!(Store::repair(&path).expect("repaired").is_loss_unknown);
        assert_holds(&path, &observations(0..sealed));
    }
}

/// It will not come back by itself, so it is no error that can pass.
#[test]
fn retention_that_meets_a_missing_chunk_is_damage() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..4 * 2_048)).expect("appended");
    fs::remove_file(path.join("0000000001.chunk")).expect("removed");
    let by_time = store.remove_before(i64::MAX).expect_err("it lacks a summary");
    let by_bytes = store.keep_bytes(1).expect_err("it lacks a file");
    for error in [by_time, by_bytes] {
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("repair") && !error.can_pass(), "{error}");
    }
    Store::repair(&path).expect("repaired");
    store.keep_bytes(1).expect("removed");
    assert!(!path.join("0000000003.chunk").exists());
}

#[test]
fn an_end_that_cannot_be_read_stops_appends_and_smaller_results() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let log = log_path(&path);
    watch::set_unreadable(vec![(log, FIRST_FRAME + 3 * FRAME..FIRST_FRAME + 3 * FRAME + 1)]);
    let store = Store::open(&path).expect("opened");
    assert!(!store.recovery().damage.is_empty(), "{:?}", store.recovery());
    let error = store.append(observation(5)).expect_err("unreadable");
    assert!(error.to_string().contains("gaugelog repair"), "{error}");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.summary().expect_err("not all").kind(), ErrorKind::Damaged);
    assert!(snapshot.by_sequence(..).last().is_some_and(|row| row.is_err()), "at its end");
    let around = snapshot.skip_damage();
    around.summary().expect("read around");
    assert_eq!(around.missing().len(), 1);
    watch::set_unreadable(Vec::new());
    let store = Store::open(&path).expect("opened");
    append_each(&store, 5..6);
    assert_holds(&path, &observations(0..6));
}

#[test]
fn a_log_with_two_names_is_copied_before_it_is_appended_to() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    // As made by `cp -al`.
    let other = path.with_extension("linked");
    fs::create_dir(&other).expect("a directory");
    for name in names(&path) {
        fs::hard_link(path.join(&name), other.join(&name)).expect("linked");
    }
    append_each(&store, 5..8);
    assert_holds(&other, &observations(0..5));
    append_each(&Store::open(&other).expect("opened"), 5..6);
    assert_holds(&other, &observations(0..6));
    append_each(&store, 8..9);
    assert_holds(&path, &observations(0..9));
}

#[test]
fn a_link_in_the_place_of_the_log_is_not_written_through() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let (log, elsewhere) = (log_path(&path), path.with_extension("elsewhere"));
    fs::rename(&log, &elsewhere).expect("moved");
    symlink(&elsewhere, &log).expect("linked");
    let before = fs::read(&elsewhere).expect("there");
    let error = store.append(observation(5)).expect_err("a link");
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(fs::read(&elsewhere).expect("there") == before, "nothing is overwritten elsewhere");
}
