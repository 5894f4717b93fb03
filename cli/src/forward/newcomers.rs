//! The stores that the command line names, and those that come into its folders later.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::ask::stores::{self, Named};
use crate::exit::Exit;

/// How often folders are listed.
const LISTED_EVERY: Duration = Duration::from_secs(5);

/// The folders, and the stores that are known.
#[derive(Debug)]
pub(super) struct Newcomers {
    folders: Vec<PathBuf>,
    known: HashSet<PathBuf>,
    listed: Instant,
}

impl Newcomers {
    /// Watches the folders among `paths`; the stores that there are now are returned.
    ///
    /// # Errors
    /// [`Exit::Error`] for a path that leads to no store.
    pub(super) fn watch(paths: &[PathBuf]) -> Result<(Self, Vec<Named>), Exit> {
        let all = stores::as_directories(paths)?;
        let known: HashSet<PathBuf> = all.iter().map(|store| store.path.clone()).collect();
        let folders = paths.iter().filter(|path| !known.contains(*path)).cloned().collect();
        Ok((Self { folders, known, listed: Instant::now() }, all))
    }

    /// The stores that were not returned yet, if it is time to look for them.
    pub(super) fn now(&mut self) -> Vec<Named> {
        if self.listed.elapsed() < LISTED_EVERY {
            return Vec::new();
        }
        self.listed = Instant::now();
        // A folder without a store, or that has gone, may have one again.
        let listed = |folder: &PathBuf| stores::as_directories(std::slice::from_ref(folder)).ok();
        let all = self.folders.iter().filter_map(listed).flatten();
        let all: Vec<Named> = all.filter(|store| !self.folders.contains(&store.path)).collect();
        all.into_iter().filter(|store| self.known.insert(store.path.clone())).collect()
    }
}
