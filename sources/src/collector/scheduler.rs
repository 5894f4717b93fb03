//! The thread that keeps the schedule of all sources: it requests polls, handles their
//! results, and waits only for the next message or the next thing that is due.
//! Invariants:
//! - it makes no call that may block, but to receive a message;
//! - the only call that may block is receiving a message;
//! - an observation that was read is stored, or counted as unsaved in the error that ends
//!   its run;
//! - at most `HELD_MAX` observations of a value are held, and as many are being stored.

use std::ops::RangeFrom;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use super::Collector;
use super::context::Context;
use super::control::Control;
use super::feed::Feed;
use super::lane::Lane;
use super::message::Message;
use super::report::{CollectError, Event, Report};
use super::schedule::nanoseconds;

/// How often old observations are removed.
const TRIM: Duration = Duration::from_secs(3600);
/// Less than this is only the inaccuracy of reading two clocks.
const SLEEP_LEAST: Duration = Duration::from_millis(10);

/// Collects from all sources until they are over. Returns the outcome of each value, in
/// order.
pub(super) fn collect(
    collector: &Collector,
    feeds: Vec<Feed>,
    on_event: &mut dyn FnMut(usize, Event<'_>),
) -> Vec<Result<Report, CollectError>> {
    let channel = collector.control.as_ref().and_then(Control::channel);
    let (sender, messages) = channel.unwrap_or_else(mpsc::channel);
    collector.stop.wake(sender.clone());
    let mut context = Context::new(collector, sender, on_event);
    let suspended = context.clock.suspended();
    let mut scheduler = Scheduler { lanes: Vec::new(), numbers: 0.., suspended, trim_ns: 0 };
    for feed in feeds {
        scheduler.add(feed, 0, &mut context);
    }
    scheduler.run(&messages, context)
}

/// Whether sources may still be added.
fn collector_goes_on(context: &Context<'_>) -> bool {
    context.collector.control.is_some() && context.halted().is_none()
}

struct Scheduler {
    lanes: Vec<Lane>,
    /// The numbers of values that are added later.
    numbers: RangeFrom<usize>,
    /// How long the machine had been suspended at the last check.
    suspended: Duration,
    trim_ns: u64,
}

impl Scheduler {
    fn run(
        mut self,
        messages: &Receiver<Message>,
        mut context: Context<'_>,
    ) -> Vec<Result<Report, CollectError>> {
        loop {
            self.count_sleep(&context);
            context.others_go_on =
                context.halted().is_none() && self.lanes.iter().any(|lane| !lane.is_over());
            let next_ns = self.step(&mut context);
            let may_come = collector_goes_on(&context);
            if self.lanes.iter().all(Lane::is_over) && !may_come {
                break;
            }
            let next_ns = if may_come { next_ns.min(context.end_ns) } else { next_ns };
            self.wait(messages, next_ns, &mut context);
        }
        let values = self.lanes.into_iter().flat_map(|lane| lane.values);
        let outcomes = values.filter_map(|value| value.outcome).collect();
        context.writing.finish();
        outcomes
    }

    /// Does what is due, and returns when there is something to do next.
    fn step(&mut self, context: &mut Context<'_>) -> u64 {
        let now_ns = context.now_ns();
        for hold in context.due_flushes() {
            for lane in &mut self.lanes {
                lane.flush(hold, context);
            }
        }
        let mut next_ns = u64::MAX;
        for lane in &mut self.lanes {
            next_ns = next_ns.min(lane.step(context));
        }
        for value in self.lanes.iter_mut().flat_map(|lane| &mut lane.values) {
            next_ns = next_ns.min(value.keep(context));
        }
        context.writing.begin();
        self.lanes.iter_mut().for_each(Lane::retire);
        if self.lanes.iter().any(|lane| lane.removes_old && !lane.is_over()) {
            if now_ns >= self.trim_ns {
                self.trim_ns = now_ns.saturating_add(nanoseconds(TRIM));
                self.trim();
            }
            next_ns = next_ns.min(self.trim_ns);
        }
        next_ns.min(context.next_flush_ns())
    }

    /// Waits for a message until something is due, and handles all messages that are
    /// there.
    fn wait(&mut self, messages: &Receiver<Message>, next_ns: u64, context: &mut Context<'_>) {
        let left_ns = next_ns.saturating_sub(context.now_ns());
        let timeout = (next_ns < u64::MAX).then(|| Duration::from_nanos(left_ns));
        let busy = self.lanes.iter().map(Lane::busy).sum();
        match context.clock.receive(messages, timeout, busy) {
            Ok(message) => self.handle(message, context),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
        }
        while let Ok(message) = messages.try_recv() {
            self.handle(message, context);
        }
    }

    fn handle(&mut self, message: Message, context: &mut Context<'_>) {
        match message {
            Message::Lane { lane, news } => self.lanes[lane].handle(news, context),
            Message::Add(feed) => self.add(*feed, context.now_ns(), context),
            Message::Remove(name, closing) => {
                let is_named = |lane: &&mut Lane| {
                    !lane.is_removed() && lane.values.iter().any(|value| value.name == name)
                };
                for lane in self.lanes.iter_mut().filter(is_named) {
                    lane.remove(&closing);
                }
            }
            Message::Stop => {}
        }
    }

    fn add(&mut self, feed: Feed, start_ns: u64, context: &mut Context<'_>) {
        let lane = feed.begin(self.lanes.len(), start_ns, &mut self.numbers, context);
        if lane.removes_old {
            self.trim_ns = start_ns;
        }
        self.lanes.push(lane);
    }

    /// Counts the polls that were due while the machine was suspended as missed.
    fn count_sleep(&mut self, context: &Context<'_>) {
        let suspended = context.clock.suspended();
        let duration = suspended.saturating_sub(self.suspended);
        if duration < SLEEP_LEAST {
            return;
        }
        self.suspended = suspended;
        log::info!("the machine was suspended for {duration:?}; the polls of that time are missed");
        for lane in &mut self.lanes {
            lane.slept(duration);
        }
    }

    /// Removes old observations on another thread: other programs may hold the stores.
    fn trim(&self) {
        let values = self.lanes.iter().flat_map(|lane| &lane.values);
        let sinks: Vec<_> = values.filter_map(|value| value.sink.clone()).collect();
        // If no thread can be started, it is done an hour later.
        let _ = std::thread::Builder::new().name("trim".to_owned()).spawn(move || {
            for sink in sinks {
                super::sink::with(&sink, |sink| sink.trim());
            }
        });
    }
}
