//! What a disk is known to have, by the syncs that succeeded.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::header;
use crate::disk::Operation;
use crate::segment::names::{ordinals, rows_name};
use crate::view::View;

#[derive(Clone, Debug)]
pub(super) struct Durable {
    directory: PathBuf,
    /// What was written to each file, and no sync has covered since.
    dirty: HashMap<String, Vec<Range<u64>>>,
    /// What a sync that failed was to cover: no later one brings it back.
    lost: HashMap<String, Vec<Range<u64>>>,
    /// Segments whose names may not be on the disk.
    nameless: Vec<String>,
}

impl Durable {
    /// All that is in `directory` so far counts as durable.
    pub(super) fn of(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, dirty: HashMap::new(), lost: HashMap::new(), nameless: Vec::new() }
    }

    pub(super) fn succeeded(&mut self, path: &Path, operation: Operation) {
        let name = name(path);
        match operation {
            Operation::Write { .. } => self.write(name, operation),
            Operation::Sync => drop(self.dirty.remove(&name)),
            Operation::Create if name.ends_with(".tmp") => {
                self.dirty.remove(&name);
                self.lost.remove(&name);
            }
            Operation::Rename => {
                let temporary = format!("{name}.tmp");
                for all in [&mut self.dirty, &mut self.lost] {
                    let ranges = all.remove(&temporary).unwrap_or_default();
                    all.insert(name.clone(), ranges);
                }
                self.nameless.push(name);
            }
            Operation::SyncDirectory if path == self.directory => self.nameless.clear(),
            _ => {}
        }
    }

    /// A call that failed; of a write so many bytes were written.
    pub(super) fn failed(&mut self, path: &Path, operation: Operation, written: usize) {
        match operation {
            Operation::Write { offset, .. } if written > 0 => {
                self.write(name(path), Operation::Write { offset, length: written });
            }
            Operation::Sync => {
                let dirty = self.dirty.remove(&name(path)).unwrap_or_default();
                self.lost.entry(name(path)).or_default().extend(dirty);
            }
            _ => {}
        }
    }

    fn write(&mut self, name: String, operation: Operation) {
        if let Operation::Write { offset, length } = operation {
            self.dirty.entry(name).or_default().push(offset..offset + length as u64);
        }
    }

    /// Asserts that a power cut now would take no observation.
    pub(super) fn assert_all(&self) {
        assert!(!self.nameless.iter().any(|name| name.ends_with(".rows")), "{:?}", self.nameless);
        let is_open = |(name, ranges): (&String, &Vec<Range<u64>>)| {
            name.ends_with(".rows") && !ranges.is_empty()
        };
        if !self.dirty.iter().chain(&self.lost).any(is_open) {
            return;
        }
        let view = View::take(&self.directory, true).expect("a view");
        let Some((last, tail)) = view.active().expect("a segment") else { return };
        for ordinal in ordinals(&self.directory).expect("listed") {
            let end = match ordinal {
                _ if ordinal == last.ordinal => tail.end.offset,
                _ => header(&self.directory, ordinal + 1).predecessor.expect("one").end_offset,
            };
            let name = rows_name(ordinal);
            for (all, what) in [(&self.dirty, "not synced"), (&self.lost, "lost by a sync")] {
                let begins = all.get(&name).and_then(|all| all.iter().map(|it| it.start).min());
                let begins = begins.unwrap_or(u64::MAX);
                assert!(end <= begins, "{name} counts up to {end}, and {begins} is {what}");
            }
        }
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
