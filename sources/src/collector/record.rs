//! The counts of a store's polls, as they are kept beside it.
//!
//! `collector.json` in the store's directory, which the engine ignores: one object,
//! replaced every ten minutes (every hour where observations are held), where a source
//! begins to fail or recovers, and at the end of a run, unsynced. It names the file with
//! the live state, which is at most two seconds old and lies where writing wears nothing
//! out. A power cut loses the counts since, and nothing of the store. Whoever collects
//! holds a lock meanwhile, so what the file says of a run that was cut off is not taken for
//! one that goes on; where several collect at once, each has a [place](super::place) of
//! its own.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::{self, Place};
use super::report::Report;

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
    /// What its values are measured in, if that is known.
    pub unit: Option<String>,
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
    /// Observations that are held and not stored yet.
    pub held: u64,
    /// When the first run began.
    pub since_ns: i64,
    /// The counts of all runs. The time between runs is in none.
    pub all: Counts,
    /// The last thing that went wrong, in this run or one before it.
    pub last_error: Option<LastError>,
    /// The kernel's name for the boot in which the last run began.
    pub boot_id: Option<String>,
    /// Whether the clock followed a time server when the last run began, if that is known.
    pub clock_synchronised: Option<bool>,
    /// The file with the live state, which is newer than this.
    pub live: Option<PathBuf>,
    /// When something was last stored, or read and held, in this run or one before it.
    pub stored_ns: Option<i64>,
    /// Since when everything has gone wrong: none once something is stored or held.
    pub failing_since_ns: Option<i64>,
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
    /// into it. Where several have at once, the counts of all runs are those of all of
    /// them together, and the rest is of one that goes on, or else of the last.
    ///
    /// # Errors
    /// The file system's, or [`ErrorKind::InvalidData`] where a file is no record.
    pub fn read(directory: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let mut found: Option<(bool, Self)> = None;
        for place in Place::all(directory.as_ref()) {
            let Some(record) = Self::read_at(&place)? else { continue };
            // Who may read the counts and not the lock is told of them all the same.
            let here = (place.is_taken().unwrap_or(false), record);
            found = Some(match found {
                Some(earlier) => joined(earlier, here),
                None => here,
            });
        }
        Ok(found.map(|(_, record)| record))
    }

    /// How many collect into the store in this directory right now.
    ///
    /// # Errors
    /// The file system's.
    pub fn kept_now(directory: impl AsRef<Path>) -> io::Result<usize> {
        Place::all(directory.as_ref())
            .try_fold(0, |count, place| Ok(count + usize::from(place.is_taken()?)))
    }

    /// The time between polls, or none for a source with a pace of its own.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval_ns.map(Duration::from_nanos)
    }

    /// What is kept in one of the places, or in the newer file that it names.
    pub(super) fn read_at(place: &Place) -> io::Result<Option<Self>> {
        let Some((bytes, path)) = place.read()? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("{} holds no counts: {error}", path.display());
            io::Error::new(ErrorKind::InvalidData, text)
        })?;
        Ok(Some(record.live().unwrap_or(record)))
    }

    /// The live state of the same run, where it can be read and is newer. What it says of
    /// a run that was killed counts too.
    fn live(&self) -> Option<Self> {
        let bytes = place::read(self.live.as_ref().filter(|_| self.ended.is_none())?).ok()??;
        let live: Self = serde_json::from_slice(&bytes).ok()?;
        let is_same = live.process == self.process && live.started_ns == self.started_ns;
        (is_same && live.all.polls >= self.all.polls).then_some(live)
    }

    pub(super) fn to_text(&self) -> io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

/// Two records, each with whether its run goes on, as one.
fn joined(one: (bool, Record), other: (bool, Record)) -> (bool, Record) {
    let all = one.1.all.plus(&other.1.all);
    let since_ns = one.1.since_ns.min(other.1.since_ns);
    let order = |it: &(bool, Record)| (it.0, it.1.started_ns);
    let (goes_on, record) = if order(&other) > order(&one) { other } else { one };
    (goes_on, Record { all, since_ns, ..record })
}
