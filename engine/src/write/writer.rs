//! The held writer: it keeps the lock, for many observations at once.
//!
//! Invariants: the writers' lock is held while a `Writer` exists; `buffer` holds what was
//! pushed and is not acknowledged.

use std::sync::Arc;
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::append::How;
use super::handle::Shared;
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};

/// How many bytes are written ahead of the end if each append is synced. A sync into such
/// space is faster, since the file does not grow. It is kept small because every opening
/// checks it for zeros.
pub(crate) const AHEAD_BYTES_ONCE: u64 = 64 * 1024;
const AHEAD_BYTES_HELD: u64 = 256 * 1024;
/// No space is written ahead for larger appends: it would double what they write.
const AHEAD_OBSERVATIONS_MAX: usize = 64;
/// How many pushed observations are buffered before they are flushed.
const BUFFER_OBSERVATIONS_MAX: usize = 64 * 1024;

/// Appends many observations while keeping the writers' lock.
///
/// Pushed observations are buffered. [`flush`](Writer::flush) writes them and, under
/// [`SyncPolicy::Always`], returns when they are durable: that is the acknowledgement.
/// After 65,536 observations `push` flushes by itself. Other processes wait for the lock
/// meanwhile, so a program that appends now and then uses
/// [`Store::append`](crate::Store::append).
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
/// writer.close()?;
/// assert_eq!(store.snapshot()?.len(), 10_000);
/// # Ok::<(), gaugelog::Error>(())
/// ```
///
/// # Forks
/// A writer belongs to the process that opened it. In a forked child it writes nothing
/// and returns [`ErrorKind::Invalid`]. The child opens the store again, and waits for the
/// lock like any other process. If the parent dies without dropping its writer, a forked
/// child keeps the lock until it ends or starts another program.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    /// `None` only while it is being dropped.
    session: Option<Session>,
    buffer: Vec<Observation>,
    /// Whether the last attempt to store the buffer was reported as failed.
    has_failed: bool,
    thread: ThreadId,
}

impl Writer {
    pub(crate) fn open(shared: &Arc<Shared>) -> Result<Self> {
        let thread = std::thread::current().id();
        let session = shared.session()?;
        shared.set_holder(Some(thread));
        let shared = Arc::clone(shared);
        Ok(Self { shared, session: Some(session), buffer: Vec::new(), has_failed: false, thread })
    }

    fn session(&mut self) -> &mut Session {
        let thread = std::thread::current().id();
        if thread != self.thread {
            self.thread = thread;
            self.shared.set_holder(Some(thread));
        }
        self.session.as_mut().expect("a writer has its session until it is dropped")
    }

    /// Adds one observation to the buffer that the next flush stores.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a value that is not finite; if the buffer is full,
    /// as [`flush`](Writer::flush). After an error of a flush the observation is not
    /// buffered.
    #[inline]
    pub fn push(&mut self, observation: Observation) -> Result<()> {
        if self.buffer.len() >= BUFFER_OBSERVATIONS_MAX || !observation.value.is_finite() {
            self.make_way(observation)?;
        }
        self.buffer.push(observation);
        Ok(())
    }

    #[cold]
    fn make_way(&mut self, observation: Observation) -> Result<()> {
        check(self.shared.path(), observation)?;
        self.flush()
    }

    /// Stores what was pushed. Under [`SyncPolicy::Always`], or if the interval of
    /// [`SyncPolicy::Every`] has passed, it is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the store cannot be continued, [`ErrorKind::Io`] if the
    /// file system refuses, [`ErrorKind::Invalid`] in a forked process. What is not
    /// stored stays in the buffer, and the next flush tries again.
    pub fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return self.sync_if_due().map(drop);
        }
        let (since, count) = (self.session().unsynced_since(), self.buffer.len());
        let options = self.shared.options();
        let is_always = options.sync == SyncPolicy::Always;
        let seal_from_bytes = if is_always { 0 } else { options.log_bytes_max };
        let how = How { seal_from_bytes, ..how(options, since, count, AHEAD_BYTES_HELD) };
        let buffer = std::mem::take(&mut self.buffer);
        let appended = self.session().append(&buffer, how);
        self.buffer = buffer;
        self.has_failed = appended.is_err();
        let stored = appended.as_ref().map_or_else(Error::stored, |numbers| numbers.count);
        self.buffer.drain(..stored.min(self.buffer.len()));
        appended.map(drop)
    }

    /// Stores what was pushed and makes everything durable, under any policy.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush). If only the sync failed,
    /// [`Error::stored`](crate::Error::stored) counts what was stored before it.
    pub fn sync(&mut self) -> Result<()> {
        let pushed = self.buffer.len();
        self.flush()?;
        self.session().sync().map_err(|error| error.having_stored(pushed))
    }

    /// Under [`SyncPolicy::Every`], makes durable what has waited for the interval.
    /// Returns how long the rest may still wait; `None` if nothing waits.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush).
    pub fn sync_if_due(&mut self) -> Result<Option<Duration>> {
        let SyncPolicy::Every(interval) = self.shared.options().sync else { return Ok(None) };
        let Some(since) = self.session().unsynced_since() else { return Ok(None) };
        let left = interval.saturating_sub(since.elapsed());
        if left > Duration::ZERO {
            return Ok(Some(left));
        }
        self.session().sync()?;
        Ok(None)
    }

    /// Compresses the log's full chunks of 65,536 observations, after storing what was
    /// pushed.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush).
    pub fn seal(&mut self) -> Result<()> {
        self.session().end_pause();
        self.flush()?;
        self.session().with(|appending, lock| appending.seal(lock))
    }

    /// As [`Store::remove_before`](crate::Store::remove_before), under the lock that is
    /// held.
    ///
    /// # Errors
    /// As [`Store::remove_before`](crate::Store::remove_before).
    pub fn remove_before(&mut self, time_ns: i64) -> Result<u64> {
        self.session().with(|appending, lock| appending.remove_before(lock, time_ns, u64::MAX))
    }

    /// As [`Store::keep_bytes`](crate::Store::keep_bytes), under the lock that is held.
    ///
    /// # Errors
    /// As [`Store::keep_bytes`](crate::Store::keep_bytes).
    pub fn keep_bytes(&mut self, bytes: u64) -> Result<u64> {
        self.session().with(|appending, lock| appending.keep_bytes(lock, bytes))
    }

    /// Stores what was pushed, makes it durable unless the policy is
    /// [`SyncPolicy::Never`], seals full chunks, and releases the lock.
    ///
    /// # Errors
    /// As [`flush`](Writer::flush). What could not be stored is lost with the writer.
    pub fn close(mut self) -> Result<()> {
        // There is no later attempt.
        self.session().end_pause();
        let stored = match self.shared.options().sync {
            SyncPolicy::Never => self.flush(),
            SyncPolicy::Always | SyncPolicy::Every(_) => self.sync(),
        };
        stored.inspect_err(|_| self.has_failed = true)
    }
}

impl Drop for Writer {
    /// Stores the rest, as far as that succeeds; use [`Writer::close`] to see errors.
    /// What was reported as failed is not tried again: the caller may have stored it
    /// elsewhere.
    fn drop(&mut self) {
        if !self.has_failed {
            self.session().end_pause();
            drop(match self.shared.options().sync {
                SyncPolicy::Every(_) => self.sync(),
                SyncPolicy::Always | SyncPolicy::Never => self.flush(),
            });
            // A failure to seal is not an error of closing.
            drop(self.session().with(|appending, lock| appending.seal(lock)));
        }
        if let Some(session) = self.session.take() {
            self.shared.set_holder(None);
            self.shared.remember(session);
        }
    }
}

/// How `count` observations are appended. If they are few, and durable when that returns,
/// `ahead_bytes` are written ahead.
pub(super) fn how(
    options: &Options,
    since: Option<Instant>,
    count: usize,
    ahead_bytes: u64,
) -> How {
    let durable = match options.sync {
        SyncPolicy::Always => true,
        SyncPolicy::Never => false,
        SyncPolicy::Every(interval) => {
            interval.is_zero() || since.is_some_and(|since| since.elapsed() >= interval)
        }
    };
    let is_few = durable && count <= AHEAD_OBSERVATIONS_MAX;
    let ahead_bytes = if is_few { ahead_bytes } else { 0 };
    How { durable, marked: !options.late_marks, ahead_bytes, seal_from_bytes: 0 }
}

/// Refuses a value that a store cannot hold.
pub(crate) fn check(path: &std::path::Path, observation: Observation) -> Result<()> {
    if observation.value.is_finite() {
        return Ok(());
    }
    let detail = format!("{} is not a finite number, and only those are stored", observation.value);
    Err(Error::new(ErrorKind::Invalid, path, detail))
}
