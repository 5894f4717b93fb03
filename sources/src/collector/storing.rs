//! Storing a batch, however often that takes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use gaugelog::{Error, Observation};

use super::message::{Batch, Message, News};
use super::sink::{SharedSink, with};

/// What is done about a batch that was refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Again {
    Try,
    /// The run is over: for the last time.
    Last,
}

/// Stores all of them, or returns what the store refused them for at last. Each refusal
/// that may pass is told, and waits for the word to try again.
pub(super) fn store(
    sink: &SharedSink,
    batch: Arc<Vec<Observation>>,
    again: &Receiver<Again>,
    refused: impl Fn(Error, usize),
) -> Batch {
    let count = batch.len();
    if count == 0 {
        return Batch::Nothing;
    }
    let mut is_last = false;
    loop {
        let error = match with(sink, |sink| sink.append(&batch)) {
            Ok(()) => return Batch::Stored(batch),
            Err(error) => error,
        };
        let is_lasting = !error.can_pass();
        if is_lasting || is_last {
            return Batch::Unsaved { count, error, is_lasting };
        }
        refused(error, count);
        // Where nobody answers any more, the run is over.
        is_last = matches!(again.recv(), Ok(Again::Last) | Err(_));
    }
}

/// Which value of which source, and whom to tell.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) lane: usize,
    pub(super) messages: Sender<Message>,
}

impl Line {
    pub(super) fn tell(&self, news: News) {
        // Where nobody listens any more, the run is over.
        let _ = self.messages.send(Message::Lane { lane: self.lane, news });
    }

    pub(super) fn refused(&self, value: usize) -> impl Fn(Error, usize) + '_ {
        move |error, waiting| self.tell(News::Refused { value, error, waiting })
    }
}

/// Stores what was held of a value in a thread of its own, so that all that is due is
/// synced at the same time; the last time, everything is synced. `false` where there can
/// be no thread.
pub(super) fn flush(
    line: Line,
    value: usize,
    sink: SharedSink,
    batch: Arc<Vec<Observation>>,
    again: Receiver<Again>,
    is_last: bool,
) -> bool {
    let started = thread::Builder::new().name("flush".to_owned()).spawn(move || {
        let outcome = store(&sink, batch, &again, line.refused(value));
        let synced = if is_last { with(&sink, |sink| sink.sync()) } else { Ok(()) };
        line.tell(News::Flushed { value, outcome, synced });
    });
    started.is_ok()
}
