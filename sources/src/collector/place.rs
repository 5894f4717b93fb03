//! Where the counts are kept: each collector that uses a store has its own place there.
//!
//! A place is two files. `collector.lock` is locked by the collector that keeps counts
//! there. It is never removed, because a lock on a file without a name excludes no other
//! process. `collector.json` holds the counts, also while no collector runs. The second
//! place is `collector-2.lock` and `collector-2.json`, and so on. A collector takes the
//! first free place.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::own_file::{Access, check_own, named, open_own};

/// The most collectors that keep counts in one store at once.
const PLACES: usize = 8;
/// The most bytes that are read. Less than half of that is ever written.
const BYTES_MAX: u64 = 16 * 1024;
/// A process that checks whether a collector runs holds the lock for some microseconds.
const TRY_FOR: Duration = Duration::from_millis(300);

/// A place for counts in the directory of a store.
#[derive(Debug)]
pub(super) struct Place {
    number: usize,
    /// The path of its files, without the extension.
    stem: PathBuf,
}

impl Place {
    /// All possible places, in order.
    pub(super) fn all(directory: &Path) -> impl Iterator<Item = Self> {
        (1..=PLACES).map(|number| match number {
            1 => Self { number, stem: directory.join("collector") },
            _ => Self { number, stem: directory.join(format!("collector-{number}")) },
        })
    }

    /// The first free place, and the lock on it; `None` if there is none.
    pub(super) fn take(directory: &Path) -> io::Result<Option<(Self, File)>> {
        for place in Self::all(directory) {
            if let Some(lock) = place.lock()? {
                return Ok(Some((place, lock)));
            }
        }
        Ok(None)
    }

    /// Its number in the directory, from 1.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The path of its files, without the extension.
    pub(super) fn stem(&self) -> &Path {
        &self.stem
    }

    fn lock(&self) -> io::Result<Option<File>> {
        let file = open_own(self.file("lock"), Access::Write)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) if begun.elapsed() < TRY_FOR => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Whether a collector keeps counts there now.
    pub(super) fn is_taken(&self) -> io::Result<bool> {
        let Some(file) = opened(&self.file("lock"))? else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The stored text, if there is one, and the path of its file.
    pub(super) fn read(&self) -> io::Result<Option<(Vec<u8>, PathBuf)>> {
        let path = self.file("json");
        Ok(read(&path)?.map(|bytes| (bytes, path)))
    }

    /// Replaces the stored text; a reader finds the old or the new one. It is not synced:
    /// a power cut may lose it.
    pub(super) fn write(&self, text: &[u8]) -> io::Result<()> {
        replace(&self.file("json"), text)
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.stem.with_extension(ending)
    }
}

/// The beginning of a file, or `None` if it does not exist.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = opened(path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Replaces the file as a whole.
pub(super) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    // Not `*.tmp`, which the engine may remove.
    let making = path.with_extension("json.new");
    check_own(path)?;
    let written = created(&making).and_then(|mut file| file.write_all(text));
    let replaced = written.and_then(|()| fs::rename(&making, path));
    if replaced.is_err() {
        // The next attempt makes it again.
        let _ = fs::remove_file(&making);
    }
    replaced.map_err(|error| named(&making, &error))
}

/// Opens a file; `None` if it does not exist.
fn opened(path: &Path) -> io::Result<Option<File>> {
    match open_own(path, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Creates a file. What a killed process has left there is removed and not written to,
/// since it may be a link.
fn created(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}
