//! Work on several threads.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, Builder, ScopedJoinHandle};

use crate::chunk::reader::Page;
use crate::error::Result;
use crate::format::CHUNK;

/// More threads would wait for the one that takes the values.
const THREADS_MAX: usize = 4;
/// For fewer chunks no thread is begun.
const CHUNKS_MIN: usize = 8;
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

/// Does each piece of work, each on a thread of its own if these can be begun. Returns what
/// they return, in any order, or the first error that is found.
pub(super) fn on_threads<W, R>(works: Vec<W>) -> Result<Vec<R>>
where
    W: FnOnce() -> Result<R> + Send,
    R: Send,
{
    let others = 1..works.len();
    let left = Mutex::new(works.into_iter());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || std::iter::from_fn(next).map(|work| work()).collect::<Result<Vec<R>>>();
    let done = thread::scope(|scope| {
        let begin = |_| Builder::new().spawn_scoped(scope, work).ok();
        let others: Vec<ScopedJoinHandle<'_, _>> = others.filter_map(begin).collect();
        // All of it, if no thread could be begun.
        let own = work();
        let join = |other: ScopedJoinHandle<'_, _>| {
            other.join().unwrap_or_else(|panic| resume_unwind(panic))
        };
        std::iter::once(own).chain(others.into_iter().map(join)).collect::<Result<Vec<_>>>()
    });
    Ok(done?.into_iter().flatten().collect())
}

/// Calls `work` with each number, a page to read into, and a function that takes values,
/// on several threads. `each` gets these values, on this thread and in any order.
/// Returns the sum of what `work` returned.
pub(super) fn for_each_chunk(
    numbers: impl Iterator<Item = u32> + Clone + Send,
    work: impl Fn(u32, &mut Page, &mut dyn FnMut(Vec<f64>)) -> Result<u64> + Sync,
    each: &mut dyn FnMut(Vec<f64>),
) -> Result<u64> {
    let threads = threads_max();
    let (numbers_left, has_failed) = (Mutex::new(numbers.clone()), AtomicBool::new(false));
    let (queue, work) = (&Queue { numbers: numbers_left, has_failed }, &work);
    if threads == 1 || numbers.take(CHUNKS_MIN).count() < CHUNKS_MIN {
        return queue.drain(work, each);
    }
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(2 * threads);
        let begin = |_| {
            let sender = sender.clone();
            // The other thread receives until all senders are gone, so none is refused.
            let drain = move || queue.drain(work, &mut |values| drop(sender.send(values)));
            Builder::new().spawn_scoped(scope, drain).ok()
        };
        let begun: Vec<ScopedJoinHandle<'_, _>> = (0..threads).filter_map(begin).collect();
        drop(sender);
        receiver.iter().for_each(&mut *each);
        // Whatever no thread has taken: all of it, if none could be begun.
        let rest = queue.drain(work, each);
        begun.into_iter().fold(rest, |sum, thread| {
            let of_thread = thread.join().unwrap_or_else(|panic| resume_unwind(panic));
            Ok(sum? + of_thread?)
        })
    })
}

/// Numbers that any thread takes the next one of.
struct Queue<N> {
    numbers: Mutex<N>,
    has_failed: AtomicBool,
}

impl<N: Iterator<Item = u32>> Queue<N> {
    fn next(&self) -> Option<u32> {
        if self.has_failed.load(Ordering::Relaxed) {
            return None;
        }
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).next()
    }

    /// Works through the queue on this thread.
    fn drain(
        &self,
        work: &impl Fn(u32, &mut Page, &mut dyn FnMut(Vec<f64>)) -> Result<u64>,
        each: &mut dyn FnMut(Vec<f64>),
    ) -> Result<u64> {
        let (mut page, mut sum) = (Page::default(), 0);
        while let Some(number) = self.next() {
            sum += work(number, &mut page, each)
                .inspect_err(|_| self.has_failed.store(true, Ordering::Relaxed))?;
        }
        Ok(sum)
    }
}
