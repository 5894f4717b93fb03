//! The work of one holder of the lock, and what is remembered for the next holder in the
//! same process.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::append::{Appending, How};
use super::failed::Failed;
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::os::lock::Lock;

/// An attempt to seal a full log may take long, and write all of its chunks in vain.
const FULL_PAUSE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 10 });

/// What one holder of the lock leaves for the next in the same process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    appending: Option<Appending>,
    failed: Failed,
    /// When the oldest observation that is not synced was written.
    unsynced_since: Option<Instant>,
    /// When a full log could last not be sealed, and why.
    full: Option<(Instant, Error)>,
    process: u32,
}

impl Memory {
    /// From what opening the store has found.
    pub(crate) fn of(appending: Option<Appending>) -> Self {
        Self { appending, process: std::process::id(), ..Self::default() }
    }

    /// Since when something waits for a sync by this process.
    pub(crate) fn unsynced_since(&self) -> Option<Instant> {
        self.unsynced_since.filter(|_| self.process == std::process::id())
    }

    /// Whether what this process appended is durable and no mark says so.
    pub(crate) fn lacks_mark(&self) -> bool {
        self.process == std::process::id()
            && self.appending.as_ref().is_some_and(Appending::lacks_mark)
    }
}

/// The sequence numbers of what was appended at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    /// Those of observations that an attempt that was reported as failed has stored, with
    /// their places among all, which ascend. Observations of other processes may follow.
    pub(crate) found: Vec<(usize, u64)>,
    /// The number after the last of the others.
    pub(crate) end: u64,
    /// How many observations there are.
    pub(crate) count: usize,
}

impl Numbers {
    /// From the lowest number of some of them to the one after the highest.
    pub(crate) fn of(&self, some: Range<usize>) -> Range<u64> {
        let before = |at: usize| self.found.partition_point(|(place, _)| *place < at);
        let is_other = |at: &usize| before(*at) == before(*at + 1);
        let other = |at: usize| {
            let after = self.count - at - (self.found.len() - before(at));
            self.end - after as u64
        };
        let others = [some.clone().find(is_other), some.clone().rfind(is_other)];
        let found = &self.found[before(some.start)..before(some.end)];
        let found = found.iter().map(|(_, number)| *number);
        let numbers = others.into_iter().flatten().map(other).chain(found);
        let first = numbers.clone().min().unwrap_or_else(|| other(some.start));
        first..numbers.max().map_or(first, |last| last + 1)
    }
}

/// The lock, and what is known while it is held.
#[derive(Debug)]
pub(crate) struct Session {
    directory: Arc<Directory>,
    lock: Lock,
    memory: Memory,
    /// Whether the store was checked since the lock was taken.
    is_checked: bool,
}

impl Session {
    /// Goes on, under the lock, from what an earlier holder in this process left.
    pub(crate) fn open(directory: &Arc<Directory>, lock: Lock, memory: Memory) -> Self {
        let process = lock.process();
        // In a forked child: the child wrote nothing of what is not synced yet.
        let memory = if memory.process == process { memory } else { Memory::default() };
        let memory = Memory { process, ..memory };
        Self { directory: Arc::clone(directory), lock, memory, is_checked: false }
    }

    /// Releases the lock.
    pub(crate) fn close(self) -> Memory {
        self.memory
    }

    pub(crate) fn unsynced_since(&self) -> Option<Instant> {
        self.memory.unsynced_since
    }

    /// Refuses to write in a forked child: parent and child share one lock, and would
    /// overwrite each other's frames.
    fn check_process(&self) -> Result<()> {
        if self.lock.is_of_this_process() {
            return Ok(());
        }
        let detail = format!(
            "process {} opened this writer, and its lock is not that of process {}, which was \
             forked from it; open the store again in the new process",
            self.lock.process(),
            std::process::id()
        );
        Err(Error::new(ErrorKind::Invalid, self.directory.path(), detail))
    }

    /// What is known of the store; `None` if nothing was ever appended.
    fn look(&mut self) -> Result<Option<&mut Appending>> {
        self.check_process()?;
        // Taking the lock checks the path. A held writer checks it again each time.
        if self.is_checked && !self.directory.is_named()? {
            return Err(self.lock.replaced());
        }
        self.memory.appending = match self.memory.appending.take() {
            Some(known) if known.is_current()? => Some(known),
            _ => Appending::find(&self.directory)?,
        };
        self.is_checked = true;
        if let Some(appending) = &mut self.memory.appending {
            self.memory.failed.drop_from(appending)?;
            self.memory.failed.find(appending)?;
        }
        Ok(self.memory.appending.as_mut())
    }

    /// Appends `rows` and returns their sequence numbers. The error says how many of them
    /// are stored nevertheless.
    pub(crate) fn append(&mut self, rows: &[Observation], how: How) -> Result<Numbers> {
        if let Some((tried, error)) = &self.memory.full
            && tried.elapsed() < FULL_PAUSE
        {
            return Err(error.clone());
        }
        if self.look()?.is_none() {
            self.memory.appending = Some(Appending::first(&self.directory, &self.lock)?);
        }
        let found = self.memory.failed.claim(rows);
        let is_other = |at: &usize| found.binary_search_by_key(at, |(at, _)| *at).is_err();
        let others = match found.is_empty() {
            true => Cow::Borrowed(rows),
            false => (0..rows.len()).filter(is_other).map(|at| rows[at]).collect(),
        };
        // Not the log's end: what was reported as failed may still be there.
        let kept = |appending: &Appending| appending.kept.sequence;
        let start = self.memory.appending.as_ref().map_or(0, kept);
        let (appended, end) = self.work(|appending, lock| {
            (appending.append(lock, &others, how), appending.kept.sequence)
        });
        let Err(error) = appended else {
            self.memory.failed.end_stay();
            self.memory.full = None;
            self.note_unsynced(how.durable);
            return Ok(Numbers { found, end, count: rows.len() });
        };
        let kept = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
        let kept = kept.min(others.len());
        // As many as come before the first that is not stored. If none of the others is, what
        // was found need not be durable either.
        let next = (0..rows.len()).filter(is_other).nth(kept).unwrap_or(rows.len());
        let stored = if kept == 0 { 0 } else { next };
        let error = error.having_stored(stored);
        let is_full = self.memory.appending.as_ref().is_some_and(Appending::is_full);
        self.memory.full = is_full.then(|| (Instant::now(), error.clone().having_stored(0)));
        let claimed = found.partition_point(|(at, _)| *at < stored);
        self.memory.failed.give_back(rows, &found[claimed..]);
        // What is known is forgotten: the store is examined again before the next write.
        if let Some(stays) = self.memory.appending.take().and_then(|known| known.stays) {
            self.memory.failed.note(stays, &others[kept..]);
        }
        Err(error)
    }

    /// Lets the next append try to seal a full log, whenever that failed last.
    pub(crate) fn end_pause(&mut self) {
        self.memory.full = None;
    }

    /// Makes everything that was appended durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        // If it fails, what an append before it may have stored stays known.
        self.with(|appending, lock| {
            appending.leave_failed(lock)?;
            appending.sync(lock)
        })?;
        self.memory.unsynced_since = None;
        Ok(())
    }

    /// Leaves the delayed mark, unless another process has appended since.
    pub(crate) fn leave_mark(&mut self) -> Result<()> {
        self.check_process()?;
        match &mut self.memory.appending {
            Some(known) if known.is_current()? => known.leave_mark(),
            _ => {}
        }
        Ok(())
    }

    /// Runs `work` on what is known of the store. If nothing was ever appended, the
    /// result is the default.
    pub(crate) fn with<T: Default>(
        &mut self,
        work: impl FnOnce(&mut Appending, &Lock) -> Result<T>,
    ) -> Result<T> {
        if self.look()?.is_none() {
            return Ok(T::default());
        }
        let result = self.work(work);
        if result.is_err() {
            self.memory.appending = None;
        } else if !self.memory.appending.as_ref().is_some_and(Appending::is_full) {
            self.memory.full = None;
        }
        result
    }

    /// Runs `work` on what is known of the store.
    fn work<T>(&mut self, work: impl FnOnce(&mut Appending, &Lock) -> T) -> T {
        let appending = self.memory.appending.as_mut().expect("the store was looked at");
        let log = appending.log.head().id;
        let result = work(appending, &self.lock);
        if appending.log.head().id != log {
            self.memory.failed.end_stay();
        }
        result
    }

    fn note_unsynced(&mut self, durable: bool) {
        let appending = self.memory.appending.as_ref();
        self.memory.unsynced_since = match self.memory.unsynced_since {
            _ if durable || !appending.is_some_and(Appending::has_unsynced) => None,
            Some(since) => Some(since),
            None => Some(Instant::now()),
        };
    }
}
