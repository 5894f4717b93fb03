//! Making the manifest again from the headers of the other files.

use std::path::Path;

use super::Store;
use super::create::open_directory;
use crate::chunk::reader::Chunk;
use crate::error::{Error, ErrorKind, Result};
use crate::format::CHUNK_LEAVES;
use crate::format::names::{Name, classify};
use crate::format::record::Record;
use crate::log::reader::Log;
use crate::log::{Head, header};
use crate::os::disk::Directory;
use crate::stats::tree::Edge;
use crate::write::rotate::draw_identity;

impl Store {
    /// Whether files of a store lie at `path`, even without the manifest, which
    /// [`repair`](Self::repair) then makes again.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// Store::create(&path)?.append(Observation::new(10, 1.0))?;
    /// std::fs::remove_file(path.join("manifest")).unwrap();
    /// assert!(Store::open(&path).is_err() && Store::has_files(&path)?);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::NotAStore`] for what is no directory;
    /// [`ErrorKind::Io`] for one that cannot be listed.
    pub fn has_files(path: impl AsRef<Path>) -> Result<bool> {
        let names = open_directory(path.as_ref())?.names()?;
        Ok(names.iter().any(|name| is_evidence(name)))
    }
}

/// Whether a file of this name has data of a store: no leftover of a creation that was cut off,
/// and no ballast. A manifest that lies here alone is found by opening it.
fn is_evidence(name: &str) -> bool {
    use Name::{Chunk, Damaged, Log};
    matches!(classify(name), Log(_) | Chunk(_) | Damaged(_))
}

/// A log that may have been the one that the manifest listed.
struct Candidate {
    record: Record,
    end_sequence: u64,
    /// Whether a frame or a mark follows what it was made with, so that its listing was
    /// durable.
    was_listed: bool,
}

/// The record that the lost manifest held, as far as the other files state it, and whether
/// a log cannot be used, or none is there. Its nodes are those of the log's header; repairing
/// the chunks makes them again.
///
/// A log is not the listed one if a log that was certainly listed names it as its
/// previous one. Of the others, the log whose frames reach furthest is taken. The first
/// kept chunk is the first one present.
pub(super) fn rebuild(directory: &Directory) -> Result<(Record, bool)> {
    let names = directory.names()?;
    let (mut candidates, mut chunks, mut has_unusable) = (Vec::new(), Vec::new(), false);
    for name in &names {
        match classify(name) {
            Name::Log(id) => match candidate(directory, id)? {
                Some(candidate) => candidates.push(candidate),
                None => has_unusable = true,
            },
            Name::Chunk(number) => chunks.push(number),
            _ => {}
        }
    }
    let replaced: Vec<u64> = candidates
        .iter()
        .filter(|candidate| candidate.was_listed)
        .map(|candidate| candidate.record.previous_log)
        .collect();
    candidates.retain(|candidate| !replaced.contains(&candidate.record.log));
    let listed = candidates.into_iter().max_by_key(|it| (it.end_sequence, it.was_listed));
    let Some(Candidate { record, .. }) = listed else {
        return Ok((of_chunks(directory, chunks)?, true));
    };
    let kept = |number: &u32| (record.first_chunk..record.sealed_end).contains(number);
    let first_chunk = chunks.into_iter().filter(kept).min().unwrap_or(record.sealed_end);
    Ok((Record { first_chunk, ..record }, has_unusable))
}

fn candidate(directory: &Directory, id: u64) -> Result<Option<Candidate>> {
    let Some(record) = header(directory, id)?.filter(|record| record.log == id) else {
        return Ok(None);
    };
    match Log::open(directory, Head::of(&record)) {
        Ok(log) => {
            let (end_sequence, was_listed) = (log.end_sequence(), log.tail().is_appended_to);
            Ok(Some(Candidate { record, end_sequence, was_listed }))
        }
        Err(error) if error.is_of_unusable_file() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A record of the chunks alone, from the first to the last that belongs to the same store,
/// and of a log that is missing.
fn of_chunks(directory: &Directory, mut numbers: Vec<u32>) -> Result<Record> {
    numbers.sort_unstable();
    let mut record = Record { log: draw_identity(directory)?, ..Record::empty() };
    for number in numbers.into_iter().rev() {
        let place = match Chunk::open_of_any_store(directory, number, true) {
            Ok(chunk) => chunk.header.place,
            Err(error) if error.is_of_unusable_file() => continue,
            Err(error) => return Err(error),
        };
        if record.store == 0 {
            // No chunk has the highest number.
            let Some(end) = number.checked_add(1) else { continue };
            (record.store, record.last_seal, record.sealed_end) = (place.store, place.seal, end);
        }
        if place.store == record.store {
            record.first_chunk = number;
        }
    }
    if record.store == 0 {
        let detail = "no manifest, log or chunk can be read here, so there is nothing to make \
                      a store of; restore a copy";
        return Err(Error::new(ErrorKind::NotAStore, directory.path(), detail));
    }
    record.edge = Edge::starting_at(u64::from(record.first_chunk) * CHUNK_LEAVES);
    Ok(record)
}
