//! One value of a source on its way into its store: what is held of it, the results of
//! its polls, and how its run ended.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use gaugelog::{Error, Observation};

use super::context::Context;
use super::keeper::Keeper;
use super::message::{Batch, Closing, Outcome};
use super::report::{Cause, CollectError, EndedBy, Event, Report};
use super::schedule::nanoseconds;
use super::sink::{SharedSink, with};
use super::storing::{Again, Line, flush, store};

/// How long refused observations wait for the next attempt.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// The most observations that are held before they are stored.
pub(super) const HELD_MAX: usize = 65_536;
/// How often it is reported again that a source has ended while others go on.
const REMIND: Duration = Duration::from_secs(3600);

/// How a run ends.
pub(super) struct Ending {
    pub(super) by: EndedBy,
    /// What failed, and how many observations are lost because of it.
    pub(super) failure: Option<(Cause, usize)>,
}

impl Ending {
    pub(super) fn well(by: EndedBy) -> Self {
        Self { by, failure: None }
    }

    pub(super) fn badly(by: EndedBy, cause: Cause, unsaved: usize) -> Self {
        Self { by, failure: Some((cause, unsaved)) }
    }
}

pub(super) struct Value {
    /// Its number among all values, for events.
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) sink: Option<SharedSink>,
    pub(super) keeper: Option<Keeper>,
    pub(super) report: Report,
    pub(super) outcome: Option<Result<Report, CollectError>>,
    /// Gives permission to store a refused batch again.
    pub(super) again: Sender<Again>,
    retry_ns: Option<u64>,
    /// How long observations may be held; without it none are held.
    pub(super) hold: Option<Duration>,
    pub(super) held: Vec<Observation>,
    /// What a thread is storing of what was held, and whether for the last time.
    flushing: Option<(Arc<Vec<Observation>>, bool)>,
    /// How the run ends after what is held is stored.
    ending: Option<Ending>,
    /// Whether the source is being removed.
    pub(super) is_removed: bool,
    closing: Option<Closing>,
    /// Missed ticks that are not reported yet.
    missed_unreported: u64,
    remind_ns: u64,
}

impl Value {
    pub(super) fn new(
        number: usize,
        name: String,
        sink: Option<SharedSink>,
        keeper: Option<Keeper>,
        again: Sender<Again>,
        hold: Option<Duration>,
    ) -> Self {
        Self {
            number,
            name,
            sink,
            keeper,
            report: Report::nothing(EndedBy::Error),
            outcome: None,
            again,
            retry_ns: None,
            hold,
            held: Vec::new(),
            flushing: None,
            ending: None,
            is_removed: false,
            closing: None,
            missed_unreported: 0,
            remind_ns: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// Whether it takes no more polls.
    pub(super) fn is_closed(&self) -> bool {
        self.outcome.is_some() || self.ending.is_some()
    }

    /// Whether nothing more can be held.
    pub(super) fn is_full(&self) -> bool {
        self.held.len() >= HELD_MAX
    }

    /// How many of its threads are at work.
    pub(super) fn busy(&self) -> usize {
        usize::from(self.flushing.is_some() && self.retry_ns.is_none())
    }

    /// Whether a refused batch is waiting.
    pub(super) fn is_waiting_to_retry(&self) -> bool {
        self.retry_ns.is_some()
    }

    /// Counts the results of polls. Returns whether there was a value.
    pub(super) fn take(&mut self, outcome: Outcome, context: &mut Context<'_>) -> bool {
        if self.is_closed() {
            return false;
        }
        let is_good = outcome.failures.is_empty();
        for error in outcome.failures {
            self.failed(&error, context);
        }
        match outcome.batch {
            Batch::Nothing => {}
            Batch::Read(observations) => {
                self.report.polls += observations.len() as u64;
                self.held.extend(observations);
            }
            outcome => {
                self.report.polls += count(&outcome) as u64;
                self.stored(outcome, context);
            }
        }
        is_good
    }

    /// Counts and reports a poll that gave no value.
    pub(super) fn failed(&mut self, error: &crate::source::SourceError, context: &mut Context<'_>) {
        if self.is_closed() {
            return;
        }
        self.report.polls += 1;
        self.report.failed += 1;
        self.note_error(error, context);
        context.emit(self.number, Event::PollFailed(error));
    }

    fn stored(&mut self, outcome: Batch, context: &mut Context<'_>) {
        match outcome {
            Batch::Stored(batch) => {
                self.report.stored += batch.len() as u64;
                context.emit(self.number, Event::Stored(&batch));
            }
            Batch::Unsaved { count, error, is_lasting } => {
                self.note_error(&error, context);
                let removed = self.is_removed.then_some(EndedBy::Removed);
                let by = match context.halted().or(removed).filter(|_| !is_lasting) {
                    Some(by) => {
                        let waiting = count;
                        context.emit(self.number, Event::AppendFailed { error: &error, waiting });
                        by
                    }
                    None => EndedBy::Error,
                };
                let count = count + self.held.len();
                self.held.clear();
                self.finish(Ending::badly(by, Cause::Store(error), count), Ok(()), context);
            }
            Batch::Nothing | Batch::Read(_) => {}
        }
    }

    /// A batch was refused and is waiting.
    pub(super) fn refused(&mut self, error: &Error, waiting: usize, context: &mut Context<'_>) {
        self.note_error(error, context);
        context.emit(self.number, Event::AppendFailed { error, waiting });
        self.retry_ns = Some(context.now_ns().saturating_add(nanoseconds(RETRY_PAUSE)));
    }

    /// Lets a refused batch be tried again when it is time, or when the run is over.
    /// Returns when there is something to do next.
    pub(super) fn step(&mut self, context: &mut Context<'_>) -> u64 {
        if let (Some(Err(error)), true) = (&self.outcome, context.others_go_on && !self.is_removed)
        {
            if context.now_ns() >= self.remind_ns {
                self.remind_ns = context.now_ns().saturating_add(nanoseconds(REMIND));
                context.emit(self.number, Event::Ended(error));
            }
            return self.remind_ns;
        }
        let Some(retry_ns) = self.retry_ns else { return u64::MAX };
        let is_over = context.halted().is_some() || self.is_removed || self.ending.is_some();
        if !is_over && context.now_ns() < retry_ns {
            return retry_ns.min(context.end_ns);
        }
        self.retry_ns = None;
        let _ = self.again.send(if is_over { Again::Last } else { Again::Try });
        u64::MAX
    }

    /// Stores what is held, unless a flush is running.
    pub(super) fn flush(&mut self, lane: usize, place: usize, context: &mut Context<'_>) {
        if self.flushing.is_some() || self.is_over() {
            return;
        }
        let is_last = self.ending.is_some();
        if self.held.is_empty() && !(is_last && self.report.stored > 0) {
            return self.conclude(Ok(()), context);
        }
        let Some(sink) = self.sink.clone() else { return self.conclude(Ok(()), context) };
        let batch = Arc::new(std::mem::take(&mut self.held));
        let (again, word) = mpsc::channel();
        let line = Line { lane, messages: context.messages.clone() };
        if flush(line, place, sink.clone(), Arc::clone(&batch), word, is_last) {
            self.again = again;
            self.flushing = Some((batch, is_last));
        } else if is_last {
            // No thread can be started now, and the end does not wait for one.
            let (_, word) = mpsc::channel();
            let outcome = store(&sink, batch, &word, |_, _| {});
            self.stored(outcome, context);
            if !self.is_over() {
                self.conclude(with(&sink, |sink| sink.sync()), context);
            }
        } else {
            // No thread can be started now; the next flush tries again.
            self.held = Arc::unwrap_or_clone(batch);
            let again_ns = context.now_ns().saturating_add(nanoseconds(RETRY_PAUSE));
            context.flush_at(self.hold.unwrap_or_default(), again_ns);
        }
    }

    /// Handles the end of a flush.
    pub(super) fn flushed(
        &mut self,
        lane: usize,
        place: usize,
        outcome: Batch,
        synced: Result<(), Error>,
        context: &mut Context<'_>,
    ) {
        let was_last = self.flushing.take().is_some_and(|(_, is_last)| is_last);
        self.stored(outcome, context);
        if self.ending.is_none() || self.is_over() {
            return;
        }
        // The run may have ended during the flush before the last.
        match was_last {
            true => self.conclude(synced, context),
            false => self.flush(lane, place, context),
        }
    }

    /// Ends the run of this value after what is held is stored.
    pub(super) fn end(
        &mut self,
        lane: usize,
        place: usize,
        ending: Ending,
        context: &mut Context<'_>,
    ) {
        if !self.is_closed() {
            self.ending = Some(ending);
            self.flush(lane, place, context);
        }
    }

    fn conclude(&mut self, synced: Result<(), Error>, context: &mut Context<'_>) {
        if let Some(ending) = self.ending.take() {
            self.finish(ending, synced, context);
        }
    }

    fn finish(&mut self, ending: Ending, synced: Result<(), Error>, context: &mut Context<'_>) {
        self.tell_missed(context);
        self.report.elapsed = context.elapsed();
        self.report.ended_by = ending.by;
        let report = self.report;
        let ended = match (ending.failure, synced) {
            (Some((cause, unsaved)), _) => Err(CollectError { report, unsaved, cause }),
            (None, Err(error)) => {
                Err(CollectError { report, unsaved: 0, cause: Cause::Store(error) })
            }
            (None, Ok(())) => Ok(report),
        };
        let failure = ended.as_ref().err().map(ToString::to_string);
        log::info!("{}: {}", self.name, failure.as_deref().unwrap_or(report.ended_by.as_str()));
        self.ending = None;
        self.sink = None;
        let closing = self.closing.take();
        if let Some(keeper) = self.keeper.take() {
            keeper.end(&report, failure.as_deref(), closing, context);
        }
        if let (Err(error), true) = (&ended, self.is_removed) {
            context.emit(self.number, Event::Ended(error));
        }
        self.outcome = Some(ended);
    }

    /// Removes the value: what it has read is stored.
    pub(super) fn remove(&mut self, closing: Closing) {
        self.is_removed = true;
        // If the run of this value is over, nothing more is reported about it.
        self.closing = (!self.is_over()).then_some(closing);
    }

    pub(super) fn miss(&mut self, ticks: u64) {
        if !self.is_closed() {
            self.report.missed += ticks;
            self.missed_unreported += ticks;
        }
    }

    pub(super) fn tell_missed(&mut self, context: &mut Context<'_>) {
        let missed = std::mem::take(&mut self.missed_unreported);
        if missed > 0 {
            log::debug!("{}: polls missed: {missed}", self.name);
            context.emit(self.number, Event::Missed(missed));
        }
    }

    /// Keeps an error with the counts, and logs it.
    fn note_error(&mut self, error: &dyn std::error::Error, context: &Context<'_>) {
        log::debug!("{}: {error}", self.name);
        if let Some(keeper) = &mut self.keeper {
            keeper.note_error(&error.to_string(), context);
        }
    }

    /// Writes the counts if that is due, and returns when it is due next.
    pub(super) fn keep(&mut self, context: &mut Context<'_>) -> u64 {
        let held = self.held.len() + self.flushing.as_ref().map_or(0, |(batch, _)| batch.len());
        match &mut self.keeper {
            Some(keeper) => keeper.keep(&self.report, held as u64, context),
            None => u64::MAX,
        }
    }
}

/// The number of observations in a batch.
fn count(batch: &Batch) -> usize {
    match batch {
        Batch::Nothing => 0,
        Batch::Read(observations) => observations.len(),
        Batch::Stored(observations) => observations.len(),
        Batch::Unsaved { count, .. } => *count,
    }
}
