//! What is known to be on a disk, by the syncs that succeeded.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::super::{open, view};
use crate::format::names::{MANIFEST, chunk_name, log_name};
use crate::format::record::Record;
use crate::manifest;
use crate::os::disk::Operation;

#[derive(Clone, Debug)]
pub(super) struct Durable {
    directory: PathBuf,
    /// What was written to each file and is not covered by a later sync.
    dirty: HashMap<String, Vec<Range<u64>>>,
    /// What a failed sync should have covered: no later sync makes it durable.
    lost: HashMap<String, Vec<Range<u64>>>,
    /// Files whose names may not be durable.
    nameless: Vec<String>,
    /// The manifest that a power cut may bring back.
    record: Option<Record>,
}

impl Durable {
    /// All that is in `directory` so far counts as durable.
    pub(super) fn of(directory: &Path) -> Self {
        let directory = directory.to_owned();
        let record = record_in(&directory);
        let (dirty, lost, nameless) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { directory, dirty, lost, nameless, record }
    }

    pub(super) fn succeeded(&mut self, path: &Path, operation: Operation) {
        if path != self.directory && path.parent() != Some(&self.directory) {
            // Part of a copy.
            return;
        }
        let name = name(path);
        match operation {
            Operation::Write { .. } => self.write(name, operation),
            Operation::Sync => drop(self.dirty.remove(&name)),
            Operation::Create => {
                self.dirty.remove(&name);
                self.lost.remove(&name);
                self.nameless.push(name);
            }
            Operation::Rename => {
                let temporary = format!("{name}.tmp");
                for all in [&mut self.dirty, &mut self.lost] {
                    let ranges = all.remove(&temporary).unwrap_or_default();
                    all.insert(name.clone(), ranges);
                }
                self.nameless.push(name);
            }
            Operation::SyncDirectory if path == self.directory => {
                // The sync is announced before it is made: what was done before counts.
                self.nameless.clear();
                self.record = record_in(&self.directory);
            }
            _ => {}
        }
    }

    /// A call that failed. A write has written `written` bytes.
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

    /// Asserts that a power cut now would lose no observation.
    pub(super) fn assert_all(&self) {
        let record = manifest::read(&open(&self.directory)).expect("a manifest").record;
        let log = log_name(record.log);
        let chunks = (record.first_chunk..record.sealed_end).map(chunk_name);
        let all: Vec<String> = chunks.chain([MANIFEST.into(), log.clone()]).collect();
        let is_nameless = |name: &String| self.nameless.contains(name);
        if is_nameless(&MANIFEST.to_owned()) {
            self.assert_earlier(&record);
        }
        let unsynced = all.iter().find(|name| *name != MANIFEST && is_nameless(name));
        assert_eq!(unsynced, None, "its name may not be on the disk");
        let begins = |name: &String| {
            let of = |all: &HashMap<String, Vec<Range<u64>>>| {
                all.get(name).into_iter().flatten().map(|it| it.start).min()
            };
            of(&self.dirty).into_iter().chain(of(&self.lost)).min()
        };
        for name in &all {
            let Some(begins) = begins(name) else { continue };
            assert_eq!(*name, log, "{name} is not synced, or was lost by a sync");
            let view = view(&self.directory).expect("a view");
            let end = view.log().expect("a log").tail().end.offset;
            assert!(end <= begins, "{name} counts up to {end}, and {begins} is not durable");
        }
    }
}

impl Durable {
    /// The durable manifest before the current one lists all that there is.
    fn assert_earlier(&self, record: &Record) {
        let earlier = self.record.as_ref().expect("a manifest that is durable");
        let chunks = (earlier.first_chunk..earlier.sealed_end).map(chunk_name);
        for name in chunks.chain([log_name(earlier.log)]) {
            assert!(self.directory.join(&name).exists(), "{name} was removed too early");
        }
        let view = view(&self.directory).expect("a view");
        let appended = view.log().is_some_and(|log| log.tail().is_appended_to);
        assert!(!appended || earlier.log == record.log, "appended before the listing is durable");
    }
}

fn record_in(directory: &Path) -> Option<Record> {
    let bytes = std::fs::read(directory.join(MANIFEST)).ok()?;
    Record::decode(&bytes).ok()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
