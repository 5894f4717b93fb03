//! The threads of a source with its own pace: one reads, the other stores the waiting
//! readings together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

use super::clock::Clock;
use super::message::{Answer, Batch, End, Given, News, Outcome};
use super::poller::{Outlet, polled, taken};
use super::storing::{Line, store};
use crate::source::{Readings, Source, SourceError};

/// How many readings are appended together, and how many more are read meanwhile.
pub(super) const BATCH_MAX: usize = 4096;

/// What the reading thread passes on.
enum Item {
    Read(Result<Option<Readings>, SourceError>, SystemTime),
    /// Asks the storing thread to check its state.
    Wake,
}

/// A source with its own pace and its threads.
pub(super) struct Intake {
    items: SyncSender<Item>,
    is_stopping: Arc<AtomicBool>,
    /// Allows the reading thread to go on after held readings were taken.
    go_on: Sender<()>,
    reader: JoinHandle<()>,
    storer: JoinHandle<()>,
}

impl Intake {
    pub(super) fn start(
        name: &str,
        mut source: Box<dyn Source>,
        outlet: Outlet,
        is_held: bool,
        clock: Arc<dyn Clock>,
        line: Line,
    ) -> io::Result<Self> {
        let (items, waiting) = mpsc::sync_channel(BATCH_MAX);
        let (go_on, may_go_on) = mpsc::channel();
        let is_stopping = Arc::new(AtomicBool::new(false));
        let life = Life {
            waiting,
            outlet,
            may_go_on: is_held.then_some(may_go_on),
            is_stopping: Arc::clone(&is_stopping),
            line,
        };
        let storer =
            thread::Builder::new().name(format!("store {name}")).spawn(move || life.store())?;
        let read = items.clone();
        let reader = thread::Builder::new().name(format!("read {name}")).spawn(move || {
            loop {
                let result = polled(&mut *source);
                let is_last = match &result {
                    Ok(readings) => readings.is_none(),
                    Err(error) => !error.can_poll_again(),
                };
                if read.send(Item::Read(result, clock.wall())).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { items, is_stopping, go_on, reader, storer })
    }

    /// Stores what is waiting, then ends, which the answer reports.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        // If there is no room, the thread is awake anyway.
        let _ = self.items.try_send(Item::Wake);
        self.go_on();
    }

    pub(super) fn go_on(&self) {
        let _ = self.go_on.send(());
    }

    /// Waits for its threads. A blocked reader is left behind.
    pub(super) fn finish(self, has_ended: bool) {
        // If held readings could not be stored, the end was not requested yet.
        self.stop();
        let Self { items, reader, storer, .. } = self;
        drop(items);
        let _ = storer.join();
        if has_ended {
            let _ = reader.join();
        }
    }
}

struct Life {
    waiting: Receiver<Item>,
    outlet: Outlet,
    /// If readings are held, each batch waits for this.
    may_go_on: Option<Receiver<()>>,
    is_stopping: Arc<AtomicBool>,
    line: Line,
}

impl Life {
    fn store(mut self) {
        loop {
            let is_stopping = self.is_stopping.load(Ordering::SeqCst);
            let first = match is_stopping {
                true => self.waiting.try_recv().ok(),
                false => match self.waiting.recv() {
                    Ok(item) => Some(item),
                    // The reading thread could not be started.
                    Err(_) => return,
                },
            };
            let (outcome, mut end) = self.gather(first);
            let outcome = self.keep(outcome);
            let has_failed = matches!(outcome.batch, Batch::Unsaved { .. });
            if has_failed || is_stopping && end.is_none() {
                end = Some(End::Stopped);
            }
            let is_last = end.is_some();
            let is_told =
                is_last || !outcome.failures.is_empty() || !matches!(outcome.batch, Batch::Nothing);
            if is_told {
                let given = Given::Values(vec![outcome]);
                self.line.send(News::Answer(Answer { given, end }));
                if is_last {
                    return;
                }
                if let Some(may_go_on) = &self.may_go_on {
                    let _ = may_go_on.recv();
                }
            }
        }
    }

    /// All that is waiting, up to a full batch. Failures count for the batch too, so that
    /// bad input cannot delay the rest.
    fn gather(&self, first: Option<Item>) -> (Outcome, Option<End>) {
        let mut gathered = Outcome::default();
        let mut observations = Vec::new();
        let mut end = None;
        let mut next = first;
        let mut room = BATCH_MAX;
        while let Some(item) = next {
            if let Item::Read(result, at) = item {
                match result {
                    Ok(None) => end = Some(End::OfInput),
                    Ok(Some(readings)) => {
                        for reading in readings.into_iter().take(1) {
                            let outcome = taken(reading, at);
                            gathered.failures.extend(outcome.failures);
                            if let Batch::Read(read) = outcome.batch {
                                observations.extend(read);
                            }
                        }
                    }
                    Err(error) => {
                        if !error.can_poll_again() {
                            end = Some(End::Fatal(SourceError::fatal(error.to_string())));
                        }
                        gathered.failures.push(error);
                    }
                }
                room -= 1;
            }
            next = if room > 0 && end.is_none() { self.waiting.try_recv().ok() } else { None };
        }
        if !observations.is_empty() {
            gathered.batch = Batch::Read(observations);
        }
        (gathered, end)
    }

    fn keep(&mut self, outcome: Outcome) -> Outcome {
        let (None, Batch::Read(batch), Some(sink)) =
            (&self.may_go_on, &outcome.batch, &self.outlet.sink)
        else {
            return outcome;
        };
        let batch = Arc::new(batch.clone());
        let mut batch = store(sink, batch, &self.outlet.again, self.line.refused(0));
        if let Batch::Unsaved { count, .. } = &mut batch {
            *count += self.count_waiting();
        }
        Outcome { batch, ..outcome }
    }

    /// How many waiting readings will not be stored.
    fn count_waiting(&self) -> usize {
        let waiting = self.waiting.try_iter().take(BATCH_MAX);
        waiting.filter(|item| matches!(item, Item::Read(Ok(Some(_)), _))).count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_storing_thread_ends_if_no_reading_thread_could_be_started() {
        let (items, waiting) = mpsc::sync_channel(1);
        drop(items);
        let (_, again) = mpsc::channel();
        let (messages, _heard) = mpsc::channel();
        let life = Life {
            waiting,
            outlet: Outlet { sink: None, again },
            may_go_on: None,
            is_stopping: Arc::default(),
            line: Line { lane: 0, messages },
        };
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            life.store();
            done.send(())
        });
        assert!(ended.recv_timeout(Duration::from_secs(5)).is_ok());
    }
}
