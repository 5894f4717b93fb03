//! The counts of a store's polls, and the file that keeps them in the store's directory.
//!
//! The engine ignores `collector.json`. It is one object. It is replaced every ten
//! minutes (every hour if observations are held), when a source begins to fail or
//! recovers, and at the end of a run, and it is not synced. It names the file with the
//! live state, which is at most two seconds old and lies where writing wears out no disk.
//! A power cut loses the counts since the last write, and nothing of the store. A
//! collector holds a lock while it runs, so a run that was cut off is not taken for a
//! running one. If several collect at once, each has its own [place](super::place).

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::place::{self, Place};
use super::report::Report;

/// Counts of the polls that were due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Polls that have returned, or have not returned in time.
    pub polls: u64,
    /// Observations that the store has acknowledged.
    pub stored: u64,
    /// Polls that gave no value.
    pub failed: u64,
    /// Polls that were due and not made.
    pub missed: u64,
}

impl Counts {
    /// How many observations there would be without failed and missed polls.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.polls.saturating_add(self.missed)
    }

    /// The stored part of the expected observations, from 0 to 1; `None` if none was
    /// expected yet.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a fraction with a few digits")]
    pub fn coverage(&self) -> Option<f64> {
        let expected = self.expected();
        (expected > 0).then(|| self.stored as f64 / expected as f64)
    }

    /// The same after as many held observations are stored.
    #[must_use]
    pub fn with_held(self, held: u64) -> Self {
        Self { stored: self.stored.saturating_add(held), ..self }
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

/// The counts of a [`Collector`](crate::Collector)'s runs into a store. Times are
/// nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Record {
    /// The source's description.
    pub source: String,
    /// The unit of its values, if it is known.
    pub unit: Option<String>,
    /// The time between polls; `None` for a source with its own pace.
    pub interval_ns: Option<u64>,
    /// The process that collects, or the last one that did.
    pub process: u32,
    /// When the last run began.
    pub started_ns: i64,
    /// When this was written.
    pub updated_ns: i64,
    /// How the last run ended; `None` while it goes on, or if it was cut off.
    pub ended: Option<String>,
    /// The counts of the last run.
    pub run: Counts,
    /// How many observations are held and not stored yet.
    pub held: u64,
    /// When the first run began.
    pub since_ns: i64,
    /// The counts of all runs. The time between runs does not count.
    pub all: Counts,
    /// The last error, of this run or an earlier one.
    pub last_error: Option<LastError>,
    /// The kernel's id of the boot in which the last run began.
    pub boot_id: Option<String>,
    /// Whether the clock followed a time server when the last run began, if that is known.
    pub clock_synchronised: Option<bool>,
    /// The file with the live state, which is newer than this.
    pub live: Option<PathBuf>,
    /// When an observation was last stored, or read and held, in this run or an earlier
    /// one.
    pub stored_ns: Option<i64>,
    /// Since when every poll or append has failed; `None` after something was stored or
    /// held.
    pub failing_since_ns: Option<i64>,
}

/// An error, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// Nanoseconds since the Unix epoch, UTC.
    pub time_ns: i64,
    /// The error, in one line.
    pub text: String,
}

impl Record {
    /// The counts in the directory of a store, or `None` if no collector has used it. If
    /// several have at once, the counts of all runs are the sums over them, and the rest
    /// is from a running collector, or else from the last one.
    ///
    /// # Errors
    /// The file system's, or [`ErrorKind::InvalidData`] if a file is not a record.
    pub fn read(directory: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let mut found: Option<(bool, Self)> = None;
        for place in Place::all(directory.as_ref()) {
            let Some(record) = Self::read_at(&place)? else { continue };
            // A user who may read the counts but not the lock sees the counts.
            let here = (place.is_taken().unwrap_or(false), record);
            found = Some(match found {
                Some(earlier) => joined(earlier, here),
                None => here,
            });
        }
        Ok(found.map(|(_, record)| record))
    }

    /// How many collectors use the store in this directory now.
    ///
    /// # Errors
    /// The file system's.
    pub fn kept_now(directory: impl AsRef<Path>) -> io::Result<usize> {
        Place::all(directory.as_ref())
            .try_fold(0, |count, place| Ok(count + usize::from(place.is_taken()?)))
    }

    /// The time between polls; `None` for a source with its own pace.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.interval_ns.map(Duration::from_nanos)
    }

    /// The record in one of the places, or in the newer file that it names.
    pub(super) fn read_at(place: &Place) -> io::Result<Option<Self>> {
        let Some((bytes, path)) = place.read()? else { return Ok(None) };
        let record: Self = serde_json::from_slice(&bytes).map_err(|error| {
            let text = format!("{} holds no counts: {error}", path.display());
            io::Error::new(ErrorKind::InvalidData, text)
        })?;
        Ok(Some(record.live().unwrap_or(record)))
    }

    /// The live state of the same run, if it can be read and is newer, even if that run
    /// was killed.
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

/// Joins two records into one. Each comes with whether its run goes on.
fn joined(one: (bool, Record), other: (bool, Record)) -> (bool, Record) {
    let all = one.1.all.plus(&other.1.all);
    let since_ns = one.1.since_ns.min(other.1.since_ns);
    let order = |it: &(bool, Record)| (it.0, it.1.started_ns);
    let (goes_on, record) = if order(&other) > order(&one) { other } else { one };
    (goes_on, Record { all, since_ns, ..record })
}
