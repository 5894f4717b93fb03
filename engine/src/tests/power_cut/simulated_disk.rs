//! A disk that can lose its power: what processes see of it, with the page cache, and
//! what may be found on it after a power cut.
//!
//! The fault model, with [`Choices`](super::choices::Choices):
//!
//! * A sector of 512 bytes that was written and not synced has the content of the last
//!   sync, or any content that was written after it.
//! * A file has the length of the last sync, any later one, or one between them.
//! * A name leads to what it led to when its directory was last synced, or to anything
//!   later. This is decided for each name separately, also for the two of a rename.
//! * A failed sync marks its pages as clean: processes still see them, but no later sync
//!   writes them to the disk, nor what is written to the same sectors while the machine
//!   runs (as seen with ext4, Linux 6.18). They may be on the disk nevertheless.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::content::{Content, SECTOR_BYTES, Sector};
use crate::format::names::{ASIDE, DAMAGED, Name, TEMPORARY, classify};
use crate::os::disk::Operation;

/// A file, by any name: an index into [`SimulatedDisk::files`].
pub(super) type FileNumber = usize;

/// What a directory holds: its files by name.
pub(super) type Files = BTreeMap<Rc<str>, Rc<Content>>;

#[derive(Clone, Debug, Default)]
pub(super) struct SimulatedFile {
    pub(super) on_disk: Rc<Content>,
    pub(super) seen: Rc<Content>,
    /// What was written to sectors since they were synced, the newest last.
    pub(super) given: BTreeMap<usize, Vec<Sector>>,
    /// The lengths of the file since it was synced, and some between.
    pub(super) lengths: Vec<usize>,
    /// Sectors that no sync writes to the disk any more.
    given_up: BTreeSet<usize>,
}

impl SimulatedFile {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let before = self.seen.length();
        let touched = Rc::make_mut(&mut self.seen).write(offset, bytes);
        touched.for_each(|index| self.give(index, self.seen.sector(index)));
        let length = self.seen.length();
        if length > before {
            let between = (before + 1).next_multiple_of(SECTOR_BYTES);
            self.lengths.extend((between < length).then_some(between));
            self.lengths.push(length);
        }
    }

    fn give(&mut self, index: usize, sector: Sector) {
        match self.given.get_mut(&index) {
            Some(given) if given.last() != Some(&sector) => given.push(sector),
            Some(_) => {}
            None if self.on_disk.sector(index) == sector => {}
            None => drop(self.given.insert(index, vec![sector])),
        }
    }

    fn sync(&mut self) {
        self.lengths.clear();
        if self.given_up.is_empty() {
            self.given.clear();
            self.on_disk = Rc::clone(&self.seen);
            return;
        }
        let on_disk = Rc::make_mut(&mut self.on_disk);
        let given_up = &self.given_up;
        self.given.retain(|index, given| {
            let stays = given_up.contains(index);
            if !stays {
                on_disk.put(*index, given.last().cloned().unwrap_or_default());
            }
            stays
        });
        on_disk.resize(self.seen.length());
    }

    fn fail_to_sync(&mut self) {
        self.given_up.extend(self.given.keys());
    }
}

/// What a name leads to.
#[derive(Clone, Debug, Default)]
pub(super) struct Entry {
    pub(super) on_disk: Option<FileNumber>,
    /// What it led to since then, the newest last.
    pub(super) since: Vec<Option<FileNumber>>,
}

impl Entry {
    pub(super) fn seen(&self) -> Option<FileNumber> {
        self.since.last().copied().unwrap_or(self.on_disk)
    }
}

/// A store's directory and its files.
#[derive(Clone, Debug, Default)]
pub(super) struct SimulatedDisk {
    pub(super) files: Vec<Rc<SimulatedFile>>,
    pub(super) names: BTreeMap<Rc<str>, Entry>,
    /// Whether the directory exists, and whether it does so durably.
    pub(super) directory_seen: bool,
    pub(super) directory_on_disk: bool,
}

impl SimulatedDisk {
    /// A disk on which all of `files` is durable; `None` for a disk without the
    /// directory.
    pub(super) fn holding(files: Option<&Files>) -> Self {
        let mut disk = Self {
            directory_seen: files.is_some(),
            directory_on_disk: files.is_some(),
            ..Self::default()
        };
        for (name, content) in files.into_iter().flatten() {
            let entry = Entry { on_disk: Some(disk.files.len()), since: Vec::new() };
            disk.names.insert(Rc::clone(name), entry);
            let (on_disk, seen) = (Rc::clone(content), Rc::clone(content));
            disk.files.push(Rc::new(SimulatedFile { on_disk, seen, ..SimulatedFile::default() }));
        }
        disk
    }

    /// What processes see.
    pub(super) fn seen(&self) -> Option<Files> {
        let seen = |(name, entry): (&Rc<str>, &Entry)| {
            Some((Rc::clone(name), Rc::clone(&self.files[entry.seen()?].seen)))
        };
        self.directory_seen.then(|| self.names.iter().filter_map(seen).collect())
    }

    /// The names that processes see.
    pub(super) fn names(&self) -> impl Iterator<Item = &Rc<str>> {
        self.names.iter().filter(|(_, entry)| entry.seen().is_some()).map(|(name, _)| name)
    }

    /// What processes see of a file.
    pub(super) fn content(&self, name: &str) -> &Content {
        &self.files[self.named(name).expect("a file of that name")].seen
    }

    /// Applies an operation that succeeds.
    pub(super) fn apply(&mut self, name: &str, operation: Operation, bytes: &[u8]) {
        match operation {
            Operation::CreateDirectory => self.directory_seen = true,
            Operation::Create => self.create(name),
            Operation::Write { offset, .. } => {
                let offset = usize::try_from(offset).expect("in memory");
                self.file(name).write(offset, bytes);
            }
            Operation::Sync => self.file(name).sync(),
            Operation::Rename => {
                self.move_to(&format!("{name}{TEMPORARY}"), name);
            }
            Operation::SetAside => {
                let suffix = if matches!(classify(name), Name::Log(_)) { DAMAGED } else { ASIDE };
                self.move_to(name, &format!("{name}{suffix}"));
            }
            Operation::Remove => self.rename(name, None),
            Operation::SyncDirectory => self.sync_names(),
            other => unreachable!("{other:?} changes nothing"),
        }
    }

    /// Applies a failed sync of a file.
    pub(super) fn fail_to_sync(&mut self, name: &str) {
        self.file(name).fail_to_sync();
    }

    /// Flips a bit of a file that is durable as a whole.
    pub(super) fn flip(&mut self, name: &str, offset: usize) {
        let file = self.file(name);
        for content in [&mut file.on_disk, &mut file.seen] {
            let byte = content.bytes()[offset] ^ 0x10;
            Rc::make_mut(content).write(offset, &[byte]);
        }
    }

    /// Applies a sync of the parent of the store's directory.
    pub(super) fn sync_directory_itself(&mut self) {
        self.directory_on_disk = self.directory_seen;
    }

    fn named(&self, name: &str) -> Option<FileNumber> {
        self.names.get(name).and_then(Entry::seen)
    }

    fn file(&mut self, name: &str) -> &mut SimulatedFile {
        let file = self.named(name).expect("a file of that name");
        Rc::make_mut(&mut self.files[file])
    }

    /// Creates no file if there is one.
    fn create(&mut self, name: &str) {
        if self.named(name).is_none() {
            self.rename(name, Some(self.files.len()));
            self.files.push(Rc::default());
        }
    }

    fn move_to(&mut self, name: &str, other: &str) {
        let file = self.named(name).expect("a file to rename");
        self.rename(name, None);
        self.rename(other, Some(file));
    }

    fn rename(&mut self, name: &str, file: Option<FileNumber>) {
        if self.named(name) != file {
            self.names.entry(name.into()).or_default().since.push(file);
        }
    }

    fn sync_names(&mut self) {
        self.names.retain(|_, entry| {
            entry.on_disk = entry.seen();
            entry.since.clear();
            entry.on_disk.is_some()
        });
    }
}
