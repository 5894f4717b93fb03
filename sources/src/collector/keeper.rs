//! Keeps the counts of a run with the store: see [`record`](super::record).

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::live;
use super::message::Closing;
use super::place::Place;
use super::record::{Counts, LastError, Record};
use super::report::Report;
use super::schedule::nanoseconds;
use super::session;
use super::sink::{SharedSink, with};
use super::writing::{Last, Note};

/// The delay from a change to the writing of the live state, which is so less than two
/// seconds old.
const LIVE_DELAY: Duration = Duration::from_millis(1500);
/// How often changed counts are written into the store.
const STORE_PAUSE: Duration = Duration::from_secs(600);
/// The same if observations are held, to spare a flash card: such a write takes about 16
/// blocks.
const HELD_STORE_PAUSE: Duration = Duration::from_secs(3600);
/// How often at most a source that begins to fail or recovers causes a write.
const TURN_PAUSE: Duration = Duration::from_secs(60);
/// Texts are cut to this many characters.
const TEXT_CHARS_MAX: usize = 400;

/// The lock is held until this is dropped, or until the process dies.
pub(super) struct Keeper {
    place: Arc<Place>,
    live: Option<PathBuf>,
    lock: File,
    record: Record,
    /// The counts of the runs before this one.
    before: Counts,
    /// When the live state must be written, if it has changed.
    live_ns: Option<u64>,
    /// When the file in the store was written, and how long after that it is written
    /// again.
    stored_ns: u64,
    store_pause: Duration,
    /// Whether something has changed since the file in the store was written.
    is_behind: bool,
    /// Whether the last counted poll has failed.
    is_failing: bool,
    /// Whether that has changed since the file in the store was written.
    has_turned: bool,
}

impl Keeper {
    /// Begins to keep the counts of a run, separate from those of other running
    /// collectors. If the file system refuses, collecting goes on without counts, and the
    /// log says why.
    pub(super) fn begin(
        sink: &SharedSink,
        source: String,
        unit: Option<String>,
        interval: Option<Duration>,
        is_held: bool,
        context: &mut Context<'_>,
    ) -> Option<Self> {
        let directory = with(sink, |sink| sink.directory().map(ToOwned::to_owned))?;
        let (place, lock) = match Place::take(&directory) {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                let place = directory.display();
                log::warn!(
                    "{place}: too many collectors use this store at once; these counts are not kept"
                );
                return None;
            }
            Err(error) => {
                log::error!("{}: the counts are not kept: {error}", directory.display());
                return None;
            }
        };
        let earlier = Record::read_at(&place).unwrap_or_else(|error| {
            log::warn!("{}: the counts start again from zero: {error}", directory.display());
            None
        });
        let now_ns = context.wall_ns();
        let before = earlier.as_ref().map(|earlier| earlier.all).unwrap_or_default();
        let live = live::live_file(&directory, &place.number().to_string());
        let record = Record {
            source: cut(&source),
            unit: unit.map(|unit| cut(&unit)),
            interval_ns: interval.map(nanoseconds),
            process: std::process::id(),
            started_ns: now_ns,
            updated_ns: now_ns,
            ended: None,
            run: Counts::default(),
            held: 0,
            since_ns: earlier.as_ref().map_or(now_ns, |earlier| earlier.since_ns),
            all: before,
            stored_ns: earlier.as_ref().and_then(|earlier| earlier.stored_ns),
            failing_since_ns: None,
            last_error: earlier.and_then(|earlier| earlier.last_error),
            boot_id: session::boot_id(),
            clock_synchronised: session::is_clock_synchronised(),
            live: live.clone(),
        };
        let mut keeper = Self {
            place: Arc::new(place),
            live,
            lock,
            record,
            before,
            live_ns: None,
            stored_ns: context.now_ns(),
            store_pause: if is_held { HELD_STORE_PAUSE } else { STORE_PAUSE },
            is_behind: false,
            is_failing: false,
            has_turned: false,
        };
        keeper.write(true, context);
        Some(keeper)
    }

    pub(super) fn note_error(&mut self, text: &str, context: &Context<'_>) {
        let time_ns = context.wall_ns();
        self.record.last_error = Some(LastError { time_ns, text: cut(text) });
        self.record.failing_since_ns.get_or_insert(time_ns);
        self.change(context);
    }

    /// Takes the counts, writes them if that is due, and returns when it is due next.
    pub(super) fn keep(&mut self, report: &Report, held: u64, context: &mut Context<'_>) -> u64 {
        self.take(report, held, context);
        let now_ns = context.now_ns();
        let store_ns = self.store_ns();
        let is_live_due = self.live_ns.is_some_and(|live_ns| live_ns <= now_ns);
        if is_live_due || store_ns <= now_ns {
            self.write(store_ns <= now_ns, context);
        }
        self.live_ns.unwrap_or(u64::MAX).min(self.store_ns())
    }

    /// Writes the last counts, and how the run ended.
    pub(super) fn end(
        mut self,
        report: &Report,
        failure: Option<&str>,
        closing: Option<Closing>,
        context: &mut Context<'_>,
    ) {
        self.take(report, 0, context);
        if let Some(failure) = failure {
            self.note_error(failure, context);
        }
        self.record.ended = Some(report.ended_by.as_str().to_owned());
        self.record.updated_ns = context.wall_ns();
        let last = Some(Last { _lock: self.lock, _closing: closing });
        let Self { place, live, record, .. } = self;
        context.writing.put(Note { place, live, record, to_store: true, last });
    }

    fn take(&mut self, report: &Report, held: u64, context: &Context<'_>) {
        let run = Counts::from(report);
        if run == self.record.run && held == self.record.held {
            return;
        }
        if run.polls > self.record.run.polls {
            // If several collect at once, the failed polls decide.
            let is_failing = run.failed > self.record.run.failed;
            self.has_turned |= is_failing != self.is_failing;
            self.is_failing = is_failing;
        }
        if run.stored > self.record.run.stored || held > self.record.held {
            self.record.stored_ns = Some(context.wall_ns());
            self.record.failing_since_ns = None;
        }
        self.record.all = self.before.plus(&run);
        (self.record.run, self.record.held) = (run, held);
        self.change(context);
    }

    fn change(&mut self, context: &Context<'_>) {
        self.is_behind = true;
        let due_ns = context.now_ns().saturating_add(nanoseconds(LIVE_DELAY));
        self.live_ns.get_or_insert(due_ns);
    }

    /// When the file in the store must be written.
    fn store_ns(&self) -> u64 {
        let pause = if self.has_turned { TURN_PAUSE } else { self.store_pause };
        match self.is_behind {
            true => self.stored_ns.saturating_add(nanoseconds(pause)),
            false => u64::MAX,
        }
    }

    fn write(&mut self, to_store: bool, context: &mut Context<'_>) {
        self.record.updated_ns = context.wall_ns();
        self.live_ns = None;
        if to_store {
            (self.stored_ns, self.is_behind, self.has_turned) = (context.now_ns(), false, false);
        }
        context.writing.put(Note {
            place: Arc::clone(&self.place),
            live: self.live.clone(),
            record: self.record.clone(),
            to_store,
            last: None,
        });
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
