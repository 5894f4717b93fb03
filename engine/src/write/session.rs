//! The work of one holder of the lock, and what is remembered for the next holder in the
//! same process.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::append::{Appending, How, Stays};
use crate::chunk::reader::{Page, Wanted};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{CHUNK, LEAF};
use crate::log::reader::Piece;
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::os::lock::Lock;
use crate::view::View;

/// An attempt to seal a full log may take long, and write all of its chunks in vain.
const FULL_PAUSE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 10 });

/// What one holder of the lock leaves for the next in the same process.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    appending: Option<Appending>,
    /// What was reported as failed and may still be found.
    possibly_stored: Option<(Stays, Vec<Observation>)>,
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
    /// Those of the first observations, if an attempt that was reported as failed has
    /// stored them. Observations of other processes may follow.
    pub(crate) found: Range<u64>,
    /// The number after the last.
    pub(crate) end: u64,
    /// How many observations there are.
    pub(crate) count: usize,
}

impl Numbers {
    /// From the number of the first to the number after the last of some of them.
    pub(crate) fn of(&self, some: Range<usize>) -> Range<u64> {
        let number = |at: usize| {
            let found = self.found.start + at as u64;
            if found < self.found.end { found } else { self.end - (self.count - at) as u64 }
        };
        let first = number(some.start);
        first..some.last().map_or(first, |last| number(last) + 1)
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
        self.drop_possibly_stored()?;
        Ok(self.memory.appending.as_mut())
    }

    /// Drops what was reported as failed and is still in the log, unless another writer
    /// has appended after it.
    fn drop_possibly_stored(&mut self) -> Result<()> {
        let (Some(appending), Some((stays, tried))) =
            (&mut self.memory.appending, &self.memory.possibly_stored)
        else {
            return Ok(());
        };
        if appending.log.head().id != stays.log || appending.kept.offset < stays.kept.offset {
            return Ok(());
        }
        if appending.is_durable_after(stays.kept) {
            // Who had synced it would have replaced the log: this is what others appended.
            self.memory.possibly_stored = None;
            return Ok(());
        }
        let found = stored_at(&self.directory, stays.kept.sequence, tried.len() + 1)?;
        if found.len() <= tried.len() && found.iter().zip(tried).all(is_same) {
            appending.drop_after(stays.kept);
        }
        Ok(())
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
        let found = self.found_again(rows)?;
        let again = found.clone().count();
        let (appending, lock) = self.parts();
        // Not the log's end: what was reported as failed may still be there.
        let start = appending.kept.sequence;
        let appended = appending.append(lock, &rows[again..], how);
        match appended {
            Ok(()) => {
                let end = appending.kept.sequence;
                (self.memory.possibly_stored, self.memory.full) = (None, None);
                self.note_unsynced(how.durable);
                Ok(Numbers { found, end, count: rows.len() })
            }
            Err(error) => {
                let kept = appending.kept.sequence.saturating_sub(start);
                let stored = usize::try_from(kept).unwrap_or(usize::MAX).min(rows.len() - again);
                let error = error.having_stored(again + stored);
                let is_full = appending.is_full();
                self.memory.full =
                    is_full.then(|| (Instant::now(), error.clone().having_stored(0)));
                // What is known is forgotten: the store is examined again before the next write.
                if let Some(stays) = self.memory.appending.take().and_then(|known| known.stays) {
                    self.memory.possibly_stored = Some((stays, rows[again + stored..].to_vec()));
                }
                Err(error)
            }
        }
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
        let (appending, lock) = self.parts();
        let result = work(appending, lock);
        if result.is_err() {
            self.memory.appending = None;
        } else if !appending.is_full() {
            self.memory.full = None;
        }
        result
    }

    fn parts(&mut self) -> (&mut Appending, &Lock) {
        let appending = self.memory.appending.as_mut();
        (appending.expect("the store was looked at"), &self.lock)
    }

    fn note_unsynced(&mut self, durable: bool) {
        let appending = self.memory.appending.as_ref();
        self.memory.unsynced_since = match self.memory.unsynced_since {
            _ if durable || !appending.is_some_and(Appending::has_unsynced) => None,
            Some(since) => Some(since),
            None => Some(Instant::now()),
        };
    }

    /// The sequence numbers of the first of `rows`, as far as they were reported as failed
    /// earlier and are in the store nevertheless, because another process has kept them.
    fn found_again(&mut self, rows: &[Observation]) -> Result<Range<u64>> {
        let Some((stays, tried)) = &self.memory.possibly_stored else { return Ok(0..0) };
        let is_dropped = |it: &Appending| (it.log.head().id, it.kept) == (stays.log, stays.kept);
        if self.memory.appending.as_ref().is_some_and(is_dropped) {
            return Ok(0..0);
        }
        let first = stays.kept.sequence;
        let again = rows.len().min(tried.len());
        let stored = match stored_at(&self.directory, first, again) {
            // Another process had kept them, and then they were lost or removed.
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::Damaged) => {
                Vec::new()
            }
            read => read?,
        };
        let found = stored.iter().zip(rows).take_while(|pair| is_same(*pair)).count();
        let is_retry = rows[..again].iter().zip(tried).all(is_same);
        self.memory.possibly_stored = None;
        Ok(first..first + if is_retry { found as u64 } else { 0 })
    }
}

fn is_same((one, other): (&Observation, &Observation)) -> bool {
    one.has_same_bits(other)
}

/// Up to `count` observations from `sequence` on, as far as they can be read.
fn stored_at(directory: &Arc<Directory>, sequence: u64, count: usize) -> Result<Vec<Observation>> {
    let view = View::take(directory, true)?;
    let end = sequence.saturating_add(count as u64).min(view.end_sequence());
    let (mut found, mut page) = (Vec::new(), Page::default());
    let mut next = sequence;
    while next < end.min(view.sealed_end_sequence()) {
        let Ok(number) = u32::try_from(next / CHUNK) else { break };
        view.chunk(number)?.read_page(next % CHUNK / LEAF, Wanted::ROWS, &mut page)?;
        let skip = usize::try_from(next % LEAF).expect("less than a leaf");
        found.extend(page.rows().skip(skip));
        next = next - next % LEAF + LEAF;
    }
    if let Some(log) = view.log() {
        log.read(next..end, &mut |piece| {
            if let Piece::Rows { rows, .. } = piece {
                found.extend_from_slice(rows);
            }
            Ok(())
        })?;
    }
    found.truncate(count);
    Ok(found)
}
