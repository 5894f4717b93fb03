//! What the sources of a run share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::Collector;
use super::clock::{Clock, ahead_ns, since_epoch_ns};
use super::message::Message;
use super::report::{EndedBy, Event};
use super::schedule::nanoseconds;
use super::writing::Writing;

/// The run, as its sources see it.
pub(super) struct Context<'a> {
    pub(super) collector: &'a Collector,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) messages: Sender<Message>,
    pub(super) writing: Writing,
    on_event: &'a mut dyn FnMut(usize, Event<'_>),
    started: Duration,
    /// The end of the duration.
    pub(super) end_ns: u64,
    /// When held observations are stored, by how long they may be held.
    flushes: BTreeMap<Duration, u64>,
    /// Whether some source has not ended.
    pub(super) others_go_on: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(
        collector: &'a Collector,
        messages: Sender<Message>,
        on_event: &'a mut dyn FnMut(usize, Event<'_>),
    ) -> Self {
        let clock = Arc::clone(&collector.clock);
        Self {
            started: clock.monotonic(),
            end_ns: collector.duration.map_or(u64::MAX, nanoseconds),
            collector,
            clock,
            messages,
            writing: Writing::default(),
            on_event,
            flushes: BTreeMap::new(),
            others_go_on: true,
        }
    }

    pub(super) fn emit(&mut self, number: usize, event: Event<'_>) {
        (self.on_event)(number, event);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }

    /// Time since the start.
    pub(super) fn now_ns(&self) -> u64 {
        nanoseconds(self.elapsed())
    }

    pub(super) fn wall_ns(&self) -> i64 {
        let ns = since_epoch_ns(self.clock.wall());
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
    }

    /// How far the wall clock is ahead of the time since the start.
    pub(super) fn wall_ahead_ns(&self) -> i128 {
        ahead_ns(&*self.clock) + i128::from(nanoseconds(self.started))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.collector.stop.is_set()
    }

    /// Why the run is over, if it is.
    pub(super) fn halted(&self) -> Option<EndedBy> {
        if self.is_stopped() {
            return Some(EndedBy::Signal);
        }
        (self.now_ns() >= self.end_ns).then_some(EndedBy::Duration)
    }

    /// Requests that observations with this `hold` are stored by this time: all stores of
    /// one `hold` are synced together.
    pub(super) fn flush_at(&mut self, hold: Duration, ns: u64) {
        let known = self.flushes.entry(hold).or_insert(ns);
        *known = ns.min(*known);
    }

    /// The holds that are due now.
    pub(super) fn due_flushes(&mut self) -> Vec<Duration> {
        let now_ns = self.now_ns();
        let is_due = |(hold, ns): (&Duration, &u64)| (*ns <= now_ns).then_some(*hold);
        let due: Vec<Duration> = self.flushes.iter().filter_map(is_due).collect();
        for hold in &due {
            self.flushes.remove(hold);
        }
        due
    }

    /// When held observations are stored next.
    pub(super) fn next_flush_ns(&self) -> u64 {
        self.flushes.values().copied().min().unwrap_or(u64::MAX)
    }
}
