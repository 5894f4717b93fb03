//! Sealing: the log's full chunks become chunk files.

use super::rotate::draw_identity;
use crate::chunk::reader::Chunk;
use crate::chunk::writer::{Contents, encode};
use crate::error::{Error, Result};
use crate::format::chunk::Place;
use crate::format::names::{ASIDE, chunk_name};
use crate::format::record::Record;
use crate::format::{CHUNK, LEAF};
use crate::log::reader::{Log, Piece};
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::os::lock::Lock;
use std::ops::Range;

/// What a log holds of a range of sequence numbers.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) observations: Vec<Observation>,
    pub(crate) lost: Vec<Range<u64>>,
    /// `repair` has accepted all losses.
    pub(crate) is_accepted: bool,
    /// How many observations are lost without that.
    pub(crate) unaccepted: u64,
}

impl Held {
    pub(crate) fn read(log: &Log, sequences: Range<u64>, losses: Losses) -> Result<Self> {
        let mut held = Self { is_accepted: true, ..Self::default() };
        log.read(sequences, &mut |piece| {
            match piece {
                Piece::Rows { rows, .. } => held.observations.extend_from_slice(rows),
                // Of an end that cannot be read; the caller has seen to that.
                Piece::Lost(damage, _) if damage.lost.is_empty() => {}
                Piece::Lost(_, Some(error)) if losses == Losses::Corrupt => {
                    let advice = "nothing is given up because of that; `gaugelog repair` goes on \
                                  without the observations there";
                    return Err(error.duplicate().advising(advice));
                }
                Piece::Lost(damage, _) => {
                    held.is_accepted = false;
                    held.unaccepted += damage.lost.end - damage.lost.start;
                    held.lost.push(damage.lost);
                }
                Piece::Absent(absent) => held.lost.push(absent),
            }
            Ok(())
        })?;
        Ok(held)
    }
}

/// What sealing has made.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// Whether observations were lost that the log may still hold in some form.
    pub(crate) has_losses: bool,
}

/// What becomes of observations that the log has lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// Those of corrupt bytes count as damage, unless a repair has accepted them before.
    /// Those that the device refuses to read are an error: it may read them later.
    Corrupt,
    /// All count as damage, unless a repair has accepted them before.
    Reported,
    /// A repair accepts them now.
    Accepted,
}

/// Writes the chunks that `log` holds in full before `limit`, synced, under names that
/// are not durable yet, and takes them into `record`.
pub(crate) fn seal(
    directory: &Directory,
    lock: &Lock,
    log: &Log,
    limit: u64,
    losses: Losses,
    record: &mut Record,
) -> Result<Sealed> {
    let mut sealed = Sealed { has_losses: false };
    while u64::from(record.sealed_end) * CHUNK + CHUNK <= limit {
        let number = record.sealed_end;
        let Some(next) = number.checked_add(1) else {
            return Err(full(directory));
        };
        let first = u64::from(number) * CHUNK;
        let held = Held::read(log, first..first + CHUNK, losses)?;
        sealed.has_losses |= !held.is_accepted;
        let seal = draw_identity(directory)?;
        let place = Place {
            store: record.store,
            number,
            source_log: log.head().id,
            seal,
            predecessor: record.last_seal,
        };
        let contents = Contents {
            place,
            observations: &held.observations,
            lost: &held.lost,
            is_accepted: held.is_accepted || losses == Losses::Accepted,
        };
        let bytes = encode(&contents, &mut record.edge);
        make_way(directory, lock, log.head().id, record.store, number)?;
        directory.replace_file(&chunk_name(number), &bytes)?;
        record.sealed_end = next;
        record.last_seal = seal;
    }
    Ok(sealed)
}

fn full(directory: &Directory) -> Error {
    let detail = format!(
        "the store has 2^32 chunks of {} observations, the most there may be; go on in a \
         new store",
        CHUNK / LEAF * LEAF
    );
    Error::new(crate::error::ErrorKind::Invalid, directory.path(), detail)
}

/// A file of the name that is in the way is kept under another one, unless an earlier
/// attempt to seal the same log has left it.
fn make_way(directory: &Directory, lock: &Lock, log: u64, store: u64, number: u32) -> Result<()> {
    let name = chunk_name(number);
    if directory.identity(&name)?.is_none() {
        return Ok(());
    }
    match Chunk::open(directory, store, number, true) {
        Ok(chunk) if chunk.place().source_log == log => Ok(()),
        _ => {
            directory.set_aside(&name, ASIDE)?;
            // Before another file has the name.
            lock.sync_directory()
        }
    }
}
