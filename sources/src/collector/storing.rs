//! Storing a batch, with as many attempts as it takes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;

use gaugelog::{Error, Observation};

use super::message::{Batch, Message, News};
use super::sink::{SharedSink, with};

/// What to do with a refused batch.
#[derive(Clone, Copy, Debug)]
pub(super) enum Again {
    Try,
    /// The run is over: try a last time.
    Last,
}

/// Stores all of them, or returns the store's last error. Each refusal that may pass is
/// reported, and then this waits for permission to try again.
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
        // If the other end is gone, the run is over.
        is_last = matches!(again.recv(), Ok(Again::Last) | Err(_));
    }
}

/// The value and the source, and the channel to the scheduler.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) lane: usize,
    pub(super) messages: Sender<Message>,
}

impl Line {
    pub(super) fn send(&self, news: News) {
        // If the other end is gone, the run is over.
        let _ = self.messages.send(Message::Lane { lane: self.lane, news });
    }

    pub(super) fn refused(&self, value: usize) -> impl Fn(Error, usize) + '_ {
        move |error, waiting| self.send(News::Refused { value, error, waiting })
    }
}

/// Stores what was held of a value on its own thread, so that all that is due is synced
/// at the same time. The last time, everything is synced. Returns `false` if no thread
/// can be started.
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
        line.send(News::Flushed { value, outcome, synced });
    });
    started.is_ok()
}
