//! The header of a chunk, which is stored before the pages and after them.
//!
//! It holds all that one damaged byte must not cost: the place, the nodes, what the
//! decoders of the columns need, the length and the checksum of each page. Its last four
//! bytes repeat its length, so that the second copy is found from the end of the file.

use std::ops::Range;

use byteorder::{ByteOrder, LittleEndian as LE};

use super::{CODEC_BYTES, Codec, Column, LEAF_BYTES, Place, Section};
use crate::format::checksum::checksum;
use crate::format::record::{Invalid, VERSION};
use crate::format::summary::{self, SUMMARY_BYTES};
use crate::format::{CHUNK, CHUNK_LEAVES, CHUNK_LEVEL, LEAF, LEAVES, Lost};
use crate::stats::tree::Node;

/// No header is longer.
pub(crate) const HEADER_BYTES_MAX: usize = 288 * 1024;
/// A header states its length within its first bytes.
pub(crate) const PREFIX_BYTES: usize = 56;

const MAGIC: &[u8; 8] = b"gl-chunk";
/// Where the checksum is, and where the bytes that it covers begin.
const CHECKSUM_AT: usize = 8;
/// Where the codec of each column is.
const CODECS_AT: [usize; 2] = [74, 80];
const COVERED_FROM: usize = 12;
/// Where the header states its length for the first time.
const LENGTH_AT: usize = 52;
/// Where the parts of variable number begin.
const FIXED_BYTES: usize = 86;
const LOST_BYTES: usize = 4;
/// The lengths and checksums of a leaf's two pages.
const PAGES_BYTES: usize = 12;
const LENGTH_BYTES: usize = 4;

/// The number of nodes that the chunk with the highest number completes.
const NODES_MAX: usize = u32::BITS as usize + 1;
/// The longest meta of a column.
pub(crate) const META_BYTES_MAX: usize = 8 * 1024;
const SKETCH_BYTES_MAX: u32 = 1024 * 1024;

/// A column: what its decoder needs, and its pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnHeader {
    pub(crate) codec: Codec,
    /// Empty for [`Codec::Plain`].
    pub(crate) meta: Vec<u8>,
    /// One page for each leaf; empty for a leaf without rows.
    pub(crate) pages: Vec<Section>,
}

/// A run of lost observations, counted within the chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LostRun {
    pub(crate) first: u16,
    pub(crate) last: u16,
    /// Whether a repair has accepted the loss.
    pub(crate) is_accepted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) place: Place,
    /// The nodes that the chunk completes: its own, then those above it.
    pub(crate) nodes: Vec<Node>,
    /// Ascending. Between two runs of one kind there are other observations.
    pub(crate) lost: Vec<LostRun>,
    pub(crate) times: ColumnHeader,
    pub(crate) values: ColumnHeader,
    pub(crate) sketch: Section,
    /// The length of the header.
    pub(crate) header_bytes: u32,
    /// The length of the file.
    pub(crate) file_bytes: u32,
}

impl Header {
    /// Computes the offsets and lengths; `None` if they exceed the limits of a chunk.
    pub(crate) fn located(mut self) -> Option<Self> {
        let header_bytes = FIXED_BYTES
            + self.nodes.len() * SUMMARY_BYTES
            + self.lost.len() * LOST_BYTES
            + self.times.meta.len()
            + self.values.meta.len()
            + self.times.pages.len() * PAGES_BYTES
            + LENGTH_BYTES;
        self.header_bytes = u32::try_from(header_bytes).ok()?;
        let mut next = self.leaf_offset(CHUNK_LEAVES);
        let pages = self.times.pages.iter_mut().zip(&mut self.values.pages);
        let pages = pages.flat_map(|(times, values)| [times, values]);
        for section in pages.chain([&mut self.sketch]) {
            section.offset = next;
            next += u64::from(section.bytes);
        }
        self.file_bytes = u32::try_from(next + u64::from(self.header_bytes)).ok()?;
        (header_bytes <= HEADER_BYTES_MAX).then_some(self)
    }

    pub(crate) fn column(&self, column: Column) -> &ColumnHeader {
        match column {
            Column::Times => &self.times,
            Column::Values => &self.values,
        }
    }

    /// A page; `leaf` is one of the chunk's.
    pub(crate) fn page(&self, column: Column, leaf: u64) -> Section {
        let leaf = usize::try_from(leaf).expect("one of 64 leaves");
        self.column(column).pages[leaf]
    }

    /// The offset of a leaf's summary, whose checksum comes first.
    pub(crate) fn leaf_offset(&self, leaf: u64) -> u64 {
        u64::from(self.header_bytes) + leaf * LEAF_BYTES as u64
    }

    /// The offset of the second copy.
    pub(crate) fn second_offset(&self) -> u64 {
        u64::from(self.file_bytes - self.header_bytes)
    }

    /// The sequence numbers that are lost.
    pub(crate) fn lost(&self) -> impl Iterator<Item = Lost> + '_ {
        let first = self.place.sequences().start;
        let sequence = move |within: u16| first + u64::from(within);
        self.lost.iter().map(move |run| {
            let sequences = sequence(run.first)..sequence(run.last) + 1;
            Lost { sequences, is_accepted: run.is_accepted }
        })
    }

    /// How many observations are lost whose loss a repair has accepted, or has not.
    pub(crate) fn count_of_lost(&self, is_accepted: bool) -> u64 {
        let lost = self.lost().filter(|lost| lost.is_accepted == is_accepted);
        lost.map(|lost| lost.sequences.end - lost.sequences.start).sum()
    }

    /// The sequence numbers of a leaf's rows.
    pub(crate) fn leaf_runs(&self, leaf: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let Range { start, end } = self.place.leaf_sequences(leaf);
        let before = self.lost.partition_point(|run| u64::from(run.last) < leaf * LEAF);
        let lost = self.lost().skip(before).map(|lost| lost.sequences);
        let lost = lost.take_while(move |lost| lost.start < end);
        let mut next = start;
        lost.chain(std::iter::once(end..end)).filter_map(move |lost| {
            let run = next..lost.start;
            next = lost.end;
            (!run.is_empty()).then_some(run)
        })
    }

    /// The number of a leaf's rows.
    pub(crate) fn leaf_rows(&self, leaf: u64) -> u64 {
        if self.lost.is_empty() {
            return LEAF;
        }
        self.leaf_runs(leaf).map(|run| run.end - run.start).sum()
    }

    /// The number of the chunk's rows.
    pub(crate) fn rows(&self) -> u64 {
        (0..CHUNK_LEAVES).map(|leaf| self.leaf_rows(leaf)).sum()
    }

    /// The bytes of one copy. The header is [`located`](Self::located).
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.header_bytes as usize);
        bytes.extend(MAGIC);
        bytes.extend([0; COVERED_FROM - CHECKSUM_AT]);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.place.store.to_le_bytes());
        bytes.extend(self.place.source_log.to_le_bytes());
        bytes.extend(self.place.seal.to_le_bytes());
        bytes.extend(self.place.predecessor.to_le_bytes());
        bytes.extend(self.place.number.to_le_bytes());
        bytes.extend(self.header_bytes.to_le_bytes());
        bytes.extend(self.file_bytes.to_le_bytes());
        bytes.extend(self.sketch.bytes.to_le_bytes());
        bytes.extend(self.sketch.checksum.to_le_bytes());
        bytes.extend(short(self.nodes.len()).to_le_bytes());
        for kind in [false, true] {
            let count = self.lost.iter().filter(|run| run.is_accepted == kind).count();
            bytes.extend(short(count).to_le_bytes());
        }
        for column in [&self.times, &self.values] {
            bytes.extend(column.codec.encode());
            bytes.extend(short(column.meta.len()).to_le_bytes());
        }
        for node in &self.nodes {
            let at = bytes.len();
            bytes.resize(at + SUMMARY_BYTES, 0);
            summary::encode(&node.summary, &mut bytes[at..]);
        }
        for kind in [false, true] {
            for run in self.lost.iter().filter(|run| run.is_accepted == kind) {
                bytes.extend(run.first.to_le_bytes());
                bytes.extend(run.last.to_le_bytes());
            }
        }
        bytes.extend(&self.times.meta);
        bytes.extend(&self.values.meta);
        for (times, values) in self.times.pages.iter().zip(&self.values.pages) {
            for page in [times, values] {
                bytes.extend(short(page.bytes as usize).to_le_bytes());
                bytes.extend(page.checksum.to_le_bytes());
            }
        }
        bytes.extend(self.header_bytes.to_le_bytes());
        let checksum = checksum(0, &bytes[COVERED_FROM..]);
        LE::write_u32(&mut bytes[CHECKSUM_AT..], checksum);
        bytes
    }

    /// The length of the header that begins with these [`PREFIX_BYTES`].
    pub(crate) fn stated_bytes(prefix: &[u8]) -> Result<usize, Invalid> {
        let length = prefix.get(LENGTH_AT..PREFIX_BYTES).map(LE::read_u32);
        match length {
            Some(length) if prefix.starts_with(MAGIC) => within_limits(length),
            _ => Err(Invalid::Magic),
        }
    }

    /// The length of the header that ends with these bytes.
    pub(crate) fn stated_bytes_at_end(end: &[u8]) -> Result<usize, Invalid> {
        within_limits(LE::read_u32(end))
    }

    /// Decodes a header that fills all of `bytes`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Invalid> {
        if Self::stated_bytes(bytes)? != bytes.len() {
            return Err(Invalid::Fields);
        }
        if LE::read_u32(&bytes[CHECKSUM_AT..]) != checksum(0, &bytes[COVERED_FROM..]) {
            return Err(Invalid::Checksum);
        }
        let version = LE::read_u32(&bytes[COVERED_FROM..]);
        if version != VERSION || CODECS_AT.iter().any(|at| Codec::is_later(&bytes[*at..])) {
            return Err(Invalid::Version(version));
        }
        Self::decode_fields(&bytes[COVERED_FROM + 4..])
            .filter(Self::is_plausible)
            .ok_or(Invalid::Fields)
    }

    /// The fields after the version, in the order of [`encode`](Self::encode).
    fn decode_fields(mut bytes: &[u8]) -> Option<Self> {
        let fields = &mut bytes;
        let store = take_u64(fields)?;
        let (source_log, seal, predecessor) =
            (take_u64(fields)?, take_u64(fields)?, take_u64(fields)?);
        let number = take_u32(fields)?;
        let place = Place { store, number, source_log, seal, predecessor };
        let stated = (take_u32(fields)?, take_u32(fields)?);
        let sketch = Section { offset: 0, bytes: take_u32(fields)?, checksum: take_u32(fields)? };
        let nodes = take_u16(fields)?.into();
        let (unaccepted, accepted) = (take_u16(fields)?.into(), take_u16(fields)?.into());
        let times_codec = take_codec(fields, Column::Times)?;
        let times_meta = take_u16(fields)?.into();
        let values_codec = take_codec(fields, Column::Values)?;
        let values_meta = take_u16(fields)?.into();
        let nodes = take_nodes(fields, nodes, number)?;
        let mut lost = take_lost(fields, unaccepted, false)?;
        lost.extend(take_lost(fields, accepted, true)?);
        lost.sort_by_key(|run| run.first);
        let times_meta = fields.split_off(..times_meta)?.to_vec();
        let values_meta = fields.split_off(..values_meta)?.to_vec();
        let [mut times_pages, mut values_pages] = [0, 1].map(|_| Vec::with_capacity(LEAVES));
        for _ in 0..CHUNK_LEAVES {
            times_pages.push(take_page(fields)?);
            values_pages.push(take_page(fields)?);
        }
        let again = take_u32(fields)?;
        let header = Self {
            place,
            nodes,
            lost,
            times: ColumnHeader { codec: times_codec, meta: times_meta, pages: times_pages },
            values: ColumnHeader { codec: values_codec, meta: values_meta, pages: values_pages },
            sketch,
            header_bytes: 0,
            file_bytes: 0,
        };
        let header = header.located()?;
        let lengths = (header.header_bytes, header.file_bytes);
        (fields.is_empty() && stated == lengths && again == stated.0).then_some(header)
    }

    /// Whether the fields of the header agree with each other.
    fn is_plausible(&self) -> bool {
        let page_fits = |codec: Codec, page: &Section, rows: u64| {
            let bytes = u64::from(page.bytes);
            match codec {
                Codec::Plain => bytes == 8 * rows,
                Codec::Steps => bytes == 0 && rows == LEAF,
                Codec::Pco { .. } | Codec::Decimals { .. } => bytes == 0 || rows > 0,
            }
        };
        let fits = |column: &ColumnHeader| {
            let mut pages = column.pages.iter().zip(0..);
            (column.meta.is_empty()) == (column.codec == Codec::Plain)
                && column.meta.len() <= META_BYTES_MAX
                && pages.all(|(page, leaf)| page_fits(column.codec, page, self.leaf_rows(leaf)))
        };
        let are_apart = self.lost.is_sorted_by(|left, right| left.last < right.first);
        are_apart
            && fits(&self.times)
            && fits(&self.values)
            && self.sketch.bytes <= SKETCH_BYTES_MAX
    }
}

fn within_limits(header_bytes: u32) -> Result<usize, Invalid> {
    usize::try_from(header_bytes)
        .ok()
        .filter(|bytes| (FIXED_BYTES..=HEADER_BYTES_MAX).contains(bytes))
        .ok_or(Invalid::Fields)
}

/// The nodes that the chunk `number` completes, each the parent of the one before it.
fn take_nodes(bytes: &mut &[u8], count: usize, number: u32) -> Option<Vec<Node>> {
    if !(1..=NODES_MAX).contains(&count) {
        return None;
    }
    let mut nodes = Vec::with_capacity(count);
    for above in 0..u32::try_from(count).ok()? {
        let summary = summary::decode(bytes.split_off(..SUMMARY_BYTES)?)?;
        let (level, index) = (CHUNK_LEVEL + above, u64::from(number) >> above);
        if summary.count > LEAF << level {
            return None;
        }
        nodes.push(Node { level, index, summary });
    }
    Some(nodes)
}

/// The runs of one kind.
fn take_lost(bytes: &mut &[u8], count: usize, is_accepted: bool) -> Option<Vec<LostRun>> {
    let mut runs: Vec<LostRun> = Vec::with_capacity(count.min(bytes.len() / LOST_BYTES));
    for _ in 0..count {
        let run = LostRun { first: take_u16(bytes)?, last: take_u16(bytes)?, is_accepted };
        // There is at least one observation between two runs.
        let first = runs.last().map_or(0, |before| u32::from(before.last) + 2);
        if u32::from(run.first) < first || run.last < run.first || u64::from(run.last) >= CHUNK {
            return None;
        }
        runs.push(run);
    }
    Some(runs)
}

fn take_codec(bytes: &mut &[u8], column: Column) -> Option<Codec> {
    let codec = bytes.split_off(..CODEC_BYTES)?.try_into().ok()?;
    Codec::decode(column, codec)
}

fn take_page(bytes: &mut &[u8]) -> Option<Section> {
    Some(Section { offset: 0, bytes: take_u16(bytes)?.into(), checksum: take_u32(bytes)? })
}

fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    bytes.split_off(..2).map(LE::read_u16)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    bytes.split_off(..4).map(LE::read_u32)
}

fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    bytes.split_off(..8).map(LE::read_u64)
}

fn short(length: usize) -> u16 {
    u16::try_from(length).expect("a located header is within its limits")
}
