//! One source of a run: when it is polled, what its polls gave, and how it ends.

use std::time::Duration;

use super::back_off::BackOff;
use super::context::Context;
use super::intake::Intake;
use super::jitter;
use super::message::{Answer, End, Given, News};
use super::poller::Poller;
use super::report::{Cause, EndedBy};
use super::schedule::{Schedule, nanoseconds};
use super::value::{Ending, Value};
use crate::source::SourceError;

/// How long a poll that is under way when the duration ends is waited for.
const LAST_POLL_WAIT: Duration = Duration::from_secs(1);

/// How soon it is seen that the wall clock was set, where polls follow it.
const CLOCK_LOOK: Duration = Duration::from_secs(10);

/// When a source is polled.
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) deadline: Option<Duration>,
    /// When it was added, since the start of the run.
    pub(super) start_ns: u64,
}

/// Where a source stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// The next poll is awaited.
    Idle,
    /// A poll is under way, and given up at this time.
    Polling { until_ns: u64 },
    /// A poll has returned in time; its answer is about to come.
    Storing,
    /// A poll that was given up is under way.
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
    /// None could be started, or there is no store.
    None,
}

pub(super) struct Lane {
    number: usize,
    name: String,
    threads: Threads,
    interval: Duration,
    deadline: Option<Duration>,
    schedule: Schedule,
    back_off: BackOff,
    is_local: bool,
    state: State,
    /// The source itself has ended.
    has_ended: bool,
    is_removed: bool,
    /// Time in which the machine was suspended that makes no whole tick yet.
    slept_ns: u64,
    pub(super) values: Vec<Value>,
}

impl Lane {
    pub(super) fn new(
        number: usize,
        name: String,
        Timing { interval, deadline, start_ns }: Timing,
        is_local: bool,
        values: Vec<Value>,
        context: &Context<'_>,
    ) -> Self {
        let collector = context.collector;
        let offset_ns = collector.jitter.map_or(0, |seed| jitter::offset_ns(seed, &name, interval));
        let schedule = Schedule::new(interval, offset_ns, collector.duration);
        let schedule = match collector.aligned {
            true => {
                let mut aligned = schedule.aligned(context.wall_ahead_ns());
                aligned.skip_to(start_ns);
                aligned
            }
            false => schedule.begun_at(start_ns),
        };
        let back_off = BackOff::new(collector.longest_retry(interval));
        let (state, threads) = (State::Over, Threads::None);
        Self {
            number,
            name,
            threads,
            interval,
            deadline,
            schedule,
            back_off,
            is_local,
            state,
            has_ended: false,
            is_removed: false,
            slept_ns: 0,
            values,
        }
    }

    /// Has it polled from now on.
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

    /// How many of its threads are at work, and will tell of it.
    pub(super) fn busy(&self) -> usize {
        let waits = self.values.iter().any(Value::is_waiting_to_retry);
        let is_busy = match self.state {
            State::Polling { .. } | State::Storing | State::Flowing | State::Draining(_) => !waits,
            State::Hung => true,
            State::Idle | State::Over => false,
        };
        usize::from(is_busy) + self.values.iter().map(Value::busy).sum::<usize>()
    }

    /// Does what is due, and says when there is something to do next.
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

    /// Polls where that is due, and says when it is due next.
    fn poll_if_due(&mut self, context: &mut Context<'_>) -> u64 {
        loop {
            if let Some(by) = self.stopped_by(context) {
                self.end(by, context);
                return u64::MAX;
            }
            if context.collector.aligned {
                self.schedule.follow(context.now_ns(), context.wall_ahead_ns());
            }
            // Not the end of the duration counts: what is due before it is polled, late or not.
            let Some(due_ns) = self.schedule.due_ns() else {
                self.end(EndedBy::Duration, context);
                return u64::MAX;
            };
            // With no interval there are no ticks to pass over.
            let at_once = self.interval.is_zero();
            let due_ns = if at_once { due_ns.max(self.back_off.until_ns()) } else { due_ns };
            let now_ns = context.now_ns();
            if due_ns > now_ns {
                let look_ns = now_ns.saturating_add(nanoseconds(CLOCK_LOOK));
                return if context.collector.aligned { due_ns.min(look_ns) } else { due_ns };
            }
            if at_once && (self.state == State::Hung || self.is_blocked()) {
                let _ = self.schedule.advance(now_ns);
                if now_ns < context.end_ns {
                    return context.end_ns;
                }
            } else if self.state == State::Hung || self.is_blocked() || self.is_left_alone(due_ns) {
                let missed = 1 + self.schedule.advance(now_ns);
                self.miss(missed);
            } else {
                return self.poll(context);
            }
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> u64 {
        for value in &mut self.values {
            value.tell_missed(context);
        }
        if let Threads::Scheduled(poller) = &self.threads {
            poller.request();
        }
        let deadline = self.deadline.map_or(u64::MAX, nanoseconds);
        let deadline_ns = context.now_ns().saturating_add(deadline);
        let last_ns = context.end_ns.saturating_add(nanoseconds(LAST_POLL_WAIT));
        let until_ns = deadline_ns.min(last_ns);
        self.state = State::Polling { until_ns };
        until_ns
    }

    /// Gives up a poll at the stop, at its deadline and after the end of the run.
    fn give_up_if_due(&mut self, until_ns: u64, context: &mut Context<'_>) -> u64 {
        let stopped_by = self.stopped_by(context);
        if stopped_by.is_none() && context.now_ns() < until_ns {
            return until_ns;
        }
        let Threads::Scheduled(poller) = &self.threads else { return u64::MAX };
        if !poller.give_up() {
            self.state = State::Storing;
            return u64::MAX;
        }
        self.state = State::Hung;
        if let Some(by) = stopped_by {
            self.end(by, context);
            return u64::MAX;
        }
        let last_ns = context.end_ns.saturating_add(nanoseconds(LAST_POLL_WAIT));
        let why = if context.now_ns() >= last_ns {
            "the last poll had not returned a second after the end".to_owned()
        } else {
            let after = self.deadline.unwrap_or_default();
            format!("the poll had not returned after {after:?}; the next is made once it has")
        };
        self.poll_failed(&SourceError::new(why), context);
        self.advance(false, context);
        self.poll_if_due(context)
    }

    /// Whether the wait after failures holds this tick. It ends at the nearest tick:
    /// a clock that is followed moves them by a hair.
    fn is_left_alone(&self, due_ns: u64) -> bool {
        let half_ns = nanoseconds(self.interval) / 2;
        due_ns.saturating_add(half_ns) < self.back_off.until_ns()
    }

    /// Whether more readings could not be held.
    fn is_blocked(&self) -> bool {
        self.values.iter().any(Value::is_full)
    }

    pub(super) fn hear(&mut self, news: News, context: &mut Context<'_>) {
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
                if let Threads::OwnPace(intake) = &self.threads
                    && !self.is_blocked()
                {
                    intake.go_on();
                }
            }
        }
        self.end_where_all_have();
    }

    fn answered(&mut self, Answer { given, end }: Answer, context: &mut Context<'_>) {
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

    /// Sees to it that what is held is stored in time.
    fn hold(&mut self, context: &mut Context<'_>) {
        let Some(hold) = context.collector.hold else { return };
        if self.values.iter().any(|value| !value.held.is_empty()) {
            context.flush_at(context.now_ns().saturating_add(nanoseconds(hold)));
        }
        for (place, value) in self.values.iter_mut().enumerate() {
            if value.is_full() {
                value.flush(self.number, place, context);
            }
        }
        if let Threads::OwnPace(intake) = &self.threads
            && !self.is_blocked()
        {
            intake.go_on();
        }
    }

    pub(super) fn flush(&mut self, context: &mut Context<'_>) {
        for (place, value) in self.values.iter_mut().enumerate() {
            value.flush(self.number, place, context);
        }
    }

    fn poll_failed(&mut self, error: &SourceError, context: &mut Context<'_>) {
        for value in &mut self.values {
            value.failed(error, context);
        }
    }

    /// Goes on to the next tick after a poll.
    fn advance(&mut self, is_good: bool, context: &mut Context<'_>) {
        let missed = self.schedule.advance(context.now_ns());
        self.miss(missed);
        if is_good {
            let failures = self.back_off.succeeded();
            if failures > 0 {
                log::info!("{}: answers again after {failures} failed polls", self.name);
            }
        } else if !self.is_local {
            self.leave_alone(context);
        }
    }

    fn leave_alone(&mut self, context: &Context<'_>) {
        let interval = self.interval;
        let due_ns = self.schedule.due_ns().unwrap_or(u64::MAX);
        let last_tick_ns = match interval.is_zero() {
            true => context.now_ns(),
            false => due_ns.saturating_sub(nanoseconds(interval)),
        };
        self.back_off.failed(last_tick_ns, interval);
        if self.is_left_alone(due_ns) {
            let pause = Duration::from_nanos(self.back_off.until_ns().saturating_sub(last_tick_ns));
            let failures = self.back_off.failures();
            log::info!("{}: {failures} polls failed in a row; left alone for {pause:?}", self.name);
        }
    }

    fn miss(&mut self, ticks: u64) {
        for value in &mut self.values {
            value.miss(ticks);
        }
    }

    /// The machine was suspended for so long: the polls of that time are missed.
    pub(super) fn slept(&mut self, duration: Duration) {
        let interval_ns = nanoseconds(self.interval);
        let is_polled = !matches!(self.state, State::Flowing | State::Draining(_) | State::Over);
        if is_polled && interval_ns > 0 {
            self.slept_ns = self.slept_ns.saturating_add(nanoseconds(duration));
            self.miss(self.slept_ns / interval_ns);
            self.slept_ns %= interval_ns;
        }
    }

    /// The source has no more.
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

    /// There are no more polls; what is held is stored.
    fn end(&mut self, by: EndedBy, context: &mut Context<'_>) {
        // Which thread is left behind must still be known.
        if self.state != State::Hung {
            self.state = State::Over;
        }
        for (place, value) in self.values.iter_mut().enumerate() {
            value.end(self.number, place, Ending::well(by), context);
        }
    }

    /// A source of which no value can be stored any more is not polled.
    fn end_where_all_have(&mut self) {
        if self.is_over() && self.state == State::Idle {
            self.state = State::Over;
        }
    }

    /// Ends it: what it has read is stored.
    pub(super) fn remove(&mut self) {
        self.is_removed = true;
        for value in &mut self.values {
            value.is_removed = true;
        }
    }

    /// Why there are no more polls, where somebody has asked for that.
    fn stopped_by(&self, context: &Context<'_>) -> Option<EndedBy> {
        match (context.is_stopped(), self.is_removed) {
            (true, _) => Some(EndedBy::Signal),
            (_, true) => Some(EndedBy::Removed),
            _ => None,
        }
    }

    /// Lets its threads end once it is over.
    pub(super) fn retire(&mut self) {
        if !self.is_over() {
            return;
        }
        match std::mem::replace(&mut self.threads, Threads::None) {
            Threads::Scheduled(poller) => poller.finish(self.state == State::Hung),
            Threads::OwnPace(intake) => intake.finish(self.has_ended),
            Threads::None => {}
        }
    }
}
