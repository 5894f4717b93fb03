//! The counts of a store's polls, as they are kept beside it.
//!
//! `collector.json` in the store's directory, which the engine ignores: one object,
//! always whole, replaced at most once a second and at the end of a run. A crash loses
//! the counts of the last second and nothing of the store. Whoever collects holds a
//! lock on `collector.lock` meanwhile, so what the file says of a run that was cut off
//! is not taken for one that goes on.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::report::Report;

/// The file's name in the directory of the store.
pub(super) const NAME: &str = "collector.json";
/// The name of the lock's file beside it, which is never removed: a lock on a file that
/// has lost its name excludes nobody.
pub(super) const LOCK_NAME: &str = "collector.lock";
/// What is read at most; what is written is less than half of that.
const BYTES_MAX: u64 = 16 * 1024;

/// What became of the polls that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Polls that were made and returned, or did not return in time.
    pub polls: u64,
    /// Observations that the store has acknowledged.
    pub stored: u64,
    /// Polls that gave no value.
    pub failed: u64,
    /// Polls that were due and not made.
    pub missed: u64,
}

impl Counts {
    /// How many observations there would be, had nothing gone wrong.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.polls.saturating_add(self.missed)
    }

    /// The part of the expected observations that is there, from 0 to 1; `None` where
    /// none was expected yet.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a part is told to a few digits")]
    pub fn coverage(&self) -> Option<f64> {
        let expected = self.expected();
        (expected > 0).then(|| self.stored as f64 / expected as f64)
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        Self {
            polls: self.polls.saturating_add(other.polls),
            stored: self.stored.saturating_add(other.stored),
            failed: self.failed.saturating_add(other.failed),
            missed: self.missed.saturating_add(other.missed),
        }
    }
}

impl From<&Report> for Counts {
    fn from(report: &Report) -> Self {
        let Report { polls, stored, failed, missed, .. } = *report;
        Self { polls, stored, failed, missed }
    }
}

/// What a [`Collector`](crate::Collector) has kept of its runs into a store. Times are
/// nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Record {
    /// The source's description.
    pub source: String,
    /// The time between polls, or none for a source with a pace of its own.
    pub interval_ns: Option<u64>,
    /// The process that collects, or collected last.
    pub process: u32,
    /// When the last run began.
    pub started_ns: i64,
    /// When this was written.
    pub updated_ns: i64,
    /// How the last run ended; none while it goes on, or where it was cut off.
    pub ended: Option<String>,
    /// The counts of the last run.
    pub run: Counts,
    /// When the first run began.
    pub since_ns: i64,
    /// The counts of all runs. The time between runs is in none.
    pub all: Counts,
    /// The last thing that went wrong, in this run or one before it.
    pub last_error: Option<LastError>,
}

/// Something that went wrong, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Nanoseconds since the Unix epoch, UTC.
    pub time_ns: i64,
    /// What went wrong, in one line.
    pub text: String,
}

impl Record {
    /// What is kept in the directory of a store, or `None` where nobody has collected
    /// into it.
    ///
    /// # Errors
    /// The file system's, or [`ErrorKind::InvalidData`] where the file is no record.
    pub fn read(directory: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let path = directory.as_ref().join(NAME);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes)?;
        let record = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("{} holds no counts: {error}", path.display());
            io::Error::new(ErrorKind::InvalidData, text)
        })?;
        Ok(Some(record))
    }

    /// Whether somebody collects into the store in this directory right now.
    ///
    /// # Errors
    /// The file system's.
    pub fn is_kept_now(directory: impl AsRef<Path>) -> io::Result<bool> {
        let file = match File::open(directory.as_ref().join(LOCK_NAME)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            opened => opened?,
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The time between polls, or none for a source with a pace of its own.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval_ns.map(Duration::from_nanos)
    }

    /// Puts this in the place of what is there, so that a reader finds one or the
    /// other, also after a power cut.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        // Not `*.tmp`: the engine may clear those away.
        let making = directory.join("collector.json.new");
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        let written = File::create(&making).and_then(|mut file| {
            io::Write::write_all(&mut file, &text)?;
            file.sync_data()
        });
        let replaced = written.and_then(|()| fs::rename(&making, directory.join(NAME)));
        if replaced.is_err() {
            // The next one makes it anew; where this fails too, it overwrites it.
            let _ = fs::remove_file(&making);
        }
        replaced
    }
}
