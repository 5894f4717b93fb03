//! The loop that polls sources into stores.

mod back_off;
mod clock;
mod feed;
mod jitter;
mod keeper;
mod place;
mod record;
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
pub use feed::Feed;
pub use record::{Counts, LastError, Record};
pub use report::{Cause, CollectError, EndedBy, Event, Report};
use run::Run;
use sink::{Sink, StoreSink};

/// Polls sources and appends what they yield, each to a store of its own, until a stop
/// flag is set, a duration is over, or the sources end.
///
/// # The schedule
/// Poll *n*, from 0, is due at the start plus *n* × interval, on the monotonic clock.
/// A poll that is late moves none of those behind it. Those that are past when a poll
/// has returned and its value is stored are not made up for: they count as missed.
/// With a duration, the polls that are due before its end are made and the run is
/// over after the last of them: 10 s of 100 ms are the hundred polls at 0, 0.1, … 9.9 s.
/// A poll under way at the end is waited for a second longer, then counts as failed.
///
/// [Aligned](Self::align), polls are due where the wall clock shows a multiple of the
/// interval, counted from the Unix epoch: full minutes, every quarter of an hour. Where
/// that clock is set, the next poll is due at the first multiple that it then shows, at
/// least half an interval and less than two behind the one before. What the clock leaps
/// over is not missed, because no time passed, and nothing is polled twice where it
/// goes back. [Jitter](Self::jitter) moves all polls of a source by a fixed part of the
/// interval.
///
/// A source that [delivers at its own pace](crate::Pace::Own) has no schedule: it is
/// polled all the time, and what is waiting, up to 4,096 readings, is appended together.
///
/// # Failures
/// A failed poll is told and counted, and costs its own reading: the next is made when
/// it is due. From the second failure in a row on the source is left alone, for
/// interval × 2ⁿ⁻¹ after the *n*-th, at most five minutes or the interval, to the
/// nearest tick; the ticks in between count as missed. The first success ends this.
///
/// A poll that has not returned at its [deadline](Self::deadline) has failed. It cannot
/// be cut off from outside: the source is polled again once it has returned, its value
/// is dropped, and the ticks until then count as missed. Other sources do not notice.
///
/// # Counts
/// What became of the polls is kept with the store, in its `collector.json`, for this
/// run and for all: [`Record::read`]. It is written at most once a second and at the
/// end, so a crash loses the counts of the last second and nothing of the store. Of
/// several that collect into one store at once each keeps its own beside the others'.
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
    aligned: bool,
    /// What the parts of the interval are drawn from.
    jitter: Option<u64>,
    deadline: Option<Duration>,
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
            aligned: false,
            jitter: None,
            deadline: None,
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

    /// Polls on multiples of the interval of the wall clock: see
    /// [the schedule](#the-schedule).
    #[must_use]
    pub fn align(mut self, aligned: bool) -> Self {
        self.aligned = aligned;
        self
    }

    /// Polls each source later by a part of the interval, less than the whole, that the
    /// seed and the source's name fix: different seeds keep machines out of step.
    #[must_use]
    pub fn jitter(mut self, seed: u64) -> Self {
        self.jitter = Some(seed);
        self
    }

    /// How long a poll on the schedule may take: see [failures](#failures). Without
    /// one it may take for ever.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Collects from one source, and returns when it is over. `on_event` is called in
    /// this thread for everything that happens, and holds up the loop while it runs.
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
        let source = Box::new(source);
        let name = source.name().to_owned();
        self.collect(&name, source, &mut StoreSink::new(store), &mut on_event)
    }

    /// Collects from several sources at once, on the same schedule, and returns when
    /// all of them are over: the outcome of each, in their order. A source that ends or
    /// fails for good ends its own run only; the stop flag and the duration end all.
    ///
    /// Each has threads of its own, so none waits for another's polls or store.
    /// `on_event` is told which source it is about, counted from 0; it is called for
    /// one event at a time, and holds up the source that it is about while it runs, and
    /// every other one that has something to tell.
    pub fn run_all(
        &self,
        feeds: Vec<Feed<'_>>,
        on_event: impl FnMut(usize, Event<'_>) + Send,
    ) -> Vec<Result<Report, CollectError>> {
        let lanes = feeds.into_iter().map(|Feed { name, source, store }| feed::Lane {
            name,
            source,
            sink: StoreSink::new(store),
        });
        feed::collect_all(self, lanes.collect(), on_event)
    }

    fn collect(
        &self,
        name: &str,
        source: Box<dyn Source>,
        sink: &mut dyn Sink,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, CollectError> {
        Run::new(self, name, sink, on_event).collect(source)
    }
}

#[cfg(test)]
mod tests;
