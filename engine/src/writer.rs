//! The one way in: observations become frames of the active segment, then
//! durable, then part of what is derived from them.
//!
//! Invariants: the writers' lock is held as long as a `Writer` lives, and every
//! decision about the tail is made while it is (rule 1); `buffer` holds what
//! was pushed and not acknowledged; after any failure the store is looked at
//! afresh before the next write.

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::appending::{Appending, TakenBack};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::Lock;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::segment::active::Room;

/// Space written ahead of the end, in bytes, when each append is synced: into
/// such space a sync is quicker, since the file does not grow. Kept small,
/// because every opening checks it for zeros (rule 4).
const AHEAD_BYTES_ONCE: u64 = 64 * 1024;
const AHEAD_BYTES_HELD: u64 = 256 * 1024;
/// An append of more observations than this is no single one: writing ahead
/// would double what it writes.
const AHEAD_OBSERVATIONS_MAX: usize = 64;

/// Pushed observations are written without being asked when so many have
/// gathered: 1 MiB of them.
const BUFFER_OBSERVATIONS_MAX: usize = 64 * 1024;

/// What one writer leaves for the next of the same store.
#[derive(Debug, Default)]
pub(crate) struct Left {
    known: Option<Appending>,
    sync_failed: bool,
    unsynced_since: Option<Instant>,
    /// The process that left it.
    process: u32,
}

impl Left {
    pub(crate) fn has_unsynced(&self) -> bool {
        self.unsynced_since.is_some() && self.process == std::process::id()
    }

    /// What of it holds in `process`. A child forked from the process that left it
    /// wrote none of what is not synced yet (rule 3), and has its files open
    /// together with it: a sync that failed is told to one of the two only.
    fn in_process(self, process: u32) -> Self {
        if self.process == process {
            return self;
        }
        Self { sync_failed: self.sync_failed, ..Self::default() }
    }
}

/// Appends many observations while keeping the writers' lock.
///
/// What was pushed is buffered; [`flush`](Writer::flush) writes it and, under
/// [`SyncPolicy::Always`], returns once it is durable: that is the
/// acknowledgement. Other processes wait for the lock meanwhile, so a
/// program that appends now and then uses [`Store::append`](crate::Store::append).
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// use gaugelog::{Observation, Store};
/// let store = Store::create(&path)?;
/// let mut writer = store.writer()?;
/// for n in 0..10_000 {
///     writer.push(Observation::new(n * 1_000_000, 14.2))?;
/// }
/// writer.flush()?;
/// writer.close()?;
/// assert_eq!(store.snapshot()?.len(), 10_000);
/// # Ok::<(), gaugelog::Error>(())
/// ```
///
/// # Forks
/// A writer belongs to the process that opened it. In a child forked from that
/// one it writes nothing, not when it is dropped either, and says so with
/// [`ErrorKind::Invalid`]; what was pushed before the fork is the parent's to
/// flush. The child opens the store again, and waits for the lock like any other
/// process.
///
/// The lock ends with the parent's writer, whatever children there are. But if
/// the parent dies without dropping it, by SIGKILL say, a child that it has
/// forked keeps the lock until it ends too or starts another program.
#[derive(Debug)]
pub struct Writer {
    directory: PathBuf,
    options: Options,
    lock: Lock,
    held: bool,
    /// As an earlier writer left it; the store may have changed since.
    known: Option<Appending>,
    appending: Option<Appending>,
    /// A sync failed: the segment is to be left at its last durable byte (rule 6).
    sync_failed: bool,
    buffer: Vec<Observation>,
    /// The last attempt to store what is buffered was reported as failed.
    failed: bool,
    /// When the oldest observation that is not yet synced was written.
    unsynced_since: Option<Instant>,
}

impl Writer {
    /// Goes on, under the lock, from what an earlier writer left.
    pub(crate) fn open(lock: Lock, directory: &Path, options: &Options, left: Left) -> Self {
        let Left { known, sync_failed, unsynced_since, .. } = left.in_process(lock.process());
        Self {
            directory: directory.to_owned(),
            options: options.clone(),
            lock,
            held: true,
            known,
            appending: None,
            sync_failed,
            buffer: Vec::new(),
            failed: false,
            unsynced_since,
        }
    }

    /// A writer that lets go of the lock after one append.
    pub(crate) fn for_once(mut self) -> Self {
        self.held = false;
        self
    }

    /// Adds an observation to what the next [`flush`](Writer::flush) writes.
    /// Where 65,536 wait already, those are flushed first.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a value that is not finite; otherwise as
    /// [`Writer::flush`]. After an error the observation has not been added.
    pub fn push(&mut self, observation: Observation) -> Result<()> {
        check(&self.directory, observation)?;
        if self.buffer.len() >= BUFFER_OBSERVATIONS_MAX {
            self.flush()?;
        }
        self.buffer.push(observation);
        Ok(())
    }

    /// Writes what was pushed, makes it durable as the sync policy says, and
    /// returns the sequence number that the next observation will have.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the file system refuses (no space, an I/O error),
    /// [`ErrorKind::Damaged`] where the store cannot be continued, and
    /// [`ErrorKind::Invalid`] in another process than the one that opened the
    /// writer. What was pushed and not stored stays in the writer: calling again,
    /// once the cause is gone, stores it, and once only.
    pub fn flush(&mut self) -> Result<u64> {
        let pushed = std::mem::take(&mut self.buffer);
        let mut stored = 0;
        let flushed = self.append(&pushed, &mut stored);
        self.buffer = pushed;
        self.buffer.drain(..stored);
        self.failed = flushed.is_err();
        flushed.map_err(|error| error.having_stored(stored))
    }

    /// Writes what was pushed and makes everything appended durable, under any
    /// policy.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn sync(&mut self) -> Result<()> {
        let pushed = self.buffer.len();
        self.flush()?;
        self.prepare().map_err(|error| error.having_stored(pushed))?;
        let Some(appending) = &mut self.appending else { return Ok(()) };
        if appending.has_unsynced() {
            let synced = appending.sync();
            if let Err(error) = synced {
                // All of it is stored, so there is nothing to be in doubt.
                self.fail();
                self.failed = true;
                return Err(error.having_stored(pushed));
            }
        }
        self.unsynced_since = None;
        Ok(())
    }

    /// Under [`SyncPolicy::Every`], syncs if the interval has passed since the
    /// oldest unsynced observation was written, and says when it will have
    /// passed: a program that stops pushing calls this again by then.
    ///
    /// # Errors
    /// As [`Writer::flush`].
    pub fn sync_if_due(&mut self) -> Result<Option<Instant>> {
        let SyncPolicy::Every(interval) = self.options.sync else { return Ok(None) };
        match self.unsynced_since {
            Some(since) if since.elapsed() >= interval => self.sync().map(|()| None),
            since => Ok(since.and_then(|since| since.checked_add(interval))),
        }
    }

    /// Writes and syncs what is left and lets go of the lock.
    ///
    /// # Errors
    /// As [`Writer::flush`]; the lock is let go of all the same.
    pub fn close(mut self) -> Result<()> {
        match self.options.sync {
            SyncPolicy::Never => self.flush().map(drop),
            SyncPolicy::Always | SyncPolicy::Every(_) => self.sync(),
        }
    }

    /// What the next writer of this process goes on from.
    pub(crate) fn leave(mut self) -> Left {
        Left {
            known: self.appending.take().or(self.known.take()),
            sync_failed: self.sync_failed,
            unsynced_since: self.unsynced_since.take(),
            process: self.lock.process(),
        }
    }

    /// Stores `observations`, which have been checked, and returns the sequence
    /// number behind them; counts in `stored` those that stay stored whatever
    /// happens.
    pub(crate) fn append(
        &mut self,
        observations: &[Observation],
        stored: &mut usize,
    ) -> Result<u64> {
        self.prepare()?;
        let begun = self.appending.as_ref().map_or(0, |appending| appending.end().sequence);
        let error = match self.append_all(observations) {
            Ok(end) => {
                *stored = observations.len();
                return Ok(end);
            }
            Err(error) => error,
        };
        let Some(TakenBack { kept, undone, .. }) = self.fail() else { return Err(error) };
        let kept = kept.saturating_sub(begun);
        *stored = usize::try_from(kept).unwrap_or(usize::MAX).min(observations.len());
        Err(match undone {
            Ok(()) => error,
            Err(second) => error.leaving_in_doubt(&second),
        })
    }

    fn append_all(&mut self, observations: &[Observation]) -> Result<u64> {
        let room = self.room(observations.len());
        let due = self.is_due();
        let mut rest = observations;
        while !rest.is_empty() {
            let appending = match &mut self.appending {
                Some(appending) => appending,
                none => none.insert(Appending::first(&self.directory)?),
            };
            if appending.is_full(room) {
                appending.leave()?;
            }
            if due || appending.may_sync(rest.len(), room) {
                appending.settle_doubts()?;
            }
            let taken = appending.write(rest, room)?;
            rest = &rest[taken..];
            self.unsynced_since.get_or_insert_with(Instant::now);
            if appending.has_unsynced_too_many() {
                appending.sync()?;
                self.unsynced_since = None;
            }
        }
        let due = self.is_due();
        let Some(appending) = &mut self.appending else { return Ok(0) };
        // With frames in doubt, what was just written would be taken out of sight
        // and written again; so the next append, or sync, is the one to sync.
        if due && appending.has_unsynced() && (observations.is_empty() || !appending.has_doubts()) {
            appending.sync()?;
            self.unsynced_since = None;
        }
        appending.keep();
        Ok(appending.end().sequence)
    }

    /// Whether what is written is to be synced now.
    fn is_due(&self) -> bool {
        match (self.options.sync, self.unsynced_since) {
            (SyncPolicy::Always, _) => true,
            (SyncPolicy::Every(interval), Some(since)) => since.elapsed() >= interval,
            (SyncPolicy::Every(interval), None) => interval.is_zero(),
            (SyncPolicy::Never, _) => false,
        }
    }

    /// Finds the tail, if it is not known.
    fn prepare(&mut self) -> Result<()> {
        self.check_process()?;
        if let Some(known) = self.known.take()
            && !self.sync_failed
            && known.is_current(&self.directory)?
        {
            self.appending = Some(known);
        }
        if self.appending.is_none() {
            let mut found = Appending::find(&self.directory, self.sync_failed)?;
            self.sync_failed = false;
            if let (SyncPolicy::Always, Some(appending)) = (self.options.sync, &mut found) {
                appending.settle_doubts()?;
            }
            self.appending = found;
        }
        Ok(())
    }

    /// Refuses to write in a forked child: parent and child have the one lock
    /// together, and would write over each other's frames.
    fn check_process(&self) -> Result<()> {
        if self.lock.is_of_this_process() {
            return Ok(());
        }
        let detail = format!(
            "process {} opened this writer, and its lock is not that of process {}, which was \
             forked from it; open the store again in the new process",
            self.lock.process(),
            std::process::id()
        );
        Err(Error::new(ErrorKind::Invalid, &self.directory, detail))
    }

    /// Leaves nothing behind that was reported as failed.
    fn fail(&mut self) -> Option<TakenBack> {
        let taken_back = self.appending.take()?.take_back();
        self.sync_failed |= taken_back.sync_failed;
        Some(taken_back)
    }

    fn room(&self, count: usize) -> Room {
        let single = self.options.sync == SyncPolicy::Always && count <= AHEAD_OBSERVATIONS_MAX;
        let ahead_bytes = match (single, self.held) {
            (false, _) => 0,
            (true, false) => AHEAD_BYTES_ONCE,
            (true, true) => AHEAD_BYTES_HELD,
        };
        Room { ahead_bytes, segment_bytes_max: self.options.segment_bytes_max }
    }
}

impl Drop for Writer {
    /// Writes what is left, as far as that succeeds; [`Writer::close`] tells.
    /// What was reported as failed is not tried again: the caller may have
    /// stored it otherwise. In a forked child it does not succeed.
    fn drop(&mut self) {
        if self.failed {
            self.buffer.clear();
        }
        if self.sync_failed {
            return;
        }
        let due = self.unsynced_since.is_some() || !self.buffer.is_empty();
        match self.options.sync {
            SyncPolicy::Every(_) if due => drop(self.sync()),
            _ if !self.buffer.is_empty() => drop(self.flush()),
            _ => {}
        }
    }
}

/// Refuses what a store does not hold.
pub(crate) fn check(path: &Path, observation: Observation) -> Result<()> {
    if observation.value.is_finite() {
        return Ok(());
    }
    let detail = format!("{} is not a finite number, and only those are stored", observation.value);
    Err(Error::new(ErrorKind::Invalid, path, detail))
}

#[cfg(test)]
mod tests;
