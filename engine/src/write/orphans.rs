//! Files that no manifest needs any more, left by a process that died.
//!
//! Only files that are certainly not needed are removed. All others with names like a
//! store's (a copy being made, an old backup beside newer files) stay, and `repair` lists
//! them.

use super::held::is_sealed_from;
use crate::chunk::reader::Chunk;
use crate::error::Result;
use crate::format::names::{Name, classify};
use crate::format::record::Record;
use crate::log::reader::Log;
use crate::log::{Head, header};
use crate::os::disk::Directory;
use crate::os::lock::Lock;

/// Removes orphans of the store that `record` states. The directory is synced first: a
/// power cut must not bring back a manifest that lists what was removed.
pub(super) fn remove_orphans(directory: &Directory, lock: &Lock, record: &Record) -> Result<()> {
    let names = directory.names()?;
    let mut orphans = Vec::new();
    for name in names {
        if is_orphan(directory, record, &name)? {
            orphans.push(name);
        }
    }
    if orphans.is_empty() {
        return Ok(());
    }
    lock.sync_directory()?;
    for name in orphans {
        directory.remove(&name)?;
    }
    Ok(())
}

fn is_orphan(directory: &Directory, record: &Record, name: &str) -> Result<bool> {
    match classify(name) {
        Name::Temporary => Ok(true),
        Name::Log(id) if id == record.log => Ok(false),
        Name::Log(id) if id == record.previous_log => {
            Ok(is_made_whole(directory, record) && !has_lost_in_chunks(directory, record))
        }
        Name::Log(id) => Ok(is_never_listed(directory, record, id)),
        Name::Chunk(number) if number < record.first_chunk => Ok(true),
        Name::Chunk(number) if number >= record.sealed_end => {
            Ok(is_sealed_from_listed(directory, record, number))
        }
        _ => Ok(false),
    }
}

/// Whether all that the listed log was made with is present and valid.
fn is_made_whole(directory: &Directory, record: &Record) -> bool {
    let head = Head::of(record);
    let Ok(log) = Log::open(directory, head) else { return false };
    let mut is_whole = true;
    let read = log.read(head.first_sequence..head.made.sequence, &mut |piece| {
        is_whole &= !matches!(piece, crate::log::reader::Piece::Lost(..));
        Ok(())
    });
    read.is_ok() && is_whole
}

/// Whether a chunk sealed from the previous log lists lost observations, or cannot be
/// read. The log may still hold those observations in some form.
fn has_lost_in_chunks(directory: &Directory, record: &Record) -> bool {
    for number in (record.first_chunk..record.sealed_end).rev() {
        match Chunk::open(directory, record.store, number, true) {
            Ok(chunk) if chunk.header.place.source_log != record.previous_log => return false,
            Ok(chunk) if chunk.header.is_loss_accepted || !chunk.has_lost() => {}
            _ => return true,
        }
    }
    false
}

/// Whether the log `id` was made to replace the listed one and was never listed.
fn is_never_listed(directory: &Directory, record: &Record, id: u64) -> bool {
    let Ok(Some(own)) = header(directory, id) else { return false };
    let has_all = |listed: Log| listed.end_sequence() >= Head::of(&own).made.sequence;
    // Nothing was ever appended to a store without a log, so this log holds nothing.
    let belongs = own.store == record.store || record.log == 0 && own.made_observations == 0;
    own.log == id
        && belongs
        && own.previous_log == record.log
        && (record.log == 0 || Log::open(directory, Head::of(record)).is_ok_and(has_all))
        && Log::open(directory, Head::of(&own)).is_ok_and(|log| !log.tail().is_appended_to)
}

/// Whether a chunk was sealed from the listed log, and the log still holds all of it.
fn is_sealed_from_listed(directory: &Directory, record: &Record, number: u32) -> bool {
    let Ok(chunk) = Chunk::open(directory, record.store, number, true) else { return false };
    Log::open(directory, Head::of(record)).is_ok_and(|log| is_sealed_from(&chunk, &log))
}
