//! What the threads of a run tell the one that keeps the schedule.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use gaugelog::{Error, Observation};

use super::feed::Feed;
use crate::source::SourceError;

/// Something to be heard by the thread that keeps the schedule.
#[derive(Debug)]
pub(super) enum Message {
    /// The stop flag was set.
    Stop,
    /// A source is to be collected from too.
    Add(Box<Feed>),
    /// The source with a value of this name is to be removed.
    Remove(String, Closing),
    /// A source, counted from 0, has something to tell.
    Lane { lane: usize, news: News },
}

/// Held, as clones, by all that a source which is removed still keeps open; nothing is sent.
pub(super) type Closing = Sender<()>;

#[derive(Debug)]
pub(super) enum News {
    /// A poll, or what a source with its own pace had, is done with.
    Answer(Answer),
    /// A poll that had been given up has returned.
    Late { end: Option<End> },
    /// A store refused for a cause that may pass; its batch waits to be tried again.
    Refused { value: usize, error: Error, waiting: usize },
    /// What was held of a value is done with.
    Flushed { value: usize, outcome: Batch, synced: Result<(), Error> },
}

/// What became of a poll.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) given: Given,
    /// The source has no more.
    pub(super) end: Option<End>,
}

#[derive(Debug)]
pub(super) enum Given {
    /// There is none of the values.
    Failed(SourceError),
    /// Of each value.
    Values(Vec<Outcome>),
}

/// What became of one value.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Why polls gave no value, in their order.
    pub(super) failures: Vec<SourceError>,
    pub(super) batch: Batch,
}

/// Observations that were read, and how far they got.
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
        /// Trying again is of no use.
        is_lasting: bool,
    },
}

/// Why a source has no more.
#[derive(Debug)]
pub(super) enum End {
    OfInput,
    /// Already reported as a failed poll.
    Fatal(SourceError),
    /// It was asked to stop, or its store has failed for good.
    Stopped,
}
