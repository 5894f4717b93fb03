//! What the clones of a store and its writers share.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use super::queue::Queue;
use super::session::{Memory, Session};
use super::writer::{AHEAD_BYTES_ONCE, how};
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::Directory;
use crate::os::lock::Lock;

/// A store's directory, its options, and what is remembered from one append to the next.
#[derive(Debug)]
pub(crate) struct Shared {
    directory: Arc<Directory>,
    options: Options,
    is_read_only: bool,
    queue: Queue,
    memory: Mutex<Memory>,
    /// The thread that holds a [`Writer`].
    holder: Mutex<Option<ThreadId>>,
}

impl Shared {
    pub(crate) fn new(
        directory: Arc<Directory>,
        options: Options,
        is_read_only: bool,
        memory: Memory,
    ) -> Self {
        Self {
            directory,
            options,
            is_read_only,
            queue: Queue::default(),
            memory: Mutex::new(memory),
            holder: Mutex::default(),
        }
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes the lock.
    pub(crate) fn session(&self) -> Result<Session> {
        if self.is_read_only {
            let detail = "the store was opened for reading only";
            return Err(Error::new(ErrorKind::ReadOnly, self.path(), detail));
        }
        self.check_holder()?;
        let lock = Lock::take(&self.directory, self.options.lock_wait)?;
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Session::open(&self.directory, lock, std::mem::take(&mut memory)))
    }

    /// Refuses a thread that would wait for itself.
    fn check_holder(&self) -> Result<()> {
        let holder = *self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if holder != Some(std::thread::current().id()) {
            return Ok(());
        }
        let detail = "this thread holds a writer of the store, and would wait for itself; use \
                      the writer, or drop it first";
        Err(Error::new(ErrorKind::Invalid, self.path(), detail))
    }

    /// Releases the lock.
    pub(crate) fn remember(&self, session: Session) {
        // First the memory, so that the next holder of this process finds it.
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        *memory = session.close();
    }

    pub(crate) fn set_holder(&self, thread: Option<ThreadId>) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = thread;
    }

    /// Runs `work` under the lock.
    pub(crate) fn locked<T>(&self, work: impl FnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let mut session = self.session()?;
        let result = work(&mut session);
        self.remember(session);
        result
    }

    /// Appends `observations`, together with those of other threads.
    pub(crate) fn append(&self, observations: &[Observation]) -> Result<Range<u64>> {
        // Checked first, since another thread may take the lock for this one.
        self.check_holder()?;
        self.queue.append(observations, |all| {
            self.locked(|session| {
                let since = session.unsynced_since();
                session.append(all, how(&self.options, since, all.len(), AHEAD_BYTES_ONCE))
            })
        })
    }
}

impl Drop for Shared {
    /// Under [`SyncPolicy::Every`], syncs what is still due; call [`Store::sync`] to see
    /// an error. Leaves the mark that [`Options::late_marks`] has delayed.
    fn drop(&mut self) {
        let memory = self.memory.get_mut().unwrap_or_else(PoisonError::into_inner);
        let lacks_mark = self.options.late_marks && memory.lacks_mark();
        if memory.unsynced_since().is_some() && matches!(self.options.sync, SyncPolicy::Every(_)) {
            drop(self.locked(Session::sync));
        } else if lacks_mark {
            drop(self.locked(Session::leave_mark));
        }
    }
}
