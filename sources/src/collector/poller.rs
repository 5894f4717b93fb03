//! The thread that polls a source and stores its values, so that a blocked source delays
//! no other.
//!
//! A poll is given up at its deadline, or at the stop, unless it has returned before. The
//! values of a poll that returned in time are stored and reported; those of a poll that
//! was given up are dropped. A thread that is still inside a poll when the run ends is
//! left behind. It ends when that poll returns, or with the program.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use gaugelog::Observation;

use super::clock::Clock;
use super::message::{Answer, Batch, End, Given, News, Outcome};
use super::sink::SharedSink;
use super::storing::{Again, Line, store};
use crate::source::{Reading, Readings, Source, SourceError};

const ASKED: u8 = 0;
const RETURNED: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Where the thread stores a value.
pub(super) struct Outlet {
    /// `None` if the store could not be opened or has failed permanently.
    pub(super) sink: Option<SharedSink>,
    pub(super) again: Receiver<Again>,
}

/// A source and its thread.
pub(super) struct Poller {
    requests: Sender<()>,
    state: Arc<AtomicU8>,
    thread: JoinHandle<()>,
}

impl Poller {
    /// Starts the thread, which gets this name. Held values are reported and not stored.
    pub(super) fn start(
        name: &str,
        source: Box<dyn Source>,
        outlets: Vec<Outlet>,
        is_held: bool,
        clock: Arc<dyn Clock>,
        line: Line,
    ) -> io::Result<Self> {
        let (requests, requested) = mpsc::channel();
        let state = Arc::new(AtomicU8::new(ASKED));
        let shared = Arc::clone(&state);
        let life = Life { source, outlets, is_held, clock, line };
        let thread = thread::Builder::new()
            .name(format!("poll {name}"))
            .spawn(move || life.poll_until_last(&requested, &shared))?;
        Ok(Self { requests, state, thread })
    }

    /// Polls the source once.
    pub(super) fn request(&self) {
        self.state.store(ASKED, Ordering::SeqCst);
        // The thread ends only after it has sent a message about that.
        let _ = self.requests.send(());
    }

    /// Gives the poll up, unless it has returned: then its answer will follow.
    pub(super) fn give_up(&self) -> bool {
        let (new, order) = (GIVEN_UP, Ordering::SeqCst);
        self.state.compare_exchange(ASKED, new, order, order).is_ok()
    }

    /// Lets the thread end. Waits for the end unless the thread is inside a poll, so that
    /// the source is dropped and its device closed when the run is over.
    pub(super) fn finish(self, is_busy: bool) {
        drop(self.requests);
        if !is_busy {
            let _ = self.thread.join();
        }
    }
}

struct Life {
    source: Box<dyn Source>,
    outlets: Vec<Outlet>,
    is_held: bool,
    clock: Arc<dyn Clock>,
    line: Line,
}

impl Life {
    fn poll_until_last(mut self, requested: &Receiver<()>, state: &AtomicU8) {
        while requested.recv().is_ok() {
            let polled = polled(&mut *self.source);
            let returned = self.clock.wall();
            let order = Ordering::SeqCst;
            let is_in_time = state.compare_exchange(ASKED, RETURNED, order, order).is_ok();
            let (news, is_last) = if is_in_time {
                let answer = self.answer(polled, returned);
                let is_last = answer.end.is_some();
                (News::Answer(answer), is_last)
            } else {
                let end = match polled {
                    Ok(None) => Some(End::OfInput),
                    Err(error) if !error.can_poll_again() => Some(End::Fatal(error)),
                    _ => None,
                };
                let is_last = end.is_some();
                (News::Late { end }, is_last)
            };
            self.line.send(news);
            if is_last {
                return;
            }
        }
    }

    fn answer(&mut self, polled: Result<Option<Readings>, SourceError>, at: SystemTime) -> Answer {
        let readings = match polled {
            Ok(Some(readings)) => readings,
            Ok(None) => {
                return Answer { given: Given::Values(Vec::new()), end: Some(End::OfInput) };
            }
            Err(error) => {
                let end = (!error.can_poll_again())
                    .then(|| End::Fatal(SourceError::fatal(error.to_string())));
                return Answer { given: Given::Failed(error), end };
            }
        };
        let mut readings = readings.into_iter();
        let mut end = None;
        let taken: Vec<Outcome> = (0..self.outlets.len())
            .map(|_| readings.next().unwrap_or_else(|| Err(SourceError::new("it is not there"))))
            .map(|reading| {
                let outcome = taken(reading, at);
                if let Some(error) = outcome.failures.iter().find(|error| !error.can_poll_again()) {
                    end = Some(End::Fatal(SourceError::fatal(error.to_string())));
                }
                outcome
            })
            .collect();
        let given = if self.is_held { taken } else { self.store_together(taken) };
        Answer { given: Given::Values(given), end }
    }

    /// Stores what was read, all values at the same time.
    fn store_together(&mut self, mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let line = &self.line;
        // A single value needs no other thread.
        if outcomes.len() > 1 {
            thread::scope(|scope| {
                let values = outcomes.iter_mut().zip(&mut self.outlets).enumerate();
                for (value, (outcome, outlet)) in values {
                    let work = move || outlet.store(outcome, line, value);
                    // If there is no thread for it now, it is stored below.
                    let _ = thread::Builder::new().spawn_scoped(scope, work);
                }
            });
        }
        for (value, (outcome, outlet)) in outcomes.iter_mut().zip(&mut self.outlets).enumerate() {
            outlet.store(outcome, line, value);
        }
        outcomes
    }
}

impl Outlet {
    /// Stores what was read and is not stored yet.
    fn store(&mut self, outcome: &mut Outcome, line: &Line, value: usize) {
        let (Batch::Read(batch), Some(sink)) = (&mut outcome.batch, &self.sink) else { return };
        let batch = Arc::new(std::mem::take(batch));
        outcome.batch = store(sink, batch, &self.again, line.refused(value));
        if matches!(outcome.batch, Batch::Unsaved { .. }) {
            self.sink = None;
        }
    }
}

/// Makes one poll. A source that panicked has failed permanently.
pub(super) fn polled(source: &mut dyn Source) -> Result<Option<Readings>, SourceError> {
    catch_unwind(AssertUnwindSafe(|| source.poll_all()))
        .unwrap_or_else(|_| Err(SourceError::fatal("the source panicked")))
}

/// The observation of a reading from this moment, or its error.
pub(super) fn taken(reading: Result<Option<Reading>, SourceError>, at: SystemTime) -> Outcome {
    let error = match reading {
        Ok(None) => return Outcome::default(),
        Ok(Some(reading)) if reading.value.is_finite() => {
            let mut observation = Observation::at(at, reading.value);
            if let Some(timestamp_ns) = reading.timestamp_ns {
                observation.timestamp_ns = timestamp_ns;
            }
            return Outcome { batch: Batch::Read(vec![observation]), ..Outcome::default() };
        }
        Ok(Some(reading)) => SourceError::new(format!("{} is not finite", reading.value)),
        Err(error) => error,
    };
    Outcome { failures: vec![error], ..Outcome::default() }
}
