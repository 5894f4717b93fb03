//! Messages from the threads of a run to the thread that keeps the schedule.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use gaugelog::{Error, Observation};

use super::feed::Feed;
use crate::source::SourceError;

/// A message to the thread that keeps the schedule.
#[derive(Debug)]
pub(super) enum Message {
    /// The stop flag was set.
    Stop,
    /// A source must be added.
    Add(Box<Feed>),
    /// The source with a value of this name must be removed.
    Remove(String, Closing),
    /// News about a source, counted from 0.
    Lane { lane: usize, news: News },
}

/// Clones are held by everything that a removed source still keeps open. Nothing is sent.
pub(super) type Closing = Sender<()>;

#[derive(Debug)]
pub(super) enum News {
    /// A poll, or a batch of a source with its own pace, is finished.
    Answer(Answer),
    /// A poll that had been given up has returned.
    Late { end: Option<End> },
    /// A store refused for a cause that may pass. The batch waits for another attempt.
    Refused { value: usize, error: Error, waiting: usize },
    /// The held observations of a value were stored or have failed.
    Flushed { value: usize, outcome: Batch, synced: Result<(), Error> },
}

/// The result of a poll.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) given: Given,
    /// Set if the source has no more values.
    pub(super) end: Option<End>,
}

#[derive(Debug)]
pub(super) enum Given {
    /// The poll gave none of the values.
    Failed(SourceError),
    /// An outcome for each value.
    Values(Vec<Outcome>),
}

/// The outcome of one value.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Why polls gave no value, in order.
    pub(super) failures: Vec<SourceError>,
    pub(super) batch: Batch,
}

/// Observations that were read, and what happened to them.
#[derive(Debug, Default)]
pub(super) enum Batch {
    #[default]
    Nothing,
    /// To be held until the next flush.
    Read(Vec<Observation>),
    Stored(Arc<Vec<Observation>>),
    Unsaved {
        count: usize,
        error: Error,
        /// Whether another attempt would fail too.
        is_lasting: bool,
    },
}

/// Why a source has no more.
#[derive(Debug)]
pub(super) enum End {
    OfInput,
    /// Already reported as a failed poll.
    Fatal(SourceError),
    /// It was asked to stop, or its store has failed permanently.
    Stopped,
}
