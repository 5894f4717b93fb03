//! What the holder of the lock knows while appending goes well: the manifest, the log,
//! and what was acknowledged.
//!
//! Invariants: `kept` is the place to which the log goes back if a later write fails. It
//! is not after the log's end, and under every policy not before what is durable. An
//! error may leave the log in another state than this value states. Then the value is
//! dropped, and the tail is found again before the next write.

use std::sync::Arc;

use super::rotate::Keep;
use crate::error::{Error, Result};
use crate::format::frame::UNIT;
use crate::format::names::log_name;
use crate::format::{CHUNK, LEAF};
use crate::log::tail::{Stop, Tail};
use crate::log::writer::LogWriter;
use crate::log::{Head, Place};
use crate::manifest::{self, Manifest};
use crate::observation::Observation;
use crate::options::LOG_BYTES_MOST;
use crate::os::disk::{Directory, DiskFile};
use crate::os::lock::Lock;
use crate::view::View;

/// The most bytes that stay unsynced under any policy.
const UNSYNCED_BYTES_MAX: u64 = 8 << 20;
/// From this length in bytes on, a log is sealed even during an append.
const LARGE_LOG_BYTES: u64 = 64 << 20;
/// From this length in bytes on, nothing is appended to a log that cannot be sealed.
const FULL_LOG_BYTES: u64 = if cfg!(test) { 32 << 20 } else { LOG_BYTES_MOST };
/// How much is written at once.
const PORTION: usize = 64 * 1024;

/// How an append is to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Whether to sync before it returns.
    pub(crate) durable: bool,
    /// Whether to leave a mark after that sync.
    pub(crate) marked: bool,
    /// Space written ahead where the file grows.
    pub(crate) ahead_bytes: u64,
    /// The length in bytes from which a log with a full chunk is sealed.
    pub(crate) seal_from_bytes: u64,
}

#[derive(Debug)]
pub(crate) struct Appending {
    pub(super) directory: Arc<Directory>,
    pub(super) manifest: Manifest,
    pub(super) log: LogWriter,
    /// Acknowledged up to here.
    pub(super) kept: Place,
    /// Whether this process saw that the manifest is durable, or an appended frame proves
    /// it.
    pub(super) is_listing_durable: bool,
    /// Whether frames of another writer may not be durable. A sync by this process does
    /// not make them so.
    pub(super) has_unconfirmed: bool,
    /// Whether the log's end cannot be overwritten, or is also visible under another
    /// name.
    pub(super) is_not_continuable: bool,
    /// What was reported as failed and could not be taken back.
    pub(super) stays: Option<Stays>,
}

impl Appending {
    /// Looks at the store under the lock; `None` if nothing was ever appended.
    pub(crate) fn find(directory: &Arc<Directory>) -> Result<Option<Self>> {
        let manifest = manifest::read(directory)?;
        if manifest.record.log == 0 {
            return Ok(None);
        }
        let head = Head::of(&manifest.record);
        let name = log_name(head.id);
        let file = directory.open_file_for_writing(&name).map_err(|error| {
            if !error.is_not_found() {
                return error;
            }
            let detail = "the log that the manifest lists is missing; `gaugelog repair` \
                          goes on without it";
            Error::damaged(&directory.file_path(&name), 0, detail)
        })?;
        let file = Arc::new(file);
        let tail = Tail::find(&file, &head)?;
        if let Some((offset, error)) = &tail.unreadable {
            let detail = format!(
                "bytes that may hold the log's end cannot be read, so nothing can be \
                 appended ({}); `gaugelog repair` goes on without them",
                error.detail_with_source()
            );
            return Err(Error::damaged(file.path(), *offset, detail));
        }
        Ok(Some(Self::resume(directory, manifest, file, head, &tail)))
    }

    /// Goes on from what opening the store has found, without the lock; `None` if that is
    /// not enough. A mark says that all before it is durable, so none of it is ever taken
    /// back. All that is left to check is whether the mark is still there, and
    /// [`is_current`](Self::is_current) does that.
    pub(crate) fn of_view(view: &View, manifest: Manifest) -> Option<Self> {
        let log = view.log()?;
        let tail = log.tail();
        let is_settled = tail.stop == Stop::Mark && tail.watermark == tail.end && tail.is_clean;
        if !is_settled || !view.damage().is_empty() {
            return None;
        }
        // The first append meets and reports this error again.
        let file = view.directory().open_file_for_writing(&log_name(log.head().id)).ok()?;
        if file.identity() != log.file().identity() {
            return None;
        }
        let head = *log.head();
        Some(Self::resume(view.directory(), manifest, Arc::new(file), head, tail))
    }

    fn resume(
        directory: &Arc<Directory>,
        manifest: Manifest,
        file: Arc<DiskFile>,
        head: Head,
        tail: &Tail,
    ) -> Self {
        Self {
            directory: Arc::clone(directory),
            is_listing_durable: tail.is_appended_to,
            has_unconfirmed: tail.watermark != tail.end,
            is_not_continuable: !tail.is_clean || file.has_other_names(),
            kept: tail.end,
            log: LogWriter::resume(file, head, tail),
            manifest,
            stays: None,
        }
    }

    /// Whether the store is still as this value says, so that the tail need not be found
    /// again. Taking the lock has checked that the path still leads to the directory.
    pub(crate) fn is_current(&self) -> Result<bool> {
        let name = log_name(self.log.head().id);
        Ok(self.manifest.is_current(&self.directory)?
            && self.directory.is_only_name(&name, self.log.file().identity())?
            && self.log.is_untouched()?)
    }

    /// Whether the log states that something after this place is durable.
    pub(crate) fn is_durable_after(&self, place: Place) -> bool {
        self.log.durable().offset > place.offset
    }

    /// Whether the log must be sealed before anything is appended.
    pub(crate) fn is_full(&self) -> bool {
        self.log.end().offset >= FULL_LOG_BYTES
    }

    pub(crate) fn has_unsynced(&self) -> bool {
        self.has_unconfirmed || self.log.durable() != self.log.end()
    }

    /// Replaces the log if its end cannot be written to, or if it is full.
    ///
    /// Also if an append of `rows` is going to sync, since that replaces a log with frames
    /// that are not confirmed: if it failed after they were written, they would stay.
    fn prepare(&mut self, lock: &Lock, rows: usize, how: How) -> Result<()> {
        self.leave_failed(lock)?;
        let is_at_its_end = self.is_not_continuable || self.is_full();
        if is_at_its_end || (self.has_unconfirmed && self.will_sync(rows, how)) {
            self.sync_and_rotate(lock)?;
        }
        self.confirm_listing(lock)
    }

    /// Whether an append of this many rows may sync.
    fn will_sync(&self, rows: usize, how: How) -> bool {
        // With at most a header for each row, and a block's rest that is too short for one.
        let end = self.log.end().offset + 2 * UNIT * (rows as u64 + 1);
        how.durable
            || end - self.log.durable().offset >= UNSYNCED_BYTES_MAX
            || end >= how.seal_from_bytes.max(LARGE_LOG_BYTES)
    }

    /// Replaces the log if it still holds what was reported as failed.
    pub(crate) fn leave_failed(&mut self, lock: &Lock) -> Result<()> {
        if self.kept == self.log.end() { Ok(()) } else { self.rotate(lock, Keep::Acknowledged) }
    }

    /// Replaces the log. What is durable is not synced again: if that failed, the next
    /// process would find a mark and go on in a page that the kernel has dropped.
    fn sync_and_rotate(&mut self, lock: &Lock) -> Result<()> {
        if self.log.durable() != self.log.end() {
            self.log.file().sync().map_err(|error| self.abandon(lock, error))?;
        }
        self.rotate(lock, Keep::All)
    }

    /// The process that replaced the manifest may have died before that was durable.
    fn confirm_listing(&mut self, lock: &Lock) -> Result<()> {
        if !self.is_listing_durable {
            lock.sync_directory()?;
            self.is_listing_durable = true;
        }
        Ok(())
    }

    /// Appends `rows`. After an error, `kept` says which of them are stored.
    pub(crate) fn append(&mut self, lock: &Lock, rows: &[Observation], how: How) -> Result<()> {
        self.prepare(lock, rows.len(), how)?;
        let before = self.log.end().sequence;
        for portion in rows.chunks(PORTION) {
            if let Err(error) = self.log.write(portion, how.ahead_bytes) {
                return Err(self.take_back(lock, error, portion.len()));
            }
            if self.log.unsynced_bytes() >= UNSYNCED_BYTES_MAX {
                self.sync(lock)?;
            }
            self.seal_if_large(lock, how)?;
        }
        if how.durable {
            self.sync_unmarked(lock)?;
        }
        if how.durable && how.marked {
            self.leave_mark();
        }
        self.kept = self.log.end();
        self.seal_if_due(lock, before, how);
        Ok(())
    }

    /// Limits the log during one large append. What was written so far counts as stored.
    fn seal_if_large(&mut self, lock: &Lock, how: How) -> Result<()> {
        let end = self.log.end();
        if end.offset < how.seal_from_bytes.max(LARGE_LOG_BYTES) {
            return Ok(());
        }
        self.sync(lock)?;
        let sealed = self.sync_and_rotate(lock);
        if self.is_not_continuable || end.offset >= FULL_LOG_BYTES {
            sealed?;
        }
        // The next frame must not be in a log that a power cut can still take away.
        self.confirm_listing(lock)
    }

    /// Makes everything that was written durable, and thus acknowledged, and leaves a
    /// mark.
    pub(crate) fn sync(&mut self, lock: &Lock) -> Result<()> {
        self.sync_unmarked(lock)?;
        self.leave_mark();
        Ok(())
    }

    /// Leaves a mark at the durable end, if one may be there.
    pub(crate) fn leave_mark(&mut self) {
        if self.may_be_marked() {
            self.log.mark();
        }
    }

    /// Whether everything is durable and no mark says so.
    pub(crate) fn lacks_mark(&self) -> bool {
        self.may_be_marked() && !self.log.is_marked()
    }

    /// Whether a mark is allowed: it also proves that the manifest that lists the log is
    /// durable.
    fn may_be_marked(&self) -> bool {
        self.is_listing_durable && !self.is_not_continuable && !self.has_unsynced()
    }

    fn sync_unmarked(&mut self, lock: &Lock) -> Result<()> {
        if self.has_unconfirmed {
            self.sync_and_rotate(lock)?;
        }
        self.confirm_listing(lock)?;
        self.log.sync().map_err(|error| self.abandon(lock, error))?;
        self.kept = self.log.end();
        Ok(())
    }

    /// After a failed write: no reader may find what was not acknowledged.
    fn take_back(&mut self, lock: &Lock, error: Error, tried: usize) -> Error {
        // A write that failed may have written whole frames.
        let attempted = self.log.end().sequence + tried as u64;
        match self.log.take_back(self.kept) {
            // A place that cannot be written would fail each time.
            Ok(()) if error.is_device_failure() => self.abandon(lock, error),
            Ok(()) => error,
            Err(second) => self.void(error, attempted, second),
        }
    }

    /// After a failed sync the log is abandoned at its durable position. What was
    /// acknowledged after that goes into a new log; the rest is not stored.
    fn abandon(&mut self, lock: &Lock, error: Error) -> Error {
        let attempted = self.log.end().sequence;
        match self.rotate(lock, Keep::Acknowledged) {
            Ok(()) => error,
            Err(second) => {
                let error = error.followed_by(&second);
                self.void(error, attempted, second)
            }
        }
    }

    /// Ends the log before the frames that were reported as failed.
    fn void(&mut self, error: Error, attempted: u64, first: Error) -> Error {
        let kept = self.kept;
        self.is_not_continuable = true;
        let Err(second) = self.log.void(kept) else { return error };
        // Only whole frames are found later.
        let found = Tail::find(self.log.file(), self.log.head());
        let end = found.map_or(attempted, |tail| tail.end.sequence.min(attempted));
        if end <= kept.sequence {
            return error;
        }
        let rows = usize::try_from(end - kept.sequence).unwrap_or(usize::MAX);
        self.stays = Some(Stays { log: self.log.head().id, kept, rows });
        error.possibly_stored(kept.sequence..end, &second.followed_by(&first))
    }

    /// Goes on after a failure that could not be taken back: everything after `kept` is
    /// dropped.
    pub(crate) fn drop_after(&mut self, kept: Place) {
        self.kept = kept;
        self.is_not_continuable = true;
    }

    /// Seals the log's full chunks if an append has completed a leaf. A failure is not
    /// the error of the append: the next leaf tries again.
    fn seal_if_due(&mut self, lock: &Lock, before: u64, how: How) {
        let end = self.log.end();
        let is_leaf_complete = end.sequence / LEAF > before / LEAF;
        let has_chunk = end.sequence - self.log.head().first_sequence >= CHUNK;
        if is_leaf_complete && has_chunk && end.offset >= how.seal_from_bytes {
            drop(self.sync_and_rotate(lock));
        }
    }

    /// Seals the log's full chunks, if it has one.
    pub(crate) fn seal(&mut self, lock: &Lock) -> Result<()> {
        self.leave_failed(lock)?;
        if self.log.end().sequence - self.log.head().first_sequence >= CHUNK {
            self.sync_and_rotate(lock)?;
        }
        Ok(())
    }
}

/// What was reported as failed and is still in the log: it could neither be taken back
/// nor cut off by a void.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stays {
    /// The log that it is in.
    pub(crate) log: u64,
    /// Where it begins.
    pub(crate) kept: Place,
    /// How many observations it is, or may be.
    pub(crate) rows: usize,
}
