//! An open store.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

#[cfg(doc)]
use crate::error::ErrorKind;
use crate::error::{Damage, Result};
use crate::observation::Observation;
use crate::options::Options;
use crate::os::disk::Directory;
use crate::os::lock::Lock;
use crate::read::snapshot::Snapshot;
use crate::view::View;
use crate::write::append::Appending;
use crate::write::handle::Shared;
use crate::write::session::{Memory, Session};
use crate::write::writer::{self, Writer};

mod copy;
mod create;
mod rebuild;
mod repair;
mod verify;

pub use repair::Repair;
pub use verify::Verification;

/// A store of observations: one directory, which any number of threads and processes read
/// and append to at once. Clones refer to the same store.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// use gaugelog::{Observation, Store};
/// let store = Store::create(&path)?;
/// store.append(Observation::new(0, 14.25))?;
/// store.append(Observation::new(1_000_000_000, 13.75))?;
/// assert_eq!(store.snapshot()?.summary()?.mean(), Some(14.0));
/// # Ok::<(), gaugelog::Error>(())
/// ```
///
/// # Forks
/// After a fork, parent and child may both go on with an open store if no other thread
/// was using it at that moment; otherwise the child opens the store again. A [`Writer`]
/// belongs to the parent. The parent syncs what was appended before the fork and is not
/// synced yet.
#[derive(Clone, Debug)]
pub struct Store {
    shared: Arc<Shared>,
    recovery: Arc<Recovery>,
}

/// What opening a store has found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// How many observations there are, lost ones included.
    pub observations: u64,
    /// Bytes after the last valid frame, left by an append that was never acknowledged.
    /// Space written ahead is not counted.
    pub dropped_bytes: u64,
    /// Damage met while opening. To find all damage, use [`Store::verify`].
    pub damage: Vec<Damage>,
}

impl Recovery {
    pub(crate) fn of(view: &View) -> Self {
        Self {
            observations: view.end_sequence() - view.first_sequence(),
            dropped_bytes: view.log().map_or(0, |log| log.tail().dropped_bytes),
            damage: view.damage().to_vec(),
        }
    }
}

impl Store {
    /// Creates a store at `path` with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::create`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().create(path)
    }

    /// Opens the store at `path` for reading and appending, with the default [`Options`].
    /// This works the first time after any crash.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// Opens the store at `path`, or creates it if there is none, with the default
    /// [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open_or_create(path)
    }

    /// Opens the store at `path` for reading, with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open_read_only(path)
    }

    pub(crate) fn new(
        directory: Arc<Directory>,
        options: Options,
        is_read_only: bool,
        recovery: Recovery,
        memory: Memory,
    ) -> Self {
        let shared = Arc::new(Shared::new(directory, options, is_read_only, memory));
        Self { shared, recovery: Arc::new(recovery) }
    }

    /// The store's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.shared.path()
    }

    /// What opening the store found.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Appends one observation and returns its sequence number. The call takes the
    /// writers' lock. Under [`SyncPolicy::Always`](crate::SyncPolicy::Always) the
    /// observation is durable when this returns. Threads that append at the same time
    /// share a sync.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a value that is not finite, or if this thread holds a
    /// [`Writer`] of the store; [`ErrorKind::Locked`] if another process kept the lock
    /// too long; [`ErrorKind::Replaced`], [`ErrorKind::ReadOnly`]; [`ErrorKind::Damaged`]
    /// if the store cannot be continued; [`ErrorKind::Io`] if the file system refuses.
    /// After an error the observation is not stored, unless
    /// [`uncertain`](crate::Error::uncertain) says that it may be found later.
    pub fn append(&self, observation: Observation) -> Result<u64> {
        Ok(self.append_batch(&[observation])?.start)
    }

    /// Appends `observations` in their order and returns their sequence numbers.
    /// A crash may leave the first few of them.
    ///
    /// They have consecutive numbers, with one exception. An append failed, its error said
    /// that observations may be found later, another process appended after the first of
    /// these, and then the append was repeated. The range then is from their lowest number
    /// to their highest, and longer than the batch.
    ///
    /// # Errors
    /// As [`Store::append`]; one value that is not finite refuses the whole batch. If a
    /// batch is larger than 8 MiB, its first observations may stay stored:
    /// [`Error::stored`](crate::Error::stored) says how many.
    pub fn append_batch(&self, observations: &[Observation]) -> Result<Range<u64>> {
        for observation in observations {
            writer::check(self.path(), *observation)?;
        }
        self.shared.append(observations)
    }

    /// A writer that keeps the lock, for many observations at once.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], [`ErrorKind::ReadOnly`], [`ErrorKind::Replaced`] or
    /// [`ErrorKind::Io`]; [`ErrorKind::Invalid`] if this thread has one already.
    pub fn writer(&self) -> Result<Writer> {
        Writer::open(&self.shared)
    }

    /// Makes everything that any process has appended so far durable.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn sync(&self) -> Result<()> {
        self.shared.locked(Session::sync)
    }

    /// Compresses the log's full chunks of 65,536 observations. Appending does this by
    /// itself; this method is for a store that was filled by a writer that did not sync.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn seal(&self) -> Result<()> {
        self.with(Appending::seal)
    }

    /// Removes the oldest chunks of 65,536 observations, as far as all their observations
    /// are older than `time_ns`, in nanoseconds since the Unix epoch. Returns how many
    /// observations were removed. The engine reads no clock: the caller gives the time.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// let hours = |n: i64| Observation::new(n * 3_600_000_000_000, 14.2);
    /// store.append_batch(&(0..70_000).map(hours).collect::<Vec<_>>())?;
    /// assert_eq!(store.remove_before(hours(68_000).timestamp_ns)?, 65_536);
    /// assert_eq!(store.snapshot()?.summary()?.count(), 4_464);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn remove_before(&self, time_ns: i64) -> Result<u64> {
        self.remove_before_up_to(time_ns, u64::MAX)
    }

    /// As [`Store::remove_before`], but no chunk that holds an observation with the sequence
    /// number `sequence` or a later one: for what must be kept until it has been copied.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn remove_before_up_to(&self, time_ns: i64, sequence: u64) -> Result<u64> {
        self.with(|appending, lock| appending.remove_before(lock, time_ns, sequence))
    }

    /// Removes the oldest chunks until log and chunks together take at most `bytes`, or
    /// only the log is left. Returns how many observations were removed.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn keep_bytes(&self, bytes: u64) -> Result<u64> {
        self.with(|appending, lock| appending.keep_bytes(lock, bytes))
    }

    fn with<T: Default>(&self, work: impl FnOnce(&mut Appending, &Lock) -> Result<T>) -> Result<T> {
        self.shared.locked(|session| session.with(work))
    }

    /// A fixed view of everything appended so far.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if the manifest is corrupt, [`ErrorKind::Io`] if the
    /// file system refuses.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let options = self.shared.options();
        let view = View::take(self.shared.directory(), options.positioned_reads)?;
        Ok(Snapshot::new(view, options, None))
    }
}

/// Sharing a store between threads is part of its promise.
const _: () = {
    const fn is_shared<T: Clone + Send + Sync>() {}
    is_shared::<Store>();
};
