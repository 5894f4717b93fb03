//! The unit of a write to the log: a header of 16 bytes and rows of 16 bytes each.
//!
//! Marks, voids and lost observations are headers without rows. All are valid only in
//! their own place: the checksum is seeded with the log's id and the offset. Zeros are
//! never valid, since kind 0 is not used.

use byteorder::{ByteOrder, LittleEndian as LE};

use super::CHUNK;
use super::checksum::checksum;
use crate::observation::Observation;

/// The size of a frame's header and of a row. Every offset is a multiple of it.
pub(crate) const UNIT: u64 = UNIT_USIZE as u64;
pub(crate) const UNIT_USIZE: usize = 16;
/// No frame crosses a multiple of this many bytes.
pub(crate) const BLOCK_BYTES: u64 = 32 * 1024;
/// A frame of one row. If there is less room before a multiple of [`BLOCK_BYTES`],
/// reading and writing continue at that multiple.
pub(crate) const FRAME_BYTES_MIN: u64 = 32;
/// The most bytes of a log. Bytes of a file after these were not written by a writer.
pub(crate) const LOG_BYTES_MAX: u64 = (1 << 30) + (64 << 20);
/// The rows of the largest frame.
pub(crate) const FRAME_ROWS_MAX: u64 = BLOCK_BYTES / UNIT - 1;

/// The most observations that a log may count up to the end of a run of lost ones. A log
/// of 1 GiB has half as many rows. Lost observations take no bytes: without a limit, 16
/// bytes could state more than can be read or sealed in reasonable time and memory.
pub(crate) const LOST_END_MAX: u64 = 2048 * CHUNK;

/// What a header announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This number of rows follows.
    Rows(u16),
    /// States the watermark, after a sync.
    Mark,
    /// Ends a log whose sync failed.
    Void,
    /// This number of observations was lost before the log was made. `accepted` says
    /// whether `repair` has accepted that.
    Lost { count: u32, accepted: bool },
}

/// A header's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The sequence number of the first row, or of the next observation, minus the first
    /// of the log.
    pub(crate) sequence: u32,
    /// The watermark: the offset up to which the log was durable when this was written. 0
    /// in a header of lost observations.
    pub(crate) synced_to: u32,
}

const KIND_ROWS: u16 = 1;
const KIND_MARK: u16 = 2;
const KIND_VOID: u16 = 3;
const KIND_LOST: u16 = 4;
const KIND_LOST_ACCEPTED: u16 = 5;

impl Header {
    /// The header in the first 16 bytes of `bytes`; `None` if no frame begins like that.
    /// Its checksum is not verified yet.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..UNIT_USIZE)?;
        let count = LE::read_u16(&bytes[4..]);
        let (sequence, last) = (LE::read_u32(&bytes[8..]), LE::read_u32(&bytes[12..]));
        let lost = |accepted| Kind::Lost { count: last, accepted };
        let (kind, synced_to) = match (LE::read_u16(&bytes[6..]), count) {
            (KIND_ROWS, 1..) if u64::from(count) <= FRAME_ROWS_MAX => (Kind::Rows(count), last),
            (KIND_MARK, 0) => (Kind::Mark, last),
            (KIND_VOID, 0) => (Kind::Void, last),
            (KIND_LOST, 0) if last > 0 => (lost(false), 0),
            (KIND_LOST_ACCEPTED, 0) if last > 0 => (lost(true), 0),
            _ => return None,
        };
        Some(Self { kind, sequence, synced_to })
    }

    /// How many sequence numbers it covers.
    pub(crate) fn observations(&self) -> u64 {
        match self.kind {
            Kind::Rows(count) => count.into(),
            Kind::Lost { count, .. } => count.into(),
            Kind::Mark | Kind::Void => 0,
        }
    }

    /// The bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        match self.kind {
            Kind::Rows(count) => UNIT * (1 + u64::from(count)),
            _ => UNIT,
        }
    }
}

/// The value that the checksums of one log's frames begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seed(u32);

impl Seed {
    pub(crate) fn of_log(id: u64) -> Self {
        Self(checksum(0, &id.to_le_bytes()))
    }

    /// The factor is odd, so that no two places of a log have the same start.
    fn checksum(self, offset: u64, bytes: &[u8]) -> u32 {
        let place = u32::try_from(offset / UNIT).unwrap_or(u32::MAX).wrapping_mul(0x9E37_79B1);
        checksum(self.0 ^ place, bytes)
    }

    /// Whether `frame`, a whole frame, is valid at `offset`.
    pub(crate) fn is_valid(self, offset: u64, frame: &[u8]) -> bool {
        LE::read_u32(frame) == self.checksum(offset, &frame[4..])
    }
}

/// Appends the frame for `offset` to `into`: the header, and the rows that it announces.
pub(crate) fn encode(
    seed: Seed,
    offset: u64,
    header: Header,
    rows: &[Observation],
    into: &mut Vec<u8>,
) {
    let (kind, count, last) = match header.kind {
        Kind::Rows(count) => (KIND_ROWS, count, header.synced_to),
        Kind::Mark => (KIND_MARK, 0, header.synced_to),
        Kind::Void => (KIND_VOID, 0, header.synced_to),
        Kind::Lost { count, accepted: false } => (KIND_LOST, 0, count),
        Kind::Lost { count, accepted: true } => (KIND_LOST_ACCEPTED, 0, count),
    };
    assert_eq!(usize::from(count), rows.len(), "the header counts the rows");
    let start = into.len();
    into.reserve(UNIT_USIZE * (1 + rows.len()));
    into.extend_from_slice(&[0; 4]);
    into.extend_from_slice(&count.to_le_bytes());
    into.extend_from_slice(&kind.to_le_bytes());
    into.extend_from_slice(&header.sequence.to_le_bytes());
    into.extend_from_slice(&last.to_le_bytes());
    for row in rows {
        into.extend_from_slice(&row.timestamp_ns.to_le_bytes());
        into.extend_from_slice(&row.value.to_le_bytes());
    }
    let frame = &mut into[start..];
    let checksum = seed.checksum(offset, &frame[4..]);
    LE::write_u32(frame, checksum);
}

/// Appends the rows of a valid frame to `into`.
pub(crate) fn decode_rows(frame: &[u8], into: &mut Vec<Observation>) {
    let (_, rows) = frame.split_at(UNIT_USIZE);
    into.extend(rows.chunks_exact(UNIT_USIZE).map(decode_row));
}

fn decode_row(bytes: &[u8]) -> Observation {
    Observation::new(LE::read_i64(bytes), LE::read_f64(&bytes[8..]))
}

/// Whether all values of a valid frame are finite, as a writer writes them.
pub(crate) fn is_finite(frame: &[u8]) -> bool {
    let (_, rows) = frame.split_at(UNIT_USIZE);
    rows.chunks_exact(UNIT_USIZE).all(|row| decode_row(row).value.is_finite())
}

/// The place of the next frame: `offset`, or the next block if there is too little room.
pub(crate) fn next_place(offset: u64) -> u64 {
    let room = BLOCK_BYTES - offset % BLOCK_BYTES;
    if room < FRAME_BYTES_MIN { offset + room } else { offset }
}

/// How many rows a frame at `offset` may hold if its first has `sequence`: it crosses no
/// multiple of [`BLOCK_BYTES`] and no multiple of [`CHUNK`] observations.
pub(crate) fn rows_max(offset: u64, sequence: u64) -> u64 {
    let room = BLOCK_BYTES - offset % BLOCK_BYTES;
    (room / UNIT - 1).min(CHUNK - sequence % CHUNK)
}
