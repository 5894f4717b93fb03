//! Creating a store: once, whole, and the same everywhere.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gaugelog::{ErrorKind, Observation, Store};
use support::{assert_sound, place};

fn content(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).expect("a directory");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let read = |file: std::path::PathBuf| {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read(file).expect("read"))
    };
    files.map(read).collect()
}

#[test]
fn an_empty_store_is_the_same_bytes_everywhere() {
    let ((_first, one), (_second, other)) = (place(), place());
    Store::create(&one).expect("created");
    Store::create(&other).expect("created");
    assert_eq!(content(&one), content(&other));
    let names: Vec<_> = content(&one).into_keys().collect();
    assert_eq!(names, ["manifest"]);
}

/// The root directory of a file system has such a directory.
#[test]
fn a_store_is_created_beside_lost_and_found() {
    let (_guard, path) = place();
    let lost = path.join("lost+found");
    std::fs::create_dir_all(&lost).expect("directories");
    std::fs::write(lost.join("#17"), "somebody's").expect("written");
    let store = Store::create(&path).expect("created");
    store.append(Observation::new(1, 2.0)).expect("appended");
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.snapshot().expect("a snapshot").len(), 1);
    assert_sound(&store);
    assert_eq!(Store::repair(&path).expect("nothing to do").orphans, Vec::<PathBuf>::new());
    assert_eq!(std::fs::read(lost.join("#17")).expect("read"), b"somebody's");
}

/// What an interrupted creation has left.
#[test]
fn a_store_is_created_over_a_manifest_that_was_being_made() {
    let (_guard, path) = place();
    std::fs::create_dir(&path).expect("a directory");
    std::fs::write(path.join("manifest.tmp"), [7; 100]).expect("written");
    Store::create(&path).expect("created");
    Store::open(&path).expect("opened").append(Observation::new(1, 2.0)).expect("appended");
    assert!(!path.join("manifest.tmp").exists());
}

#[test]
fn a_second_creation_changes_nothing() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append(Observation::new(1, 2.0)).expect("appended");
    let before = content(&path);
    let error = Store::create(&path).expect_err("there is one");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(content(&path), before);
}

#[test]
fn what_is_no_store_is_left_alone() {
    let (guard, path) = place();
    assert_eq!(Store::open(&path).expect_err("nothing").kind(), ErrorKind::NotFound);
    assert!(!path.exists());
    std::fs::create_dir(&path).expect("a directory");
    assert_eq!(Store::open(&path).expect_err("empty").kind(), ErrorKind::NotAStore);
    std::fs::write(path.join("letter"), "dear").expect("written");
    assert_eq!(Store::create(&path).expect_err("in use").kind(), ErrorKind::AlreadyExists);
    assert_eq!(content(&path).into_keys().collect::<Vec<_>>(), ["letter"]);
    let file = guard.path().join("file");
    std::fs::write(&file, "not a store").expect("written");
    assert_eq!(Store::open(&file).expect_err("a file").kind(), ErrorKind::NotAStore);
    for refused in [Store::create(&file), Store::open_or_create(&file)] {
        let error = refused.expect_err("a file");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{error}");
    }
    assert_eq!(std::fs::read(&file).expect("read"), b"not a store");
}

#[test]
fn where_no_directory_can_be_made_the_error_lasts() {
    let (_guard, path) = place();
    let error = Store::create(path.join("store")).expect_err("its parent is missing");
    assert!(error.kind() == ErrorKind::Io && !error.can_pass(), "{error}");
}
