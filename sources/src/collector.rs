//! The loop that polls sources into stores.
//!
//! ```text
//! scheduler ─ask─▶ poller ─reading─▶ storing ─▶ sink: a store
//!     ▲               │ intake: at its own pace    │
//!     └───────────────┴──────── message ───────────┘
//!     │
//!     ├─▶ lane: when a source is polled ─▶ value: what is held, counts, the end
//!     ├─▶ keeper ─▶ writing: collector.json and the live state
//!     └─▶ events, for the caller
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

/// Polls sources and appends their values, each to its own store, until a stop flag is
/// set, a duration is over, or the sources end.
///
/// # The schedule
/// Poll *n*, from 0, is due at the start plus *n* × interval, on the monotonic clock. A
/// late poll does not move the later ones. Polls that are past due when a poll has
/// returned and its value is stored are not made up for: they count as missed. With a
/// duration, the polls that are due before its end are made, and the run is over after
/// the last of them: 10 s of 100 ms are the hundred polls at 0, 0.1, … 9.9 s. A poll that
/// is running at the end may take one more second, then it counts as failed. Polls that
/// were due while the machine was suspended are missed.
///
/// [Aligned](Self::align) polls are due when the wall clock shows a multiple of the
/// interval, counted from the Unix epoch: full minutes, or every quarter of an hour. If
/// that clock is set, the next poll is due at the first multiple that it then shows, at
/// least half an interval and less than two after the poll before. What the clock jumps
/// over is not missed, because no time passed, and nothing is polled twice if it goes
/// back. [Jitter](Self::jitter) moves all polls of a source by a fixed part of the
/// interval.
///
/// A source that [delivers at its own pace](crate::Pace::Own) has no schedule: it is
/// polled all the time, and the waiting readings, up to 4,096, are appended together.
///
/// # Failures
/// A failed poll is reported and counted, and only its own reading is lost: the next poll
/// is made when it is due. From the second failure in a row on, the source is not polled
/// for interval × 2ⁿ⁻¹ after the *n*-th, at most [`retry_max`](Self::retry_max), rounded
/// to the nearest tick; the ticks in between count as missed. The first success ends
/// this. A [local](Source::is_local) source is still polled at every tick.
///
/// A poll that has not returned at its [deadline](Self::deadline) has failed. It cannot
/// be interrupted from outside. When it returns, its value is dropped and the source is
/// polled again; the ticks until then count as missed. Other sources are not affected.
///
/// If a source ends with an error, or its store cannot be opened or fails permanently,
/// only this source ends; [`Event::Ended`] repeats that every hour while others go on.
///
/// # Counts
/// The counts of the polls are kept with the store, in its `collector.json`, for this run
/// and for all runs: [`Record::read`]. The live state, at most two seconds old, is kept
/// in memory: in `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/gaugelog` or `/run/gaugelog`, or
/// else in the store. The file in the store is written every ten minutes (every hour if
/// observations are held) if something has changed, when a source begins to fail or
/// recovers, and at the end. It is not synced. If several collectors use one store at
/// once, each keeps its own counts.
///
/// # Time
/// An observation has the time that its source gives, or else the time of the wall clock
/// when the poll returned. Setting the wall clock changes timestamps and nothing else.
///
/// # Storing
/// Each observation is acknowledged before the next scheduled poll, with an append of its
/// own, so other programs can append in between. An append that fails for a cause that
/// may pass, such as another writer's lock or a full disk, is repeated every second. No
/// poll of that source is made meanwhile: memory stays bounded, and the gap counts as
/// missed. Any other error of the store ends the run of this source.
///
/// With [`hold`](Self::hold), observations wait in memory, are appended together, and
/// count as stored after that. When the run returns, what was stored is on disk under
/// every sync policy.
///
/// # Stopping
/// A [`Stop`] wakes the collector. A running poll is abandoned with its thread. What a
/// source had already delivered, and what is held, is stored first. A running append is
/// waited for: if this matters, give the store a short
/// [`lock_wait`](gaugelog::Options::lock_wait).
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
    /// The seed for the parts of the interval.
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

    /// The time from one poll to the next. With zero, polls follow each other at once.
    #[must_use]
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Ends the run after this time: see [the schedule](#the-schedule).
    #[must_use]
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    /// Ends the run when this flag is set.
    #[must_use]
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// Lets sources be added and removed. Such a run ends only by the stop flag or its
    /// duration.
    #[must_use]
    pub fn control(mut self, control: Control) -> Self {
        self.control = Some(control);
        self
    }

    /// Polls at multiples of the interval on the wall clock: see [the
    /// schedule](#the-schedule).
    #[must_use]
    pub fn align(mut self, aligned: bool) -> Self {
        self.aligned = aligned;
        self
    }

    /// Delays the polls of each source by a part of the interval, less than the whole,
    /// which the seed and the source's name determine. Different seeds keep machines out
    /// of step.
    #[must_use]
    pub fn jitter(mut self, seed: u64) -> Self {
        self.jitter = Some(seed);
        self
    }

    /// How long a scheduled poll may take: see [failures](#failures). Without a deadline
    /// there is no limit.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The longest time for which a failing source is not polled: see
    /// [failures](#failures). The default is 30 s, or the interval if that is longer.
    #[must_use]
    pub fn retry_max(mut self, pause: Duration) -> Self {
        self.retry_max = Some(pause);
        self
    }

    /// How long observations may wait in memory before they are stored together: a crash
    /// loses at most this time. A value with 65,536 waiting observations is stored
    /// earlier. All stores are synced at the same time.
    #[must_use]
    pub fn hold(mut self, duration: Duration) -> Self {
        self.hold = Some(duration);
        self
    }

    /// How much of each store is kept. Old observations are removed when a chunk of the
    /// store is full, and every hour.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Collects from one source, and returns when it is over. `on_event` is called on
    /// this thread for everything that happens, and delays the schedule while it runs.
    ///
    /// # Errors
    /// [`Cause::Source`] if the source reports that it cannot be polled again, or panics.
    /// [`Cause::Store`] if the store refuses permanently, still refused observations when
    /// the run was over, or if the last sync failed. The error holds the totals and how
    /// many observations were not stored.
    ///
    /// # Panics
    /// If the source has several values: use [`run_all`](Self::run_all).
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

    /// Collects from several sources at once, on the same schedule, and returns when all
    /// of them are over. Returns the outcome of each value, in order. A source that ends
    /// or fails permanently ends only its own run; the stop flag and the duration end
    /// all.
    ///
    /// Each source has its own thread, so none waits for another's polls or store.
    /// `on_event` gets the number of the value, counted from 0 over all feeds. It is
    /// called on this thread, and delays the schedule while it runs.
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
