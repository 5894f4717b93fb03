//! Sources that are polled on a schedule.

use std::convert::Infallible;
use std::time::Duration;

use super::{Ending, Run, SLICE};
use crate::collector::back_off::BackOff;
use crate::collector::clock::ahead_ns;
use crate::collector::jitter;
use crate::collector::report::{Cause, EndedBy};
use crate::collector::schedule::{Schedule, nanoseconds};
use crate::collector::worker::{Polled, Worker};
use crate::source::SourceError;

/// How long a poll that is under way when the duration ends is waited for.
const LAST_POLL_WAIT: Duration = Duration::from_secs(1);

impl Run<'_> {
    pub(super) fn on_schedule(&mut self, worker: &mut Worker) -> Result<Infallible, Ending> {
        let mut schedule = self.schedule();
        let mut back_off = BackOff::default();
        while let Some(due_ns) = self.wait_until_due(&mut schedule, &back_off)? {
            if self.is_left_alone(due_ns, &back_off) || self.is_inside_a_poll(worker)? {
                self.miss(1 + schedule.advance(self.now_ns()));
                continue;
            }
            self.tell_missed();
            worker.request();
            let polled = self.await_answer(worker)?;
            let observation = self.take(polled)?;
            if let Some(observation) = observation {
                self.store(&[observation])?;
            }
            self.miss(schedule.advance(self.now_ns()));
            match observation {
                Some(_) => self.answered(&mut back_off),
                None => self.failed(&mut back_off, &schedule),
            }
        }
        Err(Ending::well(EndedBy::Duration))
    }

    fn schedule(&self) -> Schedule {
        let collector = self.collector;
        let offset_ns = collector
            .jitter
            .map_or(0, |seed| jitter::offset_ns(seed, self.name, collector.interval));
        let schedule = Schedule::new(collector.interval, offset_ns, collector.duration);
        if collector.aligned { schedule.aligned(self.wall_ahead_ns()) } else { schedule }
    }

    /// How far the wall clock is ahead of the time since the start.
    fn wall_ahead_ns(&self) -> i128 {
        ahead_ns(&*self.clock) + i128::from(nanoseconds(self.started))
    }

    /// When the next poll is due, which is now or was missed; `None` where the
    /// duration holds none any more. Not for the end of the duration: what is due
    /// before it is polled, late or not.
    fn wait_until_due(
        &mut self,
        schedule: &mut Schedule,
        back_off: &BackOff,
    ) -> Result<Option<u64>, Ending> {
        loop {
            self.keep_counts();
            if self.collector.aligned {
                schedule.follow(self.now_ns(), self.wall_ahead_ns());
            }
            let Some(due_ns) = schedule.due_ns() else { return Ok(None) };
            if self.stopped() {
                return Err(Ending::well(EndedBy::Signal));
            }
            // With no interval there are no ticks to pass over: the wait is slept.
            let at_once = self.collector.interval.is_zero();
            let due_ns = if at_once { due_ns.max(back_off.until_ns()) } else { due_ns };
            let left_ns = due_ns.saturating_sub(self.now_ns());
            if left_ns == 0 {
                return Ok(Some(due_ns));
            }
            self.clock.sleep(Duration::from_nanos(left_ns).min(SLICE));
        }
    }

    /// Whether the wait after failures holds this tick. It ends at the nearest tick:
    /// a clock that is followed moves them by a hair.
    fn is_left_alone(&self, due_ns: u64, back_off: &BackOff) -> bool {
        let half_ns = nanoseconds(self.collector.interval) / 2;
        due_ns.saturating_add(half_ns) < back_off.until_ns()
    }

    /// Whether a poll that was given up is still under way. The answer to one that has
    /// returned since is passed over, unless it is the source's last.
    fn is_inside_a_poll(&mut self, worker: &mut Worker) -> Result<bool, Ending> {
        if !worker.is_busy() {
            return Ok(false);
        }
        match worker.receive_late().map(|polled| polled.result) {
            None => Ok(true),
            Some(Ok(None)) => Err(Ending::well(EndedBy::EndOfInput)),
            Some(Err(error)) if !error.can_poll_again() => {
                Err(Ending::badly(EndedBy::Error, Cause::Source(error), 0))
            }
            Some(_) => {
                log::info!("{}: the poll that took too long has returned", self.name);
                Ok(false)
            }
        }
    }

    /// Waits for the answer to a request, until the run is stopped or the source has
    /// outlasted its deadline or the end of the run.
    fn await_answer(&mut self, worker: &mut Worker) -> Result<Polled, Ending> {
        let deadline = self.collector.deadline;
        let deadline_ns = deadline
            .map_or(u64::MAX, |deadline| self.now_ns().saturating_add(nanoseconds(deadline)));
        let last_ns =
            self.end_ns.map_or(u64::MAX, |end| end.saturating_add(nanoseconds(LAST_POLL_WAIT)));
        loop {
            let stopped = self.stopped();
            let left = Duration::from_nanos(deadline_ns.min(last_ns).saturating_sub(self.now_ns()));
            let answer =
                if stopped { worker.receive_waiting() } else { worker.receive(left.min(SLICE)) };
            if let Some(polled) = answer {
                // A source that ended its poll because of the stop has not failed.
                let cut_off = polled.result.as_ref().is_err_and(SourceError::can_poll_again);
                return match cut_off && self.stopped() {
                    true => Err(Ending::well(EndedBy::Signal)),
                    false => Ok(polled),
                };
            }
            if stopped {
                return Err(Ending::well(EndedBy::Signal));
            }
            let now_ns = self.now_ns();
            let why = if now_ns >= deadline_ns {
                let after = deadline.unwrap_or_default();
                format!("the poll had not returned after {after:?}; the next is made once it has")
            } else if now_ns >= last_ns {
                "the last poll had not returned a second after the end".to_owned()
            } else {
                self.keep_counts();
                continue;
            };
            return Ok(Polled { result: Err(SourceError::new(why)), returned: self.clock.wall() });
        }
    }

    fn miss(&mut self, ticks: u64) {
        self.report.missed += ticks;
        self.missed_untold += ticks;
    }

    fn answered(&self, back_off: &mut BackOff) {
        let failures = back_off.succeeded();
        if failures > 0 {
            log::info!("{}: answers again after {failures} failed polls", self.name);
        }
    }

    fn failed(&self, back_off: &mut BackOff, schedule: &Schedule) {
        let interval = self.collector.interval;
        let due_ns = schedule.due_ns().unwrap_or(u64::MAX);
        let last_tick_ns = if interval.is_zero() {
            self.now_ns()
        } else {
            due_ns.saturating_sub(nanoseconds(interval))
        };
        back_off.failed(last_tick_ns, interval);
        if self.is_left_alone(due_ns, back_off) {
            let pause = Duration::from_nanos(back_off.until_ns() - last_tick_ns);
            let failures = back_off.failures();
            log::info!("{}: {failures} polls failed in a row; left alone for {pause:?}", self.name);
        }
    }
}
