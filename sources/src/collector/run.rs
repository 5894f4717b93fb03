//! One run of a collector, from the first poll to the report.
//!
//! Invariants:
//! - a reading that was taken from the worker is stored before the next one is asked
//!   for, or is counted as unsaved in the error that ends the run;
//! - nothing waits longer than `SLICE` without looking at the stop flag, but for the
//!   store's own append;
//! - at most `BATCH_MAX` observations are held here, and as many in the worker's queue.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gaugelog::Observation;

use super::report::{Cause, CollectError, EndedBy, Event, Report};
use super::schedule::{Schedule, nanoseconds};
use super::sink::{Refusal, Sink};
use super::worker::{Polled, Worker};
use super::{Clock, Collector};
use crate::source::{Pace, Source, SourceError};

/// How long the loop sleeps at most before it looks at the stop flag.
const SLICE: Duration = Duration::from_millis(100);

/// How long observations that the store refused wait before they are tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a poll that is under way when the duration ends is waited for.
const LAST_POLL_WAIT: Duration = Duration::from_secs(1);

/// How many readings of a source with its own pace are appended together.
pub(super) const BATCH_MAX: usize = 4096;

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
    clock: Arc<dyn Clock>,
    sink: &'a mut dyn Sink,
    on_event: &'a mut dyn FnMut(Event<'_>),
    started: Duration,
    end_ns: Option<u64>,
    report: Report,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        collector: &'a Collector,
        sink: &'a mut dyn Sink,
        on_event: &'a mut dyn FnMut(Event<'_>),
    ) -> Self {
        let clock = Arc::clone(&collector.clock);
        let report = Report {
            polls: 0,
            stored: 0,
            failed: 0,
            missed: 0,
            elapsed: Duration::ZERO,
            ended_by: EndedBy::Error,
        };
        Self {
            collector,
            started: clock.monotonic(),
            clock,
            sink,
            on_event,
            end_ns: collector.duration.map(nanoseconds),
            report,
        }
    }

    pub(super) fn collect(mut self, source: Box<dyn Source>) -> Result<Report, CollectError> {
        let pace = source.pace();
        let ending = match Worker::start(source, Arc::clone(&self.clock), BATCH_MAX) {
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

    fn on_schedule(&mut self, worker: &mut Worker) -> Result<Infallible, Ending> {
        let mut schedule = Schedule::new(self.collector.interval, self.collector.duration);
        while let Some(due_ns) = schedule.due_ns() {
            // Not for the duration: what is due before its end is polled, late or not.
            self.sleep_until(due_ns, || self.stopped());
            if self.stopped() {
                return Err(Ending::well(EndedBy::Signal));
            }
            worker.request();
            let polled = self.await_answer(worker)?;
            if let Some(observation) = self.take(polled)? {
                self.store(&[observation])?;
            }
            let missed = schedule.advance(self.now_ns());
            if missed > 0 {
                self.report.missed += missed;
                (self.on_event)(Event::Missed(missed));
            }
        }
        Err(Ending::well(EndedBy::Duration))
    }

    fn at_own_pace(&mut self, worker: &mut Worker) -> Result<Infallible, Ending> {
        let mut batch = Vec::new();
        loop {
            let halted = self.halted();
            let first = match halted {
                Some(_) => worker.receive_waiting(),
                None => worker.receive(self.until_end().min(SLICE)),
            };
            let gathered = self.gather(first, worker, &mut batch);
            self.store(&batch)?;
            batch.clear();
            gathered?;
            if let Some(by) = halted {
                return Err(Ending::well(by));
            }
        }
    }

    /// Fills the batch with what has already arrived; failures take room in it too, so
    /// that bad input cannot hold up the rest. An error is the end of the source: what
    /// came before it is in the batch.
    fn gather(
        &mut self,
        first: Option<Polled>,
        worker: &mut Worker,
        batch: &mut Vec<Observation>,
    ) -> Result<(), Ending> {
        let mut next = first;
        let mut room = BATCH_MAX;
        while let Some(polled) = next {
            batch.extend(self.take(polled)?);
            room -= 1;
            next = if room > 0 { worker.receive_waiting() } else { None };
        }
        Ok(())
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
            (self.on_event)(Event::AppendFailed { error: &error, waiting: batch.len() });
            if let Some(by) = halted {
                return Err(Ending::badly(by, Cause::Store(error), batch.len()));
            }
            let again_ns = self.now_ns().saturating_add(nanoseconds(RETRY_PAUSE));
            self.sleep_until(again_ns, || self.halted().is_some());
        }
        self.report.stored += batch.len() as u64;
        (self.on_event)(Event::Stored(batch));
        Ok(())
    }

    /// Waits for the answer to a request, until the run is stopped or the source has
    /// outlasted the end of the run.
    fn await_answer(&self, worker: &mut Worker) -> Result<Polled, Ending> {
        let given_up_ns = self.end_ns.map(|end| end.saturating_add(nanoseconds(LAST_POLL_WAIT)));
        loop {
            let stopped = self.stopped();
            let answer = if stopped { worker.receive_waiting() } else { worker.receive(SLICE) };
            if let Some(polled) = answer {
                return Ok(polled);
            }
            if stopped {
                return Err(Ending::well(EndedBy::Signal));
            }
            if given_up_ns.is_some_and(|given_up_ns| self.now_ns() >= given_up_ns) {
                let error =
                    SourceError::new("the last poll had not returned a second after the end");
                return Ok(Polled { result: Err(error), returned: self.clock.wall() });
            }
        }
    }

    /// Sleeps until `due_ns`, or until something is the case.
    fn sleep_until(&self, due_ns: u64, is_over: impl Fn() -> bool) {
        while !is_over() {
            let left_ns = due_ns.saturating_sub(self.now_ns());
            if left_ns == 0 {
                return;
            }
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

    fn until_end(&self) -> Duration {
        let left_ns = self.end_ns.map(|end_ns| end_ns.saturating_sub(self.now_ns()));
        left_ns.map_or(Duration::MAX, Duration::from_nanos)
    }

    fn finish(mut self, ending: Ending) -> Result<Report, CollectError> {
        let synced = if self.report.stored > 0 { self.sink.sync() } else { Ok(()) };
        self.report.elapsed = self.clock.monotonic().saturating_sub(self.started);
        self.report.ended_by = ending.by;
        let report = self.report;
        match (ending.failure, synced) {
            (Some((cause, unsaved)), _) => Err(CollectError { report, unsaved, cause }),
            (None, Err(error)) => {
                Err(CollectError { report, unsaved: 0, cause: Cause::Store(error) })
            }
            (None, Ok(())) => Ok(report),
        }
    }
}

/// How many readings wait that nobody will store.
fn count_readings(worker: &mut Worker) -> usize {
    let waiting = std::iter::from_fn(|| worker.receive_waiting()).take(BATCH_MAX);
    waiting.filter(|polled| matches!(polled.result, Ok(Some(_)))).count()
}
