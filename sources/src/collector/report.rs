//! What a run reports: events on the way, and a report or an error at the end.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use gaugelog::Observation;

use crate::source::SourceError;

/// Something that happened during a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// These observations were stored, in this order. There is at least one.
    Stored(&'a [Observation]),
    /// A poll gave no value. The next is made when it is due, unless the error states
    /// that the source cannot be polled again; then the run ends.
    PollFailed(&'a SourceError),
    /// This many due polls were not made since the last one: that poll, or storing its
    /// value, took until after they were due, or the source [keeps
    /// failing](crate::Collector#failures). Reported before the next poll.
    Missed(u64),
    /// The store refused observations for a cause that may pass. They are kept and tried
    /// again after a second, unless the run is over.
    AppendFailed {
        /// Why the store refused.
        error: &'a gaugelog::Error,
        /// How many observations are waiting.
        waiting: usize,
    },
    /// The run of this source has ended with an error while others go on. Reported at
    /// once, and again every hour.
    Ended(&'a CollectError),
}

/// The totals of a run.
///
/// Every poll either failed or gave an observation, so `polls` is `failed` plus `stored`,
/// plus what a [`CollectError`] counts as unsaved. On a schedule, `polls` plus `missed`
/// is how many were due. The end of the input does not count as a poll, nor does a poll
/// that a stop abandoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Polls that returned a value or an error.
    pub polls: u64,
    /// Observations that the store has acknowledged.
    pub stored: u64,
    /// Polls that gave an error or a value that is not finite.
    pub failed: u64,
    /// Polls that were due and not made.
    pub missed: u64,
    /// Monotonic time from the start to the end.
    pub elapsed: Duration,
    /// What ended the run.
    pub ended_by: EndedBy,
}

impl Report {
    /// The report of a run in which nothing has happened.
    pub(super) fn nothing(ended_by: EndedBy) -> Self {
        Self { polls: 0, stored: 0, failed: 0, missed: 0, elapsed: Duration::ZERO, ended_by }
    }
}

/// What ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// The stop flag was set, by a signal or otherwise.
    Signal,
    /// The requested duration is over.
    Duration,
    /// The source has no more values.
    EndOfInput,
    /// The source was [removed](crate::Control::remove).
    Removed,
    /// The [`CollectError`] that holds the report.
    Error,
}

impl EndedBy {
    /// In words, as in [`Record::ended`](crate::Record::ended).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "stopped",
            Self::Duration => "done",
            Self::EndOfInput => "end of the input",
            Self::Removed => "removed",
            Self::Error => "ended by an error",
        }
    }
}

/// A run that ended with an error: the source or the store failed permanently, or
/// observations were still waiting for the store at the end.
#[derive(Debug)]
pub struct CollectError {
    /// The totals up to the end.
    pub report: Report,
    /// How many observations of the source the store has not acknowledged. If several
    /// were appended together, the first of them may be stored nevertheless.
    pub unsaved: usize,
    /// What went wrong.
    pub cause: Cause,
}

/// What went wrong in a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The source cannot be polled again.
    Source(SourceError),
    /// The store refused.
    Store(gaugelog::Error),
}

impl fmt::Display for CollectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unsaved {
            0 => {}
            1 => f.write_str("1 observation was not stored: ")?,
            unsaved => write!(f, "{unsaved} observations were not stored: ")?,
        }
        match &self.cause {
            Cause::Source(error) => error.fmt(f),
            Cause::Store(error) => error.fmt(f),
        }
    }
}

impl Error for CollectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Cause::Source(error) => error.source(),
            Cause::Store(error) => error.source(),
        }
    }
}
