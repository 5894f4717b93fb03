//! The checkpoint: where the active segment is known to be durable, and the
//! tree's edge there. Derived: deleting it, or finding it damaged, costs the
//! time to read one segment.
//!
//! The file has two slots, written in turn, so that a reader always finds one
//! whole. It is written after each sync and not synced itself: the page cache
//! shows it to every process while the machine runs, and after a power cut an
//! older one is still true.

use std::path::Path;

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::disk::{self, DiskFile};
use crate::error::Result;
use crate::segment::format::{
    EDGE_NODES_MAX, FRAME_OBSERVATIONS_MAX, ORDINAL_MAX, Position, SEQUENCE_MAX, SUMMARY_BYTES,
    decode_edge, encode_summary, observations_max,
};
use crate::segment::map::Bytes;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;

pub(crate) const NAME: &str = "checkpoint";

const MAGIC: [u8; 8] = *b"GLCHECK1";
const FIXED_BYTES: usize = 88;
const SLOT_BYTES: usize = 8 * 1024;
const _: () = assert!(FIXED_BYTES + EDGE_NODES_MAX * SUMMARY_BYTES <= SLOT_BYTES);

/// What a checkpoint says. It is written only of what a successful sync covered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checkpoint {
    pub(crate) generation: u64,
    pub(crate) ordinal: u64,
    pub(crate) identity: u64,
    /// The identity of the store's first segment.
    pub(crate) origin: u64,
    /// The first sequence number of that segment.
    pub(crate) segment_first: u64,
    pub(crate) durable: Position,
    /// What the frames of the block at `durable` count from.
    pub(crate) block_first: u64,
    /// The tree's edge over the complete leaves before `durable`.
    pub(crate) edge: Vec<Summary>,
}

impl Checkpoint {
    /// Generations begin again at 0, so that none is one behind which no other
    /// can be written: of two, the newer one is that which is sooner reached by
    /// counting on from the other.
    fn is_newer_than(&self, other: &Self) -> bool {
        self.generation.wrapping_sub(other.generation).cast_signed() > 0
    }
}

pub(crate) fn encode(checkpoint: &Checkpoint) -> Vec<u8> {
    let mut bytes = vec![0; FIXED_BYTES];
    let length = FIXED_BYTES + checkpoint.edge.len() * SUMMARY_BYTES;
    LE::write_u32(&mut bytes[4..], u32::try_from(length).expect("an edge has at most 64 nodes"));
    bytes[8..16].copy_from_slice(&MAGIC);
    LE::write_u64(&mut bytes[16..], checkpoint.generation);
    LE::write_u64(&mut bytes[24..], checkpoint.ordinal);
    LE::write_u64(&mut bytes[32..], checkpoint.identity);
    LE::write_u64(&mut bytes[40..], checkpoint.segment_first);
    LE::write_u64(&mut bytes[48..], checkpoint.durable.offset);
    LE::write_u64(&mut bytes[56..], checkpoint.durable.sequence);
    LE::write_u64(&mut bytes[64..], checkpoint.block_first);
    LE::write_u64(&mut bytes[72..], checkpoint.edge.len() as u64);
    LE::write_u64(&mut bytes[80..], checkpoint.origin);
    for node in &checkpoint.edge {
        encode_summary(node, &mut bytes);
    }
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    bytes
}

pub(crate) fn decode(slot: &[u8]) -> Option<Checkpoint> {
    let fixed = slot.get(..FIXED_BYTES)?;
    let length = usize::try_from(LE::read_u32(&fixed[4..])).ok()?;
    let whole = slot.get(..length).filter(|whole| whole.len() >= FIXED_BYTES)?;
    if crc32fast::hash(&whole[4..]) != LE::read_u32(whole) || whole[8..16] != MAGIC {
        return None;
    }
    Some(Checkpoint {
        generation: LE::read_u64(&whole[16..]),
        ordinal: LE::read_u64(&whole[24..]),
        identity: LE::read_u64(&whole[32..]),
        origin: LE::read_u64(&whole[80..]),
        segment_first: LE::read_u64(&whole[40..]),
        durable: Position {
            offset: LE::read_u64(&whole[48..]),
            sequence: LE::read_u64(&whole[56..]),
        },
        block_first: LE::read_u64(&whole[64..]),
        edge: decode_edge(&whole[FIXED_BYTES..], LE::read_u64(&whole[72..]))?,
    })
    .filter(is_consistent)
}

/// The edge belongs to the sequence number it is said to stand at, and the
/// segment can hold what it is said to hold.
fn is_consistent(checkpoint: &Checkpoint) -> bool {
    let Checkpoint { segment_first, block_first, durable, .. } = *checkpoint;
    (durable.sequence / LEAF).count_ones() as usize == checkpoint.edge.len()
        && durable.sequence <= SEQUENCE_MAX
        && (segment_first..=durable.sequence).contains(&block_first)
        && durable.sequence - segment_first <= observations_max(durable.offset)
        && durable.sequence - block_first <= FRAME_OBSERVATIONS_MAX
        && checkpoint.identity != 0
        && (1..=ORDINAL_MAX).contains(&checkpoint.ordinal)
}

/// The newest whole checkpoint of the store in `directory`, if there is one. A
/// file that cannot be read is done without; it is another matter where the
/// process lacks what it takes to read it, because the checkpoint also knows
/// whether the last segment is missing.
pub(crate) fn find(directory: &Path) -> Result<Option<Checkpoint>> {
    let bytes = match read_file(directory) {
        Err(error) if error.is_lack() => return Err(error),
        Err(_) => return Ok(None),
        Ok(bytes) => bytes,
    };
    let whole = by_offset(&bytes).filter_map(|(offset, slot)| decode_at(offset, slot));
    Ok(whole.reduce(|one, other| if other.is_newer_than(&one) { other } else { one }))
}

/// As [`find`], where nothing is known to be lacking.
#[cfg(any(test, fuzzing))]
pub(crate) fn read(directory: &Path) -> Option<Checkpoint> {
    find(directory).ok().flatten()
}

/// The slots that are not empty, by offset: what each says, or `None` where it
/// does not hold.
pub(crate) fn slots(directory: &Path) -> Result<Vec<(u64, Option<Checkpoint>)>> {
    if !disk::is_there(&directory.join(NAME))? {
        return Ok(Vec::new());
    }
    let bytes = read_file(directory)?;
    let filled = by_offset(&bytes).filter(|(_, slot)| slot.iter().any(|byte| *byte != 0));
    Ok(filled.map(|(offset, slot)| (offset, decode_at(offset, slot))).collect())
}

fn by_offset(bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    (0..).step_by(SLOT_BYTES).zip(bytes.chunks(SLOT_BYTES))
}

/// What the slot at `offset` says. One in the other's place does not count: its
/// successor would be written over it, and an older one beside it stay.
fn decode_at(offset: u64, slot: &[u8]) -> Option<Checkpoint> {
    decode(slot).filter(|checkpoint| offset_of(checkpoint.generation) == offset)
}

fn offset_of(generation: u64) -> u64 {
    generation % 2 * SLOT_BYTES as u64
}

fn read_file(directory: &Path) -> Result<Vec<u8>> {
    Bytes::open(&directory.join(NAME), true)?.read_all(2 * SLOT_BYTES)
}

/// Writes `checkpoint` over the slot that does not hold its predecessor.
pub(crate) fn write(directory: &Path, checkpoint: &Checkpoint) -> Result<()> {
    let slot = offset_of(checkpoint.generation);
    DiskFile::open_derived(&directory.join(NAME))?.write(slot, &encode(checkpoint))
}

/// Waits until the disk has the checkpoint.
pub(crate) fn sync(directory: &Path) -> Result<()> {
    DiskFile::open_derived(&directory.join(NAME))?.sync()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(generation: u64) -> Checkpoint {
        Checkpoint {
            generation,
            ordinal: 3,
            identity: 7,
            origin: 5,
            segment_first: 10,
            durable: Position { offset: 4096, sequence: 100 },
            block_first: 50,
            edge: Vec::new(),
        }
    }

    #[test]
    fn the_newest_whole_slot_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(read(directory.path()), None);
        for generation in 1..=4 {
            write(directory.path(), &checkpoint(generation)).expect("written");
            assert_eq!(read(directory.path()), Some(checkpoint(generation)));
        }
        let path = directory.path().join(NAME);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[60] ^= 1;
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(read(directory.path()), Some(checkpoint(3)));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let good = encode(&checkpoint(9));
        assert_eq!(decode(&good), Some(checkpoint(9)));
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad), None, "bit {bit}");
        }
    }
}
