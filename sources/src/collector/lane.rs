//! One source of a run: when it is polled, the results of its polls, and how it ends.

mod polling;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::back_off::BackOff;
use super::context::Context;
use super::intake::Intake;
use super::jitter;
use super::message::{Answer, Closing, End, Given, News};
use super::poller::Poller;
use super::report::{Cause, EndedBy};
use super::schedule::{Schedule, nanoseconds};
use super::value::{Ending, Value};
use crate::source::SourceError;

/// The schedule of a source.
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) deadline: Option<Duration>,
    /// Whether polls follow the wall clock.
    pub(super) is_aligned: bool,
    /// The seed of the delay within the interval.
    pub(super) jitter: Option<u64>,
    /// The longest time for which it is not polled while it fails.
    pub(super) retry_max: Duration,
    /// When it was added, from the start of the run.
    pub(super) start_ns: u64,
}

/// The state of a source.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Waiting for the next poll.
    Idle,
    /// A poll is running, and is given up at this time.
    Polling { until_ns: u64 },
    /// A poll has returned in time; its answer will follow.
    Storing,
    /// A poll that was given up is still running.
    Hung,
    /// It delivers at its own pace.
    Flowing,
    /// It was asked to stop delivering.
    Draining(EndedBy),
    /// There are no more polls.
    Over,
}

/// The threads of a source.
pub(super) enum Threads {
    Scheduled(Poller),
    OwnPace(Intake),
    /// No thread could be started, or there is no store.
    None,
}

pub(super) struct Lane {
    number: usize,
    name: String,
    threads: Threads,
    interval: Duration,
    deadline: Option<Duration>,
    is_aligned: bool,
    schedule: Schedule,
    back_off: BackOff,
    is_local: bool,
    /// Whether old observations are removed from one of its stores.
    pub(super) removes_old: bool,
    state: State,
    /// Whether the source itself has ended.
    has_ended: bool,
    is_removed: bool,
    /// Interrupts what a poll waits for, if the source supports it.
    stop: Option<Arc<AtomicBool>>,
    /// Dropped when the threads of a removed source have ended.
    closing: Option<Closing>,
    /// Whether its threads wait for permission to go on.
    is_waited_for: bool,
    /// Suspended time that does not make a whole tick yet.
    slept_ns: u64,
    pub(super) values: Vec<Value>,
}

impl Lane {
    pub(super) fn new(
        number: usize,
        name: String,
        Timing { interval, deadline, is_aligned, jitter, retry_max, start_ns }: Timing,
        is_local: bool,
        stop: Option<Arc<AtomicBool>>,
        values: Vec<Value>,
        context: &Context<'_>,
    ) -> Self {
        let offset_ns = jitter.map_or(0, |seed| jitter::offset_ns(seed, &name, interval));
        let schedule = Schedule::new(interval, offset_ns, context.collector.duration);
        let schedule = match is_aligned {
            true => {
                let mut aligned = schedule.aligned(context.wall_ahead_ns());
                aligned.skip_to(start_ns);
                aligned
            }
            false => schedule.begun_at(start_ns),
        };
        let back_off = BackOff::new(retry_max);
        let (state, threads) = (State::Over, Threads::None);
        Self {
            number,
            name,
            threads,
            interval,
            deadline,
            is_aligned,
            schedule,
            back_off,
            is_local,
            removes_old: false,
            state,
            has_ended: false,
            is_removed: false,
            stop,
            closing: None,
            is_waited_for: false,
            slept_ns: 0,
            values,
        }
    }

    /// Begins to poll it.
    pub(super) fn begin(&mut self, threads: Threads) {
        self.state = match &threads {
            Threads::Scheduled(_) => State::Idle,
            Threads::OwnPace(_) => State::Flowing,
            Threads::None => State::Over,
        };
        self.threads = threads;
    }

    pub(super) fn is_over(&self) -> bool {
        self.values.iter().all(Value::is_over)
    }

    /// How many of its threads are at work and will send a message.
    pub(super) fn busy(&self) -> usize {
        // A separate thread stores what was held.
        let is_waiting = |value: &Value| value.hold.is_none() && value.is_waiting_to_retry();
        let waits = self.values.iter().any(is_waiting);
        let is_busy = match self.state {
            State::Polling { .. } | State::Storing => !waits,
            State::Flowing | State::Draining(_) => !waits && !self.is_blocked(),
            State::Hung => true,
            State::Idle | State::Over => false,
        };
        usize::from(is_busy) + self.values.iter().map(Value::busy).sum::<usize>()
    }

    /// Does what is due, and returns when there is something to do next.
    pub(super) fn step(&mut self, context: &mut Context<'_>) -> u64 {
        let own_ns = match self.state {
            State::Idle | State::Hung => self.poll_if_due(context),
            State::Polling { until_ns } => self.give_up_if_due(until_ns, context),
            State::Flowing => match self.stopped_by(context).or_else(|| context.halted()) {
                Some(by) => {
                    self.state = State::Draining(by);
                    if let Threads::OwnPace(intake) = &self.threads {
                        intake.stop();
                    }
                    u64::MAX
                }
                None => context.end_ns,
            },
            State::Storing | State::Draining(_) | State::Over => u64::MAX,
        };
        let value_ns = self.values.iter_mut().map(|value| value.step(context)).min();
        own_ns.min(value_ns.unwrap_or(u64::MAX))
    }

    /// Whether further readings could not be held.
    fn is_blocked(&self) -> bool {
        self.values.iter().any(Value::is_full)
    }

    pub(super) fn handle(&mut self, news: News, context: &mut Context<'_>) {
        match news {
            News::Answer(answer) => self.answered(answer, context),
            News::Late { end } => {
                log::info!("{}: the poll that took too long has returned", self.name);
                match end {
                    Some(end) => self.end_of_source(end, context),
                    None if self.state == State::Hung => self.state = State::Idle,
                    None => {}
                }
            }
            News::Refused { value, error, waiting } => {
                self.values[value].refused(&error, waiting, context);
            }
            News::Flushed { value, outcome, synced } => {
                let lane = self.number;
                self.values[value].flushed(lane, value, outcome, synced, context);
                self.hold(context);
            }
        }
        self.end_where_all_have();
    }

    fn answered(&mut self, Answer { given, end }: Answer, context: &mut Context<'_>) {
        self.is_waited_for = true;
        let is_polled = matches!(self.state, State::Polling { .. } | State::Storing);
        if is_polled {
            self.state = State::Idle;
        }
        let is_good = match given {
            // A source that ended its poll because of the stop has not failed.
            Given::Failed(_)
                if let Some(by) =
                    self.stopped_by(context).filter(|_| is_polled && end.is_none()) =>
            {
                return self.end(by, context);
            }
            Given::Failed(error) => {
                self.poll_failed(&error, context);
                false
            }
            Given::Values(outcomes) => {
                let mut is_good = false;
                for (value, outcome) in self.values.iter_mut().zip(outcomes) {
                    is_good |= value.take(outcome, context);
                }
                is_good
            }
        };
        self.hold(context);
        match end {
            Some(end) => self.end_of_source(end, context),
            None if is_polled => self.advance(is_good, context),
            None => {}
        }
    }

    /// Schedules the storing of what is held.
    fn hold(&mut self, context: &mut Context<'_>) {
        for (place, value) in self.values.iter_mut().enumerate() {
            let Some(hold) = value.hold else { return };
            if !value.held.is_empty() {
                context.flush_at(hold, context.now_ns().saturating_add(nanoseconds(hold)));
            }
            if value.is_full() {
                value.flush(self.number, place, context);
            }
        }
        if let Threads::OwnPace(intake) = &self.threads
            && self.is_waited_for
            && !self.is_blocked()
        {
            intake.go_on();
            self.is_waited_for = false;
        }
    }

    /// Stores what is held, of the values with this `hold`.
    pub(super) fn flush(&mut self, hold: Duration, context: &mut Context<'_>) {
        for (place, value) in self.values.iter_mut().enumerate() {
            if value.hold.unwrap_or_default() == hold {
                value.flush(self.number, place, context);
            }
        }
    }

    fn poll_failed(&mut self, error: &SourceError, context: &mut Context<'_>) {
        for value in &mut self.values {
            value.failed(error, context);
        }
    }

    fn miss(&mut self, ticks: u64) {
        for value in &mut self.values {
            value.miss(ticks);
        }
    }

    /// Handles the end of the source.
    fn end_of_source(&mut self, end: End, context: &mut Context<'_>) {
        self.has_ended = !matches!(end, End::Stopped);
        match end {
            End::OfInput => self.end(EndedBy::EndOfInput, context),
            End::Fatal(error) => {
                self.state = State::Over;
                let text = error.to_string();
                for (place, value) in self.values.iter_mut().enumerate() {
                    let cause = Cause::Source(SourceError::fatal(text.clone()));
                    let ending = Ending::badly(EndedBy::Error, cause, 0);
                    value.end(self.number, place, ending, context);
                }
            }
            End::Stopped => {
                let by = match self.state {
                    State::Draining(by) => by,
                    _ => EndedBy::Error,
                };
                self.end(by, context);
            }
        }
    }

    /// Ends the polls, and stores what is held.
    fn end(&mut self, by: EndedBy, context: &mut Context<'_>) {
        // It must stay known that a thread is left behind.
        if self.state != State::Hung {
            self.state = State::Over;
        }
        for (place, value) in self.values.iter_mut().enumerate() {
            value.end(self.number, place, Ending::well(by), context);
        }
    }

    /// Stops polling if no value can be stored any more.
    fn end_where_all_have(&mut self) {
        if self.is_over() && self.state == State::Idle {
            self.state = State::Over;
        }
    }

    /// Removes the source: what it has read is stored.
    pub(super) fn remove(&mut self, closing: &Closing) {
        self.is_removed = true;
        self.closing = Some(closing.clone());
        if let Some(stop) = &self.stop {
            stop.store(true, Ordering::SeqCst);
        }
        for value in &mut self.values {
            value.remove(closing.clone());
        }
    }

    pub(super) fn is_removed(&self) -> bool {
        self.is_removed
    }

    /// Why polling ends, if an end was requested.
    fn stopped_by(&self, context: &Context<'_>) -> Option<EndedBy> {
        match (context.is_stopped(), self.is_removed) {
            (true, _) => Some(EndedBy::Signal),
            (_, true) => Some(EndedBy::Removed),
            _ => None,
        }
    }

    /// Lets its threads end when it is over.
    pub(super) fn retire(&mut self) {
        if !self.is_over() {
            return;
        }
        match std::mem::replace(&mut self.threads, Threads::None) {
            Threads::Scheduled(poller) => poller.finish(self.state == State::Hung),
            Threads::OwnPace(intake) => intake.finish(self.has_ended),
            Threads::None => {}
        }
        self.closing = None;
    }
}
