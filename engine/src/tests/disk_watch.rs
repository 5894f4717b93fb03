//! Recording what is done to the disk, and judging the order of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::checkpoint;
use crate::disk::{Operation, watch};
use crate::segment::format::{
    NODE_BYTES, Position, SEGMENT_HEADER_BYTES_MAX, decode_segment_header,
};
use crate::segment::map::Bytes;
use crate::segment::recover::UNSYNCED_BYTES_MAX;
use crate::segment::walk::{Owner, Step, Walk};
use crate::stats::tree::{LEAF, nodes_complete};

/// The most that one write call is given, and the zeros ahead of it.
const WRITE_MOST: u64 = (1 << 20) + (32 << 10) + (256 << 10);

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) file: String,
    pub(super) operation: Operation,
}

impl Event {
    pub(super) fn is(&self, file: &str, operation: Operation) -> bool {
        self.file == file && self.operation == operation
    }

    pub(super) fn writes(&self, file: &str) -> bool {
        self.file == file && matches!(self.operation, Operation::Write { .. })
    }
}

/// Runs `work` and returns what it did to the disk; `verdict` is asked before
/// each operation that changes it, and may refuse it.
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

/// Judges each operation by rule 5, as it comes.
#[derive(Debug)]
pub(super) struct Judge {
    directory: PathBuf,
    /// What was written to each file and not synced since.
    unsynced: HashMap<String, Vec<Range<u64>>>,
    directory_synced: bool,
}

impl Judge {
    pub(super) fn new(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, unsynced: HashMap::new(), directory_synced: true }
    }

    /// To be called before each operation, when the one before has succeeded.
    pub(super) fn judge(&mut self, event: &Event) {
        self.judge_derived();
        let rows = event.file.ends_with(".rows");
        match event.operation {
            Operation::Write { offset, length } => {
                assert!(!rows || self.directory_synced, "{event:?} before its name is durable");
                let writes = self.unsynced.entry(event.file.clone()).or_default();
                writes.push(offset..offset + length as u64);
                let total: u64 = writes.iter().map(|it| it.end - it.start).sum();
                assert!(!rows || total < UNSYNCED_BYTES_MAX + WRITE_MOST, "{total} unsynced");
            }
            Operation::Sync => drop(self.unsynced.remove(&event.file)),
            Operation::Rename if rows => {
                self.judge_successor(&event.file);
                self.directory_synced = false;
            }
            Operation::SyncDirectory => self.directory_synced = true,
            _ => {}
        }
    }

    /// A segment gets its name: it is synced itself, and so is the one before
    /// it up to where this one says that that one ends.
    fn judge_successor(&self, name: &str) {
        let temporary = format!("{name}.tmp");
        assert!(!self.unsynced.contains_key(&temporary), "{name} renamed before it was synced");
        let bytes = std::fs::read(self.directory.join(&temporary)).expect("the temporary file");
        let (header, _) = decode_segment_header(&bytes).expect("a whole header");
        if let Some(stated) = header.predecessor {
            let end = self.durable(header.ordinal - 1);
            assert!(stated.end_offset <= end, "states {}, synced {end}", stated.end_offset);
            let reached = self.sequence_at(header.ordinal - 1, stated.end_offset);
            assert_eq!(reached, header.first_sequence);
        }
    }

    /// Where the first byte lies that is not known to be on the disk.
    fn durable(&self, ordinal: u64) -> u64 {
        let writes = self.unsynced.get(&crate::segment::names::rows_name(ordinal));
        writes.and_then(|all| all.iter().map(|it| it.start).min()).unwrap_or(u64::MAX)
    }

    /// The sequence number at an offset of a segment.
    fn sequence_at(&self, ordinal: u64, limit: u64) -> u64 {
        let path = self.directory.join(crate::segment::names::rows_name(ordinal));
        let mut bytes = std::fs::read(&path).expect("a segment");
        bytes.truncate(SEGMENT_HEADER_BYTES_MAX);
        let (header, length) = decode_segment_header(&bytes).expect("a whole header");
        let start = Position { offset: length, sequence: header.first_sequence };
        let bytes = Bytes::open(&path, true).expect("a segment");
        let first_sequence = header.first_sequence;
        let owner = Owner { identity: header.identity, first_sequence };
        let mut walk = Walk::new(bytes, owner, start, first_sequence, limit);
        while let Step::Frame(_) = walk.step().expect("read") {}
        walk.at().sequence
    }

    /// Nothing derived speaks of what is not on the disk.
    fn judge_derived(&self) {
        let Some(checkpoint) = checkpoint::read(&self.directory) else { return };
        let durable = self.durable(checkpoint.ordinal);
        assert!(checkpoint.durable.offset <= durable, "{checkpoint:?} beyond {durable}");
        let ordinal = checkpoint.ordinal;
        if !self.directory.join(crate::segment::names::rows_name(ordinal)).exists() {
            return;
        }
        let leaves = self.sequence_at(ordinal, durable) / LEAF;
        let beside = |kind| self.directory.join(format!("{ordinal:010}.{kind}"));
        if let Ok(nodes) = std::fs::metadata(beside("tree")) {
            let all = nodes_complete(leaves) - nodes_complete(checkpoint.segment_first / LEAF);
            assert!(nodes.len() <= all * NODE_BYTES as u64, "nodes of what is not durable");
        }
        if let Ok(guide) = std::fs::read(beside("guide")) {
            let end = u64::from_le_bytes(guide[32..40].try_into().expect("8 bytes"));
            assert!(end <= leaves, "a guide to leaf {end} where {leaves} are durable");
        }
    }
}
