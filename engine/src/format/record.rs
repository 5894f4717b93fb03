//! The record of the manifest, which states what the store consists of. The manifest
//! holds it twice. A log begins with the record that first listed it.

use byteorder::{ByteOrder, LittleEndian as LE};

use super::checksum::checksum;
use super::summary::{self, SUMMARY_BYTES};
use super::{CHUNK_LEAVES, CHUNK_LEVEL, LEAF};
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, Node};

/// The bytes of one record, and of a log's header.
pub(crate) const RECORD_BYTES: usize = 8 * 1024;
pub(crate) const MANIFEST_BYTES: usize = 2 * RECORD_BYTES;
/// The format's version.
pub(crate) const VERSION: u32 = 2;

const MAGIC: &[u8; 8] = b"gaugelog";
/// Where the nodes begin.
const FIXED_BYTES: usize = 88;
const NODE_BYTES: usize = 16 + SUMMARY_BYTES;
/// The most nodes that cover a range of chunks.
const NODES_MAX: usize = 62;

/// What a store consists of.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Grows by one with each manifest.
    pub(crate) generation: u64,
    /// The store's identity; 0 until the first append.
    pub(crate) store: u64,
    /// The log's id, which is also its file name; 0 if there is none yet.
    pub(crate) log: u64,
    /// The log that this one replaced; 0 if there was none.
    pub(crate) previous_log: u64,
    /// The first chunk that is kept.
    pub(crate) first_chunk: u32,
    /// The first chunk that is not sealed: the log begins with its observations.
    pub(crate) sealed_end: u32,
    /// The seal number of the last chunk; 0 if there is none.
    pub(crate) last_seal: u64,
    /// The number of observations that the log was made with.
    pub(crate) made_observations: u64,
    /// The number of bytes that the log was made with, with its header. An invalid frame
    /// below it is corrupt.
    pub(crate) made_bytes: u64,
    /// The largest nodes that cover the sealed part.
    pub(crate) edge: Edge,
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// They do not begin like one.
    Magic,
    /// They are of another version.
    Version(u32),
    /// The checksum does not match.
    Checksum,
    /// The checksum matches, but the fields contradict each other.
    Fields,
}

impl Record {
    /// The record of a store to which nothing was ever appended.
    pub(crate) fn empty() -> Self {
        Self {
            generation: 1,
            store: 0,
            log: 0,
            previous_log: 0,
            first_chunk: 0,
            sealed_end: 0,
            last_seal: 0,
            made_observations: 0,
            made_bytes: 0,
            edge: Edge::starting_at(0),
        }
    }

    /// The generation of the manifest that replaces this one. A forged record may state
    /// the highest number.
    pub(crate) fn next_generation(&self) -> u64 {
        self.generation.saturating_add(1)
    }

    /// The record that lists `log` in the place of this one's log.
    pub(crate) fn with_log(&self, log: u64) -> Self {
        let generation = self.next_generation();
        Self { generation, log, previous_log: self.log, ..self.clone() }
    }

    /// The sequence number of the first kept observation.
    pub(crate) fn first_sequence(&self) -> u64 {
        u64::from(self.first_chunk) * super::CHUNK
    }

    /// The sequence number with which the log begins.
    pub(crate) fn log_first_sequence(&self) -> u64 {
        u64::from(self.sealed_end) * super::CHUNK
    }

    /// Whether this record lists the log that begins with `header`.
    pub(crate) fn lists_log_of(&self, header: &Self) -> bool {
        let of = |it: &Self| {
            let ids = [it.store, it.log, it.previous_log];
            (ids, it.sealed_end, it.made_bytes, it.made_observations)
        };
        of(self) == of(header)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; RECORD_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        LE::write_u32(&mut bytes[12..], VERSION);
        LE::write_u64(&mut bytes[16..], self.generation);
        LE::write_u64(&mut bytes[24..], self.store);
        LE::write_u64(&mut bytes[32..], self.log);
        LE::write_u64(&mut bytes[40..], self.previous_log);
        LE::write_u32(&mut bytes[48..], self.first_chunk);
        LE::write_u32(&mut bytes[52..], self.sealed_end);
        LE::write_u64(&mut bytes[56..], self.last_seal);
        LE::write_u64(&mut bytes[64..], self.made_observations);
        LE::write_u64(&mut bytes[72..], self.made_bytes);
        LE::write_u64(&mut bytes[80..], self.edge.nodes().len() as u64);
        for (number, node) in self.edge.nodes().iter().enumerate() {
            let at = FIXED_BYTES + number * NODE_BYTES;
            LE::write_u64(&mut bytes[at..], node.level.into());
            LE::write_u64(&mut bytes[at + 8..], node.index);
            summary::encode(&node.summary, &mut bytes[at + 16..]);
        }
        let checksum = checksum(0, &bytes[12..]);
        LE::write_u32(&mut bytes[8..], checksum);
        bytes
    }

    /// The record in the first 8 KiB of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        let Some(bytes) = bytes.get(..RECORD_BYTES) else { return Err(Invalid::Magic) };
        if bytes[..8] != *MAGIC {
            return Err(Invalid::Magic);
        }
        if LE::read_u32(&bytes[8..]) != checksum(0, &bytes[12..]) {
            return Err(Invalid::Checksum);
        }
        let version = LE::read_u32(&bytes[12..]);
        if version != VERSION {
            return Err(Invalid::Version(version));
        }
        let first_chunk = LE::read_u32(&bytes[48..]);
        let sealed_end = LE::read_u32(&bytes[52..]);
        let record = Self {
            generation: LE::read_u64(&bytes[16..]),
            store: LE::read_u64(&bytes[24..]),
            log: LE::read_u64(&bytes[32..]),
            previous_log: LE::read_u64(&bytes[40..]),
            first_chunk,
            sealed_end,
            last_seal: LE::read_u64(&bytes[56..]),
            made_observations: LE::read_u64(&bytes[64..]),
            made_bytes: LE::read_u64(&bytes[72..]),
            edge: decode_edge(bytes, first_chunk, sealed_end).ok_or(Invalid::Fields)?,
        };
        if record.is_plausible() { Ok(record) } else { Err(Invalid::Fields) }
    }

    fn is_plausible(&self) -> bool {
        let empty = self.store == 0
            && self.first_chunk == 0
            && self.sealed_end == 0
            && self.made_bytes == 0
            && self.made_observations == 0;
        let made = self.store != 0
            && self.made_bytes >= RECORD_BYTES as u64
            && self.made_bytes <= u64::from(u32::MAX)
            && super::frame::next_place(self.made_bytes) == self.made_bytes
            && self.made_bytes.is_multiple_of(super::frame::UNIT)
            // More than there are rows if observations are lost.
            && self.made_observations <= super::frame::LOST_END_MAX;
        self.generation > 0 && if self.log == 0 { empty } else { made }
    }
}

/// The nodes of a record; `None` unless they are exactly those that cover its chunks.
fn decode_edge(bytes: &[u8], first_chunk: u32, sealed_end: u32) -> Option<Edge> {
    let count = usize::try_from(LE::read_u64(&bytes[80..])).ok()?;
    if count > NODES_MAX || first_chunk > sealed_end {
        return None;
    }
    let mut nodes = Vec::with_capacity(count);
    for number in 0..count {
        let at = FIXED_BYTES + number * NODE_BYTES;
        let level = u32::try_from(LE::read_u64(&bytes[at..])).ok()?;
        let index = LE::read_u64(&bytes[at + 8..]);
        let summary: Summary = summary::decode(&bytes[at + 16..])?;
        let most = LEAF.checked_shl(level).filter(|_| level < 64 - LEAF.ilog2())?;
        if level < CHUNK_LEVEL || summary.count > most {
            return None;
        }
        nodes.push(Node { level, index, summary });
    }
    if bytes[FIXED_BYTES + count * NODE_BYTES..].iter().any(|byte| *byte != 0) {
        return None;
    }
    let leaves = |chunk: u32| u64::from(chunk) * CHUNK_LEAVES;
    Edge::from_nodes(leaves(first_chunk)..leaves(sealed_end), nodes)
}
