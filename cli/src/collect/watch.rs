//! The values that are collected: what is shown of each, and its store until the end.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gaugelog::Store;
use gaugelog_sources::{CollectError, Event, Report};

use super::overview::{self, Overview, Row};
use super::progress::{Progress, Shown};
use super::report;
use crate::each::each;
use crate::exit::Exit;
use crate::figures::count;
use crate::{explain, live, output};

/// How often the table of several sources is drawn at most.
const REDRAW: Duration = Duration::from_millis(250);

/// Clones are of the same values: sources may come and go in another thread.
#[derive(Clone)]
pub(super) struct Watch {
    /// In the order of their numbers; none in the place of one that was removed.
    values: Arc<Mutex<Vec<Option<Watched>>>>,
    /// Each is shown with its name.
    is_named: bool,
    shown: Shown,
    /// The table is drawn no more.
    is_over: Arc<AtomicBool>,
}

/// A value, and its store if it could be opened.
struct Watched {
    name: String,
    store: Option<Store>,
    progress: Progress,
}

type Ended = Result<Report, CollectError>;

impl Watch {
    /// # Errors
    /// No thread can be started for the table.
    pub(super) fn new(is_named: bool, is_quiet: bool) -> Result<Self, Exit> {
        let shown = match (is_quiet, live::can_redraw()) {
            (true, _) => Shown::Nowhere,
            (false, false) => Shown::Plain,
            (false, true) if is_named => Shown::Table,
            (false, true) => Shown::Live,
        };
        let watch = Self { values: Arc::default(), is_named, shown, is_over: Arc::default() };
        if shown == Shown::Table {
            let watch = watch.clone();
            let failed =
                |error| Exit::Error(format!("cannot start a thread for the table: {error}"));
            let thread = thread::Builder::new().name("table".to_owned());
            thread.spawn(move || watch.draw_until_over()).map_err(failed)?;
        }
        Ok(watch)
    }

    fn draw_until_over(&self) {
        let mut overview = Overview::default();
        loop {
            thread::sleep(REDRAW);
            let mut values = self.values();
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let events = values.iter().flatten().map(|it| 1 + it.progress.events()).sum();
            if events > 0 {
                let now = Instant::now();
                let has_stalled = |it: &&Watched| it.progress.has_stalled(now);
                let stalled = values.iter().flatten().filter(has_stalled).count();
                overview.draw(events, stalled, || rows(&mut values));
            }
        }
    }

    fn values(&self) -> MutexGuard<'_, Vec<Option<Watched>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value, and returns its number.
    pub(super) fn add(&self, name: &str, store: Option<Store>) -> usize {
        let shown = self.is_named.then(|| name.to_owned());
        let progress = Progress::new(store.clone(), shown, self.shown);
        let mut values = self.values();
        values.push(Some(Watched { name: name.to_owned(), store, progress }));
        values.len() - 1
    }

    /// Closes the store of a value that was removed; nothing more is said of it.
    #[cfg(feature = "config")]
    pub(super) fn remove(&self, number: usize) {
        if let Some(value) = self.values().get_mut(number) {
            *value = None;
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.values().iter().flatten().map(|value| value.name.clone()).collect()
    }

    pub(super) fn note(&self, number: usize, event: &Event<'_>) {
        if let Some(Some(value)) = self.values().get_mut(number) {
            value.progress.note(event);
        }
    }

    /// The values, which are drawn no more; the table stays as it is then.
    fn take(&self) -> Vec<Option<Watched>> {
        let mut values = self.values();
        self.is_over.store(true, Ordering::Relaxed);
        match self.shown {
            Shown::Live => overview::clear(),
            Shown::Table => overview::conclude(rows(&mut values)),
            Shown::Plain | Shown::Nowhere => {}
        }
        std::mem::take(&mut values)
    }

    /// Prints what became of the values, with their pictures in `out`.
    ///
    /// # Errors
    /// The failure of the one value, or those of several, each told.
    pub(super) fn finish(&self, ended: &[Ended], out: &Path) -> Result<(), Exit> {
        let values = self.take();
        let mut conclusions = Vec::new();
        for (value, ended) in values.into_iter().zip(ended) {
            let Some(Watched { name, store, .. }) = value else { continue };
            conclusions.push((name, store, ended));
        }
        if self.shown == Shown::Nowhere {
            return conclude(&conclusions);
        }
        let printed = each(&conclusions, |(name, store, ended)| {
            let Some(store) = store else { return Ok(()) };
            let totals = ended.as_ref().map_or_else(|error| error.report, |report| *report);
            report::print(self.is_named.then_some(name), store, &totals, out)
        });
        conclude(&conclusions).and(printed)
    }
}

fn rows(values: &mut [Option<Watched>]) -> Vec<Row> {
    values.iter_mut().flatten().map(|value| value.progress.row()).collect()
}

fn conclude(values: &[(String, Option<Store>, &Ended)]) -> Result<(), Exit> {
    let failures: Vec<(&String, String)> =
        values.iter().filter_map(|(name, _, ended)| Some((name, failure(ended)?))).collect();
    match &failures[..] {
        [] => Ok(()),
        [(_, why)] if values.len() == 1 => Err(Exit::Error(why.clone())),
        failures => {
            for (name, why) in failures {
                output::say("gaugelog", &format!("error: {name}: {why}"));
            }
            Err(Exit::Told)
        }
    }
}

/// Why a run did not do what was asked for.
fn failure(ended: &Ended) -> Option<String> {
    match ended {
        Err(error) => Some(explain::collecting(error)),
        Ok(report) if report.stored == 0 && report.failed > 0 => {
            let what = if report.failed == 1 { "poll or line" } else { "polls or lines" };
            Some(format!("nothing was stored; {} {what} gave no value", count(report.failed)))
        }
        Ok(_) => None,
    }
}
