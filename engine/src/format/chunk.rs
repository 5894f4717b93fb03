//! A chunk's file, in this order:
//!
//! ```text
//! header · summaries of the leaves · pages · sketch · the same header again
//! ```
//!
//! Every part has a checksum of its own, which also covers where the part belongs.

mod header;

use std::fmt;
use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian as LE};

use super::checksum::checksum;
use super::summary::{self, SUMMARY_BYTES};
use super::{CHUNK, LEAF};
use crate::stats::sketch::DECIMALS_MAX;
use crate::stats::summary::Summary;

pub(crate) use header::{ColumnHeader, Header, LostRun, META_BYTES_MAX, PREFIX_BYTES};

/// A summary of a leaf and its checksum.
pub(crate) const LEAF_BYTES: usize = 80;

/// Where a chunk belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: u64,
    pub(crate) number: u32,
    /// The id of the log that it was sealed from.
    pub(crate) source_log: u64,
    /// Random; kept when the chunk is repaired.
    pub(crate) seal: u64,
    /// The seal number of the chunk before it; 0 if there was none.
    pub(crate) predecessor: u64,
}

impl Place {
    /// The sequence numbers of all observations of the chunk.
    pub(crate) fn sequences(&self) -> Range<u64> {
        let first = u64::from(self.number) * CHUNK;
        first..first + CHUNK
    }

    /// The sequence numbers of one leaf.
    pub(crate) fn leaf_sequences(&self, leaf: u64) -> Range<u64> {
        let first = self.sequences().start + leaf * LEAF;
        first..first + LEAF
    }

    /// The checksum of a part.
    pub(crate) fn checksum(&self, part: Part, bytes: &[u8]) -> u32 {
        let (kind, leaf) = match part {
            Part::Summary(leaf) => (SUMMARY, leaf),
            Part::Page(Column::Times, leaf) => (1, leaf),
            Part::Page(Column::Values, leaf) => (2, leaf),
            Part::Sketch => (3, 0),
        };
        checksum(checksum(self.checksum_of(kind), &leaf.to_le_bytes()), bytes)
    }

    /// What the checksums of all summaries of leaves begin with.
    pub(crate) fn checksum_of_summaries(&self) -> u32 {
        self.checksum_of(SUMMARY)
    }

    fn checksum_of(&self, kind: u32) -> u32 {
        let mut place = [0; 24];
        LE::write_u64(&mut place, self.store);
        LE::write_u64(&mut place[8..], self.seal);
        LE::write_u32(&mut place[16..], self.number);
        LE::write_u32(&mut place[20..], kind);
        checksum(0, &place)
    }
}

/// The kind of part that a summary is.
const SUMMARY: u32 = 0;

/// A part that has a checksum of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The summary of a leaf.
    Summary(u64),
    /// The page of a leaf.
    Page(Column, u64),
    Sketch,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Summary(_) => "a leaf's summary",
            Self::Page(Column::Times, _) => "a page of times",
            Self::Page(Column::Values, _) => "a page of values",
            Self::Sketch => "the sketch",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Times,
    Values,
}

/// A page or the sketch: a run of the file's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    /// Not stored: it follows from the lengths of the parts before.
    pub(crate) offset: u64,
    pub(crate) bytes: u32,
    pub(crate) checksum: u32,
}

/// How the numbers of a column were encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    /// 8 bytes a number.
    Plain,
    /// By pco, as i64 or f64, in this version of its format.
    Pco { version: [u8; 2] },
    /// Each number is an integer divided by a power of ten; pco stores the integers.
    Decimals { decimals: u8, version: [u8; 2] },
    /// Times of a chunk that are one fixed step apart.
    Steps,
}

const CODEC_BYTES: usize = 4;
const CODEC_PLAIN: u8 = 0;
const CODEC_PCO: u8 = 1;
const CODEC_DECIMALS: u8 = 2;
const CODEC_STEPS: u8 = 3;
/// The version of pco's format that is written. Later ones may encode in other ways.
pub(crate) const PCO_VERSION: [u8; 2] = [4, 1];

impl Codec {
    /// Whether only a later version of the program may know the codec of these bytes.
    fn is_later(bytes: &[u8]) -> bool {
        match bytes[0] {
            CODEC_PLAIN | CODEC_STEPS => false,
            CODEC_PCO | CODEC_DECIMALS => bytes[2..CODEC_BYTES] > PCO_VERSION[..],
            _ => true,
        }
    }

    fn encode(self) -> [u8; CODEC_BYTES] {
        match self {
            Self::Plain => [CODEC_PLAIN, 0, 0, 0],
            Self::Pco { version: [major, minor] } => [CODEC_PCO, 0, major, minor],
            Self::Decimals { decimals, version: [major, minor] } => {
                [CODEC_DECIMALS, decimals, major, minor]
            }
            Self::Steps => [CODEC_STEPS, 0, 0, 0],
        }
    }

    fn decode(column: Column, bytes: [u8; CODEC_BYTES]) -> Option<Self> {
        match (column, bytes) {
            (_, [CODEC_PLAIN, 0, 0, 0]) => Some(Self::Plain),
            (_, [CODEC_PCO, 0, major, minor]) => Some(Self::Pco { version: [major, minor] }),
            (Column::Values, [CODEC_DECIMALS, decimals @ ..=DECIMALS_MAX, major, minor]) => {
                Some(Self::Decimals { decimals, version: [major, minor] })
            }
            (Column::Times, [CODEC_STEPS, 0, 0, 0]) => Some(Self::Steps),
            _ => None,
        }
    }
}

/// Appends the summary of a leaf and its checksum.
pub(crate) fn encode_leaf(place: &Place, leaf: u64, summary: &Summary, into: &mut Vec<u8>) {
    let mut bytes = [0; SUMMARY_BYTES];
    summary::encode(summary, &mut bytes);
    let count = u16::try_from(summary.count).expect("at most 1,024");
    LE::write_u16(&mut bytes[4..], count);
    LE::write_u16(&mut bytes[6..], summary.scale.into());
    let checksum = place.checksum(Part::Summary(leaf), &bytes[4..LEAF_BYTES]);
    LE::write_u32(&mut bytes, checksum);
    into.extend_from_slice(&bytes[..LEAF_BYTES]);
}

/// The summary of a leaf with `rows` rows, from [`LEAF_BYTES`] of a chunk; `None` if the
/// bytes are damaged. `before` is [`Place::checksum_of_summaries`].
pub(crate) fn decode_leaf(before: u32, leaf: u64, rows: u64, bytes: &[u8]) -> Option<Summary> {
    // One sum of both takes half as long as two.
    let mut summed = [0; 8 + LEAF_BYTES - 4];
    LE::write_u64(&mut summed, leaf);
    summed[8..].copy_from_slice(&bytes[4..LEAF_BYTES]);
    if LE::read_u32(bytes) != checksum(before, &summed) {
        return None;
    }
    let mut whole = [0; SUMMARY_BYTES];
    whole[8..LEAF_BYTES].copy_from_slice(&bytes[8..LEAF_BYTES]);
    LE::write_u64(&mut whole, LE::read_u16(&bytes[4..]).into());
    LE::write_u64(&mut whole[LEAF_BYTES..], LE::read_u16(&bytes[6..]).into());
    // The summary may count rows that a repair has given up.
    summary::decode(&whole).filter(|summary| (rows..=LEAF).contains(&summary.count))
}
