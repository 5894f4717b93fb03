//! Creating and opening a store.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{Recovery, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::format::names::{MANIFEST, Name, classify};
use crate::format::record::Record;
use crate::options::Options;
use crate::os::disk::{Directory, create_directory, remove_directory, sync_directory_at};
use crate::os::lock::Lock;
use crate::read::snapshot::Snapshot;
use crate::view::View;
use crate::write::append::Appending;
use crate::write::session::Memory;

impl Options {
    /// Creates a store at `path`, which must not exist, or be an empty directory but for
    /// a file system's `lost+found`.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if there is a store or a directory with other
    /// things in it, [`ErrorKind::Io`] if the file system refuses.
    pub fn create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        self.check(path)?;
        let (directory, lock, _) = make_directory(path, self.lock_wait)?;
        let mut bytes = Record::empty().encode();
        bytes.extend_from_within(..);
        let made = directory.replace_file(MANIFEST, &bytes).and_then(|_| lock.sync_directory());
        // Reported as failed, so it shall not be there, as far as that is possible.
        made.inspect_err(|_| drop(directory.remove(MANIFEST)))?;
        drop(lock);
        // Not by opening it: what then failed would be reported of a store that is there.
        Ok(Store::new(directory, self.clone(), false, Recovery::default(), Memory::default()))
    }

    /// Opens the store at `path` for reading and appending.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::NotAStore`], [`ErrorKind::Version`],
    /// [`ErrorKind::Damaged`] if the manifest is corrupt, or [`ErrorKind::Io`].
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.open_as(path.as_ref(), false)
    }

    /// Opens the store at `path` for reading; nothing in it is written, and no lock is
    /// taken.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<Store> {
        self.open_as(path.as_ref(), true)
    }

    /// Opens the store at `path`, or creates it if there is none.
    ///
    /// # Errors
    /// As [`Options::open`] and [`Options::create`].
    pub fn open_or_create(&self, path: impl AsRef<Path>) -> Result<Store> {
        let path = path.as_ref();
        match self.open(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAStore) => {
                match self.create(path) {
                    // Another process was quicker.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        self.open(path).map_err(|_| error)
                    }
                    created => created,
                }
            }
            opened => opened,
        }
    }

    fn open_as(&self, path: &Path, is_read_only: bool) -> Result<Store> {
        self.check(path)?;
        let directory = open_directory(path)?;
        let (view, manifest) = View::take_with_manifest(&directory, self.positioned_reads)?;
        let recovery = Recovery::of(&view);
        let known = if is_read_only { None } else { Appending::of_view(&view, manifest) };
        Ok(Store::new(directory, self.clone(), is_read_only, recovery, Memory::of(known)))
    }

    /// A snapshot of the store at `path`, for a program that asks once: the same as that
    /// of a store opened for reading, with one look at the disk, not two.
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
        let directory = open_directory(path.as_ref())?;
        Ok(Snapshot::new(View::take(&directory, self.positioned_reads)?, self, None))
    }

    /// As [`snapshot`](Self::snapshot), of the store that `earlier` is a snapshot of. A
    /// program that asks a large store again and again reads less: the snapshots share
    /// summaries that one of them has read, up to 8 MB, as long as no chunk is sealed or
    /// removed.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Options, Store};
    /// let store = Store::create(&path)?;
    /// let options = Options::new();
    /// let earlier = options.snapshot(&path)?;
    /// store.append(Observation::new(10, 1.0))?;
    /// let later = options.snapshot_again(&path, &earlier)?;
    /// assert_eq!((earlier.len(), later.len()), (0, 1));
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn snapshot_again(&self, path: impl AsRef<Path>, earlier: &Snapshot) -> Result<Snapshot> {
        self.check(path.as_ref())?;
        let directory = open_directory(path.as_ref())?;
        Ok(Snapshot::new(View::take(&directory, self.positioned_reads)?, self, Some(earlier)))
    }
}

pub(super) fn open_directory(path: &Path) -> Result<Arc<Directory>> {
    Directory::open(path).map(Arc::new).map_err(|error| {
        match error.io_error().map(io::Error::kind) {
            Some(io::ErrorKind::NotFound) => {
                Error::new(ErrorKind::NotFound, path, "there is no store here")
            }
            Some(io::ErrorKind::NotADirectory) => {
                Error::new(ErrorKind::NotAStore, path, "not a directory, so not a store")
            }
            _ => error,
        }
    })
}

/// Makes the directory of a new store, makes its name durable, and takes the lock; an empty
/// one may be there. Returns whether it was made.
pub(super) fn make_directory(
    path: &Path,
    lock_wait: Duration,
) -> Result<(Arc<Directory>, Lock, bool)> {
    let is_new = match create_directory(path) {
        Err(error) if error.is_already_there() => {
            only_left_overs(path)?;
            false
        }
        made => made.map(|()| true)?,
    };
    let locked = lock_empty(path, lock_wait);
    if locked.is_err() && is_new {
        drop(remove_directory(path));
    }
    locked.map(|(directory, lock)| (directory, lock, is_new))
}

fn lock_empty(path: &Path, lock_wait: Duration) -> Result<(Arc<Directory>, Lock)> {
    // Also where it was there: the process that made it may not have waited for the disk.
    sync_directory_at(parent(path))?;
    let directory = Arc::new(Directory::open(path)?);
    let lock = Lock::take(&directory, lock_wait)?;
    match directory.identity(MANIFEST)? {
        Some(_) => Err(already_there(path)),
        None => Ok((directory, lock)),
    }
}

/// The directory that has the name `path` in it.
pub(super) fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Accepts a directory that holds nothing, or what a creation that was cut off has left.
fn only_left_overs(path: &Path) -> Result<()> {
    let directory = open_directory(path).map_err(|error| {
        if error.kind() != ErrorKind::NotAStore {
            return error;
        }
        let detail = "something that is not a directory is here; choose a name that is free";
        Error::new(ErrorKind::AlreadyExists, path, detail)
    })?;
    if directory.identity(MANIFEST)?.is_some() {
        return Err(already_there(path));
    }
    for name in directory.names()? {
        if classify(&name) != Name::Temporary && name != "lost+found" {
            let detail =
                format!("the directory holds other things ({name}); choose a name that is free");
            return Err(Error::new(ErrorKind::AlreadyExists, path, detail));
        }
    }
    Ok(())
}

fn already_there(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, path, "there is a store already; nothing was changed")
}
