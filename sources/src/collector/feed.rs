//! A source and the stores that its values go to.

use std::fmt;
use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gaugelog::{Error, Store};

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

/// A source, and for each of its values what it is called and the store that it goes to.
///
/// A store that could not be opened ends its own value and no other.
pub struct Feed {
    source: Box<dyn Source>,
    interval: Option<Duration>,
    deadline: Option<Duration>,
    values: Vec<(String, Result<Target, Error>)>,
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// Where a value goes.
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
    /// A source of one value. The name is for the log and for
    /// [jitter](crate::Collector::jitter).
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        source: impl Source + 'static,
        store: gaugelog::Result<Store>,
    ) -> Self {
        Self::several(source, vec![(name.into(), store)])
    }

    /// A source of several values: a name and a store for each, in their order.
    ///
    /// # Panics
    /// Where the source has another number of values.
    #[must_use]
    pub fn several(
        source: impl Source + 'static,
        stores: Vec<(String, gaugelog::Result<Store>)>,
    ) -> Self {
        assert_eq!(source.values(), stores.len(), "a store for each value");
        let target = |(name, store): (_, gaugelog::Result<_>)| (name, store.map(Target::Store));
        let values = stores.into_iter().map(target).collect();
        Self { source: Box::new(source), interval: None, deadline: None, values }
    }

    /// The time from one poll to the next, where it is not the collector's.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// How long a poll may take, where it is not as the collector has it.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// What a test puts in the place of stores.
    #[cfg(test)]
    pub(super) fn into_sinks(source: Box<dyn Source>, sinks: Vec<(&str, SharedSink)>) -> Self {
        let target = |(name, sink): (&str, _)| (name.to_owned(), Ok(Target::Sink(sink)));
        let values = sinks.into_iter().map(target).collect();
        Self { source, interval: None, deadline: None, values }
    }

    /// Starts its threads, for a schedule that begins at this time.
    pub(super) fn begin(
        self,
        lane: usize,
        start_ns: u64,
        numbers: &mut impl Iterator<Item = usize>,
        context: &mut Context<'_>,
    ) -> Lane {
        let Self { source, interval, deadline, values } = self;
        let pace = source.pace();
        let collector = context.collector;
        let timing = Timing {
            interval: interval.unwrap_or(collector.interval),
            deadline: deadline.or(collector.deadline),
            start_ns,
        };
        let interval = (pace == Pace::Scheduled).then_some(timing.interval);
        let name = values.first().map_or_else(String::new, |(name, _)| name.clone());
        let (mut outlets, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (name, target)) in values.into_iter().enumerate() {
            let description = source.value_description(place);
            log::info!("{name}: collecting {description}");
            let (again, word) = mpsc::channel();
            let (sink, error) = match target {
                Ok(target) => (Some(target.sink(collector.retention)), None),
                Err(error) => (None, Some(Cause::Store(error))),
            };
            let keeper =
                sink.as_ref().and_then(|sink| Keeper::begin(sink, description, interval, context));
            outlets.push(Outlet { sink: sink.clone(), again: word });
            let number = numbers.next().unwrap_or(usize::MAX);
            kept.push(Value::new(number, name, sink, keeper, again));
            refused.push(error);
        }
        let mut lane_of = Lane::new(lane, name.clone(), timing, source.is_local(), kept, context);
        for (place, cause) in refused.into_iter().enumerate() {
            if let Some(cause) = cause {
                lane_of.values[place].end(lane, place, ended(cause), context);
            }
        }
        if lane_of.is_over() {
            return lane_of;
        }
        match threads(&name, source, outlets, lane, context) {
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
    lane: usize,
    context: &Context<'_>,
) -> io::Result<Threads> {
    let line = Line { lane, messages: context.messages.clone() };
    let (is_held, clock) = (context.collector.hold.is_some(), Arc::clone(&context.clock));
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
