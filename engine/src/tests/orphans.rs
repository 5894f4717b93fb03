//! Which files that no manifest lists are removed, and which are kept.

use super::disk_watch::{Event, io_error, no_space, record as record_operations};
use super::*;
use crate::format::names::{MANIFEST, chunk_name};
use crate::os::disk::{Operation, watch};

#[test]
fn what_a_killed_process_left_is_removed_at_the_next_rotation() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    std::fs::write(path.join("0000000002.chunk.tmp"), "half").expect("written");
    std::fs::write(path.join("manifest.tmp"), "half").expect("written");
    std::fs::write(path.join("0123456789abcdef.log.tmp"), "half").expect("written");
    store.append_batch(&observations(5_000..7_000)).expect("appended");
    let listed: Vec<_> = names(&path).into_iter().filter(|name| name.ends_with(".tmp")).collect();
    assert!(listed.is_empty(), "{listed:?}");
    assert_holds(&path, &observations(0..7_000));
}

/// Several chunks are written before the first of them is synced.
#[test]
fn sealing_that_fails_leaves_no_temporary_files() {
    for failing in ["0000000000.chunk.tmp", "0000000002.chunk.tmp", "0000000000.chunk"] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        let refuse = move |_: &Path, event: &Event| match event.operation {
            Operation::Write { .. } | Operation::Rename if event.file == failing => Err(no_space()),
            _ => Ok(()),
        };
        let append = || store.append_batch(&observations(0..9_000)).expect("appended");
        let (_, events) = record_operations(refuse, append);
        assert!(events.iter().any(|event| event.file == failing), "{events:?}");
        let left: Vec<_> = names(&path).into_iter().filter(|it| it.ends_with(".tmp")).collect();
        assert!(left.is_empty(), "{left:?}");
        assert_eq!(record(&path).sealed_end, 0);
        store.seal().expect("sealed");
        assert_eq!(record(&path).sealed_end, 4);
        assert_holds(&path, &observations(0..9_000));
    }
}

/// What lies beside the store may be all that is left of it, so a repair that fails removes
/// only what it wrote itself.
#[test]
fn repair_that_fails_leaves_no_temporary_files() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    let refuse = |name: &'static str| {
        move |_: &Path, event: &Event| match event.operation {
            Operation::Write { .. } if event.file == name => Err(no_space()),
            _ => Ok(()),
        }
    };
    let append = || store.append_batch(&observations(0..9_000)).expect("appended");
    record_operations(refuse("0000000000.chunk.tmp"), append);
    flip(&log_path(&path), FIRST_FRAME + 20);
    let before = names(&path);
    let (repair, _) = record_operations(refuse("0000000002.chunk.tmp"), || Store::repair(&path));
    assert!(repair.is_err_and(|error| error.is_lack_of_room()));
    assert_eq!(names(&path), before);
}

/// Does a rename of the manifest and reports it as failed, as a network file system may where
/// the answer to its first request was lost.
fn misreport(manifest: &Path, event: &Event) -> std::io::Result<()> {
    let temporary = manifest.with_extension("tmp");
    match event.operation {
        Operation::Rename if event.file == MANIFEST && temporary.exists() => {
            std::fs::rename(temporary, manifest).expect("renamed");
            Err(io_error())
        }
        _ => Ok(()),
    }
}

#[test]
fn a_listed_log_is_kept_although_the_rename_that_listed_it_was_reported_as_failed() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let append = || store.append_batch(&observations(5..2_100)).expect("appended");
    record_operations(misreport, append);
    assert_eq!(record(&path).sealed_end, 1);
    assert_holds(&path, &observations(0..2_100));
    assert_eq!(count_files(&path, ".log"), 1, "{:?}", names(&path));
}

/// As [`misreport`]. Nor can it be seen afterwards whether the rename was done.
fn misreport_unseen() -> impl FnMut(&Path, Operation, &[u8]) -> std::io::Result<()> {
    let mut is_renamed = false;
    move |file, operation, _| {
        let event = Event { file: MANIFEST.to_owned(), operation };
        if !file.ends_with(MANIFEST) {
            return Ok(());
        }
        if operation == Operation::Look && std::mem::take(&mut is_renamed) {
            return Err(io_error());
        }
        misreport(file, &event).inspect_err(|_| is_renamed = true)
    }
}

#[test]
fn a_listed_log_is_kept_although_a_failed_rename_listed_it_and_the_manifest_cannot_be_seen() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let append = || store.append_batch(&observations(5..2_100)).expect("appended");
    watch::with(misreport_unseen(), append);
    assert_eq!(record(&path).sealed_end, 1);
    assert_holds(&path, &observations(0..2_100));
}

/// The log is replaced in the middle of the append.
#[test]
fn nothing_more_is_written_to_a_log_whose_replacement_was_reported_as_failed() {
    let all = observations(1..4_500_000);
    for is_unseen in [false, true] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..1);
        let append = || store.append_batch(&all);
        let stored = match is_unseen {
            false => record_operations(misreport, append).0.map(|_| all.len()),
            true => watch::with(misreport_unseen(), append).map(|_| all.len()),
        };
        let stored = stored.unwrap_or_else(|error| error.stored());
        assert!(is_unseen || stored == all.len(), "{stored}");
        drop(store);
        let snapshot = Store::open(&path).expect("opened").snapshot().expect("a snapshot");
        assert_eq!(snapshot.summary().expect("read").count, 1 + stored as u64);
    }
}

#[test]
fn files_of_an_old_backup_are_kept_and_moved_aside_where_they_are_in_the_way() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    let foreign = path.with_extension("other");
    let other = Store::create(&foreign).expect("created");
    other.append_batch(&observations(9_000..13_200)).expect("appended");
    for number in [1, 7] {
        std::fs::copy(chunk_path(&foreign, 1), chunk_path(&path, number)).expect("copied");
    }
    let (log, name) =
        (log_path(&foreign), log_path(&foreign).file_name().expect("a name").to_owned());
    std::fs::copy(&log, path.join(&name)).expect("copied");
    store.append_batch(&observations(2_100..6_300)).expect("appended");
    assert_holds(&path, &observations(0..6_300));
    assert!(path.join(&name).exists() && chunk_path(&path, 7).exists());
    assert!(path.join(format!("{}.aside", chunk_name(1))).exists(), "{:?}", names(&path));
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!((repair.lost, repair.orphans.len()), (0, 3), "{repair:?}");
}

/// A backup of manifest and log was restored beside a newer log.
#[test]
fn a_log_that_was_appended_to_is_kept_though_an_older_manifest_does_not_list_it() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    let backup = [manifest_path(&path), log_path(&path)]
        .map(|file| (std::fs::read(&file).expect("a file"), file));
    // The newer log is made with what the older one holds.
    edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
    append_each(&store, 5..7);
    let newer = log_path(&path);
    for (bytes, file) in backup {
        std::fs::write(file, bytes).expect("written");
    }
    // Because of the bytes after the end, the next append replaces the log.
    edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
    append_each(&Store::open(&path).expect("opened"), 5..6);
    assert!(newer.exists(), "{:?}", names(&path));
    assert_eq!(arrivals(&path), observations(0..6));
}

/// A power cut has undone the removal of the old log.
#[test]
fn the_previous_log_is_kept_while_its_rows_are_corrupt_in_the_listed_one() {
    for is_corrupt in [false, true] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        append_each(&store, 0..5);
        let previous = (std::fs::read(log_path(&path)).expect("a log"), log_path(&path));
        store.append_batch(&observations(5..2_100)).expect("appended");
        assert_eq!(record(&path).made_observations, 52);
        std::fs::write(&previous.1, &previous.0).expect("written");
        if is_corrupt {
            flip(&log_path(&path), FIRST_FRAME + 20);
        }
        edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
        append_each(&store, 2_100..2_101);
        assert_eq!(previous.1.exists(), is_corrupt, "{:?}", names(&path));
    }
}

/// Its number is within the range of the log, so only its source log shows the
/// difference.
#[test]
fn a_chunk_of_a_diverged_copy_is_not_taken_for_a_rest_of_sealing() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    let copy = path.with_extension("copy");
    copy_store(&path, &copy);
    // The copy continues in a log of its own.
    edit(&log_path(&copy), |bytes| bytes.extend_from_slice(b"torn"));
    let other = Store::open(&copy).expect("opened");
    append_each(&other, 9_000..9_001);
    other.append_batch(&observations(9_001..12_000)).expect("appended");
    // The writer does not seal yet, so its log covers the numbers of the other copy's
    // chunk.
    let unsealed = Options { log_bytes_max: 64 << 20, ..options(SyncPolicy::Never) };
    let held = unsealed.open(&path).expect("opened");
    let mut writer = held.writer().expect("a writer");
    for observation in observations(2_100..5_000) {
        writer.push(observation).expect("pushed");
    }
    writer.flush().expect("stored");
    assert_eq!(record(&path).sealed_end, 1);
    std::fs::copy(chunk_path(&copy, 1), chunk_path(&path, 1)).expect("copied");
    writer.seal().expect("sealed");
    drop(writer);
    assert_holds(&path, &observations(0..5_000));
    let aside = path.join(format!("{}.aside", chunk_name(1)));
    let kept = std::fs::read(&aside).expect("kept");
    assert!(kept == std::fs::read(chunk_path(&copy, 1)).expect("there"));
}

#[test]
fn other_peoples_files_are_ignored() {
    let guard = scratch();
    let path = guard.path().join("store");
    std::fs::create_dir(&path).expect("a directory");
    std::fs::create_dir(path.join("lost+found")).expect("a directory");
    let store = Store::create(&path).expect("created beside lost+found");
    std::fs::write(path.join("README"), "of the user").expect("written");
    store.append_batch(&observations(0..5_000)).expect("appended");
    assert_holds(&path, &observations(0..5_000));
    Store::repair(&path).expect("repaired");
    assert!(path.join("README").exists() && path.join("lost+found").exists());
}

/// The newest files are removed: what the others still state is reported.
#[test]
fn missing_newest_files_are_reported() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    std::fs::remove_file(chunk_path(&path, 1)).expect("removed");
    std::fs::remove_file(log_path(&path)).expect("removed");
    let found = contents(&path);
    let lost: Vec<_> = found.damage.iter().map(|damage| damage.lost.clone()).collect();
    assert_eq!((found.served(), lost), (vec![0..2_048], vec![2_048..4_096, 4_096..5_000]));
}

/// A rotation was killed, and then an older copy of manifest and log was put back.
#[test]
fn a_log_that_was_never_listed_is_kept_while_it_holds_more_than_the_listed_one() {
    for has_more in [false, true] {
        let (_guard, path) = place();
        let store = Store::create(&path).expect("created");
        append_each(&store, 0..100);
        let backup = [manifest_path(&path), log_path(&path)]
            .map(|file| (std::fs::read(&file).expect("a file"), file));
        append_each(&store, 100..if has_more { 150 } else { 100 });
        edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
        append_each(&store, 150..151);
        let unlisted = log_path(&path);
        cut(&unlisted, record(&path).made_bytes);
        for (bytes, file) in backup {
            std::fs::write(file, bytes).expect("written");
        }
        edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
        append_each(&Store::open(&path).expect("opened"), 100..101);
        assert_eq!(unlisted.exists(), has_more, "{:?}", names(&path));
        assert_eq!(arrivals(&path), observations(0..101));
    }
}
