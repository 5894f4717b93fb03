//! The values that are collected: what is shown of each, and its store until the end.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gaugelog::Store;
use gaugelog_sources::{CollectError, Event, Report};

use super::progress::Progress;
use super::report;
use crate::exit::Exit;
use crate::figures::count;
use crate::{explain, output};

/// Clones are of the same values: sources may come and go in another thread.
#[derive(Clone)]
pub(super) struct Watch {
    /// In the order of their numbers; none in the place of one that was removed.
    values: Arc<Mutex<Vec<Option<Watched>>>>,
    /// Each is shown with its name.
    is_named: bool,
    is_quiet: bool,
}

/// A value, and its store if it could be opened.
struct Watched {
    name: String,
    store: Option<Store>,
    progress: Progress,
}

type Ended = Result<Report, CollectError>;

impl Watch {
    pub(super) fn new(is_named: bool, is_quiet: bool) -> Self {
        Self { values: Arc::default(), is_named, is_quiet }
    }

    fn values(&self) -> MutexGuard<'_, Vec<Option<Watched>>> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value, and returns its number.
    pub(super) fn add(&self, name: &str, store: Option<Store>) -> usize {
        let shown = self.is_named.then(|| name.to_owned());
        let progress = Progress::new(store.clone(), shown, self.is_quiet);
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

    /// Prints what became of the values, with their pictures in `out`.
    ///
    /// # Errors
    /// The failure of the one value, or those of several, each told.
    pub(super) fn finish(&self, ended: &[Ended], out: &Path) -> Result<(), Exit> {
        let values = std::mem::take(&mut *self.values());
        let mut conclusions = Vec::new();
        for (value, ended) in values.into_iter().zip(ended) {
            let Some(Watched { name, store, progress }) = value else { continue };
            progress.finish();
            conclusions.push((name, store, ended));
        }
        if !self.is_quiet {
            for (name, store, ended) in &conclusions {
                let Some(store) = store else { continue };
                let totals = ended.as_ref().map_or_else(|error| error.report, |report| *report);
                report::print(self.is_named.then_some(name), store, &totals, out)?;
            }
        }
        conclude(&conclusions)
    }
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
            let failed = count(report.failed);
            Some(format!("nothing was stored; {failed} polls or lines gave no value"))
        }
        Ok(_) => None,
    }
}
