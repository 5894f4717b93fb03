//! A disk that can lose its power, simulated beside the real files of a store:
//! those are what processes see, the page cache included; this knows what of
//! them has reached the disk.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::disk_watch::io_error;
use super::super::names;
use crate::disk::Operation;

/// The unit that a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
/// The locks' file, which is no data and is made again where it is missing.
const LOCK: &str = "lock";
const LAST_LINES: usize = 60;

/// Of how many syncs one fails; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FailingSyncs {
    pub(super) of_files: u32,
    pub(super) of_directories: u32,
}

/// A file, whatever its name: an index into [`SimulatedDisk::files`].
type FileNumber = usize;

#[derive(Debug, Default)]
struct SimulatedFile {
    on_disk: Vec<u8>,
    /// What was written and is still to be taken to the disk by a sync.
    dirty: Vec<Range<u64>>,
    /// Where a sync failed, and no later one takes anything to the disk.
    given_up: Vec<Range<u64>>,
}

impl SimulatedFile {
    /// Takes what is dirty of the file's content to the disk.
    fn take_to_disk(&mut self, seen: &[u8]) {
        self.on_disk.resize(seen.len(), 0);
        let old = self.on_disk.clone();
        let within = |range: &Range<u64>| offset(range.start)..offset(range.end).min(seen.len());
        for range in self.dirty.drain(..) {
            let range = within(&range);
            self.on_disk[range.clone()].copy_from_slice(&seen[range]);
        }
        for range in &self.given_up {
            let range = within(range);
            self.on_disk[range.clone()].copy_from_slice(&old[range]);
        }
    }
}

#[derive(Debug)]
pub(super) struct SimulatedDisk {
    directory: PathBuf,
    random: StdRng,
    failing: FailingSyncs,
    refused: u64,
    /// How many operations happen before the process dies.
    operations_left: u32,
    files: Vec<SimulatedFile>,
    /// What each name stands for, as processes see it.
    named: BTreeMap<String, FileNumber>,
    /// What each name stands for on the disk.
    named_on_disk: BTreeMap<String, FileNumber>,
    told: VecDeque<String>,
}

impl SimulatedDisk {
    /// A disk that holds all that is in `directory` now.
    pub(super) fn holding(directory: &Path, seed: u64, failing: FailingSyncs) -> Self {
        let mut disk = Self {
            directory: directory.to_owned(),
            random: StdRng::seed_from_u64(seed),
            failing,
            refused: 0,
            operations_left: 0,
            files: Vec::new(),
            named: BTreeMap::new(),
            named_on_disk: BTreeMap::new(),
            told: VecDeque::new(),
        };
        disk.take_all_as_durable();
        disk
    }

    fn take_all_as_durable(&mut self) {
        self.files.clear();
        self.named.clear();
        for name in self.names() {
            let on_disk = self.seen(&name);
            self.create(name);
            self.files.last_mut().expect("just created").on_disk = on_disk;
        }
        self.named_on_disk = self.named.clone();
    }

    /// Remembers a line for [`SimulatedDisk::last_told`].
    pub(super) fn tell(&mut self, line: String) {
        self.told.push_back(line);
        if self.told.len() > LAST_LINES {
            self.told.pop_front();
        }
    }

    /// What was told last, and the operations in between.
    pub(super) fn last_told(&self) -> String {
        self.told.iter().map(|line| format!("  {line}\n")).collect()
    }

    /// Starts a process that is killed at the `operations`-th operation.
    pub(super) fn start_process(&mut self, operations: u32) {
        self.operations_left = operations;
    }

    pub(super) fn process_is_dead(&self) -> bool {
        self.operations_left == 0
    }

    /// How many syncs have failed.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// To be called before each operation; refuses those that fail.
    pub(super) fn operate(&mut self, path: &Path, operation: Operation) -> io::Result<()> {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        if self.process_is_dead() {
            return Err(io_error());
        }
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        self.tell(format!("{operation:?} {name}"));
        self.operations_left -= 1;
        if self.process_is_dead() {
            return Err(io_error());
        }
        match operation {
            Operation::Create => self.create(name),
            Operation::Write { offset, length } => {
                self.named_file(&name).dirty.push(offset..offset + length as u64);
            }
            Operation::Sync => return self.sync(&name),
            Operation::Rename => {
                let file = self.named.remove(&format!("{name}.tmp")).expect("a file to rename");
                self.named.insert(name, file);
            }
            Operation::Remove => drop(self.named.remove(&name)),
            Operation::SyncDirectory => return self.sync_directory(path),
            other => unreachable!("{other:?}"),
        }
        Ok(())
    }

    fn create(&mut self, name: String) {
        // Temporary files are created anew, derived ones opened where they are.
        if name.ends_with(".tmp") || !self.named.contains_key(&name) {
            self.named.insert(name, self.files.len());
            self.files.push(SimulatedFile::default());
        }
    }

    fn named_file(&mut self, name: &str) -> &mut SimulatedFile {
        &mut self.files[self.named[name]]
    }

    /// Takes what is dirty to the disk. Where that fails, it counts as clean all
    /// the same, and what is written there again does not reach the disk either:
    /// both was seen of ext4 (Linux 6.18), whose later syncs returned 0.
    fn sync(&mut self, name: &str) -> io::Result<()> {
        if self.fails(self.failing.of_files) {
            let file = self.named_file(name);
            file.given_up.append(&mut file.dirty);
            return Err(io_error());
        }
        let seen = self.seen(name);
        self.named_file(name).take_to_disk(&seen);
        Ok(())
    }

    fn sync_directory(&mut self, path: &Path) -> io::Result<()> {
        assert_eq!(path, self.directory, "no other directory is known");
        if self.fails(self.failing.of_directories) {
            return Err(io_error());
        }
        self.named_on_disk = self.named.clone();
        Ok(())
    }

    fn fails(&mut self, one_in: u32) -> bool {
        let fails = one_in > 0 && self.random.random_ratio(1, one_in);
        if fails {
            self.refused += 1;
            self.tell("  which FAILED".to_owned());
        }
        fails
    }

    /// Removes a file behind the process's back; a power cut may bring it back.
    pub(super) fn remove(&mut self, name: &str) {
        if self.named.remove(name).is_some() {
            self.tell(format!("{name} is removed by hand"));
            std::fs::remove_file(self.directory.join(name)).expect("removed");
        }
    }

    /// Leaves of the store's files what is on the disk, and by chance some of
    /// what was to come there: each name as it was or as it is, each file longer
    /// or not, each of its sectors as it was or as it is.
    pub(super) fn cut_power(&mut self) {
        assert_eq!(self.names(), self.named.keys().cloned().collect(), "all goes through `disk`");
        let names: BTreeSet<String> =
            self.named.keys().chain(self.named_on_disk.keys()).cloned().collect();
        let mut surviving = Vec::new();
        for name in names {
            let (old, new) = (self.named_on_disk.get(&name), self.named.get(&name));
            let file = if self.random.random() { old } else { new };
            let Some(&file) = file else { continue };
            let seen = (new == Some(&file)).then(|| self.seen(&name));
            surviving.push((name, self.surviving(file, &seen.unwrap_or_default())));
        }
        std::fs::remove_dir_all(&self.directory).expect("removed");
        std::fs::create_dir(&self.directory).expect("a directory");
        for (name, content) in surviving {
            std::fs::write(self.directory.join(name), content).expect("written");
        }
        self.take_all_as_durable();
    }

    fn surviving(&mut self, file: FileNumber, seen: &[u8]) -> Vec<u8> {
        let mut content = std::mem::take(&mut self.files[file].on_disk);
        let grown = content.len().max(seen.len());
        let length = match self.random.random_range(0..3) {
            0 => content.len(),
            1 => grown,
            _ => self.random.random_range(content.len()..=grown),
        };
        content.resize(length, 0);
        let survive_of_4 = self.random.random_range(1..=4);
        for (old, new) in content.chunks_mut(SECTOR_BYTES).zip(seen.chunks(SECTOR_BYTES)) {
            if self.random.random_ratio(survive_of_4, 4) {
                let length = old.len().min(new.len());
                old[..length].copy_from_slice(&new[..length]);
            }
        }
        // Both names of a file that is being renamed may survive.
        self.files[file].on_disk.clone_from(&content);
        content
    }

    /// The names of data, as processes see them.
    fn names(&self) -> BTreeSet<String> {
        names(&self.directory).into_iter().filter(|name| name != LOCK).collect()
    }

    /// The content of a file, as processes see it.
    fn seen(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.directory.join(name)).expect("a file")
    }
}

fn offset(of: u64) -> usize {
    usize::try_from(of).expect("in memory")
}
