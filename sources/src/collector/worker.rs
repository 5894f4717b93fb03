//! The thread that polls a source, so that one that blocks holds up nobody.
//!
//! The collector waits for the thread's answers, never for the thread: a source
//! that is still inside a poll when the run ends is left behind and ends by itself
//! when that poll returns, or with the program.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use super::clock::Clock;
use crate::source::{Pace, Reading, Source, SourceError};

/// What one poll gave, and when it returned.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) result: Result<Option<Reading>, SourceError>,
    pub(super) returned: SystemTime,
}

impl Polled {
    /// Whether the source has nothing more to say.
    fn is_last(&self) -> bool {
        match &self.result {
            Ok(reading) => reading.is_none(),
            Err(error) => !error.can_poll_again(),
        }
    }
}

/// A source in its thread.
pub(super) struct Worker {
    /// Asks for a poll each; `None` for a source that delivers at its own pace.
    requests: Option<Sender<()>>,
    answers: Receiver<Polled>,
    clock: Arc<dyn Clock>,
    thread: JoinHandle<()>,
    /// The thread may be inside a poll.
    busy: bool,
}

impl Worker {
    /// Starts the thread, which bears this name. At most `ahead` answers wait to be
    /// received; then a source with a pace of its own waits too.
    pub(super) fn start(
        name: &str,
        source: Box<dyn Source>,
        clock: Arc<dyn Clock>,
        ahead: usize,
    ) -> io::Result<Self> {
        let own_pace = source.pace() == Pace::Own;
        let (requests, requested) = mpsc::channel();
        let (answer, answers) = mpsc::sync_channel(ahead);
        let polling = Arc::clone(&clock);
        let thread = thread::Builder::new().name(format!("poll {name}")).spawn(move || {
            let requested = (!own_pace).then_some(requested);
            poll_until_last(source, requested.as_ref(), &answer, &*polling);
        })?;
        let requests = (!own_pace).then_some(requests);
        Ok(Self { requests, answers, clock, thread, busy: own_pace })
    }

    /// Whether the source may be inside a poll.
    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// Has a scheduled source polled once.
    pub(super) fn request(&mut self) {
        if let Some(requests) = &self.requests {
            // A thread that has died is found by the receive that follows.
            self.busy = requests.send(()).is_ok();
        }
    }

    /// The next answer, or `None` where none arrives in this (real) time. A source
    /// that panicked answers with a fatal error, once and for all.
    pub(super) fn receive(&mut self, timeout: Duration) -> Option<Polled> {
        let polled = match self.clock.receive(&self.answers, timeout) {
            Ok(polled) => polled,
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => panicked(),
        };
        Some(self.note(polled))
    }

    /// An answer that is already there.
    pub(super) fn receive_waiting(&mut self) -> Option<Polled> {
        let polled = self.answers.try_recv().ok()?;
        Some(self.note(polled))
    }

    /// The answer to a poll that was given up, once it is there. A source that
    /// panicked in it answers as in [`receive`](Self::receive).
    pub(super) fn receive_late(&mut self) -> Option<Polled> {
        let polled = match self.answers.try_recv() {
            Ok(polled) => polled,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => panicked(),
        };
        Some(self.note(polled))
    }

    fn note(&mut self, polled: Polled) -> Polled {
        self.busy = self.requests.is_none() && !polled.is_last();
        polled
    }

    /// Lets the thread end, and waits for that where it is not inside a poll, so
    /// that a source is dropped, its device closed, when the run is over.
    pub(super) fn finish(self) {
        let Self { requests, answers, thread, busy, .. } = self;
        drop((requests, answers));
        if !busy {
            // A panic was already reported, by the panic hook and as an answer.
            let _ = thread.join();
        }
    }
}

fn panicked() -> Polled {
    Polled {
        result: Err(SourceError::fatal("the source panicked")),
        returned: SystemTime::UNIX_EPOCH,
    }
}

/// The life of the thread: ends with the source, or when nobody listens any more.
fn poll_until_last(
    mut source: Box<dyn Source>,
    requested: Option<&Receiver<()>>,
    answer: &SyncSender<Polled>,
    clock: &dyn Clock,
) {
    loop {
        if requested.is_some_and(|requested| requested.recv().is_err()) {
            return;
        }
        let result = source.poll();
        let polled = Polled { result, returned: clock.wall() };
        let last = polled.is_last();
        if answer.send(polled).is_err() || last {
            return;
        }
    }
}
