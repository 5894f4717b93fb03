//! Sealing: the log's full chunks become chunk files.

use super::encoding::encode_each;
use super::held::{Held, Losses, is_sealed_from};
use super::rotate::draw_identity;
use crate::chunk::reader::Chunk;
use crate::chunk::writer::{Contents, summarised};
use crate::error::{Error, Result};
use crate::format::chunk::Place;
use crate::format::names::{ASIDE, chunk_name};
use crate::format::record::Record;
use crate::format::{CHUNK, LEAF};
use crate::log::reader::Log;
use crate::os::disk::{Directory, DiskFile};
use crate::os::lock::Lock;
use std::collections::VecDeque;

/// Writes the chunks that `log` holds in full before `limit`, and adds them to `record`.
/// The files are synced, but their names are not durable yet. Returns whether observations
/// were lost that the log may still hold in some form.
pub(super) fn seal(
    directory: &Directory,
    lock: &Lock,
    log: &Log,
    limit: u64,
    losses: Losses,
    record: &mut Record,
) -> Result<bool> {
    let mut has_losses = false;
    let end = limit / CHUNK;
    let count = end.saturating_sub(record.sealed_end.into());
    let chunks = (0..count).map(|_| {
        let chunk = next_chunk(directory, log, losses, record)?;
        has_losses |= chunk.lost.iter().any(|lost| !lost.is_accepted);
        Ok(chunk)
    });
    let mut written = Unsynced { directory, files: VecDeque::new() };
    encode_each(count, chunks, |place, bytes| {
        make_way(directory, lock, log, place)?;
        written.add(chunk_name(place.number), bytes)?;
        if written.files.len() < UNSYNCED_MAX { Ok(()) } else { written.sync() }
    })?;
    written.sync()?;
    Ok(has_losses)
}

/// How many chunks are written before the first is synced: that sync then also writes the
/// file system's records of the others.
const UNSYNCED_MAX: usize = 4;

/// Chunks that are written under temporary names, which are removed if sealing fails.
struct Unsynced<'a> {
    directory: &'a Directory,
    /// The files, with their final names.
    files: VecDeque<(String, DiskFile)>,
}

impl Unsynced<'_> {
    fn add(&mut self, name: String, bytes: &[u8]) -> Result<()> {
        let temporary = format!("{name}.tmp");
        let written = self.directory.write_unsynced(&temporary, bytes);
        let file = written.inspect_err(|_| drop(self.directory.remove(&temporary)))?;
        file.start_write_out(0..bytes.len() as u64);
        self.files.push_back((name, file));
        Ok(())
    }

    /// Syncs the chunks and gives them their final names.
    fn sync(&mut self) -> Result<()> {
        while let Some((name, file)) = self.files.front() {
            file.sync()?;
            self.directory.rename(name)?;
            self.files.pop_front();
        }
        Ok(())
    }
}

impl Drop for Unsynced<'_> {
    fn drop(&mut self) {
        for (name, _) in &self.files {
            drop(self.directory.remove(&format!("{name}.tmp")));
        }
    }
}

/// Adds the next chunk to `record`, and reads its contents.
fn next_chunk(
    directory: &Directory,
    log: &Log,
    losses: Losses,
    record: &mut Record,
) -> Result<Contents> {
    let number = record.sealed_end;
    let next = number.checked_add(1).ok_or_else(|| full(directory))?;
    let first = u64::from(number) * CHUNK;
    let Held { observations, lost } = Held::read(log, first..first + CHUNK, losses)?;
    let place = Place {
        store: record.store,
        number,
        source_log: log.head().id,
        seal: draw_identity(directory)?,
        predecessor: record.last_seal,
    };
    record.sealed_end = next;
    record.last_seal = place.seal;
    Ok(summarised(place, observations, lost, &mut record.edge))
}

fn full(directory: &Directory) -> Error {
    let detail = format!(
        "the store has 2^32 chunks of {} observations, the most there may be; go on in a \
         new store",
        CHUNK / LEAF * LEAF
    );
    Error::new(crate::error::ErrorKind::Invalid, directory.path(), detail)
}

/// Sets aside a file that has the name of the new chunk, unless an earlier attempt to
/// seal the same rows has left it.
fn make_way(directory: &Directory, lock: &Lock, log: &Log, place: Place) -> Result<()> {
    let name = chunk_name(place.number);
    if directory.identity(&name)?.is_none() {
        return Ok(());
    }
    match Chunk::open(directory, place.store, place.number, true) {
        Ok(chunk) if is_sealed_from(&chunk, log) => Ok(()),
        _ => {
            directory.set_aside(&name, ASIDE)?;
            // Durable before another file gets the name.
            lock.sync_directory()
        }
    }
}
