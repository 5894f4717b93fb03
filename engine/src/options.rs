//! How a store is opened.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::snapshot::Snapshot;
use crate::store::{self, Store};

/// When appended observations are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before the append returns: what was acknowledged survives a power cut.
    Always,
    /// At the latest this long after the append, while the program goes on
    /// appending or calls [`Writer::sync_if_due`](crate::Writer::sync_if_due),
    /// and when the store or writer is closed. A crash of the program alone
    /// loses nothing; a power cut may lose the last interval.
    Every(Duration),
    /// When 8 MiB have gathered, when the file is full and on
    /// [`Store::sync`]. A crash of the program alone loses nothing.
    Never,
}

/// Options for opening or creating a [`Store`], with the defaults that suit a
/// service which must not lose anything.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// use std::time::Duration;
/// use gaugelog::{Options, SyncPolicy};
/// let store = Options::new()
///     .sync(SyncPolicy::Every(Duration::from_secs(5)))
///     .lock_wait(Duration::from_secs(1))
///     .create(&path)?;
/// # Ok::<(), gaugelog::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) sync: SyncPolicy,
    pub(crate) lock_wait: Duration,
    pub(crate) segment_bytes_max: u64,
    pub(crate) positioned_reads: bool,
}

/// The smallest segment that can be asked for: one block and its header. The
/// fuzzer makes many of few observations; only a header never fills one.
const SEGMENT_BYTES_LEAST: u64 = if cfg!(fuzzing) { 1024 } else { 64 * 1024 };
/// The largest, so that a segment is read in a bounded time.
const SEGMENT_BYTES_MOST: u64 = 1 << 30;

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Sync always, wait 10 s for the lock, 64 MiB a segment, mapped reads.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sync: SyncPolicy::Always,
            lock_wait: Duration::from_secs(10),
            segment_bytes_max: 64 << 20,
            positioned_reads: false,
        }
    }

    /// When appended observations are forced to the disk.
    #[must_use]
    pub const fn sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    /// How long an append waits for another process to finish its own.
    #[must_use]
    pub const fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The size in bytes at which a new segment is begun: 64 KiB to 1 GiB. A
    /// segment ends at the next multiple of 1,024 observations after it.
    #[must_use]
    pub const fn segment_bytes_max(mut self, bytes: u64) -> Self {
        self.segment_bytes_max = bytes;
        self
    }

    /// Read files by position instead of through memory maps, so that a disk
    /// that fails under a read, or a file cut short by another program, is an
    /// error and never a signal.
    #[must_use]
    pub const fn positioned_reads(mut self, yes: bool) -> Self {
        self.positioned_reads = yes;
        self
    }

    /// Creates a store at `path`, which must not exist or be an empty directory.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] where there is a store or a directory with
    /// other things in it, [`ErrorKind::Io`] where the file system refuses.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.check(path.as_ref())?;
        Store::create_with(path.as_ref(), self.clone())
    }

    /// Opens the store at `path` for reading and appending.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::NotAStore`], [`ErrorKind::Version`]
    /// or [`ErrorKind::Io`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.check(path.as_ref())?;
        Store::open_with(path.as_ref(), self.clone(), false)
    }

    /// Opens the store at `path` for reading; nothing in it is written, and no
    /// lock is taken.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.check(path.as_ref())?;
        Store::open_with(path.as_ref(), self.clone(), true)
    }

    /// A snapshot of the store at `path`, for a program that asks once: the same
    /// as that of a store opened for reading, with one look at the disk, not two.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// # gaugelog::Store::create(&path)?;
    /// let snapshot = gaugelog::Options::new().snapshot(&path)?;
    /// assert_eq!(snapshot.len(), 0);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn snapshot(&self, path: impl AsRef<Path>) -> Result<Snapshot> {
        self.check(path.as_ref())?;
        let (_, view) = store::look(path.as_ref(), self.positioned_reads)?;
        Ok(Snapshot::new(view))
    }

    fn check(&self, path: &Path) -> Result<()> {
        if !(SEGMENT_BYTES_LEAST..=SEGMENT_BYTES_MOST).contains(&self.segment_bytes_max) {
            return Err(Error::new(
                ErrorKind::Invalid,
                path,
                format!(
                    "a segment of {} bytes is out of range; use {SEGMENT_BYTES_LEAST} to {SEGMENT_BYTES_MOST}",
                    self.segment_bytes_max
                ),
            ));
        }
        Ok(())
    }
}
