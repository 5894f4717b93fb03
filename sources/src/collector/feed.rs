//! A source and the stores of its values.

use std::fmt;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaugelog::{Error, Store};

use super::Collector;
use super::back_off::WAIT_MOST;
use super::context::Context;
use super::intake::Intake;
use super::keeper::Keeper;
use super::lane::{Lane, Threads, Timing};
use super::poller::{Outlet, Poller};
use super::report::{Cause, EndedBy};
use super::retention::Retention;
use super::sink::{SharedSink, StoreSink};
use super::storing::Line;
use super::value::{Ending, Value};
use crate::source::{Pace, Source, SourceError};

/// A source, with a name and a store for each of its values.
///
/// A store that could not be opened ends only its own value.
pub struct Feed {
    source: Box<dyn Source>,
    own: Own,
    values: Vec<(String, Result<Target, Error>)>,
}

/// Settings that differ from the collector's.
#[derive(Default)]
struct Own {
    interval: Option<Duration>,
    deadline: Option<Duration>,
    is_aligned: bool,
    jitter: Option<u64>,
    retry_max: Option<Duration>,
    hold: Option<Duration>,
    retention: Option<Retention>,
    stop: Option<Arc<AtomicBool>>,
}

impl Own {
    fn timing(&self, collector: &Collector, start_ns: u64) -> Timing {
        let interval = self.interval.unwrap_or(collector.interval);
        let retry_max = self.retry_max.or(collector.retry_max);
        Timing {
            interval,
            deadline: self.deadline.or(collector.deadline),
            is_aligned: self.is_aligned || collector.aligned,
            jitter: self.jitter.or(collector.jitter),
            retry_max: retry_max.unwrap_or(WAIT_MOST.max(interval)),
            start_ns,
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// The store of a value.
pub(super) enum Target {
    Store(Store),
    #[cfg(test)]
    Sink(SharedSink),
}

impl Target {
    fn sink(self, retention: Retention) -> SharedSink {
        match self {
            Self::Store(store) => Arc::new(Mutex::new(StoreSink::new(store, retention))),
            #[cfg(test)]
            Self::Sink(sink) => sink,
        }
    }
}

impl Feed {
    /// A source of one value. The name is used in the log and for
    /// [jitter](crate::Collector::jitter).
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        source: impl Source + 'static,
        store: gaugelog::Result<Store>,
    ) -> Self {
        Self::several(source, vec![(name.into(), store)])
    }

    /// A source of several values: a name and a store for each, in order.
    ///
    /// # Panics
    /// If the source has another number of values.
    #[must_use]
    pub fn several(
        source: impl Source + 'static,
        stores: Vec<(String, gaugelog::Result<Store>)>,
    ) -> Self {
        assert_eq!(source.values(), stores.len(), "a store for each value");
        let target = |(name, store): (_, gaugelog::Result<_>)| (name, store.map(Target::Store));
        let values = stores.into_iter().map(target).collect();
        Self { source: Box::new(source), own: Own::default(), values }
    }

    /// The time from one poll to the next, if it differs from the collector's.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.own.interval = Some(interval);
        self
    }

    /// How long a poll may take, if that differs from the collector's setting.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.own.deadline = Some(deadline);
        self
    }

    /// Polls it at multiples of its interval on the wall clock.
    #[must_use]
    pub fn align(mut self, is_aligned: bool) -> Self {
        self.own.is_aligned = is_aligned;
        self
    }

    /// Delays its polls by a part of its interval: see
    /// [`Collector::jitter`](crate::Collector::jitter).
    #[must_use]
    pub fn jitter(mut self, seed: u64) -> Self {
        self.own.jitter = Some(seed);
        self
    }

    /// The longest time for which it is not polled while it fails, if that differs from
    /// the collector's setting.
    #[must_use]
    pub fn retry_max(mut self, pause: Duration) -> Self {
        self.own.retry_max = Some(pause);
        self
    }

    /// How long its observations may wait in memory, if that differs from the collector's
    /// setting. Stores with the same time are synced together.
    #[must_use]
    pub fn hold(mut self, duration: Duration) -> Self {
        self.own.hold = Some(duration);
        self
    }

    /// How much of its stores is kept, if that differs from the collector's setting.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.own.retention = Some(retention);
        self
    }

    /// The flag that the source has as its [`Settings::stop`](crate::Settings::stop),
    /// such as one of [`Stop::for_one`](crate::Stop::for_one). It is set when the source
    /// is [removed](crate::Control::remove), and interrupts what a poll waits for.
    #[must_use]
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.own.stop = Some(flag);
        self
    }

    /// A feed with sinks of a test in place of stores.
    #[cfg(test)]
    pub(super) fn into_sinks(source: Box<dyn Source>, sinks: Vec<(&str, SharedSink)>) -> Self {
        let target = |(name, sink): (&str, _)| (name.to_owned(), Ok(Target::Sink(sink)));
        let values = sinks.into_iter().map(target).collect();
        Self { source, own: Own::default(), values }
    }

    /// Starts its threads, for a schedule that begins at this time.
    pub(super) fn begin(
        self,
        lane: usize,
        start_ns: u64,
        numbers: &mut impl Iterator<Item = usize>,
        context: &mut Context<'_>,
    ) -> Lane {
        let Self { source, own, values } = self;
        let collector = context.collector;
        let timing = own.timing(collector, start_ns);
        let hold = own.hold.or(collector.hold);
        let retention = own.retention.unwrap_or(collector.retention);
        let interval = (source.pace() == Pace::Scheduled).then_some(timing.interval);
        let name = values.first().map_or_else(String::new, |(name, _)| name.clone());
        let (mut outlets, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (name, target)) in values.into_iter().enumerate() {
            let description = source.value_description(place);
            log::info!("{name}: collecting {description}");
            let (again, word) = mpsc::channel();
            let (sink, error) = match target {
                Ok(target) => (Some(target.sink(retention)), None),
                Err(error) => (None, Some(Cause::Store(error))),
            };
            let unit = source.unit(place);
            let keeper = sink.as_ref().and_then(|sink| {
                Keeper::begin(sink, description, unit, interval, hold.is_some(), context)
            });
            outlets.push(Outlet { sink: sink.clone(), again: word });
            let number = numbers.next().unwrap_or(usize::MAX);
            kept.push(Value::new(number, name, sink, keeper, again, hold));
            refused.push(error);
        }
        let is_local = source.is_local();
        let mut lane_of = Lane::new(lane, name.clone(), timing, is_local, own.stop, kept, context);
        lane_of.removes_old = !retention.is_all();
        for (place, cause) in refused.into_iter().enumerate() {
            if let Some(cause) = cause {
                lane_of.values[place].end(lane, place, ended(cause), context);
            }
        }
        if lane_of.is_over() {
            return lane_of;
        }
        match threads(&name, source, outlets, hold.is_some(), lane, context) {
            Ok(threads) => lane_of.begin(threads),
            Err(error) => {
                for (place, value) in lane_of.values.iter_mut().enumerate() {
                    let doing = "start a thread for the source";
                    let error = io::Error::new(error.kind(), error.to_string());
                    let cause = Cause::Source(SourceError::fatal_io(doing, error));
                    value.end(lane, place, ended(cause), context);
                }
            }
        }
        lane_of
    }
}

fn ended(cause: Cause) -> Ending {
    Ending::badly(EndedBy::Error, cause, 0)
}

/// Starts the threads that a source needs.
fn threads(
    name: &str,
    source: Box<dyn Source>,
    mut outlets: Vec<Outlet>,
    is_held: bool,
    lane: usize,
    context: &Context<'_>,
) -> io::Result<Threads> {
    let line = Line { lane, messages: context.messages.clone() };
    let clock = Arc::clone(&context.clock);
    match (source.pace(), outlets.pop()) {
        (Pace::Own, Some(outlet)) => {
            Intake::start(name, source, outlet, is_held, clock, line).map(Threads::OwnPace)
        }
        (_, last) => {
            outlets.extend(last);
            Poller::start(name, source, outlets, is_held, clock, line).map(Threads::Scheduled)
        }
    }
}
