//! Work on several threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder, ScopedJoinHandle};

use crate::error::Result;
use crate::format::CHUNK;

/// More threads would wait for each other when they hand over values.
const THREADS_MAX: usize = 4;
/// Fewer observations are not worth a thread.
const OBSERVATIONS_MIN: u64 = 4 * CHUNK;

/// How many threads are worth beginning to read this number of observations.
pub(super) fn threads_for(observations: u64) -> usize {
    let most = usize::try_from(observations / OBSERVATIONS_MIN).unwrap_or(usize::MAX);
    threads_max().min(most).max(1)
}

pub(super) fn threads_max() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX)
}

/// Does `work` with each item on this number of threads. Each has a state of its own, and
/// takes the next item that none has taken. Returns the states, in any order, or an error
/// that was found; after it no more items are taken.
pub(super) fn on_threads<I, S: Send>(
    threads: usize,
    items: impl Iterator<Item = I> + Send,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, I) -> Result<()> + Sync,
) -> Result<Vec<S>> {
    let (items, has_failed) = (Mutex::new(items), AtomicBool::new(false));
    let next = || {
        let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
        if has_failed.load(Ordering::Relaxed) { None } else { items.next() }
    };
    let take_all = || {
        let mut state = state();
        while let Some(item) = next() {
            work(&mut state, item).inspect_err(|_| has_failed.store(true, Ordering::Relaxed))?;
        }
        Ok(state)
    };
    thread::scope(|scope| {
        let begin = |_| Builder::new().spawn_scoped(scope, take_all).ok();
        let others: Vec<ScopedJoinHandle<'_, _>> = (1..threads).filter_map(begin).collect();
        // All of it, if no thread could be begun.
        let own = take_all();
        let join = |other: ScopedJoinHandle<'_, _>| {
            other.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        std::iter::once(own).chain(others.into_iter().map(join)).collect()
    })
}
