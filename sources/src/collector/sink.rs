//! Where observations are stored: a store, or a test's replacement.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use gaugelog::{Error, Observation, Store};

use super::retention::Retention;

/// Takes observations in order.
pub(super) trait Sink: Send {
    /// Appends all of them. A batch that was refused for a passing cause is given again
    /// first and unchanged, or never.
    fn append(&mut self, observations: &[Observation]) -> Result<(), Error>;

    /// The directory for the counts of the polls, if they are kept.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Forces what was appended to the disk, if the policy has not done that yet.
    fn sync(&mut self) -> Result<(), Error>;

    /// Removes observations that are too old.
    fn trim(&mut self) {}
}

/// A sink that several threads use, one at a time.
pub(super) type SharedSink = Arc<Mutex<dyn Sink>>;

pub(super) fn with<T>(sink: &SharedSink, work: impl FnOnce(&mut dyn Sink) -> T) -> T {
    work(&mut *sink.lock().unwrap_or_else(PoisonError::into_inner))
}

/// A store, and how much of a refused batch it has stored.
pub(super) struct StoreSink {
    store: Store,
    retention: Retention,
    stored: usize,
}

/// A full chunk of the engine: only then there can be something to remove.
const CHUNK: u64 = 65_536;

impl StoreSink {
    pub(super) fn new(store: Store, retention: Retention) -> Self {
        Self { store, retention, stored: 0 }
    }
}

impl Sink for StoreSink {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Error> {
        match self.store.append_batch(observations.get(self.stored..).unwrap_or_default()) {
            Ok(range) => {
                self.stored = 0;
                if range.start / CHUNK != range.end / CHUNK {
                    self.trim();
                }
                Ok(())
            }
            Err(error) => {
                self.stored += error.stored();
                Err(error)
            }
        }
    }

    fn directory(&self) -> Option<&Path> {
        Some(self.store.path())
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.store.sync()
    }

    fn trim(&mut self) {
        match self.retention.apply(&self.store) {
            Ok(0) => {}
            Ok(removed) => {
                log::info!("{}: {removed} old observations removed", self.store.path().display());
            }
            Err(error) => log::warn!("old observations are not removed: {error}"),
        }
    }
}
