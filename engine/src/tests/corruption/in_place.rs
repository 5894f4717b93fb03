//! Changing bytes of one part of a store in place, and looking: as quickly as can
//! be, and exactly what is told.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use tempfile::TempDir;

use super::afterwards;
use super::parts::What;
use super::specimen::{Specimen, StoredFile, scratch};
use super::verdict::{Expected, sight_of};
use crate::snapshot::Snapshot;
use crate::store::{Found, look};
use crate::view::View;

/// Of so many changes one is followed by everything else that a store is for.
const AFTERWARDS_EVERY: u64 = 256;
/// Of so many, one is read through maps.
const MAPPED_EVERY: u64 = 64;
/// Of so many that change something else, one has the store's marker checked too.
const MARKER_EVERY: u64 = 8;
/// Of so many that touch nothing observations are stored in, all is read after one.
const READ_EVERY: u64 = 4;
/// Of so many that touch nothing a summary is stored in, one has its summary taken.
const SUMMED_EVERY: u64 = 8;

/// One copy of a store, to be tampered with.
pub(super) struct Bench<'s> {
    specimen: &'s Specimen,
    files: Vec<File>,
    expected: Vec<Vec<Expected>>,
    directory: TempDir,
    turn: u64,
}

impl<'s> Bench<'s> {
    pub(super) fn new(specimen: &'s Specimen) -> Self {
        // No deeper than it must be: finding the files is much of the work.
        let directory = scratch();
        specimen.write_to(directory.path());
        let expected = |(index, file): (usize, &StoredFile)| {
            (0..file.parts.len()).map(|part| specimen.expected(index, part)).collect()
        };
        Self {
            specimen,
            files: open_all(specimen, &directory),
            expected: specimen.files.iter().enumerate().map(expected).collect(),
            directory,
            turn: 0,
        }
    }

    /// Changes bytes of one part of `file`, each by some of its bits, looks, and
    /// changes them back.
    pub(super) fn try_out(&mut self, file: usize, changes: &[(u64, u8)]) {
        self.turn += 1;
        let stored = &self.specimen.files[file];
        let part = stored.parts.iter().position(|part| part.bytes.contains(&changes[0].0));
        let part = part.expect("every byte is in a part");
        assert!(changes.iter().all(|(offset, _)| stored.parts[part].bytes.contains(offset)));
        for (offset, change) in changes {
            self.write(file, *offset, stored.byte(*offset) ^ change);
        }
        let expected = &mut self.expected[file][part];
        if let Some(from) = expected.dropped_from {
            expected.sight.dropped_bytes = self.specimen.dropped_bytes(from, file, changes);
        }
        let expected = &self.expected[file][part];
        let what = &stored.parts[part].what;
        let path = self.directory.path();
        let positioned = self.turn % MAPPED_EVERY != 1;
        let stored_observations = &self.specimen.observations;
        let marker = *what == What::Marker || self.turn.is_multiple_of(MARKER_EVERY);
        let (found, view) = if marker {
            look(path, positioned).expect("opened")
        } else {
            let view = View::take(path, positioned).expect("opened");
            (Found::in_view(&view).expect("read"), view)
        };
        let idle = matches!(what, What::Unread | What::Derived);
        let snapshot = if idle && !self.turn.is_multiple_of(READ_EVERY) {
            assert_eq!(found.observations, expected.sight.observations);
            assert_eq!(found.dropped_bytes, expected.sight.dropped_bytes);
            assert_eq!(found.damage.len(), expected.sight.found.len(), "{:?}", found.damage);
            Snapshot::new(view)
        } else {
            let (seen, snapshot) =
                sight_of(found, view, self.specimen, stored_observations).expect("read");
            assert_eq!(seen, expected.sight);
            snapshot
        };
        if *what == What::Derived || self.turn.is_multiple_of(SUMMED_EVERY) {
            assert_eq!(snapshot.summary().expect("read"), expected.summary);
        }
        // What is written down of nodes, not every question needs.
        if stored.name.ends_with(".tree") {
            afterwards::verified(path, self.specimen, expected);
        }
        if self.turn.is_multiple_of(AFTERWARDS_EVERY) {
            let kind = self.turn / AFTERWARDS_EVERY;
            if afterwards::check(path, self.specimen, expected, &snapshot, kind) {
                self.specimen.write_to(path);
                self.files = open_all(self.specimen, &self.directory);
                return;
            }
        }
        for (offset, _) in changes {
            self.write(file, *offset, stored.byte(*offset));
        }
    }

    fn write(&self, file: usize, offset: u64, byte: u8) {
        self.files[file].write_all_at(&[byte], offset).expect("written");
    }
}

fn open_all(specimen: &Specimen, directory: &TempDir) -> Vec<File> {
    let open = |name: &String| OpenOptions::new().write(true).open(directory.path().join(name));
    specimen.files.iter().map(|file| open(&file.name).expect("opened")).collect()
}
