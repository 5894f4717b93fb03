//! What retention is to keep, because it is not sent yet.

use std::path::{Path, PathBuf};

use gaugelog::{Snapshot, Store};
use rustix::fs::statvfs;

use super::cursor::{Found, files, load};

/// What is not sent yet is kept while more than a tenth of the file system is free.
const PARTS_FREE: u64 = 10;

/// From which sequence number on a destination still wants what a store has: all of it
/// where a cursor cannot be believed, and nothing where there is none.
pub(crate) fn wanted_from(store: &Store) -> u64 {
    let files = files(store.path());
    if files.is_empty() {
        return u64::MAX;
    }
    let snapshot = store.snapshot().ok();
    files.iter().map(|file| wanted_by(file, snapshot.as_ref())).min().unwrap_or(u64::MAX)
}

/// The cursors that want something before `end`.
pub(crate) fn wanting_before(store: &Store, end: u64) -> Vec<PathBuf> {
    let snapshot = store.snapshot().ok();
    let mut files = files(store.path());
    files.retain(|file| wanted_by(file, snapshot.as_ref()) < end);
    files
}

fn wanted_by(file: &Path, snapshot: Option<&Snapshot>) -> u64 {
    match load(file) {
        Ok(Found::Cursor(cursor)) if snapshot.is_some_and(|it| cursor.is_of(it)) => cursor.next,
        Ok(Found::None) => u64::MAX,
        _ => 0,
    }
}

/// The same, but nothing where the file system is nearly full: then new observations are
/// worth more than old ones.
pub(crate) fn wanted_from_while_there_is_room(store: &Store) -> u64 {
    let has_room = statvfs(store.path()).map_or(true, |it| has_room(it.f_bavail, it.f_blocks));
    if has_room { wanted_from(store) } else { u64::MAX }
}

fn has_room(free: u64, all: u64) -> bool {
    free > all / PARTS_FREE
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::forward::cursor::{Cursor, Place, id_text};

    #[test]
    fn what_some_cursor_wants_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::create(dir.path().join("store")).unwrap();
        store.append(gaugelog::Observation::new(1, 1.0)).unwrap();
        let id = id_text(store.snapshot().unwrap().store_id());
        let save = |name: &str, id: &str, next: u64| {
            let cursor = Cursor { store: id.to_owned(), next, ..Cursor::default() };
            Place::take(store.path(), name).unwrap().save(&cursor).unwrap();
        };
        assert_eq!(wanted_from(&store), u64::MAX);
        save("a", &id, 70_000);
        save("b", &id, 90_000);
        assert_eq!(wanted_from(&store), 70_000);
        assert_eq!(wanting_before(&store, 90_000), [store.path().join("forward-a.json")]);
        save("c", "another", 99_000);
        assert_eq!(wanted_from(&store), 0);
        // Another observation has the number of the last that was sent.
        let cursor = Cursor { store: id, next: 1, last: Some("0".repeat(32)), ..Cursor::default() };
        Place::take(store.path(), "c").unwrap().save(&cursor).unwrap();
        assert_eq!(wanted_from(&store), 0);
        fs::remove_file(store.path().join("forward-c.json")).unwrap();
        fs::write(store.path().join("forward-d.json"), "{}").unwrap();
        assert_eq!(wanted_from(&store), 0);
    }

    #[test]
    fn a_tenth_of_the_file_system_is_not_for_what_is_not_sent() {
        assert!(has_room(11, 100) && !has_room(10, 100) && !has_room(0, 0));
    }
}
