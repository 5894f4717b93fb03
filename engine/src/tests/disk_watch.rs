//! Recording the operations on the disk, and checking their order.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::format::names::{MANIFEST, Name, chunk_name, classify, log_name};
use crate::format::record::Record;
use crate::os::disk::{Operation, watch};

/// The most bytes of one write call, with the zeros written ahead.
const WRITE_MOST: u64 = (1 << 20) + (32 << 10) + (256 << 10);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) file: String,
    pub(super) operation: Operation,
}

/// Runs `work` and returns the operations that it made on the disk. `verdict` is called
/// before each operation that changes the disk, and may refuse it.
pub(super) fn record<T>(
    mut verdict: impl FnMut(&Path, &Event) -> io::Result<()> + 'static,
    work: impl FnOnce() -> T,
) -> (T, Vec<Event>) {
    let events = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&events);
    let watcher = move |path: &Path, operation: Operation, _: &[u8]| {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let event = Event { file: name.into_owned(), operation };
        seen.borrow_mut().push(event.clone());
        verdict(path, &event)
    };
    let result = watch::with(watcher, work);
    (result, events.take())
}

pub(super) fn io_error() -> io::Error {
    io::Error::from_raw_os_error(5)
}

pub(super) fn no_space() -> io::Error {
    io::Error::from_raw_os_error(28)
}

/// Checks each operation against rule 5: nothing is named before it is durable, and
/// nothing is removed before its replacement is durable.
#[derive(Debug)]
pub(super) struct Judge {
    directory: PathBuf,
    /// What was written to each file and not synced yet.
    unsynced: HashMap<String, Vec<Range<u64>>>,
    /// Names that were made and may not be durable.
    nameless: Vec<String>,
    /// A file that was set aside since the directory was last synced.
    aside: Option<String>,
}

/// The most bytes that may stay unsynced.
const UNSYNCED_BYTES_MAX: u64 = 8 << 20;

impl Judge {
    pub(super) fn new(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, unsynced: HashMap::new(), nameless: Vec::new(), aside: None }
    }

    /// Called before each operation, after the one before has succeeded.
    pub(super) fn judge(&mut self, event: &Event) {
        let name = event.file.clone();
        let is_log = matches!(classify(&name), Name::Log(_));
        match event.operation {
            Operation::Write { offset, length } => {
                let writes = self.unsynced.entry(name.clone()).or_default();
                writes.push(offset..offset + length as u64);
                let total: u64 = writes.iter().map(|it| it.end - it.start).sum();
                assert!(!is_log || total < UNSYNCED_BYTES_MAX + WRITE_MOST, "{total} unsynced");
                if is_log && self.is_listed(&name) {
                    let manifest = self.nameless.iter().any(|name| name == MANIFEST);
                    assert!(!manifest, "an appended frame before the manifest is durable");
                }
            }
            Operation::Sync => drop(self.unsynced.remove(&name)),
            Operation::Create => {
                // Later it could not be determined whether a partly written log is
                // needed.
                assert!(!is_log, "{name} has its name before it is whole");
                self.unsynced.remove(&name);
                self.nameless.push(name);
            }
            Operation::Rename => {
                let temporary = format!("{name}.tmp");
                assert!(!self.unsynced.contains_key(&temporary), "{name} is named unsynced");
                let aside = self.aside.as_ref();
                assert_ne!(aside, Some(&name), "another file is named before the old one is kept");
                if name == MANIFEST {
                    self.judge_manifest();
                }
                self.nameless.push(name);
            }
            Operation::SetAside => {
                self.aside = Some(name);
            }
            Operation::SyncDirectory => {
                self.nameless.clear();
                self.aside = None;
            }
            Operation::Remove if matches!(classify(&name), Name::Log(_) | Name::Chunk(_)) => {
                let manifest = self.nameless.iter().any(|name| name == MANIFEST);
                assert!(!manifest, "{name} is removed before the manifest is durable");
            }
            _ => {}
        }
    }

    fn is_listed(&self, log: &str) -> bool {
        let bytes = std::fs::read(self.directory.join(MANIFEST)).unwrap_or_default();
        Record::decode(&bytes).is_ok_and(|record| log_name(record.log) == log)
    }

    /// All that the new manifest lists is on the disk, with its names.
    fn judge_manifest(&self) {
        let path = self.directory.join(format!("{MANIFEST}.tmp"));
        let bytes = std::fs::read(path).expect("the temporary file");
        let record = Record::decode(&bytes).expect("a whole record");
        let chunks = (record.first_chunk..record.sealed_end).map(chunk_name);
        for name in chunks.chain((record.log != 0).then(|| log_name(record.log))) {
            assert!(self.directory.join(&name).exists(), "{name} is listed and missing");
            let written = self.unsynced.get(&name).into_iter().flatten();
            let begins = written.map(|it| it.start).min().unwrap_or(u64::MAX);
            let is_log = name.ends_with(".log");
            let needed = if is_log { record.made_bytes } else { u64::MAX };
            assert!(needed <= begins, "{name} is listed before it is synced");
            assert!(!self.nameless.contains(&name), "{name} is listed before its name is durable");
        }
    }
}
