//! The one error type: what went wrong, in which file, at which byte.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What every fallible operation of the engine returns.
pub type Result<T> = std::result::Result<T, Error>;

/// An operation that did not succeed, with the file and the byte it failed at.
///
/// ```
/// use gaugelog::{ErrorKind, Store};
/// let error = Store::open("/no/such/store").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    path: PathBuf,
    offset: Option<u64>,
    stored: usize,
    detail: String,
    source: Option<io::Error>,
}

/// The kinds of failure that a program may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no store at the path.
    NotFound,
    /// There is a store, or something else, where one was to be created.
    AlreadyExists,
    /// The path holds something that is not a store.
    NotAStore,
    /// The store was written by a version with another format.
    Version,
    /// Another process held the writers' lock for longer than the wait.
    Locked,
    /// The store was opened for reading only.
    ReadOnly,
    /// A value is NaN or infinite, an option or an argument is out of range, or a
    /// writer is used in another process than the one that opened it.
    Invalid,
    /// Bytes that were once written do not match their checksum, or a file that
    /// was once there is gone.
    Damaged,
    /// The file system refused: no space, no permission, an I/O error.
    Io,
}

/// `EIO`, the same on every Linux.
const INPUT_OUTPUT: i32 = 5;

impl Error {
    pub(crate) fn new(kind: ErrorKind, path: &Path, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            path: path.to_owned(),
            offset: None,
            stored: 0,
            detail: detail.into(),
            source: None,
        }))
    }

    /// `doing` says what was being done, in words that follow "cannot".
    pub(crate) fn io(path: &Path, doing: &str, source: io::Error) -> Self {
        Self(Box::new(Inner {
            kind: ErrorKind::Io,
            path: path.to_owned(),
            offset: None,
            stored: 0,
            detail: format!("cannot {doing}"),
            source: Some(source),
        }))
    }

    /// The device did not give the bytes at `offset`, as told before.
    pub(crate) fn refused(path: &Path, offset: u64) -> Self {
        Self::io(path, "read", io::Error::from_raw_os_error(INPUT_OUTPUT)).at(offset)
    }

    pub(crate) fn damaged(path: &Path, offset: u64, detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::Damaged, path, detail).at(offset)
    }

    pub(crate) fn at(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    pub(crate) fn having_stored(mut self, stored: usize) -> Self {
        self.0.stored = stored;
        self
    }

    /// Adds what went wrong when it was tried to make up for this error.
    pub(crate) fn followed_by(mut self, second: &Error) -> Self {
        self.0.detail = format!("{} (and then: {second})", self.0.detail);
        self
    }

    /// Says that observations reported as failed are still to be found, because
    /// of a `second` error.
    pub(crate) fn leaving_in_doubt(mut self, second: &Error) -> Self {
        self.0.detail = format!(
            "{} (what was written of it could not be taken back, so it may be found later: {second})",
            self.0.detail
        );
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn is_disk_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        self.io_error().is_some_and(|error| matches!(error.kind(), StorageFull | QuotaExceeded))
    }

    /// There is nothing behind the name, or only the same name again.
    pub(crate) fn leads_nowhere(&self) -> bool {
        /// `ELOOP`, on every Linux but those of PA-RISC, SPARC and Alpha.
        const LOOP: i32 = 40;
        self.io_error().is_some_and(|error| {
            error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(LOOP)
        })
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// The process, or the machine, lacks what it takes to ask: descriptors,
    /// memory, an hour without signals. That says nothing of the file.
    pub(crate) fn is_lack(&self) -> bool {
        /// `EINTR`, `ENOMEM`, `ENFILE` and `EMFILE`, the same on every Linux.
        const LACKS: [i32; 4] = [4, 12, 23, 24];
        let errno = self.io_error().and_then(io::Error::raw_os_error);
        errno.is_some_and(|errno| LACKS.contains(&errno))
    }

    /// The device under the file failed, for these bytes or altogether.
    pub(crate) fn is_device_failure(&self) -> bool {
        self.io_error().is_some_and(|error| error.raw_os_error() == Some(INPUT_OUTPUT))
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The file or directory it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The byte of that file it is about, where there is one.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// Of a batch that could not be appended, how many observations, from its
    /// first on, are stored all the same.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.0.stored
    }

    /// The operating system's error behind it, where there is one.
    #[must_use]
    pub fn io_error(&self) -> Option<&io::Error> {
        self.0.source.as_ref()
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
        self.0.source.as_ref().map(|source| source as _)
    }
}
