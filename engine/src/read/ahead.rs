//! Reading leaves one after the other: after some of them, other threads read the next
//! ones at the same time.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::nodes::Tree;
use super::parallel::threads_max;
use super::scan::{Leaf, Scan};
use crate::chunk::reader::Wanted;
use crate::error::Result;
use crate::format::{CHUNK_LEAVES, LEAF};

/// After this number of leaves in a row, threads are worth beginning.
const LEAVES_BEFORE: u64 = 2 * CHUNK_LEAVES;
/// Fewer leaves that remain are not worth it.
const LEAVES_MIN: u64 = 4 * CHUNK_LEAVES;
/// The most leaves that wait to be taken. They have about 30 KB each.
const WAITING_MAX: usize = 32;

/// A [`Scan`] that reads both columns, and leaves of chunks ahead.
#[derive(Debug, Default)]
pub(super) struct ScanAhead {
    /// The leaf read last.
    pub(super) scan: Scan,
    /// The leaf after the one read last, and how many before it were read in a row.
    next: u64,
    in_a_row: u64,
    ahead: Option<Ahead>,
}

impl ScanAhead {
    /// As [`Scan::read`].
    pub(super) fn read(&mut self, tree: &Arc<Tree>, leaf: u64) -> Result<()> {
        self.in_a_row = if leaf == self.next { self.in_a_row + 1 } else { 0 };
        self.next = leaf + 1;
        if self.in_a_row == 0 {
            self.ahead = None;
        }
        let end = tree.view().sealed_end_sequence() / LEAF;
        if self.in_a_row == LEAVES_BEFORE && end.saturating_sub(leaf) >= LEAVES_MIN {
            self.ahead = Some(Ahead::begin(tree, leaf..end));
        }
        match self.ahead.as_mut().and_then(|ahead| ahead.take(&mut self.scan)) {
            Some(read) => read,
            None => self.scan.read(tree, leaf, Wanted::ROWS),
        }
    }
}

/// Threads that read leaves, and the leaves that wait to be taken.
#[derive(Debug)]
struct Ahead {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    tree: Arc<Tree>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Leaves in order, the one that is taken next first; `None` while one is read.
    leaves: VecDeque<Option<Result<Leaf>>>,
    /// The leaf after them, and the end of all.
    next: u64,
    end: u64,
    /// Memory to use again.
    free: Vec<Leaf>,
    is_over: bool,
}

impl Waiting {
    /// The next leaf to read, if there is one and there is room for it.
    fn begin(&mut self) -> Option<u64> {
        if self.next == self.end || self.leaves.len() >= WAITING_MAX {
            return None;
        }
        self.leaves.push_back(None);
        self.next += 1;
        Some(self.next - 1)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a leaf that was begun.
    fn read(&self, leaf: u64, scan: &mut Scan) {
        let read = scan.read(&self.tree, leaf, Wanted::ROWS);
        let mut waiting = self.lock();
        let memory = waiting.free.pop().unwrap_or_default();
        let read = read.map(|()| scan.replace(memory));
        let after = usize::try_from(waiting.next - leaf).expect("one of few leaves");
        let place = waiting.leaves.len() - after;
        waiting.leaves[place] = Some(read);
        if place == 0 {
            self.changed.notify_all();
        }
    }

    /// What each thread does.
    fn read_all(&self) {
        let _over = Over(self);
        let mut scan = Scan::default();
        let mut waiting = self.lock();
        while !waiting.is_over && waiting.next < waiting.end {
            let Some(leaf) = waiting.begin() else {
                waiting = self.wait(waiting);
                continue;
            };
            drop(waiting);
            self.read(leaf, &mut scan);
            waiting = self.lock();
        }
    }
}

/// Wakes those who would wait for a thread that has panicked.
struct Over<'a>(&'a Shared);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.lock().is_over = true;
            self.0.changed.notify_all();
        }
    }
}

impl Ahead {
    fn begin(tree: &Arc<Tree>, leaves: Range<u64>) -> Self {
        let waiting = Waiting { next: leaves.start, end: leaves.end, ..Waiting::default() };
        let (tree, waiting) = (Arc::clone(tree), Mutex::new(waiting));
        let shared = Arc::new(Shared { tree, waiting, changed: Condvar::new() });
        let begin = |_| {
            let shared = Arc::clone(&shared);
            Builder::new().spawn(move || shared.read_all()).ok()
        };
        // The reader is one of the threads.
        let threads = (1..threads_max()).filter_map(begin).collect();
        Self { shared, threads }
    }

    /// Puts the rows of the next leaf into `scan`; `None` if no thread has begun to read it:
    /// the reader does that. While it is being read, the reader reads a later one.
    fn take(&mut self, scan: &mut Scan) -> Option<Result<()>> {
        let shared = &self.shared;
        let mut waiting = shared.lock();
        loop {
            let Some(first) = waiting.leaves.front_mut() else {
                waiting.next = waiting.end.min(waiting.next + 1);
                return None;
            };
            if let Some(read) = first.take() {
                waiting.leaves.pop_front();
                if waiting.leaves.len() == WAITING_MAX / 2 {
                    shared.changed.notify_all();
                }
                let taken = read.map(|leaf| waiting.free.push(scan.replace(leaf)));
                return Some(taken);
            }
            if waiting.is_over {
                drop(waiting);
                self.join();
                return None;
            }
            match waiting.begin() {
                Some(later) => {
                    drop(waiting);
                    shared.read(later, scan);
                    waiting = shared.lock();
                }
                None => waiting = shared.wait(waiting),
            }
        }
    }

    /// Ends the threads. A panic of one of them goes on here.
    fn join(&mut self) {
        for thread in self.threads.drain(..) {
            thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // Its panic was about rows that are not wanted any more.
            drop(thread.join());
        }
    }
}
