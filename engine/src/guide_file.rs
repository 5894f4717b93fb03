//! The file beside a row segment that holds the guide to its quantiles: how
//! many values lie in which bucket of a histogram, and the values around the
//! median one by one. Derived: without it the segment is read once more.
//!
//! A guide belongs to the same leaves as the segment's tree nodes: those whose
//! last observation is in the segment. It may lag behind them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::disk;
use crate::error::{Error, Result};
use crate::segment::chain::Segment;
use crate::segment::map::Bytes;
use crate::segment::names::derived_name;
use crate::stats::counts::{Counts, Entry};
use crate::stats::middle::{LISTED_MAX, Middle};
use crate::stats::tree::LEAF;

const KIND: &str = "guide";
const MAGIC: [u8; 8] = *b"GLGUIDE2";
const FIXED_BYTES: usize = 88;
const ENTRY_BYTES: usize = 16;
/// Where the end of the leaves counted is stated.
const LEAVES_END: u64 = 32;
/// More buckets than two histograms of three digits can have are not read.
const ENTRIES_MAX: u64 = 256 * 1024;
const NEGATIVE: u64 = 1 << 63;

/// A guide as it is written down.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) counts: Counts,
    /// `None` where the values around the median are not listed, as where not all
    /// are there.
    pub(crate) middle: Option<Middle>,
    /// The leaves that are counted.
    pub(crate) leaves: Range<u64>,
}

impl Stored {
    /// Whether no value was lost to damage when it was counted.
    pub(crate) fn is_whole(&self) -> bool {
        let leaves = self.leaves.end.checked_sub(self.leaves.start);
        leaves.and_then(|leaves| leaves.checked_mul(LEAF)) == Some(self.counts.total())
    }
}

/// The file of a segment's guide.
pub(crate) fn path(directory: &Path, segment: &Segment) -> PathBuf {
    directory.join(derived_name(segment.ordinal, KIND))
}

/// Puts `guide` in the place of the segment's stored one.
pub(crate) fn replace(directory: &Path, segment: &Segment, guide: &Stored) -> Result<()> {
    let name = derived_name(segment.ordinal, KIND);
    disk::replace_derived(directory, &name, &encode(segment.identity, guide))
}

/// The stored guide; `None` where there is none, an error where there is
/// something that does not hold.
pub(crate) fn stored(directory: &Path, segment: &Segment) -> Result<Option<Stored>> {
    let path = path(directory, segment);
    if !disk::is_there(&path)? {
        return Ok(None);
    }
    let file = Bytes::open(&path, true)?;
    let records = ENTRIES_MAX + LISTED_MAX as u64;
    let limit = FIXED_BYTES as u64 + records * ENTRY_BYTES as u64;
    // One byte more, so that a file that is longer is seen to be.
    let length = usize::try_from(file.opened_with().min(limit + 1)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = file.read_by_position(0, &mut bytes)?;
    bytes.truncate(read);
    let detail = "the guide to the quantiles does not match its checksum";
    decode(segment.identity, &bytes).map(Some).ok_or_else(|| Error::damaged(&path, 0, detail))
}

/// One more than the last leaf counted, where it is counted and not before leaf `from`.
/// Of all before it the observations were synced when it was written.
pub(crate) fn leaves_counted(
    directory: &Path,
    segment: &Segment,
    from: u64,
) -> Result<Option<u64>> {
    let file = match Bytes::open(&path(directory, segment), true) {
        Err(error) if error.is_not_found() => return Ok(None),
        opened => opened?,
    };
    let mut end = [0; 8];
    file.read_by_position(LEAVES_END, &mut end)?;
    // As a rule, so that the rest, which is long, is not read.
    if LE::read_u64(&end) <= from {
        return Ok(None);
    }
    let counted = stored(directory, segment)?.map(|stored| stored.leaves.end);
    Ok(counted.filter(|end| (from + 1..=segment.leaves_end_max()).contains(end)))
}

pub(crate) fn encode(identity: u64, guide: &Stored) -> Vec<u8> {
    let Stored { counts, middle, leaves } = guide;
    let listed = middle.as_ref().map_or(0, Middle::len);
    let records = counts.entries().len() + listed;
    let mut bytes = Vec::with_capacity(FIXED_BYTES + records * ENTRY_BYTES);
    bytes.resize(FIXED_BYTES, 0);
    bytes[8..16].copy_from_slice(&MAGIC);
    LE::write_u64(&mut bytes[16..], identity);
    LE::write_u64(&mut bytes[24..], leaves.start);
    LE::write_u64(&mut bytes[32..], leaves.end);
    LE::write_i64(&mut bytes[40..], i64::from(counts.scale_exponent()));
    LE::write_u64(&mut bytes[48..], counts.entries().len() as u64);
    LE::write_u64(&mut bytes[56..], listed as u64);
    if let Some(middle) = middle {
        let (low, high) = middle.ends();
        LE::write_f64(&mut bytes[64..], low);
        LE::write_f64(&mut bytes[72..], high);
        LE::write_u64(&mut bytes[80..], middle.below());
    }
    let mut push = |first: u64, count: u64| {
        bytes.extend_from_slice(&first.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
    };
    for Entry { negative, lowest, count } in counts.entries() {
        push(lowest | if *negative { NEGATIVE } else { 0 }, *count);
    }
    for (value, count) in middle.iter().flat_map(Middle::values) {
        push(value.to_bits(), count);
    }
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    bytes
}

pub(crate) fn decode(identity: u64, bytes: &[u8]) -> Option<Stored> {
    let fixed = bytes.get(..FIXED_BYTES)?;
    let records = &bytes[FIXED_BYTES..];
    let [entries, listed] = [48, 56].map(|at| usize::try_from(LE::read_u64(&fixed[at..])).ok());
    let (entries, listed) = (entries?, listed?);
    if crc32fast::hash(&bytes[4..]) != LE::read_u32(fixed)
        || fixed[8..16] != MAGIC
        || LE::read_u32(&fixed[4..]) != 0
        || LE::read_u64(&fixed[16..]) != identity
        || entries.checked_add(listed)?.checked_mul(ENTRY_BYTES) != Some(records.len())
    {
        return None;
    }
    let leaves = LE::read_u64(&fixed[24..])..LE::read_u64(&fixed[32..]);
    let scale = i32::try_from(LE::read_i64(&fixed[40..])).ok()?;
    let (entries, values) = records.split_at(entries * ENTRY_BYTES);
    let counts = Counts::from_entries(
        scale,
        entries.chunks_exact(ENTRY_BYTES).map(|entry| {
            let lowest = LE::read_u64(entry);
            Entry {
                negative: lowest & NEGATIVE != 0,
                lowest: lowest & !NEGATIVE,
                count: LE::read_u64(&entry[8..]),
            }
        }),
    )?;
    let middle = decode_middle(&fixed[64..], values)?;
    let stored = Stored { counts, middle, leaves };
    let fits = |middle| stored.is_whole() && Middle::agrees_with(middle, &stored.counts);
    let holds = stored.leaves.start <= stored.leaves.end && stored.middle.as_ref().is_none_or(fits);
    holds.then_some(stored)
}

/// Outermost `None` where the bytes do not hold.
fn decode_middle(fixed: &[u8], values: &[u8]) -> Option<Option<Middle>> {
    if values.is_empty() {
        return fixed.iter().all(|byte| *byte == 0).then_some(None);
    }
    let ends = (LE::read_f64(fixed), LE::read_f64(&fixed[8..]));
    let values = values.chunks_exact(ENTRY_BYTES);
    let values = values.map(|value| (LE::read_f64(value), LE::read_u64(&value[8..])));
    Middle::from_listed(ends, LE::read_u64(&fixed[16..]), values).map(Some)
}

#[cfg(test)]
mod tests;
