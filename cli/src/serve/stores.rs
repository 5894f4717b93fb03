//! The stores of the folder that is served, and snapshots of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gaugelog::{Options, Snapshot};
use hyper::StatusCode;

use super::answer::Refusal;
use super::pool::Unwanted;
use crate::ask::stores::{self, Named};

/// The large stores that were asked last, whose next snapshot reads less: 7 MB each.
const LARGE_KEPT: usize = 3;
/// How long one is kept that is not asked. Its log stays open, and with it, after a seal, the
/// space of a file that was removed.
const KEPT_FOR: Duration = Duration::from_mins(1);
/// What a store is large from, in observations.
const LARGE: u64 = 10_000_000;

/// A store, or a folder of stores.
#[derive(Debug)]
pub(super) struct Stores {
    dir: PathBuf,
    /// Of large ones, the last one asked at the end.
    earlier: Mutex<Vec<Kept>>,
}

/// A snapshot of a large store, and when it was taken.
#[derive(Debug)]
struct Kept {
    path: PathBuf,
    snapshot: Snapshot,
    taken: Instant,
}

impl Stores {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, earlier: Mutex::default() }
    }

    /// The stores, for one request.
    pub(super) fn reader(&self, unwanted: Unwanted) -> Reader<'_> {
        Reader { stores: self, unwanted }
    }

    /// Forgets snapshots that nothing was asked of for a while.
    pub(super) fn forget_old(&self) {
        self.forget(KEPT_FOR);
    }

    fn forget(&self, age: Duration) {
        self.kept().retain(|it| it.taken.elapsed() < age);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn earlier(&self, path: &Path) -> Option<Snapshot> {
        self.kept().iter().find(|it| it.path == path).map(|it| it.snapshot.clone())
    }

    fn keep(&self, path: &Path, snapshot: Snapshot) {
        let mut all = self.kept();
        all.retain(|it| it.path != path);
        all.push(Kept { path: path.to_owned(), snapshot, taken: Instant::now() });
        if all.len() > LARGE_KEPT {
            all.remove(0);
        }
    }
}

/// The stores as one request reads them: no further when it is not wanted any more.
#[derive(Debug)]
pub(super) struct Reader<'s> {
    stores: &'s Stores,
    unwanted: Unwanted,
}

impl Reader<'_> {
    /// Whether the answer is not wanted any more.
    pub(super) fn unwanted(&self) -> &AtomicBool {
        &self.unwanted
    }

    /// The name of the folder.
    pub(super) fn folder(&self) -> String {
        let whole = self.stores.dir.canonicalize().unwrap_or_else(|_| self.stores.dir.clone());
        whole.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Those that there are now; none in a folder that has none yet.
    ///
    /// # Errors
    /// Where the folder cannot be listed.
    pub(super) fn all(&self) -> Result<Vec<Named>, Refusal> {
        let found = stores::now_in(&self.stores.dir);
        Ok(found.map_err(|absent| absent.explained("begin the server with another folder"))?)
    }

    pub(super) fn named(&self, name: &str) -> Result<Named, Refusal> {
        // Looked for among those there are: no name leads out of the folder.
        self.all()?.into_iter().find(|store| store.name == name).ok_or_else(|| no_store(name))
    }

    /// Those of these names, or all where none is named.
    pub(super) fn some(&self, names: &BTreeSet<&str>) -> Result<Vec<Named>, Refusal> {
        let mut all = self.all()?;
        if names.is_empty() {
            return Ok(all);
        }
        all.retain(|store| names.contains(&*store.name));
        match names.iter().find(|name| !all.iter().any(|store| store.name == **name)) {
            Some(name) => Err(no_store(name)),
            None => Ok(all),
        }
    }

    /// A snapshot read around damage.
    pub(super) fn snapshot(&self, store: &Named) -> gaugelog::Result<Snapshot> {
        self.options().snapshot(&store.path).map(|snapshot| snapshot.skip_damage())
    }

    /// As [`snapshot`](Self::snapshot), for what reads much of the tree of summaries of a large store.
    pub(super) fn snapshot_again(&self, store: &Named) -> gaugelog::Result<Snapshot> {
        let path = &store.path;
        let earlier = self.stores.earlier(path);
        let options = self.options();
        let snapshot = match &earlier {
            Some(earlier) => options.snapshot_again(path, earlier)?,
            None => options.snapshot(path)?,
        };
        if snapshot.len() >= LARGE {
            // Another one, which keeps no chunk open because nothing is asked of it.
            self.stores.keep(path, options.snapshot_again(path, &snapshot)?);
        }
        Ok(snapshot.skip_damage())
    }

    /// Read by position: a file that is cut short under a read is an error and no signal, and
    /// what is read is no memory of this process.
    fn options(&self) -> Options {
        Options::new().positioned_reads(true).cancel_reads(Arc::clone(&self.unwanted))
    }
}

fn no_store(name: &str) -> Refusal {
    let text = format!("{name} is no store here; /api/v1/stores lists them");
    Refusal::new(StatusCode::NOT_FOUND, text)
}

#[cfg(test)]
mod tests {
    use gaugelog::Store;

    use super::*;

    #[test]
    fn a_removed_store_is_not_kept_open_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("room");
        let store = Store::create(&path).unwrap();
        let stores = Stores::new(dir.path().to_owned());
        stores.keep(&path, store.snapshot().unwrap());
        stores.forget_old();
        assert!(stores.earlier(&path).is_some(), "it was asked just now");
        stores.forget(Duration::ZERO);
        assert!(stores.earlier(&path).is_none());
    }
}
