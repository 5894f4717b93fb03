//! Keeps the counts of a run with the store: see [`record`](super::record).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock::{Clock, since_epoch_ns};
use super::place::Place;
use super::record::{Counts, LastError, Record};
use super::report::Report;
use super::schedule::nanoseconds;

/// The counts are written down at most so often.
const PAUSE: Duration = Duration::from_secs(1);
/// Texts are cut to so many characters.
const TEXT_CHARS_MAX: usize = 400;

/// Holds the lock until dropped, or until the process dies.
pub(super) struct Keeper {
    directory: PathBuf,
    place: Place,
    _lock: File,
    record: Record,
    /// The counts of the runs before this one.
    before: Counts,
    /// There is something that has not been written down.
    changed: bool,
    /// When it was last tried, on the monotonic clock.
    tried: Duration,
    /// That it cannot be written was told.
    told: bool,
}

impl Keeper {
    /// Begins to keep the counts of a run, beside those of others that go on, unless the
    /// file system refuses: collecting goes on without, and the log says why.
    pub(super) fn begin(
        directory: &Path,
        source: String,
        interval: Option<Duration>,
        clock: &dyn Clock,
    ) -> Option<Self> {
        let (place, lock) = match Place::take(directory) {
            Ok(Some(taken)) => taken,
            Ok(None) => {
                let place = directory.display();
                log::warn!("{place}: too many collect there at once; these counts are not kept");
                return None;
            }
            Err(error) => {
                log::error!("{}: the counts are not kept: {error}", directory.display());
                return None;
            }
        };
        let earlier = Record::read_at(&place).unwrap_or_else(|error| {
            log::warn!("{}: the counts begin anew: {error}", directory.display());
            None
        });
        let now_ns = wall_ns(clock);
        let since_ns = earlier.as_ref().map_or(now_ns, |earlier| earlier.since_ns);
        let before = earlier.as_ref().map(|earlier| earlier.all).unwrap_or_default();
        let record = Record {
            source: cut(&source),
            interval_ns: interval.map(nanoseconds),
            process: std::process::id(),
            started_ns: now_ns,
            updated_ns: now_ns,
            ended: None,
            run: Counts::default(),
            since_ns,
            all: before,
            last_error: earlier.and_then(|earlier| earlier.last_error),
        };
        let mut keeper = Self {
            directory: directory.to_owned(),
            place,
            _lock: lock,
            record,
            before,
            changed: true,
            tried: Duration::ZERO,
            told: false,
        };
        keeper.write(clock);
        Some(keeper)
    }

    pub(super) fn note_error(&mut self, text: &str, clock: &dyn Clock) {
        self.record.last_error = Some(LastError { time_ns: wall_ns(clock), text: cut(text) });
        self.changed = true;
    }

    /// Takes the counts, and writes them down where they are new and a second has
    /// passed since the last time.
    pub(super) fn keep(&mut self, report: &Report, clock: &dyn Clock) {
        self.take(report);
        if self.changed && clock.monotonic().saturating_sub(self.tried) >= PAUSE {
            self.write(clock);
        }
    }

    /// Writes down the last counts, and how the run ended.
    pub(super) fn end(mut self, report: &Report, failure: Option<&str>, clock: &dyn Clock) {
        self.take(report);
        if let Some(failure) = failure {
            self.note_error(failure, clock);
        }
        self.record.ended = Some(report.ended_by.as_str().to_owned());
        self.write(clock);
    }

    fn take(&mut self, report: &Report) {
        let run = Counts::from(report);
        if run != self.record.run {
            self.record.all = self.before.plus(&run);
            self.record.run = run;
            self.changed = true;
        }
    }

    fn write(&mut self, clock: &dyn Clock) {
        self.tried = clock.monotonic();
        self.record.updated_ns = wall_ns(clock);
        match self.record.write(&self.place) {
            Ok(()) => (self.changed, self.told) = (false, false),
            Err(error) => {
                if !std::mem::replace(&mut self.told, true) {
                    let place = self.directory.display();
                    log::error!("{place}: the counts cannot be kept, trying again: {error}");
                }
            }
        }
    }
}

fn wall_ns(clock: &dyn Clock) -> i64 {
    let ns = since_epoch_ns(clock.wall());
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}
