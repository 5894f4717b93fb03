//! Where the counts are kept: each of the collectors that collect into a store at one
//! time has a place of its own there.
//!
//! A place is two files. `collector.lock` is locked by whoever keeps counts there, and
//! never removed: a lock on a file that has lost its name excludes nobody.
//! `collector.json` holds the counts, also when nobody keeps any there. The second place
//! is `collector-2.lock` and `collector-2.json`, and so on: a collector takes the first
//! that is free.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::own_file::{Access, check_own, named, open_own};

/// More collectors at once than anybody has into one store.
const PLACES: usize = 8;
/// What is read at most; what is written is less than half of that.
const BYTES_MAX: u64 = 16 * 1024;
/// Whoever looks whether somebody collects holds the lock for some microseconds.
const TRY_FOR: Duration = Duration::from_millis(300);

/// A place for counts in the directory of a store.
#[derive(Debug)]
pub(super) struct Place {
    /// Without an ending.
    stem: PathBuf,
}

impl Place {
    /// All that there can be, in their order.
    pub(super) fn all(directory: &Path) -> impl Iterator<Item = Self> {
        (1..=PLACES).map(|number| match number {
            1 => Self { stem: directory.join("collector") },
            _ => Self { stem: directory.join(format!("collector-{number}")) },
        })
    }

    /// The first that is free, and the lock on it; `None` where there is none.
    pub(super) fn take(directory: &Path) -> io::Result<Option<(Self, File)>> {
        for place in Self::all(directory) {
            if let Some(lock) = place.lock()? {
                return Ok(Some((place, lock)));
            }
        }
        Ok(None)
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

    /// Whether somebody keeps counts there right now.
    pub(super) fn is_taken(&self) -> io::Result<bool> {
        let Some(file) = opened(&self.file("lock"))? else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The text that is kept there, if there is any, and the path of its file.
    pub(super) fn read(&self) -> io::Result<Option<(Vec<u8>, PathBuf)>> {
        let path = self.file("json");
        let Some(file) = opened(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(Some((bytes, path)))
    }

    /// Puts a text in the place of what is there, so that a reader finds one or the
    /// other, also after a power cut.
    pub(super) fn write(&self, text: &[u8]) -> io::Result<()> {
        // Not `*.tmp`: the engine may clear those away.
        let (making, place) = (self.file("json.new"), self.file("json"));
        check_own(&place)?;
        let written = created(&making).and_then(|mut file| {
            file.write_all(text)?;
            file.sync_data()
        });
        let replaced = written.and_then(|()| fs::rename(&making, &place));
        if replaced.is_err() {
            // The next one makes it anew.
            let _ = fs::remove_file(&making);
        }
        replaced.map_err(|error| named(&making, &error))
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.stem.with_extension(ending)
    }
}

/// A file that need not be there.
fn opened(path: &Path) -> io::Result<Option<File>> {
    match open_own(path, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// A new file. What a killed process has left there is removed, and not written to: it may
/// be a link.
fn created(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            File::create_new(path)
        }
        created => created,
    }
}
