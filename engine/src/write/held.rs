//! What a log holds, and whether a chunk holds the same.

use std::ops::Range;

use crate::chunk::reader::{Chunk, Page, Wanted};
use crate::error::Result;
use crate::format::{CHUNK_LEAVES, Lost};
use crate::log::reader::{Log, Piece};
use crate::observation::Observation;

/// What a log holds in a range of sequence numbers.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) observations: Vec<Observation>,
    pub(crate) lost: Vec<Lost>,
}

impl Held {
    pub(crate) fn read(log: &Log, sequences: Range<u64>, losses: Losses) -> Result<Self> {
        let mut held = Self::default();
        log.read(sequences, &mut |piece| {
            match piece {
                Piece::Rows { rows, .. } => held.observations.extend_from_slice(rows),
                // An end that cannot be read. The caller has handled it.
                Piece::Lost(damage, _) if damage.lost.is_empty() => {}
                Piece::Lost(_, Some(error)) if losses == Losses::Corrupt => {
                    let advice = "nothing is given up because of that; `gaugelog repair` goes on \
                                  without the observations there";
                    return Err(error.clone().advising(advice));
                }
                Piece::Lost(damage, _) => {
                    let is_accepted = losses == Losses::Accepted;
                    held.lost.push(Lost { sequences: damage.lost, is_accepted });
                }
                Piece::Absent(sequences) => {
                    held.lost.push(Lost { sequences, is_accepted: true });
                }
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// Whether observations are lost that no repair has accepted.
    pub(super) fn has_unaccepted(&self) -> bool {
        self.lost.iter().any(|lost| !lost.is_accepted)
    }
}

/// How observations that the log has lost are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Losses {
    /// Losses in corrupt bytes count as damage, unless a repair has accepted them before.
    /// Bytes that the device refuses to read are an error: it may read them later.
    Corrupt,
    /// All losses count as damage, unless a repair has accepted them before.
    Reported,
    /// A repair accepts all losses now.
    Accepted,
}

/// Whether a chunk was sealed from `log`, and the log still holds all of it. A log that
/// was restored from an older copy may have grown in another way since.
pub(super) fn is_sealed_from(chunk: &Chunk, log: &Log) -> bool {
    let place = chunk.header.place;
    place.source_log == log.head().id && log.end_sequence() >= place.sequences().end && {
        let held = Held::read(log, place.sequences(), Losses::Reported);
        held.is_ok_and(|held| has_rows_of(chunk, &held).unwrap_or(false))
    }
}

/// Whether a chunk consists of what is `held`.
fn has_rows_of(chunk: &Chunk, held: &Held) -> Result<bool> {
    let (mut rows, mut page) = (Vec::new(), Page::default());
    for leaf in 0..CHUNK_LEAVES {
        chunk.read_page(leaf, Wanted::ROWS, &mut page)?;
        rows.extend(page.rows());
    }
    let is_same = |(one, other): (&Observation, &Observation)| one.has_same_bits(other);
    let held_lost = held.lost.iter().flat_map(|lost| lost.sequences.clone());
    Ok(chunk.header.lost().flat_map(|lost| lost.sequences).eq(held_lost)
        && rows.len() == held.observations.len()
        && rows.iter().zip(&held.observations).all(is_same))
}
