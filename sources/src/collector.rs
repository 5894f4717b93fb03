//! The loop that polls a source into a store.

mod clock;
mod report;
mod run;
mod schedule;
mod sink;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use gaugelog::Store;

use crate::source::Source;
use clock::{Clock, SystemClock};
pub use report::{Cause, CollectError, EndedBy, Event, Report};
use run::Run;
use sink::{Sink, StoreSink};

/// Polls a source and appends what it yields to a store, until a stop flag is set, a
/// duration is over, or the source ends.
///
/// # The schedule
/// Poll *n*, from 0, is due at the start plus *n* × interval, on the monotonic clock.
/// A poll that is late moves none of those behind it. Those that are past when a poll
/// has returned and its value is stored are not made up for: they count as missed.
/// With a duration, the polls that are due before its end are made and the run is
/// over after the last of them: 10 s of 100 ms are the hundred polls at 0, 0.1, … 9.9 s.
/// A poll under way at the end is waited for a second longer, then counts as failed.
///
/// A source that [delivers at its own pace](crate::Pace::Own) has no schedule: it is
/// polled all the time, and what is waiting, up to 4,096 readings, is appended together.
///
/// # Time
/// An observation bears the time that its source gives it, else the wall clock when
/// the poll returned. Setting the wall clock changes timestamps and nothing else.
///
/// # Storing
/// Each observation is acknowledged before the next scheduled poll, with an append of
/// its own, so other programs can append in between. An append that fails because
/// another writer held the lock or the file system refused is repeated every second,
/// and no poll is made meanwhile: memory stays bounded, the gap is counted as missed.
/// Several readings that were appended together and met a full disk keep the writers'
/// lock until they are stored, because the first of them may be stored already.
/// Any other error of the store ends the run. When the run returns, what was stored is
/// on disk under every sync policy.
///
/// # Stopping
/// A stop flag that is set is seen within a tenth of a second, between polls, while
/// waiting, and while the source blocks in a poll, which is then abandoned with its
/// thread. What the source had already delivered is stored first. An append under way
/// is waited for: give the store a short [`lock_wait`](gaugelog::Options::lock_wait)
/// where this matters.
///
/// ```no_run
/// use std::sync::{Arc, atomic::AtomicBool};
/// use std::time::Duration;
/// use gaugelog::Store;
/// use gaugelog_sources::{Collector, Event, RandomNormal};
///
/// let stop = Arc::new(AtomicBool::new(false)); // a signal handler keeps a clone and sets it
/// let store = Store::open("service.log")?;
/// let report = Collector::new()
///     .interval(Duration::from_millis(100))
///     .duration(Duration::from_secs(10))
///     .stop(stop)
///     .run(RandomNormal::new(14.0, 3.0, None)?, &store, |event| {
///         if let Event::PollFailed(error) = event {
///             eprintln!("{error}");
///         }
///     })?;
/// println!("{} stored, {} missed", report.stored, report.missed);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Collector {
    interval: Duration,
    duration: Option<Duration>,
    stop: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
}

impl Default for Collector {
    fn default() -> Self {
        Self::new()
    }
}

impl Collector {
    /// One poll a second, until the source ends.
    #[must_use]
    pub fn new() -> Self {
        Self {
            interval: Duration::from_secs(1),
            duration: None,
            stop: Arc::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// The time from one poll to the next. Zero is as fast as source and store can.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Ends the run by itself: see [the schedule](#the-schedule).
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Ends the run when somebody sets this flag, such as a signal handler.
    #[must_use]
    pub fn stop(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = flag;
        self
    }

    /// Collects, and returns when it is over. `on_event` is called in this thread for
    /// everything that happens, and holds up the loop while it runs.
    ///
    /// # Errors
    /// [`Cause::Source`] where the source says that it cannot be polled again or
    /// panics. [`Cause::Store`] where the store refuses for good, where the run was
    /// over with observations that it still refused, or where the last sync failed.
    /// The error holds the totals and how many observations were not stored.
    pub fn run(
        &self,
        source: impl Source + 'static,
        store: &Store,
        mut on_event: impl FnMut(Event<'_>),
    ) -> Result<Report, CollectError> {
        self.collect(Box::new(source), &mut StoreSink::new(store), &mut on_event)
    }

    fn collect(
        &self,
        source: Box<dyn Source>,
        sink: &mut dyn Sink,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, CollectError> {
        Run::new(self, sink, on_event).collect(source)
    }
}

#[cfg(test)]
mod tests;
