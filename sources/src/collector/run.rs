//! One run of a collector over one source, from the first poll to the report.
//!
//! Invariants:
//! - a reading that was taken from the worker is stored before the next one is asked
//!   for, or is counted as unsaved in the error that ends the run;
//! - nothing waits longer than `SLICE` without looking at the stop flag, but for the
//!   store's own append;
//! - at most `BATCH_MAX` observations are held here, and as many in the worker's queue.

mod own_pace;
mod scheduled;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gaugelog::Observation;

use super::keeper::Keeper;
use super::report::{Cause, CollectError, EndedBy, Event, Report};
use super::schedule::nanoseconds;
use super::sink::{Refusal, Sink};
use super::worker::{Polled, Worker};
use super::{Clock, Collector};
use crate::source::{Pace, Source, SourceError};
pub(super) use own_pace::BATCH_MAX;

/// How long the loop sleeps at most before it looks at the stop flag.
const SLICE: Duration = Duration::from_millis(100);

/// How long observations that the store refused wait before they are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How a run ends.
struct Ending {
    by: EndedBy,
    /// What failed, and how many observations are lost by it.
    failure: Option<(Cause, usize)>,
}

impl Ending {
    fn well(by: EndedBy) -> Self {
        Self { by, failure: None }
    }

    fn badly(by: EndedBy, cause: Cause, unsaved: usize) -> Self {
        Self { by, failure: Some((cause, unsaved)) }
    }
}

pub(super) struct Run<'a> {
    collector: &'a Collector,
    /// What the source is called here.
    name: &'a str,
    clock: Arc<dyn Clock>,
    sink: &'a mut dyn Sink,
    on_event: &'a mut dyn FnMut(Event<'_>),
    keeper: Option<Keeper>,
    started: Duration,
    end_ns: Option<u64>,
    report: Report,
    /// Ticks missed that nobody was told of yet.
    missed_untold: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        collector: &'a Collector,
        name: &'a str,
        sink: &'a mut dyn Sink,
        on_event: &'a mut dyn FnMut(Event<'_>),
    ) -> Self {
        let clock = Arc::clone(&collector.clock);
        Self {
            collector,
            name,
            started: clock.monotonic(),
            clock,
            sink,
            on_event,
            keeper: None,
            end_ns: collector.duration.map(nanoseconds),
            report: Report::nothing(EndedBy::Error),
            missed_untold: 0,
        }
    }

    pub(super) fn collect(mut self, source: Box<dyn Source>) -> Result<Report, CollectError> {
        let pace = source.pace();
        log::info!("{}: collecting {}", self.name, source.description());
        self.keeper = self.sink.directory().and_then(|directory| {
            let interval = (pace == Pace::Scheduled).then_some(self.collector.interval);
            Keeper::begin(directory, source.description(), interval, &*self.clock)
        });
        let ending = match Worker::start(self.name, source, Arc::clone(&self.clock), BATCH_MAX) {
            Err(error) => {
                let error = SourceError::fatal_io("start a thread for the source", error);
                Ending::badly(EndedBy::Error, Cause::Source(error), 0)
            }
            Ok(mut worker) => {
                let Err(mut ending) = match pace {
                    Pace::Scheduled => self.on_schedule(&mut worker),
                    Pace::Own => self.at_own_pace(&mut worker),
                };
                if let Some((_, unsaved)) = &mut ending.failure {
                    let left = count_readings(&mut worker);
                    *unsaved += left;
                    self.report.polls += left as u64;
                }
                worker.finish();
                ending
            }
        };
        self.finish(ending)
    }

    /// Counts a poll: its observation, or none where it failed and was reported, or
    /// the ending where the source has no more.
    fn take(&mut self, polled: Polled) -> Result<Option<Observation>, Ending> {
        let error = match polled.result {
            Ok(None) => return Err(Ending::well(EndedBy::EndOfInput)),
            Ok(Some(reading)) if reading.value.is_finite() => {
                self.report.polls += 1;
                let mut observation = Observation::at(polled.returned, reading.value);
                if let Some(timestamp_ns) = reading.timestamp_ns {
                    observation.timestamp_ns = timestamp_ns;
                }
                return Ok(Some(observation));
            }
            Ok(Some(reading)) => SourceError::new(format!("{} is not finite", reading.value)),
            Err(error) => error,
        };
        self.report.polls += 1;
        self.report.failed += 1;
        self.note_error(&error);
        (self.on_event)(Event::PollFailed(&error));
        if error.can_poll_again() {
            return Ok(None);
        }
        Err(Ending::badly(EndedBy::Error, Cause::Source(error), 0))
    }

    /// Stores all of them, however often that takes, or ends the run. An attempt that
    /// was begun after the run was over is the last.
    fn store(&mut self, batch: &[Observation]) -> Result<(), Ending> {
        if batch.is_empty() {
            return Ok(());
        }
        loop {
            let halted = self.halted();
            let error = match self.sink.append(batch) {
                Ok(()) => break,
                Err(Refusal::Lasting(error)) => {
                    return Err(Ending::badly(EndedBy::Error, Cause::Store(error), batch.len()));
                }
                Err(Refusal::Passing(error)) => error,
            };
            self.note_error(&error);
            (self.on_event)(Event::AppendFailed { error: &error, waiting: batch.len() });
            if let Some(by) = halted {
                return Err(Ending::badly(by, Cause::Store(error), batch.len()));
            }
            let again_ns = self.now_ns().saturating_add(nanoseconds(RETRY_PAUSE));
            self.sleep_until(again_ns, |run| run.halted().is_some());
        }
        self.report.stored += batch.len() as u64;
        (self.on_event)(Event::Stored(batch));
        Ok(())
    }

    /// Keeps an error with the counts, and logs it.
    fn note_error(&mut self, error: &dyn std::error::Error) {
        log::debug!("{}: {error}", self.name);
        if let Some(keeper) = &mut self.keeper {
            keeper.note_error(&error.to_string(), &*self.clock);
        }
    }

    /// Writes down the counts, where that is due.
    fn keep_counts(&mut self) {
        if let Some(keeper) = &mut self.keeper {
            keeper.keep(&self.report, &*self.clock);
        }
    }

    fn tell_missed(&mut self) {
        let missed = std::mem::take(&mut self.missed_untold);
        if missed > 0 {
            log::debug!("{}: polls missed: {missed}", self.name);
            (self.on_event)(Event::Missed(missed));
        }
    }

    /// Sleeps until `due_ns`, or until something is the case.
    fn sleep_until(&mut self, due_ns: u64, is_over: impl Fn(&Self) -> bool) {
        while !is_over(self) {
            let left_ns = due_ns.saturating_sub(self.now_ns());
            if left_ns == 0 {
                return;
            }
            self.keep_counts();
            self.clock.sleep(Duration::from_nanos(left_ns).min(SLICE));
        }
    }

    fn stopped(&self) -> bool {
        self.collector.stop.load(Ordering::Relaxed)
    }

    /// Why the run is over, where it is.
    fn halted(&self) -> Option<EndedBy> {
        if self.stopped() {
            return Some(EndedBy::Signal);
        }
        self.end_ns.is_some_and(|end_ns| self.now_ns() >= end_ns).then_some(EndedBy::Duration)
    }

    fn now_ns(&self) -> u64 {
        nanoseconds(self.clock.monotonic().saturating_sub(self.started))
    }

    fn finish(mut self, ending: Ending) -> Result<Report, CollectError> {
        self.tell_missed();
        let synced = if self.report.stored > 0 { self.sink.sync() } else { Ok(()) };
        self.report.elapsed = self.clock.monotonic().saturating_sub(self.started);
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
        if let Some(keeper) = self.keeper {
            keeper.end(&report, failure.as_deref(), &*self.clock);
        }
        ended
    }
}

/// How many readings wait that nobody will store.
fn count_readings(worker: &mut Worker) -> usize {
    let waiting = std::iter::from_fn(|| worker.receive_waiting()).take(BATCH_MAX);
    waiting.filter(|polled| matches!(polled.result, Ok(Some(_)))).count()
}
