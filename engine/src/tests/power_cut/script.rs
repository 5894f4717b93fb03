//! What processes do with a store, step by step, as data: the workloads that are cut, and
//! the recoveries after a cut.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::super::observation;
use super::observer::{Observer, Verdict, observed};
use super::reported::{Reported, Rest};
use crate::error::{Error, ErrorKind};
use crate::format::names::{BALLAST, MANIFEST, Name, TEMPORARY, chunk_name, classify};
use crate::format::{CHUNK, LEAF};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::{Directory, Operation};
use crate::store::Store;
use crate::write::writer::Writer;

/// An interval that never ends, and one that is always over.
pub(super) const HOUR: SyncPolicy = SyncPolicy::Every(Duration::from_secs(3_600));
pub(super) const AT_ONCE: SyncPolicy = SyncPolicy::Every(Duration::ZERO);
pub(super) const ALWAYS: SyncPolicy = SyncPolicy::Always;
pub(super) const NEVER: SyncPolicy = SyncPolicy::Never;

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Opens another handle, which is used from here on. Creates the store if there is
    /// none.
    Open(SyncPolicy),
    /// The handle to use from here on, counted from the one opened first.
    Use(usize),
    /// This many observations in one call.
    Append(u64),
    /// As many as the last leaf, or the last chunk, lacks.
    FillLeaf,
    FillChunk,
    /// Tries again what was last reported as failed.
    Retry,
    Sync,
    Seal,
    /// Removes chunks with observations older than the one of this sequence number, or
    /// until this many bytes are left.
    RemoveBefore(u64),
    KeepBytes(u64),
    Repair,
    /// Makes the store as a copy of another one with this many observations.
    CopyHere(u64),
    /// Corrupts both copies of the manifest.
    CorruptManifest,
    /// Closes the handle.
    Drop,
    /// The process is killed, with all its handles.
    Die,
    /// A held writer: begins, pushes this many and flushes, syncs if due, syncs, ends.
    Hold,
    Flush(u64),
    FlushChunk,
    SyncIfDue,
    SyncHeld,
    SealHeld,
    RemoveBeforeHeld(u64),
    Close,
    DropHeld,
    /// The next so-many of these calls fail: how many, and with which error number.
    Fail(Call, u32, i32),
    /// Nothing fails any more.
    Heal,
    /// Puts a file in the place of the next chunk.
    PlantChunk,
    /// Removes the ballast.
    LoseBallast,
    /// Reports falsely that all is durable.
    Lie,
}

/// Calls to the file system that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Writes of frames.
    WriteLog,
    SyncLog,
    /// The second sync of a log, if only a mark was written since the first.
    SyncLogAgain,
    /// A sync, and then every write to the log.
    SyncLogThenWrites,
    /// Creating a log that is not listed yet.
    CreateLog,
    WriteNewLog,
    SyncNewLog,
    RemoveLog,
    CreateChunk,
    WriteChunk,
    SyncChunk,
    RenameChunk,
    RemoveChunk,
    CreateManifest,
    WriteManifest,
    SyncManifest,
    RenameManifest,
    SyncDirectory,
    /// The sync after the manifest was renamed, and those that make up for it.
    SyncListing,
    /// Any operation on the ballast.
    Ballast,
}

/// What was done to the store so far, as far as it is needed to classify calls.
#[derive(Debug, Default)]
struct Before {
    /// The log that was made last, until the manifest lists it.
    new_log: Option<String>,
    /// Whether rows were written to the listed log since it was synced.
    is_log_written: bool,
    /// Whether a sync failed as [`Call::SyncLogThenWrites`].
    is_log_lost: bool,
    /// Whether the manifest was renamed and the directory not synced since.
    is_listing_open: bool,
}

impl Before {
    fn follow(&mut self, name: &str, operation: Operation) {
        let is_log = matches!(classify(name), Name::Log(_));
        match operation {
            // A log is made under a temporary name.
            Operation::Create => {
                if let Some(whole) = name.strip_suffix(TEMPORARY)
                    && matches!(classify(whole), Name::Log(_))
                {
                    self.new_log = Some(whole.to_owned());
                }
            }
            Operation::Rename if name == MANIFEST => {
                self.new_log = None;
                self.is_log_written = false;
                self.is_listing_open = true;
            }
            Operation::Write { length, .. } if is_log && length > MARK_BYTES => {
                self.is_log_written = true;
            }
            Operation::Sync if is_log => self.is_log_written = false,
            Operation::SyncDirectory => self.is_listing_open = false,
            _ => {}
        }
    }
}

impl Call {
    fn is(self, name: &str, operation: Operation, before: &Before) -> bool {
        let whole = name.strip_suffix(TEMPORARY).unwrap_or(name);
        let is_log = matches!(classify(whole), Name::Log(_));
        let is_new = before.new_log.as_deref() == Some(whole);
        let (is_new, is_listed) = (is_log && is_new, is_log && !is_new);
        let is_chunk = matches!(classify(whole), Name::Chunk(_));
        let is_manifest = whole == MANIFEST;
        match (self, operation) {
            (Self::WriteLog, Operation::Write { length, .. }) => is_listed && length > MARK_BYTES,
            (Self::SyncLog | Self::SyncLogThenWrites, Operation::Sync) => is_listed,
            (Self::SyncLogThenWrites, Operation::Write { .. }) => is_listed && before.is_log_lost,
            (Self::SyncLogAgain, Operation::Sync) => is_listed && !before.is_log_written,
            (Self::CreateLog, Operation::Create) | (Self::RemoveLog, Operation::Remove) => is_log,
            (Self::WriteNewLog, Operation::Write { .. }) | (Self::SyncNewLog, Operation::Sync) => {
                is_new
            }
            (Self::CreateChunk, Operation::Create)
            | (Self::WriteChunk, Operation::Write { .. })
            | (Self::SyncChunk, Operation::Sync)
            | (Self::RenameChunk, Operation::Rename)
            | (Self::RemoveChunk, Operation::Remove) => is_chunk,
            (Self::CreateManifest, Operation::Create)
            | (Self::WriteManifest, Operation::Write { .. })
            | (Self::SyncManifest, Operation::Sync)
            | (Self::RenameManifest, Operation::Rename) => is_manifest,
            (Self::SyncDirectory, Operation::SyncDirectory) => true,
            (Self::SyncListing, Operation::SyncDirectory) => before.is_listing_open,
            (Self::Ballast, _) => whole == BALLAST,
            _ => false,
        }
    }
}

/// A write of this many bytes to a log is a mark or a void.
const MARK_BYTES: usize = 16;

/// Calls that fail, how often, and with which error number.
pub(super) type Failing = Rc<RefCell<Vec<(Call, u32, i32)>>>;

/// The verdicts for the calls in `failing`.
pub(super) fn verdicts(failing: &Failing) -> impl FnMut(&str, Operation) -> Verdict + use<> {
    let failing = Rc::clone(failing);
    let mut before = Before::default();
    move |name, operation| {
        before.is_log_lost &= !failing.borrow().is_empty();
        for (call, left, number) in failing.borrow_mut().iter_mut() {
            if *left > 0 && call.is(name, operation, &before) {
                match call {
                    // After the sync all writes fail, until [`Step::Heal`].
                    Call::SyncLogThenWrites => before.is_log_lost = true,
                    _ => *left -= 1,
                }
                return match operation {
                    Operation::Write { .. } if before.is_log_lost => Verdict::Refuse(*number),
                    _ => Verdict::Fail(*number),
                };
            }
        }
        before.follow(name, operation);
        Verdict::Succeed
    }
}

/// Follows a script.
pub(super) struct Actor {
    path: PathBuf,
    /// Each handle has its own policy.
    options: Options,
    observer: Rc<RefCell<Observer>>,
    failing: Failing,
    handles: Vec<Option<(Store, SyncPolicy)>>,
    used: usize,
    held: Option<Writer>,
    /// What was pushed to the held writer and is not stored yet.
    pushed: Vec<Observation>,
    /// What was last reported as failed.
    failed: Vec<Observation>,
    /// The handle that failed, if what it tried may still be found.
    failed_by: Option<usize>,
    /// Observations are numbered, so that each can be recognised.
    next_number: u64,
}

impl Actor {
    pub(super) fn new(
        path: PathBuf,
        options: Options,
        observer: Rc<RefCell<Observer>>,
        failing: Failing,
        first_number: u64,
    ) -> Self {
        Self {
            path,
            options,
            observer,
            failing,
            handles: Vec::new(),
            used: 0,
            held: None,
            pushed: Vec::new(),
            failed: Vec::new(),
            failed_by: None,
            next_number: first_number,
        }
    }

    pub(super) fn run(mut self, script: &[Step]) {
        let observer = Rc::clone(&self.observer);
        observed(&observer, || {
            script.iter().for_each(|step| self.take(*step));
            self.die();
        });
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open(policy) => self.open(policy),
            Step::Use(handle) => self.used = handle,
            Step::Append(count) => self.append(count),
            Step::FillLeaf => self.append(self.missing(LEAF)),
            Step::FillChunk => self.append(self.missing(CHUNK)),
            Step::Retry => self.retry(),
            Step::Sync => {
                let synced = self.handle().sync();
                self.synced(synced);
            }
            Step::Seal => {
                let sealed = self.handle().seal();
                self.assert_excused(sealed);
            }
            Step::RemoveBefore(sequence) => {
                self.remove(sequence, |actor, time| actor.handle().remove_before(time));
            }
            Step::RemoveBeforeHeld(sequence) => {
                self.remove(sequence, |actor, time| actor.held().remove_before(time));
            }
            Step::KeepBytes(bytes) => {
                self.remove(u64::MAX, |actor, _| actor.handle().keep_bytes(bytes));
            }
            // There may be no store yet if creating it was cut off.
            Step::Repair if !self.observer.borrow().reported.created => {}
            Step::Repair => self.repair(),
            Step::CopyHere(count) => self.copy_here(count),
            Step::CorruptManifest => self.observer.borrow_mut().corrupt_manifest(),
            Step::Drop => self.drop_handle(),
            Step::Die => self.die(),
            Step::Hold => self.held = Some(self.handle().writer().expect("a writer")),
            Step::Flush(count) => self.flush(count),
            Step::FlushChunk => self.flush(self.missing(CHUNK)),
            Step::SyncIfDue => {
                let due = self.held().sync_if_due();
                assert_eq!(due.expect("asked").is_some(), self.policy() == HOUR);
            }
            Step::SyncHeld => {
                let synced = self.held().sync();
                self.synced(synced);
            }
            Step::SealHeld => {
                let sealed = self.held().seal();
                self.assert_excused(sealed);
            }
            Step::Close => {
                let never = self.policy() == NEVER;
                let closed = self.held.take().expect("a held writer").close();
                if !never {
                    self.synced(closed);
                }
            }
            Step::DropHeld => self.drop_held(),
            Step::Fail(call, times, number) => {
                self.failing.borrow_mut().push((call, times, number));
            }
            Step::Heal => self.failing.borrow_mut().clear(),
            Step::PlantChunk => self.plant_chunk(),
            Step::LoseBallast => {
                let directory = Directory::open(&self.path).expect("the directory");
                drop(directory.remove(BALLAST));
            }
            Step::Lie => self.observer.borrow_mut().report(Reported::sync),
        }
    }

    fn repair(&mut self) {
        let repaired = self.options.repair(&self.path);
        if let Ok(repaired) = &repaired {
            assert_eq!(repaired.lost, 0, "{repaired:?}");
            self.observer.borrow_mut().report(|reported| reported.is_corrupt = false);
        }
        self.assert_excused(repaired);
    }

    /// The other store is on a disk of its own, which nothing happens to.
    fn copy_here(&mut self, count: u64) {
        let disk = tempfile::tempdir().expect("a directory");
        let source = self.options.create(disk.path().join("source")).expect("created");
        let batch = self.next(count);
        let (most, last) = batch.split_at(batch.len() - 3);
        source.append_batch(most).expect("appended");
        source.append_batch(last).expect("appended");
        self.observer.borrow_mut().report(|reported| reported.begin(&batch));
        let copied = source.copy_to(&self.path);
        if let Ok(copied) = copied {
            assert_eq!(copied, count);
            self.observer.borrow_mut().report(|reported| reported.acknowledge(true));
        }
        self.assert_excused(copied);
    }

    fn open(&mut self, policy: SyncPolicy) {
        if self.observer.borrow().reported.is_corrupt {
            self.repair();
        }
        // Not through `Options`, which does not allow logs as small as these.
        let options = self.options.clone().sync(policy);
        let store = if self.observer.borrow().reported.created {
            options.open(&self.path).expect("opened")
        } else {
            self.create(&options)
        };
        self.used = self.handles.len();
        self.handles.push(Some((store, policy)));
    }

    fn create(&mut self, options: &Options) -> Store {
        match options.create(&self.path) {
            // Made by a process that got no report of it, and perhaps not durable yet.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                options.open(&self.path).expect("opened")
            }
            created => {
                let created = created.expect("created");
                self.observer.borrow_mut().report(|reported| reported.created = true);
                created
            }
        }
    }

    fn handle(&self) -> &Store {
        &self.handles[self.used].as_ref().expect("a handle").0
    }

    fn held(&mut self) -> &mut Writer {
        self.held.as_mut().expect("a held writer")
    }

    fn policy(&self) -> SyncPolicy {
        self.handles[self.used].as_ref().expect("a handle").1
    }

    /// How many are missing up to the next multiple.
    fn missing(&self, unit: u64) -> u64 {
        let stored = self.observer.borrow().reported.stored().len() + self.pushed.len();
        unit - stored as u64 % unit
    }

    fn next(&mut self, count: u64) -> Vec<Observation> {
        self.next_number += count;
        distinct(self.next_number - count..self.next_number)
    }

    fn append(&mut self, count: u64) {
        let batch = self.next(count);
        self.append_batch(batch);
    }

    /// A retry stores nothing that others have taken over.
    fn retry(&mut self) {
        let batch = std::mem::take(&mut self.failed);
        assert!(!batch.is_empty(), "nothing has failed");
        let is_taken_over = self.observer.borrow().reported.stored().contains(&batch[0]);
        if is_taken_over {
            self.handle().append_batch(&batch).expect("stored by another process");
        } else {
            self.append_batch(batch);
        }
    }

    fn append_batch(&mut self, batch: Vec<Observation>) {
        self.observer.borrow_mut().report(|reported| reported.begin(&batch));
        let refused = self.observer.borrow().refused();
        let appended = match batch[..] {
            [single] => self.handle().append(single).map(|sequence| sequence..sequence + 1),
            _ => self.handle().append_batch(&batch),
        };
        let durable = is_durable(self.policy());
        match appended {
            Ok(sequences) => {
                assert_eq!(sequences.end - sequences.start, batch.len() as u64);
                let start = usize::try_from(sequences.start).expect("in memory");
                if self.failed_by == Some(self.used) {
                    let stored = self.observer.borrow().reported.stored().len();
                    assert_eq!(start, stored, "the same writer drops what failed");
                }
                let acknowledge = |it: &mut Reported| it.acknowledge_at(start, durable);
                self.observer.borrow_mut().report(acknowledge);
            }
            Err(error) => {
                self.failed = batch[error.stored()..].to_vec();
                if self.report_failure(&error, refused, durable) == Rest::Seen {
                    self.failed_by = Some(self.used);
                }
            }
        }
    }

    fn report_failure(&self, error: &Error, refused: u64, durable: bool) -> Rest {
        let mut observer = self.observer.borrow_mut();
        assert!(observer.refused() > refused, "nothing failed below: {error}");
        let rest = observer.rest_of(error);
        observer.report(|reported| reported.fail(error.stored(), durable, rest));
        rest
    }

    fn synced(&self, synced: Result<(), Error>) {
        if synced.is_ok() {
            self.observer.borrow_mut().report(Reported::sync);
        }
        self.assert_excused(synced);
    }

    fn assert_excused<T>(&self, returned: Result<T, Error>) {
        if let Err(error) = returned {
            assert!(self.observer.borrow().refused() > 0, "nothing failed below: {error}");
        }
    }

    /// Removes what is older than the observation with this sequence number.
    fn remove(&mut self, sequence: u64, remove: impl FnOnce(&mut Self, i64) -> Result<u64, Error>) {
        let (end, time) = {
            let observer = self.observer.borrow();
            let stored = observer.reported.stored();
            let end = stored.len().min(usize::try_from(sequence).expect("in memory"));
            (end, stored.get(end).map_or(i64::MAX, |it| it.timestamp_ns))
        };
        self.observer.borrow_mut().report(|reported| reported.begin_to_remove(end));
        let removed = remove(self, time);
        if let Ok(count) = removed {
            let mut observer = self.observer.borrow_mut();
            // This makes the observer look at the store now.
            observer.report(|_| {});
            let first = observer.first_seen();
            observer.report(|reported| reported.remove(count, first));
        }
        self.assert_excused(removed);
    }

    fn flush(&mut self, count: u64) {
        let batch = self.next(count);
        self.pushed.extend_from_slice(&batch);
        let writer = self.held.as_mut().expect("a held writer");
        batch.iter().for_each(|it| writer.push(*it).expect("pushed"));
        // A retry writes what was tried before, and more.
        self.observer.borrow_mut().report(|reported| reported.begin(&self.pushed));
        let refused = self.observer.borrow().refused();
        let flushed = self.held().flush();
        let durable = is_durable(self.policy());
        match flushed {
            Ok(()) => {
                self.pushed.clear();
                self.observer.borrow_mut().report(|reported| reported.acknowledge(durable));
            }
            Err(error) => {
                self.report_failure(&error, refused, durable);
                self.pushed.drain(..error.stored());
            }
        }
    }

    /// Under the interval policy, closing the handle syncs. It must follow an append,
    /// since otherwise nothing may be due.
    fn drop_handle(&mut self) {
        let policy = self.policy();
        let refused = self.observer.borrow().refused();
        self.handles[self.used] = None;
        self.dropped(policy, refused);
    }

    fn drop_held(&mut self) {
        let refused = self.observer.borrow().refused();
        self.held = None;
        self.dropped(self.policy(), refused);
    }

    fn dropped(&self, policy: SyncPolicy, refused: u64) {
        let succeeded = self.observer.borrow().refused() == refused;
        if matches!(policy, SyncPolicy::Every(_)) && succeeded {
            self.synced(Ok(()));
        }
    }

    /// Makes a file that is not a chunk, durable, under the name of the next chunk.
    fn plant_chunk(&self) {
        let sealed = self.observer.borrow().reported.stored().len() as u64 / CHUNK;
        let name = chunk_name(u32::try_from(sealed).expect("small"));
        let directory = Arc::new(Directory::open(&self.path).expect("the directory"));
        directory.write_new(&name, b"not a chunk").expect("planted");
        let lock = crate::os::lock::Lock::take(&directory, Duration::ZERO).expect("free");
        lock.sync_directory().expect("synced");
    }

    /// What the handles do when they are dropped has no effect any more.
    fn die(&mut self) {
        self.observer.borrow_mut().set_dead(true);
        self.held = None;
        self.handles.clear();
        self.failed.clear();
        if !std::mem::take(&mut self.pushed).is_empty() {
            self.observer.borrow_mut().report(|reported| reported.fail(0, false, Rest::Returns));
        }
        self.observer.borrow_mut().set_dead(false);
    }
}

fn is_durable(policy: SyncPolicy) -> bool {
    policy == ALWAYS || policy == AT_ONCE
}

/// Observations that all differ, with few values, so that a chunk is small.
fn distinct(numbers: Range<u64>) -> Vec<Observation> {
    let distinct = |n: u64| Observation {
        value: [14.5, -0.5, 2.25, 1e9, -0.0][usize::try_from(n * 7 % 5).expect("less than 5")],
        ..observation(n)
    };
    numbers.map(distinct).collect()
}
