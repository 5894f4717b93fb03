//! The one error type: what went wrong, in which file, and where in it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::io::Errno;

/// The result of every fallible operation of the engine.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation that failed, with the file and the byte at which it failed.
///
/// ```
/// use gaugelog::{ErrorKind, Store};
/// let error = Store::open("/no/such/store").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// ```
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    path: PathBuf,
    offset: Option<u64>,
    lost: Range<u64>,
    stored: usize,
    uncertain: Range<u64>,
    detail: String,
    source: Option<Arc<io::Error>>,
}

/// The kinds of failure that a program may want to distinguish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no store at the path.
    NotFound,
    /// There is a store, or something else, at the path of a new one.
    AlreadyExists,
    /// The path holds something that is not a store.
    NotAStore,
    /// The store was written by a version with another format.
    Version,
    /// Another process held the writers' lock for longer than the wait.
    Locked,
    /// The store was opened for reading only.
    ReadOnly,
    /// A value is NaN or infinite, an option or an argument is out of range, a writer is
    /// used in a forked process, or a thread would wait for itself.
    Invalid,
    /// Stored bytes do not match their checksum, or a file of the store is missing.
    Damaged,
    /// Retention removed observations that the snapshot still covers, or an append that
    /// failed took back what the snapshot had found. Take another snapshot.
    Removed,
    /// The store's path leads to another directory than when it was opened.
    Replaced,
    /// The file system refused: no space, no permission, an I/O error.
    Io,
    /// The flag of [`Options::cancel_reads`](crate::Options::cancel_reads) was set.
    Cancelled,
}

/// A place where a store does not hold what was written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file with the damage.
    pub path: PathBuf,
    /// The byte of the file at which the damage begins.
    pub offset: u64,
    /// The sequence numbers of the observations that cannot be read because of it;
    /// empty if none is lost. Some of these may have been lost earlier.
    pub lost: Range<u64>,
    /// What was found there.
    pub detail: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}: {}", self.path.display(), self.offset, self.detail)?;
        let lost = self.lost.end.saturating_sub(self.lost.start);
        match lost {
            0 => Ok(()),
            1 => write!(f, "; observation {} is lost", self.lost.start),
            _ => write!(
                f,
                "; {lost} observations are lost, {} to {}",
                self.lost.start,
                self.lost.end - 1
            ),
        }
    }
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::damaged(&damage.path, damage.offset, damage.detail).losing(damage.lost)
    }
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, path: &Path, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            path: path.to_owned(),
            offset: None,
            lost: 0..0,
            stored: 0,
            uncertain: 0..0,
            detail: detail.into(),
            source: None,
        }))
    }

    /// `doing` says what was being done, in words that follow "cannot".
    pub(crate) fn io(path: &Path, doing: &str, source: io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, path, format!("cannot {doing}"));
        error.0.source = Some(Arc::new(source));
        error
    }

    pub(crate) fn damaged(path: &Path, offset: u64, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, path, detail).at(offset)
    }

    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Says which observations cannot be read because of it, if it is about damage.
    pub(crate) fn losing(mut self, lost: Range<u64>) -> Self {
        if self.0.kind == ErrorKind::Damaged {
            self.0.lost = lost;
        }
        self
    }

    pub(crate) fn having_stored(mut self, stored: usize) -> Self {
        self.0.stored = stored;
        self
    }

    /// Adds the error of an attempt to make up for this one.
    pub(crate) fn followed_by(self, second: &Error) -> Self {
        self.advising(&format!("and then: {second}"))
    }

    /// Adds what this means, or what to do.
    pub(crate) fn advising(mut self, advice: &str) -> Self {
        self.0.detail = format!("{} ({advice})", self.0.detail);
        self
    }

    /// Says that the observations with these sequence numbers were reported as failed and
    /// may still be found later, because of a `second` error.
    pub(crate) fn possibly_stored(mut self, sequences: Range<u64>, second: &Error) -> Self {
        self.0.uncertain = sequences.clone();
        self.advising(&format!(
            "and it cannot be taken back, so observations {} to {} may be found later: {second}",
            sequences.start,
            sequences.end.saturating_sub(1),
        ))
    }

    /// The detail and the operating system's text, for an error about the same file.
    pub(crate) fn detail_with_source(&self) -> String {
        match &self.0.source {
            Some(source) => format!("{}: {source}", self.0.detail),
            None => self.0.detail.clone(),
        }
    }

    /// Whether the disk is full or a limit is reached.
    pub(crate) fn is_lack_of_room(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        let kind = self.io_error().map(io::Error::kind);
        matches!(kind, Some(StorageFull | QuotaExceeded | FileTooLarge))
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    pub(crate) fn is_already_there(&self) -> bool {
        self.io_error().is_some_and(|error| error.kind() == io::ErrorKind::AlreadyExists)
    }

    /// Whether the file that could not be opened or read will not be readable later either.
    pub(crate) fn is_of_unusable_file(&self) -> bool {
        self.is_not_found() || self.damage().is_some() || self.is_device_failure()
    }

    /// Whether the device failed, for these bytes or altogether.
    pub(crate) fn is_device_failure(&self) -> bool {
        // The latter two are a file system's, about what it cannot read of itself.
        matches!(self.errno(), Some(Errno::IO | Errno::UCLEAN | Errno::BADMSG))
    }

    pub(crate) fn errno(&self) -> Option<Errno> {
        self.io_error().and_then(io::Error::raw_os_error).map(Errno::from_raw_os_error)
    }

    /// The damage that the error is about, if it is about damage.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let inner = &self.0;
        (inner.kind == ErrorKind::Damaged).then(|| Damage {
            path: inner.path.clone(),
            offset: inner.offset.unwrap_or(0),
            lost: inner.lost.clone(),
            detail: inner.detail.clone(),
        })
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether the same call may succeed later without a change by its caller: the disk
    /// may have room again, or another process may release the lock. A missing
    /// permission, a missing directory, a read-only file system, damage and bad arguments
    /// do not pass.
    ///
    /// ```
    /// let missing = gaugelog::Store::open("/no/such/store").unwrap_err();
    /// assert!(!missing.can_pass());
    /// ```
    #[must_use]
    pub fn can_pass(&self) -> bool {
        match self.0.kind {
            ErrorKind::Locked => true,
            ErrorKind::Io => !matches!(
                self.errno(),
                Some(
                    Errno::ACCESS
                        | Errno::PERM
                        | Errno::ROFS
                        | Errno::OPNOTSUPP
                        | Errno::NOSYS
                        | Errno::NOLCK
                        | Errno::INVAL
                        | Errno::NAMETOOLONG
                        | Errno::LOOP
                        | Errno::NOENT
                        | Errno::NOTDIR
                        | Errno::ISDIR
                        | Errno::UCLEAN
                        | Errno::BADMSG
                )
            ),
            _ => false,
        }
    }

    /// The file or directory that the error is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The byte of that file that the error is about, if there is one.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The sequence numbers of observations that cannot be read because of damage.
    #[must_use]
    pub fn lost(&self) -> Range<u64> {
        self.0.lost.clone()
    }

    /// How many observations of a batch were stored although the append failed, counted
    /// from its first.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.0.stored
    }

    /// The sequence numbers of observations that were not acknowledged and may be found
    /// later all the same, because the disk did not let them be taken back. Repeat the
    /// append with the same [`Store`](crate::Store) or [`Writer`](crate::Writer): it looks
    /// for them first, and stores nothing twice.
    #[must_use]
    pub fn uncertain(&self) -> Range<u64> {
        self.0.uncertain.clone()
    }

    /// The operating system's error that caused it, if there is one.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.path.display())?;
        if let Some(offset) = self.0.offset {
            write!(f, ", byte {offset}")?;
        }
        write!(f, ": {}", self.0.detail)?;
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        match self.0.stored {
            0 => Ok(()),
            stored => write!(f, " (the first {stored} observations of the batch are stored)"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.io_error().map(|source| source as _)
    }
}
