//! The loop that polls sources into stores.
//!
//! ```text
//! scheduler ─ask─▶ poller ─reading─▶ storing ─▶ sink: a store
//!     ▲               │ intake: at its own pace    │
//!     └───────────────┴──────── message ───────────┘
//!     │
//!     ├─▶ lane: when a source is polled ─▶ value: what is held, counts, the end
//!     ├─▶ keeper ─▶ writing: collector.json and the live state
//!     └─▶ events, for whoever collects
//! ```

mod back_off;
mod clock;
mod context;
mod control;
mod feed;
mod intake;
mod jitter;
mod keeper;
mod lane;
mod live;
mod message;
mod place;
mod poller;
mod record;
mod report;
mod retention;
mod schedule;
mod scheduler;
mod session;
mod sink;
mod stop;
mod storing;
mod value;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use gaugelog::Store;

use crate::source::Source;
use clock::{Clock, SystemClock};
pub use control::{Control, Removal};
pub use feed::Feed;
pub use live::live_file;
pub use record::{Counts, LastError, Record};
pub use report::{Cause, CollectError, EndedBy, Event, Report};
pub use retention::Retention;
pub use stop::Stop;

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
/// Polls that were due while the machine was suspended are missed.
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
/// interval × 2ⁿ⁻¹ after the *n*-th, at most [`retry_max`](Self::retry_max), to the
/// nearest tick; the ticks in between count as missed. The first success ends this. A
/// [local](Source::is_local) source is polled at every tick all the same.
///
/// A poll that has not returned at its [deadline](Self::deadline) has failed. It cannot
/// be cut off from outside: the source is polled again once it has returned, its value
/// is dropped, and the ticks until then count as missed. Other sources do not notice.
///
/// A source that ends with an error, or whose store cannot be opened or fails for good,
/// ends alone; [`Event::Ended`] repeats that every hour while others go on.
///
/// # Counts
/// What became of the polls is kept with the store, in its `collector.json`, for this
/// run and for all: [`Record::read`]. The live state, at most two seconds old, lies in
/// memory: in `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/gaugelog` or `/run/gaugelog`, else in
/// the store. The store's own is written every ten minutes (every hour where observations
/// are held) where something has changed, when a source begins to fail or recovers, and at
/// the end, unsynced. Of several that collect into one store at once each keeps its own
/// beside the others'.
///
/// # Time
/// An observation bears the time that its source gives it, else the wall clock when
/// the poll returned. Setting the wall clock changes timestamps and nothing else.
///
/// # Storing
/// Each observation is acknowledged before the next scheduled poll, with an append of
/// its own, so other programs can append in between. An append that fails for a cause
/// that may pass, such as another writer's lock or a full disk, is repeated every second,
/// and no poll of that source is made meanwhile: memory stays bounded, the gap is counted
/// as missed. Any other error of the store ends the run of this source.
///
/// With [`hold`](Self::hold) observations wait in memory, are appended together, and count
/// after that. When the run returns, what was stored is on disk under every sync policy.
///
/// # Stopping
/// A [`Stop`] wakes the collector. A poll under way is abandoned with its thread; what a
/// source had already delivered, and what is held, is stored first. An append under way
/// is waited for: give the store a short [`lock_wait`](gaugelog::Options::lock_wait)
/// where this matters.
///
/// ```no_run
/// use std::time::Duration;
/// use gaugelog::Store;
/// use gaugelog_sources::{Collector, Event, RandomNormal, Stop};
///
/// let stop = Stop::new(); // a thread that waits for signals keeps a clone and sets it
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
    retry_max: Option<Duration>,
    hold: Option<Duration>,
    retention: Retention,
    stop: Stop,
    control: Option<Control>,
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
            retry_max: None,
            hold: None,
            retention: Retention::default(),
            stop: Stop::new(),
            control: None,
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

    /// Ends the run when somebody sets this flag.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Lets sources come and go. Such a run ends by the stop flag or its duration alone.
    #[must_use]
    pub fn control(mut self, control: Control) -> Self {
        self.control = Some(control);
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

    /// How long a source that keeps failing is left alone at most: see
    /// [failures](#failures). Without this, 30 s, or the interval where that is longer.
    #[must_use]
    pub fn retry_max(mut self, pause: Duration) -> Self {
        self.retry_max = Some(pause);
        self
    }

    /// How long observations may wait in memory before they are stored together: a crash
    /// loses up to so much. 65,536 of a value are stored earlier. All stores are synced at
    /// the same time.
    #[must_use]
    pub fn hold(mut self, duration: Duration) -> Self {
        self.hold = Some(duration);
        self
    }

    /// How much of each store is kept. What is too old is removed when a chunk of the store
    /// is full, and every hour.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Collects from one source, and returns when it is over. `on_event` is called in
    /// this thread for everything that happens, and holds up the schedule while it runs.
    ///
    /// # Errors
    /// [`Cause::Source`] where the source says that it cannot be polled again or
    /// panics. [`Cause::Store`] where the store refuses for good, where the run was
    /// over with observations that it still refused, or where the last sync failed.
    /// The error holds the totals and how many observations were not stored.
    ///
    /// # Panics
    /// Where the source has several values, which need [`run_all`](Self::run_all).
    pub fn run(
        &self,
        source: impl Source + 'static,
        store: &Store,
        mut on_event: impl FnMut(Event<'_>),
    ) -> Result<Report, CollectError> {
        let name = source.name().to_owned();
        let feed = Feed::new(name, source, Ok(store.clone()));
        let outcomes = self.run_all(vec![feed], |_, event| on_event(event));
        outcomes.into_iter().next().expect("a feed of one value has one outcome")
    }

    /// Collects from several sources at once, on the same schedule, and returns when
    /// all of them are over: the outcome of each value, in their order. A source that ends
    /// or fails for good ends its own run only; the stop flag and the duration end all.
    ///
    /// Each source has a thread of its own, so none waits for another's polls or store.
    /// `on_event` is told which value it is about, counted from 0 over all feeds; it is
    /// called in this thread, and holds up the schedule while it runs.
    pub fn run_all(
        &self,
        feeds: Vec<Feed>,
        mut on_event: impl FnMut(usize, Event<'_>),
    ) -> Vec<Result<Report, CollectError>> {
        scheduler::collect(self, feeds, &mut on_event)
    }
}

#[cfg(test)]
mod tests;
