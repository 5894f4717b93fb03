//! When a scheduled source is polled, given up, and not polled because of failures.

use std::time::Duration;

use super::{Lane, State, Threads};
use crate::collector::context::Context;
use crate::collector::report::EndedBy;
use crate::collector::schedule::nanoseconds;
use crate::source::SourceError;

/// How long a poll may still take when the duration ends.
const LAST_POLL_WAIT: Duration = Duration::from_secs(1);

/// How often the wall clock is checked for a step, if polls follow it.
const CLOCK_LOOK: Duration = Duration::from_secs(10);

impl Lane {
    /// Polls if that is due, and returns when it is due next.
    pub(super) fn poll_if_due(&mut self, context: &mut Context<'_>) -> u64 {
        loop {
            if let Some(by) = self.stopped_by(context) {
                self.end(by, context);
                return u64::MAX;
            }
            if self.is_aligned {
                self.schedule.follow(context.now_ns(), context.wall_ahead_ns());
            }
            // A poll that was due before the end of the duration is made, even if it is
            // late.
            let Some(due_ns) = self.schedule.due_ns() else {
                self.end(EndedBy::Duration, context);
                return u64::MAX;
            };
            // With an interval of zero there are no ticks to skip.
            let at_once = self.interval.is_zero();
            let due_ns = if at_once { due_ns.max(self.back_off.until_ns()) } else { due_ns };
            let now_ns = context.now_ns();
            if due_ns > now_ns {
                let look_ns = now_ns.saturating_add(nanoseconds(CLOCK_LOOK));
                return if self.is_aligned { due_ns.min(look_ns) } else { due_ns };
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
    pub(super) fn give_up_if_due(&mut self, until_ns: u64, context: &mut Context<'_>) -> u64 {
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

    /// Whether the wait after failures covers this tick. It ends at the nearest tick,
    /// since following a clock moves ticks slightly.
    fn is_left_alone(&self, due_ns: u64) -> bool {
        let half_ns = nanoseconds(self.interval) / 2;
        due_ns.saturating_add(half_ns) < self.back_off.until_ns()
    }

    /// Goes on to the next tick after a poll.
    pub(super) fn advance(&mut self, is_good: bool, context: &mut Context<'_>) {
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

    /// The machine was suspended for this time: the polls of that time are missed.
    pub(in crate::collector) fn slept(&mut self, duration: Duration) {
        let interval_ns = nanoseconds(self.interval);
        let is_polled = !matches!(self.state, State::Flowing | State::Draining(_) | State::Over);
        if is_polled && interval_ns > 0 {
            self.slept_ns = self.slept_ns.saturating_add(nanoseconds(duration));
            self.miss(self.slept_ns / interval_ns);
            self.slept_ns %= interval_ns;
        }
    }
}
