//! Making the first log, and replacing it: its full chunks are sealed, the rest is copied
//! into a new log, and a new manifest lists the new log.
//!
//! The order is: sync the old log, if a sync of it is reliable; sync chunks, new log and
//! temporary manifest; sync the directory; rename the manifest; sync the directory; write
//! a mark in the new log; remove the old log.

use std::sync::Arc;

use super::append::Appending;
use super::held::{Held, Losses};
use super::orphans::remove_orphans;
use super::seal::seal;
use crate::error::{Error, ErrorKind, Result};
use crate::format::names::{DAMAGED, log_name};
use crate::format::record::{RECORD_BYTES, Record};
use crate::log::Head;
use crate::log::reader::Log;
use crate::log::writer::{LogWriter, make};
use crate::manifest::{self, Manifest};
use crate::os::disk::{Directory, DiskFile};
use crate::os::lock::Lock;

/// Which part of the old log is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// All of it. It is synced.
    All,
    /// What was acknowledged. A sync has failed, so the result of another one means
    /// nothing.
    Acknowledged,
}

impl Appending {
    /// Makes the first log of a store to which nothing was ever appended.
    pub(super) fn first(directory: &Arc<Directory>, lock: &Lock) -> Result<Self> {
        remove_orphans(directory, lock, &Record::empty())?;
        let (manifest, file) = manifest::with_ballast(directory, || {
            let unlogged = Record { store: draw_identity(directory)?, ..Record::empty() };
            let mut record = unlogged.with_log(draw_identity(directory)?);
            let file = make_log(directory, &mut record, &Held::default())?;
            Ok((list(directory, lock, &record)?, file))
        })?;
        Ok(Self::listed(directory, lock, manifest, file))
    }

    /// Goes on with the log that `manifest` lists from now on.
    fn listed(directory: &Arc<Directory>, lock: &Lock, manifest: Manifest, file: DiskFile) -> Self {
        let mut log = LogWriter::begin(Arc::new(file), Head::of(&manifest.record));
        // If this fails, the next append tries again before it writes.
        let is_listing_durable = lock.sync_directory().is_ok();
        if is_listing_durable {
            log.mark();
        }
        Self {
            directory: Arc::clone(directory),
            manifest,
            kept: log.end(),
            log,
            is_listing_durable,
            has_unconfirmed: false,
            is_not_continuable: false,
            stays: None,
        }
    }

    /// Replaces the log, and this value by one that appends to the new log. After an
    /// error the manifest lists the old log, and this value is still right.
    pub(super) fn rotate(&mut self, lock: &Lock, keep: Keep) -> Result<()> {
        remove_orphans(&self.directory, lock, &self.manifest.record)?;
        let (end, sealable) = match keep {
            Keep::All => (self.log.end(), self.log.end()),
            Keep::Acknowledged => (self.kept, self.log.durable()),
        };
        let old = Log::of(Arc::clone(self.log.file()), *self.log.head())?;
        if let Some(unreadable) = old.unreadable_end() {
            return Err(unreadable.into());
        }
        if old.end_sequence() < end.sequence {
            let detail = "the log no longer holds what was appended to it; look at the disk";
            return Err(Error::damaged(old.file().path(), old.tail().end.offset, detail));
        }
        let directory = Arc::clone(&self.directory);
        let listed = &self.manifest.record;
        let replace = || {
            let mut record = listed.with_log(draw_identity(&directory)?);
            let ends = (sealable.sequence, end.sequence);
            let (file, has_losses) =
                seal_and_make_log(&directory, lock, &old, ends, Losses::Corrupt, &mut record)?;
            Ok((list(&directory, lock, &record)?, file, has_losses))
        };
        let (manifest, file, has_losses) = manifest::with_ballast(&directory, || {
            // Chunks that were finished would take the room that the disk lacks.
            replace().inspect_err(|_| remove_unlisted(&directory, lock))
        })?;
        *self = Self::listed(&directory, lock, manifest, file);
        if self.is_listing_durable {
            // If it cannot be removed now, it is removed as an orphan later.
            let name = log_name(old.head().id);
            drop(if has_losses {
                directory.set_aside(&name, DAMAGED).and_then(|()| lock.sync_directory())
            } else {
                directory.remove(&name)
            });
            // On a full disk there is room for it only now.
            manifest::make_ballast(&directory);
        }
        Ok(())
    }
}

/// Replaces the manifest to list the log of `record`. If that fails, the log is removed.
fn list(directory: &Directory, lock: &Lock, record: &Record) -> Result<Manifest> {
    manifest::replace(directory, lock, record).inspect_err(|_| {
        if manifest::read(directory).is_ok_and(|listed| listed.record.log != record.log) {
            drop(directory.remove(&log_name(record.log)));
        }
    })
}

/// Removes what an attempt has left that failed, as far as that succeeds.
fn remove_unlisted(directory: &Directory, lock: &Lock) {
    // Read again: it may be that only the report of the rename failed.
    let listed = manifest::read(directory);
    drop(listed.and_then(|listed| remove_orphans(directory, lock, &listed.record)));
}

/// Seals the full chunks of `old` before the first of `ends`, and makes the log of `record`
/// with the rest up to the second. Returns that log, and whether observations were lost that
/// `old` may still hold in some form.
pub(crate) fn seal_and_make_log(
    directory: &Directory,
    lock: &Lock,
    old: &Log,
    (sealable, end): (u64, u64),
    losses: Losses,
    record: &mut Record,
) -> Result<(DiskFile, bool)> {
    let has_losses = seal(directory, lock, old, sealable, losses, record)?;
    let held = Held::read(old, record.log_first_sequence()..end, losses)?;
    let file = make_log(directory, record, &held)?;
    Ok((file, has_losses || held.has_unaccepted()))
}

/// Makes the log of `record` with what is `held`, and records its extent in `record`.
pub(crate) fn make_log(
    directory: &Directory,
    record: &mut Record,
    held: &Held,
) -> Result<DiskFile> {
    let first = record.log_first_sequence();
    let made = make(record, &held.observations, &held.lost);
    let (mut bytes, end) = made.ok_or_else(|| {
        let detail = "more observations than a log can hold";
        Error::new(ErrorKind::Invalid, directory.path(), detail)
    })?;
    record.made_bytes = end.offset;
    record.made_observations = end.sequence - first;
    bytes[..RECORD_BYTES].copy_from_slice(&record.encode());
    directory.replace_file(&log_name(record.log), &bytes)
}

/// A new random identity, never zero.
pub(crate) fn draw_identity(directory: &Directory) -> Result<u64> {
    #[cfg(test)]
    if let Some(counted) = crate::os::disk::watch::next_identity() {
        return Ok(counted);
    }
    #[cfg(fuzzing)]
    if let Some(counted) = crate::fuzzing::next_identity() {
        return Ok(counted);
    }
    loop {
        let drawn = getrandom::u64().map_err(|error| {
            let source = std::io::Error::other(error);
            Error::io(directory.path(), "draw a random identity", source)
        })?;
        if drawn != 0 {
            return Ok(drawn);
        }
    }
}
