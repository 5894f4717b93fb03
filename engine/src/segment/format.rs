//! The bytes of a segment: constants, and each encoder beside its decoder.
//! `FORMAT.md` is this file in words; the two change together.

use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::observation::Observation;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;

/// What a reader of this version understands; any other is refused.
pub(crate) const VERSION: u32 = 1;
/// The first bytes of the store's marker and of every segment.
pub(crate) const MAGIC: [u8; 8] = *b"GAUGELOG";

pub(crate) const BLOCK_BYTES: u64 = 32 * 1024;
pub(crate) const BLOCK_BYTES_USIZE: usize = 32 * 1024;
pub(crate) const BLOCK_HEADER_BYTES: usize = 40;
const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"BLCK");

pub(crate) const FRAME_HEADER_BYTES: usize = 16;
pub(crate) const OBSERVATION_BYTES: usize = 16;
/// The smallest frame; where less is left of a block, the next frame begins the next block.
pub(crate) const FRAME_BYTES_MIN: usize = FRAME_HEADER_BYTES + OBSERVATION_BYTES;
/// Frames begin at multiples of this, so recovery has these positions to try.
pub(crate) const FRAME_ALIGN: usize = 8;

const SEGMENT_HEADER_FIXED: usize = 88;
pub(crate) const SUMMARY_BYTES: usize = 88;
/// One summary for every bit that a count of leaves can have.
pub(crate) const EDGE_NODES_MAX: usize = 64;
pub(crate) const SEGMENT_HEADER_BYTES_MAX: usize =
    SEGMENT_HEADER_FIXED + EDGE_NODES_MAX * SUMMARY_BYTES;
/// A node of the summary tree in its file: checksum, level, summary.
pub(crate) const NODE_BYTES: usize = 8 + SUMMARY_BYTES;

/// No sequence number in a file is believed beyond this, so that sums of a few
/// of them and their leaves stay within 64 bits.
pub(crate) const SEQUENCE_MAX: u64 = 1 << 60;

/// No segment has an ordinal beyond this.
pub(crate) const ORDINAL_MAX: u64 = 1 << 40;
/// What a block has room for, in one frame or in many.
pub(crate) const FRAME_OBSERVATIONS_MAX: u64 = 2044;

/// The most observations that so many bytes of a segment can hold.
pub(crate) fn observations_max(bytes: u64) -> u64 {
    bytes / OBSERVATION_BYTES as u64
}

/// A place between frames: the byte, and the number of the observation that
/// follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
}

/// A checksum over `bytes` that also covers what they do not say themselves.
pub(crate) fn checksum(identity: u64, offset: u64, sequence: u64, bytes: &[u8]) -> u32 {
    let mut seed = [0u8; 24];
    LE::write_u64(&mut seed[0..], identity);
    LE::write_u64(&mut seed[8..], offset);
    LE::write_u64(&mut seed[16..], sequence);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seed);
    hasher.update(bytes);
    hasher.finalize()
}

/// The start of a frame; its observations follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    /// How many observations: 1 to 2,044.
    pub(crate) count: u16,
    /// Its first observation's sequence number less the block's.
    pub(crate) index: u16,
    /// Every byte of this segment before this one was synced when the frame was written.
    pub(crate) oath: u64,
}

/// Appends one frame for `observations` (1 to what fits a block) to `out`.
pub(crate) fn encode_frame(
    identity: u64,
    at: Position,
    header: FrameHeader,
    observations: &[Observation],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.resize(start + FRAME_HEADER_BYTES + observations.len() * OBSERVATION_BYTES, 0);
    let frame = &mut out[start..];
    LE::write_u16(&mut frame[4..], header.count);
    LE::write_u16(&mut frame[6..], header.index);
    LE::write_u64(&mut frame[8..], header.oath);
    let slots = frame[FRAME_HEADER_BYTES..].chunks_exact_mut(OBSERVATION_BYTES);
    for (slot, observation) in slots.zip(observations) {
        LE::write_i64(&mut slot[0..8], observation.timestamp_ns);
        LE::write_f64(&mut slot[8..16], observation.value);
    }
    let crc = checksum(identity, at.offset, at.sequence, &frame[4..]);
    LE::write_u32(frame, crc);
}

/// Reads the frame at the start of `bytes`, which reach to the end of the block
/// or of what the file holds of it. `None` unless every bit of it is as written
/// for this segment, offset and sequence number.
pub(crate) fn decode_frame(
    identity: u64,
    offset: u64,
    block_first: u64,
    bytes: &[u8],
) -> Option<(FrameHeader, u64)> {
    let header = peek_frame(bytes)?;
    // First, since it costs nothing: behind damage every aligned position is tried,
    // and what is taken for a header there is hardly ever so small.
    if header.oath > offset {
        return None;
    }
    let length = frame_bytes(header.count);
    let sequence = block_first.checked_add(u64::from(header.index))?;
    let frame = bytes.get(..length)?;
    let crc = checksum(identity, offset, sequence, &frame[4..]);
    let valid = crc == LE::read_u32(frame) && all_finite(&frame[FRAME_HEADER_BYTES..]);
    valid.then_some((header, sequence))
}

/// Only finite values are ever written, and nothing behind is made for others.
fn all_finite(payload: &[u8]) -> bool {
    // All of them, since asking after each whether to go on is what takes long.
    slots(payload).iter().fold(true, |all, [_, value]| all & f64::from_le_bytes(*value).is_finite())
}

/// Times and values of observations, as they are stored.
fn slots(payload: &[u8]) -> &[[[u8; 8]; 2]] {
    payload.as_chunks().0.as_chunks().0
}

/// The header as it stands, unchecked but for lengths.
fn peek_frame(bytes: &[u8]) -> Option<FrameHeader> {
    let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
    let header = FrameHeader {
        count: LE::read_u16(&bytes[4..]),
        index: LE::read_u16(&bytes[6..]),
        oath: LE::read_u64(&bytes[8..]),
    };
    (header.count > 0).then_some(header)
}

/// The length in bytes of a frame of `count` observations.
pub(crate) fn frame_bytes(count: u16) -> usize {
    FRAME_HEADER_BYTES + usize::from(count) * OBSERVATION_BYTES
}

/// The observations of a frame's payload.
pub(crate) fn decode_observations(payload: &[u8]) -> impl ExactSizeIterator<Item = Observation> {
    slots(payload).iter().map(|[timestamp_ns, value]| Observation {
        timestamp_ns: i64::from_le_bytes(*timestamp_ns),
        value: f64::from_le_bytes(*value),
    })
}

/// What every block but a segment's first begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub(crate) first_sequence: u64,
    pub(crate) oath: u64,
}

pub(crate) fn encode_block_header(
    identity: u64,
    offset: u64,
    header: BlockHeader,
    out: &mut Vec<u8>,
) {
    let mut bytes = [0u8; BLOCK_HEADER_BYTES];
    LE::write_u32(&mut bytes[4..], BLOCK_MAGIC);
    LE::write_u64(&mut bytes[8..], identity);
    LE::write_u64(&mut bytes[16..], offset);
    LE::write_u64(&mut bytes[24..], header.first_sequence);
    LE::write_u64(&mut bytes[32..], header.oath);
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    out.extend_from_slice(&bytes);
}

pub(crate) fn decode_block_header(identity: u64, offset: u64, bytes: &[u8]) -> Option<BlockHeader> {
    let (found, header) = identify_block(offset, bytes)?;
    (found == identity).then_some(header)
}

/// The segment identity that the block at `offset` names, and its header.
pub(crate) fn identify_block(offset: u64, bytes: &[u8]) -> Option<(u64, BlockHeader)> {
    let bytes = bytes.get(..BLOCK_HEADER_BYTES)?;
    let header = BlockHeader {
        first_sequence: LE::read_u64(&bytes[24..]),
        oath: LE::read_u64(&bytes[32..]),
    };
    let valid = crc32fast::hash(&bytes[4..]) == LE::read_u32(bytes)
        && LE::read_u32(&bytes[4..]) == BLOCK_MAGIC
        && LE::read_u64(&bytes[16..]) == offset
        && header.oath <= offset;
    valid.then(|| (LE::read_u64(&bytes[8..]), header))
}

/// Where the segment before this one ended, and which one it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Predecessor {
    pub(crate) identity: u64,
    pub(crate) first_sequence: u64,
    /// The exact end of its valid bytes; anything behind it is not data.
    pub(crate) end_offset: u64,
}

/// What a segment begins with: written whole before the file has its name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SegmentHeader {
    /// Drawn at random when the segment is begun; never zero.
    pub(crate) identity: u64,
    /// The identity of the store's first segment.
    pub(crate) origin: u64,
    pub(crate) ordinal: u64,
    pub(crate) first_sequence: u64,
    pub(crate) predecessor: Option<Predecessor>,
    /// The tree's edge at `first_sequence`: the summaries of the complete
    /// leaves before it, one a set bit of their number, largest first.
    pub(crate) edge: Vec<Summary>,
}

pub(crate) fn encode_segment_header(header: &SegmentHeader) -> Vec<u8> {
    let mut bytes = vec![0u8; SEGMENT_HEADER_FIXED];
    let length = SEGMENT_HEADER_FIXED + header.edge.len() * SUMMARY_BYTES;
    LE::write_u32(&mut bytes[4..], u32::try_from(length).expect("an edge has at most 64 nodes"));
    bytes[8..16].copy_from_slice(&MAGIC);
    LE::write_u32(&mut bytes[16..], VERSION);
    LE::write_u64(&mut bytes[24..], header.identity);
    LE::write_u64(&mut bytes[32..], header.ordinal);
    LE::write_u64(&mut bytes[40..], header.first_sequence);
    if let Some(predecessor) = header.predecessor {
        LE::write_u64(&mut bytes[48..], predecessor.identity);
        LE::write_u64(&mut bytes[56..], predecessor.first_sequence);
        LE::write_u64(&mut bytes[64..], predecessor.end_offset);
    }
    let nodes = u64::try_from(header.edge.len()).expect("an edge has at most 64 nodes");
    LE::write_u64(&mut bytes[72..], nodes);
    LE::write_u64(&mut bytes[80..], header.origin);
    for node in &header.edge {
        encode_summary(node, &mut bytes);
    }
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    bytes
}

/// Why the start of a segment was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// The checksum or a length does not hold.
    Damaged,
    /// Whole, and written by a version with another format.
    Version(u32),
}

/// Decodes the header at the start of a segment, and its length in bytes.
pub(crate) fn decode_segment_header(bytes: &[u8]) -> Result<(SegmentHeader, u64), HeaderFault> {
    let fixed = bytes.get(..SEGMENT_HEADER_FIXED).ok_or(HeaderFault::Damaged)?;
    let length = usize::try_from(LE::read_u32(&fixed[4..])).map_err(|_| HeaderFault::Damaged)?;
    if !(SEGMENT_HEADER_FIXED..=SEGMENT_HEADER_BYTES_MAX).contains(&length) {
        return Err(HeaderFault::Damaged);
    }
    let whole = bytes.get(..length).ok_or(HeaderFault::Damaged)?;
    if crc32fast::hash(&whole[4..]) != LE::read_u32(whole) || whole[8..16] != MAGIC {
        return Err(HeaderFault::Damaged);
    }
    let version = LE::read_u32(&whole[16..]);
    if version != VERSION {
        return Err(HeaderFault::Version(version));
    }
    let edge = decode_edge(&whole[SEGMENT_HEADER_FIXED..], LE::read_u64(&whole[72..]))
        .ok_or(HeaderFault::Damaged)?;
    let predecessor = Predecessor {
        identity: LE::read_u64(&whole[48..]),
        first_sequence: LE::read_u64(&whole[56..]),
        end_offset: LE::read_u64(&whole[64..]),
    };
    let header = SegmentHeader {
        identity: LE::read_u64(&whole[24..]),
        origin: LE::read_u64(&whole[80..]),
        ordinal: LE::read_u64(&whole[32..]),
        first_sequence: LE::read_u64(&whole[40..]),
        predecessor: (predecessor.identity != 0).then_some(predecessor),
        edge,
    };
    // Other bytes there mean something that this version does not know.
    let zero = |range: Range<usize>| whole[range].iter().all(|byte| *byte == 0);
    let reserved_zero = zero(20..24) && (header.predecessor.is_some() || zero(56..72));
    if !reserved_zero || !is_plausible(&header) {
        return Err(HeaderFault::Damaged);
    }
    let length = u64::try_from(length).map_err(|_| HeaderFault::Damaged)?;
    Ok((header, length))
}

/// A segment begins where the one before it, by its length, can have ended.
fn is_plausible(header: &SegmentHeader) -> bool {
    let first = header.first_sequence;
    let follows = header.predecessor.is_none_or(|before| {
        first
            .checked_sub(before.first_sequence)
            .is_some_and(|held| held <= observations_max(before.end_offset))
    });
    let ordinal = (1..=ORDINAL_MAX).contains(&header.ordinal);
    header.identity != 0 && ordinal && first <= SEQUENCE_MAX && follows
}

/// The `count` summaries that `bytes` hold, and nothing besides.
pub(crate) fn decode_edge(bytes: &[u8], count: u64) -> Option<Vec<Summary>> {
    let nodes = bytes.chunks(SUMMARY_BYTES);
    if nodes.len() as u64 != count {
        return None;
    }
    nodes.map(decode_summary).collect()
}

const FLAG_SCALED: u64 = 1;

pub(crate) fn encode_summary(summary: &Summary, out: &mut Vec<u8>) {
    let mut bytes = [0u8; SUMMARY_BYTES];
    LE::write_u64(&mut bytes[0..], if summary.scaled { FLAG_SCALED } else { 0 });
    LE::write_u64(&mut bytes[8..], summary.count);
    LE::write_i64(&mut bytes[16..], summary.first.timestamp_ns);
    LE::write_f64(&mut bytes[24..], summary.first.value);
    LE::write_i64(&mut bytes[32..], summary.last.timestamp_ns);
    LE::write_f64(&mut bytes[40..], summary.last.value);
    LE::write_f64(&mut bytes[48..], summary.min);
    LE::write_f64(&mut bytes[56..], summary.max);
    LE::write_f64(&mut bytes[64..], summary.mean_hi);
    LE::write_f64(&mut bytes[72..], summary.mean_lo);
    LE::write_f64(&mut bytes[80..], summary.m2);
    out.extend_from_slice(&bytes);
}

pub(crate) fn decode_summary(bytes: &[u8]) -> Option<Summary> {
    let bytes = bytes.get(..SUMMARY_BYTES)?;
    let flags = LE::read_u64(bytes);
    if flags & !FLAG_SCALED != 0 {
        return None;
    }
    let float = |at: usize| LE::read_f64(&bytes[at..]);
    let observation =
        |at: usize| Observation::new(LE::read_i64(&bytes[at..]), LE::read_f64(&bytes[at + 8..]));
    let summary = Summary {
        count: LE::read_u64(&bytes[8..]),
        first: observation(16),
        last: observation(32),
        min: float(48),
        max: float(56),
        mean_hi: float(64),
        mean_lo: float(72),
        m2: float(80),
        scaled: flags == FLAG_SCALED,
    };
    summary.is_plausible().then_some(summary)
}

/// Appends the record of one node of the tree to `out`.
pub(crate) fn encode_node(
    identity: u64,
    level: u32,
    index: u64,
    node: &Summary,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    encode_summary(node, out);
    let record = &mut out[start..];
    LE::write_u32(&mut record[4..], level);
    let crc = checksum(identity, u64::from(level), index, &record[4..]);
    LE::write_u32(record, crc);
}

pub(crate) fn decode_node(identity: u64, level: u32, index: u64, bytes: &[u8]) -> Option<Summary> {
    let record = bytes.get(..NODE_BYTES)?;
    let crc = checksum(identity, u64::from(level), index, &record[4..]);
    if crc != LE::read_u32(record) || LE::read_u32(&record[4..]) != level {
        return None;
    }
    decode_summary(&record[8..]).filter(|node| node.count <= LEAF << level)
}

#[cfg(test)]
mod tests;
