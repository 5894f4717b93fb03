//! Changing a few bytes of one file in place, and checking exactly what is read.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::super::contents::Contents;
use super::super::{open, scratch};
use super::afterwards;
use super::parts::What;
use super::specimen::{Reported, Specimen};
use crate::chunk::reader::{Chunk, Page};
use crate::format::names::Name;
use crate::format::{CHUNK, CHUNK_LEAVES};
use crate::log::Head;
use crate::log::reader::Log;
use crate::manifest;
use crate::os::disk::Directory;
use std::ops::Range;

/// One in this many changes is tried on the whole store: opening, verifying, appending,
/// repairing. For the others only the changed file is read.
const WHOLE: u64 = 61;

/// The expected effect of a change.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Sequence numbers that can no longer be read.
    pub(super) lost: Range<u64>,
    /// What reading reports about them.
    pub(super) reported: Option<Reported>,
    /// The place that `verify` lists.
    pub(super) verified: Option<(usize, u64)>,
    /// The sequence number after the last.
    pub(super) end: u64,
    /// The dropped bytes of the log.
    pub(super) dropped_bytes: u64,
}

impl Specimen {
    /// What must be read after these bytes, all of one part, have changed.
    pub(super) fn expected(&self, file: usize, changes: &[(u64, u8)]) -> Expected {
        let stored = &self.files[file];
        let part = stored.part_at(changes[0].0);
        let start = part.bytes.start;
        let mut expected = Expected {
            lost: 0..0,
            reported: None,
            verified: Some((file, start)),
            end: self.len(),
            dropped_bytes: 0,
        };
        let dropped = |from| dropped_bytes(&stored.bytes, from, changes);
        match &part.what {
            What::Unread => expected.verified = None,
            What::Ahead | What::Mark { .. } => {
                expected.verified = None;
                expected.dropped_bytes = dropped(start);
            }
            What::Record | What::ChunkHeader | What::Summary | What::Sketch | What::LogHeader => {}
            What::Frame { sequences, .. } if !self.is_known_durable(file, start) => {
                expected.verified = None;
                expected.end = sequences.start;
                expected.lost = sequences.start..self.len();
                expected.dropped_bytes = dropped(start);
            }
            What::Page { sequences } | What::Frame { sequences, .. } => {
                expected.lost = sequences.clone();
                let file = stored.name.clone();
                let lost = sequences.clone();
                expected.reported = Some(Reported { file, offset: start, lost });
            }
        }
        expected
    }

    /// Whether a later frame or mark, or the manifest, states that the log was durable
    /// beyond `offset`.
    fn is_known_durable(&self, file: usize, offset: u64) -> bool {
        let states = |part: &super::parts::Part| match part.what {
            What::Frame { synced_to, .. } | What::Mark { synced_to } => {
                part.bytes.start > offset && synced_to > offset
            }
            _ => false,
        };
        offset < self.record.made_bytes || self.files[file].parts.iter().any(states)
    }
}

/// How many bytes there are from `from` to the last one that is not zero.
fn dropped_bytes(stored: &[u8], from: u64, changes: &[(u64, u8)]) -> u64 {
    let now = |offset: u64| {
        let change = changes.iter().find(|(at, _)| *at == offset).map_or(0, |(_, change)| *change);
        stored[usize::try_from(offset).expect("in memory")] ^ change
    };
    let last = (from..stored.len() as u64).rev().find(|offset| now(*offset) != 0);
    last.map_or(0, |last| last + 1 - from)
}

/// A copy of a store whose bytes are changed and then restored.
pub(super) struct Bench<'s> {
    specimen: &'s Specimen,
    guard: TempDir,
    directory: Arc<Directory>,
    files: Vec<File>,
    page: Page,
    turn: u64,
}

impl<'s> Bench<'s> {
    pub(super) fn new(specimen: &'s Specimen) -> Self {
        let guard = scratch();
        specimen.write_to(guard.path());
        let directory = open(guard.path());
        let files = open_all(specimen, guard.path());
        Self { specimen, guard, directory, files, page: Page::default(), turn: 0 }
    }

    /// Flips these bits of one part and checks what is read.
    pub(super) fn try_out(&mut self, file: usize, changes: &[(u64, u8)]) {
        let stored = &self.specimen.files[file].bytes;
        let byte = |at: u64| stored[usize::try_from(at).expect("in memory")];
        for (at, change) in changes {
            self.files[file].write_all_at(&[byte(*at) ^ change], *at).expect("written");
        }
        self.turn += 1;
        let expected = self.specimen.expected(file, changes);
        self.check_file(file, &expected);
        if self.turn.is_multiple_of(WHOLE) {
            let turn = self.turn / WHOLE;
            let path = self.guard.path();
            if afterwards::check(path, self.specimen, file, &expected, turn) {
                self.specimen.write_to(path);
                self.files = open_all(self.specimen, path);
            }
        }
        for (at, _) in changes {
            self.files[file].write_all_at(&[byte(*at)], *at).expect("written");
        }
    }

    fn check_file(&mut self, file: usize, expected: &Expected) {
        match self.specimen.name_of(file) {
            Name::Manifest => {
                let found = manifest::read(&self.directory).expect("one copy is whole");
                assert!(found.record == self.specimen.record, "another record");
                let damage = found.damage.expect("reported");
                assert_eq!(Some((file, damage.offset)), expected.verified);
            }
            Name::Chunk(number) => self.check_chunk(number, expected),
            Name::Log(id) if id == self.specimen.record.log => self.check_log(expected),
            _ => {}
        }
    }

    fn check_chunk(&mut self, number: u32, expected: &Expected) {
        let positioned = !self.turn.is_multiple_of(8);
        let store = self.specimen.record.store;
        let chunk = Chunk::open(&self.directory, store, number, positioned).expect("opened");
        let mut contents = Contents::default();
        let path = &self.directory.file_path("");
        contents.add_chunk(&chunk, path, &mut self.page).expect("read");
        let first = u64::from(number) * CHUNK;
        self.specimen.judge(&contents, &(first..first + CHUNK), expected);
        for leaf in 0..CHUNK_LEAVES {
            assert!(chunk.leaf(leaf).expect("its page is whole").is_plausible());
        }
    }

    fn check_log(&mut self, expected: &Expected) {
        let head = Head::of(&self.specimen.record);
        let log = Log::open(&self.directory, head).expect("opened");
        assert_eq!(log.end_sequence(), expected.end);
        assert_eq!(log.tail().dropped_bytes, expected.dropped_bytes);
        let mut contents = Contents::default();
        contents.add_log(&log).expect("read");
        self.specimen.judge(&contents, &(head.first_sequence..expected.end), expected);
    }
}

fn open_all(specimen: &Specimen, path: &Path) -> Vec<File> {
    let open = |name: &String| OpenOptions::new().write(true).open(path.join(name));
    specimen.files.iter().map(|file| open(&file.name).expect("a file")).collect()
}

impl Specimen {
    /// Within `range`, everything except the expected losses is read, nothing else is
    /// read, and what is missing is reported.
    pub(super) fn judge(&self, contents: &Contents, range: &Range<u64>, expected: &Expected) {
        let gone = |n: u64| expected.lost.contains(&n);
        let mut rows = contents.rows.iter();
        for n in self.served.iter().cloned().flatten() {
            if !range.contains(&n) || gone(n) {
                continue;
            }
            let stored = &self.observations[usize::try_from(n).expect("in memory")];
            let (sequence, row) = rows.next().expect("all that is left can be read");
            let same = row.timestamp_ns == stored.timestamp_ns
                && row.value.to_bits() == stored.value.to_bits();
            assert!(*sequence == n && same, "{row:?} as {sequence} instead of {stored:?} as {n}");
        }
        assert_eq!(rows.next(), None, "more than was stored");
        let mut reported = contents.damage.iter().map(Reported::from);
        if let Some(wanted) = &expected.reported {
            assert!(
                reported.any(|it| (it.offset, &it.lost) == (wanted.offset, &wanted.lost)),
                "{wanted:?} is not reported: {:?}",
                contents.damage
            );
        }
        let covered = |n: u64| {
            contents.damage.iter().any(|damage| damage.lost.contains(&n))
                || contents.absent.iter().any(|absent| absent.contains(&n))
        };
        let end = range.end.min(expected.end);
        let mut next = range.start;
        for (sequence, _) in contents.rows.iter().chain([&(end, self.observations[0])]) {
            assert!((next..*sequence).all(covered), "{next}..{sequence} is lost silently");
            next = sequence + 1;
        }
    }
}
