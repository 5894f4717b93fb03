//! The thread that writes counts, so that a slow or full disk delays no poll.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::message::Closing;
use super::place::{Place, replace};
use super::record::Record;

/// A record to be written.
pub(super) struct Note {
    pub(super) place: Arc<Place>,
    /// The file of the live state, if it is not in the store.
    pub(super) live: Option<PathBuf>,
    pub(super) record: Record,
    /// Whether it is also written into the store.
    pub(super) to_store: bool,
    /// Set if the run is over. Then the live state is removed.
    pub(super) last: Option<Last>,
}

/// Dropped after the last record is written: then another collector can use the place.
pub(super) struct Last {
    pub(super) _lock: File,
    pub(super) _closing: Option<Closing>,
}

#[derive(Default)]
struct Waiting {
    notes: BTreeMap<PathBuf, Note>,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    there_is_some: Condvar,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the latest record of each place.
#[derive(Default)]
pub(super) struct Writing {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    has_some: bool,
}

impl Writing {
    /// Queues a record. It replaces an earlier one that is not written yet.
    pub(super) fn put(&mut self, note: Note) {
        let mut waiting = self.shared.waiting();
        let place = note.place.stem().to_owned();
        let earlier = waiting.notes.remove(&place);
        let to_store = note.to_store || earlier.is_some_and(|earlier| earlier.to_store);
        waiting.notes.insert(place, Note { to_store, ..note });
        self.has_some = true;
    }

    /// Starts the thread with what is queued.
    pub(super) fn begin(&mut self) {
        if !std::mem::take(&mut self.has_some) {
            return;
        }
        if self.thread.is_none() {
            let shared = Arc::clone(&self.shared);
            // If it cannot be started, the next record tries again.
            let named = thread::Builder::new().name("counts".to_owned());
            self.thread = named.spawn(move || write_all(&shared)).ok();
        }
        self.shared.there_is_some.notify_one();
    }

    /// Waits until everything is written.
    pub(super) fn finish(mut self) {
        self.begin();
        self.shared.waiting().is_over = true;
        self.shared.there_is_some.notify_one();
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

fn write_all(shared: &Shared) {
    // Places whose record could not be written into the store.
    let mut failing = BTreeMap::new();
    loop {
        let mut waiting = shared.waiting();
        while waiting.notes.is_empty() && !waiting.is_over {
            waiting = shared.there_is_some.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let notes = std::mem::take(&mut waiting.notes);
        drop(waiting);
        if notes.is_empty() {
            return;
        }
        for (place, note) in notes {
            write(&note, failing.entry(place).or_default());
        }
    }
}

fn write(note: &Note, is_failing: &mut bool) {
    let Note { place, live, record, to_store, last } = note;
    let Ok(text) = record.to_text() else { return };
    let written = live.as_ref().map(|live| replace(live, &text));
    if let Some(Err(error)) = &written {
        log::debug!("{}: the live counts are not written: {error}", place.stem().display());
    }
    let is_live = matches!(written, Some(Ok(())));
    if *to_store || *is_failing || !is_live {
        match place.write(&text) {
            Ok(()) => *is_failing = false,
            Err(error) => {
                if !std::mem::replace(is_failing, true) {
                    let place = place.stem().display();
                    log::error!("{place}: the counts cannot be kept, trying again: {error}");
                }
            }
        }
    }
    if let (Some(live), true) = (live, last.is_some() && !*is_failing) {
        let _ = std::fs::remove_file(live);
    }
}
