//! How a store is opened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// When appended observations are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before the append returns: what was acknowledged survives a power cut.
    Always,
    /// At the latest this long after the append, if the program goes on appending or
    /// calls [`Writer::sync_if_due`](crate::Writer::sync_if_due), and when the store or
    /// writer is closed. A crash of the program alone loses nothing; a power cut may lose
    /// the last interval.
    Every(Duration),
    /// When 8 MiB have gathered, when the log is replaced, and on
    /// [`Store::sync`](crate::Store::sync). A crash of the program alone loses nothing.
    Never,
}

/// Options for opening or creating a [`Store`](crate::Store). The defaults suit a service
/// that must not lose anything.
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
    pub(crate) log_bytes_max: u64,
    pub(crate) positioned_reads: bool,
    pub(crate) late_marks: bool,
    pub(crate) cancelled: Option<Arc<AtomicBool>>,
}

/// The smallest allowed value of `log_bytes_max`, in bytes. Tests need smaller logs.
const LOG_BYTES_LEAST: u64 = if cfg!(any(test, fuzzing)) { 0 } else { 4 << 20 };
/// The largest allowed value, in bytes. At this size appends fail until the log can be
/// sealed.
pub(crate) const LOG_BYTES_MOST: u64 = 1 << 30;

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// The defaults: sync always, wait 10 s for the lock, 64 MiB of log, mapped reads,
    /// marks at once.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sync: SyncPolicy::Always,
            lock_wait: Duration::from_secs(10),
            log_bytes_max: 64 << 20,
            positioned_reads: false,
            late_marks: false,
            cancelled: None,
        }
    }

    /// When appended observations are forced to the disk.
    #[must_use]
    pub const fn sync(mut self, policy: SyncPolicy) -> Self {
        self.sync = policy;
        self
    }

    /// How long an append waits for another process to release the lock.
    #[must_use]
    pub const fn lock_wait(mut self, wait: Duration) -> Self {
        self.lock_wait = wait;
        self
    }

    /// The size in bytes, 4 MiB to 1 GiB, at which a held [`Writer`](crate::Writer)
    /// that does not sync each append compresses its log into chunks. All others do
    /// so at 65,536 observations.
    #[must_use]
    pub const fn log_bytes_max(mut self, bytes: u64) -> Self {
        self.log_bytes_max = bytes;
        self
    }

    /// Read files by position and not through memory maps. Then a disk that fails during
    /// a read, or a file that another program has shortened, is an error and never a
    /// signal.
    #[must_use]
    pub const fn positioned_reads(mut self, yes: bool) -> Self {
        self.positioned_reads = yes;
        self
    }

    /// Do not write a mark after each sync. The next append,
    /// [`Store::sync`](crate::Store::sync) or the closing of the store then records what
    /// is durable. If a few observations are appended each minute, this saves a flash
    /// card a sixth of the bytes written.
    ///
    /// Until then [`Snapshot::durable_end`](crate::Snapshot::durable_end) is one append
    /// behind, and damage to the last append looks like an append that was cut off. If
    /// the program is killed, the next one copies the log.
    #[must_use]
    pub const fn late_marks(mut self, yes: bool) -> Self {
        self.late_marks = yes;
        self
    }

    /// Snapshots read no further once this flag is set: what is being read ends with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). For a program that computes
    /// answers which may not be wanted any more. The flag is looked at for each chunk and for
    /// each 1,024 observations.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    /// use gaugelog::{ErrorKind, Observation, Options, Store};
    /// Store::create(&path)?.append(Observation::new(10, 1.0))?;
    /// let flag = Arc::new(AtomicBool::new(false));
    /// let snapshot = Options::new().cancel_reads(Arc::clone(&flag)).snapshot(&path)?;
    /// assert_eq!(snapshot.median()?, Some(1.0));
    /// flag.store(true, Ordering::Relaxed);
    /// assert_eq!(snapshot.median().unwrap_err().kind(), ErrorKind::Cancelled);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    #[must_use]
    pub fn cancel_reads(mut self, flag: Arc<AtomicBool>) -> Self {
        self.cancelled = Some(flag);
        self
    }

    /// Refuses options that are out of range.
    pub(crate) fn check(&self, path: &Path) -> Result<()> {
        if (LOG_BYTES_LEAST..=LOG_BYTES_MOST).contains(&self.log_bytes_max) {
            return Ok(());
        }
        let detail = format!(
            "a log of {} bytes is out of range; use {LOG_BYTES_LEAST} to {LOG_BYTES_MOST}",
            self.log_bytes_max
        );
        Err(Error::new(ErrorKind::Invalid, path, detail))
    }
}
