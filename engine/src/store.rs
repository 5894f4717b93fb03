//! A store: the directory, opened.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::damage::Damage;
use crate::disk::{self, Operation};
use crate::error::{Error, ErrorKind, Result};
use crate::lock::{self, Lock};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::segment::format::{MAGIC, VERSION};
use crate::segment::map::Bytes;
use crate::snapshot::Snapshot;
use crate::verify::{Verification, verify};
use crate::view::View;
use crate::writer::{self, Left, Writer};

/// The file that makes a directory a store. It is the last thing that creating
/// one makes, and the same bytes everywhere.
const MARKER: &str = "gaugelog";
const MARKER_BYTES: usize = 16;

/// A store of observations: one directory, which any number of processes read
/// and append to at once.
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
/// After a fork, parent and child may both go on with a store that was open, if
/// no other thread was using it at that moment; otherwise, and of a [`Writer`]
/// always, the child opens the store again. What was appended before the fork and
/// is not synced yet is the parent's to sync.
#[derive(Debug)]
pub struct Store {
    directory: PathBuf,
    options: Options,
    read_only: bool,
    found: Found,
    left: Mutex<Left>,
}

/// What opening a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Found {
    /// How many observations there are.
    pub observations: u64,
    /// Bytes behind the last valid frame, the remains of an append that was
    /// never acknowledged; space written ahead is not counted.
    pub dropped_bytes: u64,
    /// Damage met on the way. Finding all there is takes reading everything.
    pub damage: Vec<Damage>,
}

impl Found {
    /// What the segments show, without the marker.
    pub(crate) fn in_view(view: &View) -> Result<Self> {
        Ok(Self {
            observations: view.end_sequence(),
            dropped_bytes: view.active()?.map_or(0, |(_, tail)| tail.dropped_bytes),
            damage: view.damage().to_vec(),
        })
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

    /// Opens the store at `path` for reading and appending, with the default
    /// [`Options`]. After any crash this works the first time.
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open(path)
    }

    /// Opens the store at `path` for reading, with the default [`Options`].
    ///
    /// # Errors
    /// As [`Options::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self> {
        Options::new().open_read_only(path)
    }

    pub(crate) fn create_with(path: &Path, options: Options) -> Result<Self> {
        create_directory(path)?;
        // Not signed, so that an empty store is the same bytes everywhere.
        let lock = Lock::take(path, options.lock_wait)?;
        let marker = path.join(MARKER);
        if disk::is_there(&marker)? {
            return Err(already_there(path));
        }
        if let Err(error) = disk::create_whole(path, MARKER, &encode_marker()) {
            // Reported as failed, so it shall not be found, as far as that is possible.
            drop(disk::remove(&marker));
            return Err(error);
        }
        drop(lock);
        // Not by looking at it: what then failed would be told of a store that is there.
        let (directory, found) = (path.to_owned(), Found::default());
        Ok(Self { directory, options, read_only: false, found, left: Mutex::default() })
    }

    pub(crate) fn open_with(path: &Path, options: Options, read_only: bool) -> Result<Self> {
        let (found, _) = look(path, options.positioned_reads)?;
        Ok(Self { directory: path.to_owned(), options, read_only, found, left: Mutex::default() })
    }

    /// The store's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// What opening it found.
    #[must_use]
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Appends one observation and returns its sequence number. The writers'
    /// lock is taken for the call. Under [`SyncPolicy::Always`] the observation
    /// is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a value that is not finite,
    /// [`ErrorKind::Locked`] if another process kept the lock too long,
    /// [`ErrorKind::ReadOnly`], [`ErrorKind::Damaged`] where the store cannot be
    /// continued, [`ErrorKind::Io`] where the file system refuses. After an
    /// error the observation is not stored.
    pub fn append(&self, observation: Observation) -> Result<u64> {
        Ok(self.append_batch(&[observation])?.start)
    }

    /// Appends `observations` in their order and returns their sequence numbers.
    /// A crash may leave the first few of them.
    ///
    /// # Errors
    /// As [`Store::append`]; the first value that is not finite refuses the
    /// whole batch. Of a batch that reaches over the end of a segment, or is
    /// larger than 8 MiB, the first ones may stay stored:
    /// [`Error::stored`](crate::Error::stored) says how many.
    pub fn append_batch(&self, observations: &[Observation]) -> Result<Range<u64>> {
        for observation in observations {
            writer::check(&self.directory, *observation)?;
        }
        // The lock first: threads that wait for it then do so side by side.
        let lock = self.take_lock()?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = self.open_writer(lock, std::mem::take(&mut left)).for_once();
        let mut stored = 0;
        let appended = writer.append(observations, &mut stored);
        *left = writer.leave();
        let end = appended.map_err(|error| error.having_stored(stored))?;
        Ok(end - observations.len() as u64..end)
    }

    /// A writer that keeps the lock, for many observations at once.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`], [`ErrorKind::ReadOnly`] or [`ErrorKind::Io`].
    pub fn writer(&self) -> Result<Writer> {
        let lock = self.take_lock()?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.open_writer(lock, std::mem::take(&mut left)))
    }

    /// Makes everything that any process has appended so far durable.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn sync(&self) -> Result<()> {
        let lock = self.take_lock()?;
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let mut writer = self.open_writer(lock, std::mem::take(&mut left)).for_once();
        let synced = writer.sync();
        *left = writer.leave();
        synced
    }

    /// A fixed view of everything appended so far.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the file system refuses.
    pub fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot::new(View::take(&self.directory, self.options.positioned_reads)?))
    }

    /// Reads everything that the store holds, takes every checksum, and computes
    /// again every statistic that is written down. Takes the time of reading it
    /// all, memory that does not grow with the store, and no lock: it may run
    /// beside writers.
    ///
    /// What it finds of files that can be made again from the observations
    /// (`FORMAT.md` says which) costs time alone. A power cut can leave those of
    /// the last segment so; further appends make them whole.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// # let store = gaugelog::Store::create(&path)?;
    /// let found = store.verify()?;
    /// for damage in &found.damage {
    ///     eprintln!("{}, byte {}: {}", damage.path.display(), damage.offset, damage.detail);
    /// }
    /// assert!(found.is_sound());
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the file system refuses. Damage is no error here:
    /// it is what is looked for.
    pub fn verify(&self) -> Result<Verification> {
        let marker = check_marker(&self.directory)?;
        verify(&View::take(&self.directory, true)?, marker)
    }

    fn take_lock(&self) -> Result<Lock> {
        if self.read_only {
            let detail = "the store was opened for reading only";
            return Err(Error::new(ErrorKind::ReadOnly, &self.directory, detail));
        }
        let mut lock = Lock::take(&self.directory, self.options.lock_wait)?;
        lock.sign();
        Ok(lock)
    }

    fn open_writer(&self, lock: Lock, left: Left) -> Writer {
        Writer::open(lock, &self.directory, &self.options, left)
    }
}

impl Drop for Store {
    /// Under [`SyncPolicy::Every`], syncs what is still due; call
    /// [`Store::sync`] to learn of an error.
    fn drop(&mut self) {
        let left = self.left.get_mut().unwrap_or_else(PoisonError::into_inner);
        if left.has_unsynced() && matches!(self.options.sync, SyncPolicy::Every(_)) {
            drop(self.sync());
        }
    }
}

/// What opening the store at `path` finds, and the view that it was found in.
pub(crate) fn look(path: &Path, positioned_reads: bool) -> Result<(Found, View)> {
    let marker = check_marker(path)?;
    let view = View::take(path, positioned_reads)?;
    if marker.is_some() && view.chain().len() == 0 {
        let detail = "the directory holds a file named as a store's marker, and no segment";
        return Err(Error::new(ErrorKind::NotAStore, path, detail));
    }
    let mut found = Found::in_view(&view)?;
    found.damage.splice(0..0, marker);
    Ok((found, view))
}

fn encode_marker() -> [u8; MARKER_BYTES] {
    let mut bytes = [0; MARKER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    LE::write_u32(&mut bytes[8..], VERSION);
    let crc = crc32fast::hash(&bytes[..12]);
    LE::write_u32(&mut bytes[12..], crc);
    bytes
}

/// Makes the directory, and makes its name durable; an empty one may be there.
fn create_directory(path: &Path) -> Result<()> {
    if disk::is_there(&path.join(MARKER))? {
        return Err(already_there(path));
    }
    match disk::create_directory(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => only_left_overs(path)?,
        Err(error) => return Err(Error::io(path, "create the directory of the store", error)),
    }
    // Also where it was there: whoever made it may not have waited for the disk.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    disk::sync_directory(parent.unwrap_or(Path::new(".")))
}

/// Accepts a directory that holds nothing, or what a creation that was cut off
/// has left.
fn only_left_overs(path: &Path) -> Result<()> {
    let listing = |error| Error::io(path, "create a store here", error);
    let entries = disk::call(path, Operation::List, || std::fs::read_dir(path));
    for entry in entries.map_err(listing)? {
        let name = entry.map_err(listing)?.file_name();
        if name != lock::NAME && name.to_str() != Some(&format!("{MARKER}.tmp")) {
            let detail = format!(
                "the directory holds other things ({}); choose a name that is free",
                name.to_string_lossy()
            );
            return Err(Error::new(ErrorKind::AlreadyExists, path, detail));
        }
    }
    Ok(())
}

fn already_there(path: &Path) -> Error {
    Error::new(ErrorKind::AlreadyExists, path, "there is a store already; nothing was changed")
}

/// Checks that there is a store at `path` that this version reads. A marker
/// whose bytes have rotted is reported and passed over: all that it says stands
/// in every segment too.
fn check_marker(path: &Path) -> Result<Option<Damage>> {
    let marker = path.join(MARKER);
    let bytes = match Bytes::open(&marker, true) {
        Ok(file) => file.read_all(MARKER_BYTES + 1)?,
        Err(error) => return Err(not_a_store(path, error)),
    };
    let whole = bytes.len() == MARKER_BYTES
        && bytes[..8] == MAGIC
        && crc32fast::hash(&bytes[..12]) == LE::read_u32(&bytes[12..]);
    if !whole {
        let detail = "the store's marker does not match its checksum".into();
        return Ok(Some(Damage { path: marker, offset: 0, lost: 0..0, detail }));
    }
    match LE::read_u32(&bytes[8..]) {
        VERSION => Ok(None),
        version => {
            let detail = format!("format {version} is not one that this version reads ({VERSION})");
            Err(Error::new(ErrorKind::Version, &marker, detail))
        }
    }
}

/// What it means that the marker of `path` cannot be opened.
fn not_a_store(path: &Path, error: Error) -> Error {
    let kind = error.io_error().map(io::Error::kind);
    let there = disk::call(path, Operation::Look, || path.metadata());
    match (kind, there) {
        (Some(io::ErrorKind::NotFound), Ok(_)) => {
            Error::new(ErrorKind::NotAStore, path, "the directory is not a store")
        }
        (Some(io::ErrorKind::NotADirectory), _) => {
            Error::new(ErrorKind::NotAStore, path, "not a directory, so not a store")
        }
        (Some(io::ErrorKind::NotFound), Err(why)) if why.kind() == io::ErrorKind::NotFound => {
            Error::new(ErrorKind::NotFound, path, "there is no store here")
        }
        (Some(io::ErrorKind::NotFound), Err(why)) => Error::io(path, "look for the store", why),
        _ => error,
    }
}
