//! Files that no manifest needs any more, left by a process that died.
//!
//! Only files that are certainly not needed are removed. All others with names like a
//! store's (a copy being made, an old backup beside newer files) stay, and `repair` lists
//! them.

use std::cell::OnceCell;

use super::held::is_sealed_from;
use crate::chunk::reader::Chunk;
use crate::error::Result;
use crate::format::names::{Name, classify};
use crate::format::record::Record;
use crate::log::reader::{Log, Piece};
use crate::log::{Head, header};
use crate::os::disk::Directory;
use crate::os::lock::Lock;

/// Removes orphans of the store that `record` states. The directory is synced first: a
/// power cut must not bring back a manifest that lists what was removed.
pub(super) fn remove_orphans(directory: &Directory, lock: &Lock, record: &Record) -> Result<()> {
    let search = Search { directory, record, listed: OnceCell::new() };
    let mut names = directory.names()?;
    names.retain(|name| search.is_orphan(name));
    if names.is_empty() {
        return Ok(());
    }
    lock.sync_directory()?;
    names.iter().try_for_each(|name| directory.remove(name))
}

struct Search<'a> {
    directory: &'a Directory,
    record: &'a Record,
    /// The listed log, once it was opened; `None` if it cannot be.
    listed: OnceCell<Option<Log>>,
}

impl Search<'_> {
    fn listed(&self) -> Option<&Log> {
        let open = || Log::open(self.directory, Head::of(self.record)).ok();
        self.listed.get_or_init(open).as_ref()
    }

    fn is_orphan(&self, name: &str) -> bool {
        let record = self.record;
        match classify(name) {
            Name::Temporary => true,
            Name::Log(id) if id == record.log => false,
            Name::Log(id) if id == record.previous_log => {
                self.is_made_whole() && !self.has_lost_in_chunks()
            }
            Name::Log(id) => self.is_never_listed(id),
            Name::Chunk(number) if number < record.first_chunk => true,
            Name::Chunk(number) if number >= record.sealed_end => {
                self.is_sealed_from_listed(number)
            }
            _ => false,
        }
    }

    /// Whether all that the listed log was made with is present and valid.
    fn is_made_whole(&self) -> bool {
        let Some(log) = self.listed() else { return false };
        let mut is_whole = true;
        let read = log.read(log.first_sequence()..log.head().made.sequence, &mut |piece| {
            is_whole &= !matches!(piece, Piece::Lost(..));
            Ok(())
        });
        read.is_ok() && is_whole
    }

    /// Whether a chunk sealed from the previous log lists lost observations, or cannot be
    /// read. The log may still hold those observations in some form.
    fn has_lost_in_chunks(&self) -> bool {
        for number in (self.record.first_chunk..self.record.sealed_end).rev() {
            match self.chunk(number) {
                Some(chunk) if chunk.header.place.source_log != self.record.previous_log => {
                    return false;
                }
                Some(chunk) if chunk.header.count_of_lost(false) == 0 => {}
                _ => return true,
            }
        }
        false
    }

    fn chunk(&self, number: u32) -> Option<Chunk> {
        Chunk::open(self.directory, self.record.store, number, true).ok()
    }

    /// Whether the log `id` was made to replace the listed one and was never listed, and the
    /// listed one reaches as far.
    fn is_never_listed(&self, id: u64) -> bool {
        let record = self.record;
        let Ok(Some(own)) = header(self.directory, id) else { return false };
        let head = Head::of(&own);
        // Nothing was ever appended to a store without a log, so this log holds nothing.
        let belongs = own.store == record.store || record.log == 0 && own.made_observations == 0;
        let has_all = |listed: &Log| listed.end_sequence() >= head.made.sequence;
        own.log == id
            && belongs
            && own.previous_log == record.log
            && (record.log == 0 || self.listed().is_some_and(has_all))
            && Log::open(self.directory, head).is_ok_and(|log| !log.tail().is_appended_to)
    }

    /// Whether a chunk was sealed from the listed log, and the log still holds all of it.
    fn is_sealed_from_listed(&self, number: u32) -> bool {
        let chunk = self.chunk(number);
        chunk.is_some_and(|chunk| self.listed().is_some_and(|log| is_sealed_from(&chunk, log)))
    }
}
