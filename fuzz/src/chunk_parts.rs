//! The file of a chunk, split into its parts and put together again, so that parts can be
//! changed and still have correct checksums.

use std::ops::Range;

use crate::signing::{sign, u16_at, u32_at};

/// Leaves of a chunk in a build with `--cfg fuzzing`.
pub(crate) const LEAVES: usize = 2;
const FIXED: usize = 86;
const NODE: usize = 88;
/// The summary of a leaf and its checksum.
const LEAF: usize = 80;
const PAGE: usize = 6;

/// The parts of a chunk in the order of its file.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    /// Everything up to the nodes: the place, lengths, the sketch's length and checksum,
    /// codecs.
    pub(crate) fixed: Vec<u8>,
    pub(crate) nodes: Vec<u8>,
    pub(crate) lost: Vec<u8>,
    /// What the decoders of times and values need.
    pub(crate) metas: [Vec<u8>; 2],
    /// A summary for each leaf, without the checksums.
    pub(crate) summaries: Vec<Vec<u8>>,
    /// For each leaf the times, then the values.
    pub(crate) pages: Vec<Vec<u8>>,
    pub(crate) sketch: Vec<u8>,
}

/// Where the parts are in a file.
pub(crate) struct Places {
    pub(crate) header: usize,
    /// Summaries with their checksums, pages and the sketch.
    pub(crate) parts: Vec<Range<usize>>,
    pub(crate) second: Range<usize>,
}

/// `None` if the lengths that the header states do not fit the file.
pub(crate) fn places(bytes: &[u8]) -> Option<Places> {
    let header = usize::try_from(u32_at(bytes, 52)).ok()?;
    let table = header.checked_sub(4 + LEAVES * 2 * PAGE).filter(|table| *table >= FIXED)?;
    let mut parts = Vec::new();
    let mut at = header;
    let mut add = |length: usize| {
        parts.push(at..at + length);
        at += length;
    };
    (0..LEAVES).for_each(|_| add(LEAF));
    (0..2 * LEAVES).for_each(|page| add(u16_at(bytes, table + PAGE * page).into()));
    add(usize::try_from(u32_at(bytes, 60)).ok()?);
    (at + header == bytes.len()).then_some(Places { header, parts, second: at..at + header })
}

impl Parts {
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let places = places(bytes)?;
        let mut rest = bytes.get(..places.header)?;
        let mut take = |length: usize| {
            let part = rest.get(..length)?;
            rest = &rest[length..];
            Some(part.to_vec())
        };
        let fixed = take(FIXED)?;
        let length = |at| usize::from(u16_at(&fixed, at));
        let (nodes, lost) = (take(length(68) * NODE)?, take((length(70) + length(72)) * 4)?);
        let metas = [take(length(78))?, take(length(84))?];
        let mut parts = places.parts.iter().map(|range| bytes[range.clone()].to_vec());
        let summaries = parts.by_ref().take(LEAVES).map(|mut it| it.split_off(4)).collect();
        let pages = parts.by_ref().take(2 * LEAVES).collect();
        let sketch = parts.next()?;
        Some(Self { fixed, nodes, lost, metas, summaries, pages, sketch })
    }

    /// The checksum of a part, with the chunk's store, seal number and number.
    fn checksum(&self, kind: u32, leaf: u64, bytes: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&self.fixed[16..24]);
        hasher.update(&self.fixed[32..40]);
        hasher.update(&self.fixed[48..52]);
        hasher.update(&kind.to_le_bytes());
        hasher.update(&leaf.to_le_bytes());
        hasher.update(bytes);
        hasher.finalize()
    }

    /// The file. Its lengths and checksums are those of the parts.
    pub(crate) fn assemble(&self) -> Vec<u8> {
        let mut header = self.fixed.clone();
        put_u16(&mut header, 68, self.nodes.len() / NODE);
        let (lost, accepted) = (self.lost.len() / 4, usize::from(u16_at(&header, 72)));
        put_u16(&mut header, 70, lost.saturating_sub(accepted));
        put_u16(&mut header, 72, accepted.min(lost));
        put_u16(&mut header, 78, self.metas[0].len());
        put_u16(&mut header, 84, self.metas[1].len());
        put_u32(&mut header, 60, self.sketch.len());
        header[64..68].copy_from_slice(&self.checksum(3, 0, &self.sketch).to_le_bytes());
        for part in [&self.nodes, &self.lost, &self.metas[0], &self.metas[1]] {
            header.extend_from_slice(part);
        }
        let mut body = Vec::new();
        for (summary, leaf) in self.summaries.iter().zip(0..) {
            body.extend(self.checksum(0, leaf, summary).to_le_bytes());
            body.extend(summary);
        }
        for (number, page) in self.pages.iter().enumerate() {
            let (leaf, kind) = (number as u64 / 2, u32::try_from(number % 2).expect("0 or 1"));
            header.extend(u16::try_from(page.len()).unwrap_or(u16::MAX).to_le_bytes());
            header.extend(self.checksum(1 + kind, leaf, page).to_le_bytes());
            body.extend(page);
        }
        body.extend(&self.sketch);
        let length = header.len() + 4;
        put_u32(&mut header, 52, length);
        put_u32(&mut header, 56, 2 * length + body.len());
        header.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        sign(&mut header);
        [&header, &body, &header].into_iter().flatten().copied().collect()
    }
}

fn put_u16(bytes: &mut [u8], at: usize, number: usize) {
    bytes[at..at + 2].copy_from_slice(&u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes());
}

fn put_u32(bytes: &mut [u8], at: usize, number: usize) {
    bytes[at..at + 4].copy_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}
