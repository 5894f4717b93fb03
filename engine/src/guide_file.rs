//! The file beside a row segment that holds the guide to its quantiles: how
//! many values lie in which bucket of a histogram, and the values around the
//! median one by one. Derived: without it the segment is read once more.
//!
//! A guide belongs to the same leaves as the segment's tree nodes: those whose
//! last observation is in the segment. It may lag behind them.

use std::ops::Range;
use std::path::PathBuf;

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::damage::Damage;
use crate::descent::{Descent, Node, Visitor, Way};
use crate::disk;
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::scan::read_leaves;
use crate::segment::chain::Segment;
use crate::segment::map::Bytes;
use crate::segment::names::derived_name;
use crate::segment::nodes::Nodes;
use crate::stats::counts::{Bucket, Counts, Entry};
use crate::stats::guide::Guide;
use crate::stats::middle::{Growing, LISTED_MAX, Listing, Middle};
use crate::stats::tree::LEAF;
use crate::view::View;

const KIND: &str = "guide";
const MAGIC: [u8; 8] = *b"GLGUIDE2";
const FIXED_BYTES: usize = 88;
const ENTRY_BYTES: usize = 16;
/// More buckets than two histograms of three digits can have are not read.
const ENTRIES_MAX: u64 = 256 * 1024;
const NEGATIVE: u64 = 1 << 63;
/// Half as many ranks as are listed anew around the median.
const RANKS_AROUND: u64 = 2048;

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
    fn is_whole(&self) -> bool {
        let leaves = self.leaves.end.checked_sub(self.leaves.start);
        leaves.and_then(|leaves| leaves.checked_mul(LEAF)) == Some(self.counts.total())
    }
}

/// The leaves of the segment at `index` of the view's chain.
pub(crate) fn leaves_of(view: &View, index: usize, segment: &Segment) -> Result<Range<u64>> {
    let first = segment.first_sequence / LEAF;
    Ok(first..(view.held_until(index, segment)? / LEAF).max(first))
}

/// Brings the guide of the last segment up to the end of `view`, if it lags
/// behind by `lag` leaves or more. Where the values around the median have to be
/// listed anew, at most so many leaves as `again` are read for that.
pub(crate) fn bring_up(view: &View, lag: u64, again: u64) -> Result<()> {
    let Some((segment, _)) = view.active()? else { return Ok(()) };
    let leaves = leaves_of(view, view.chain().len() - 1, segment)?;
    // Most appends end here, before the file is opened: guides are written at
    // multiples of the lag alone.
    if leaves.end - leaves.start < lag {
        return Ok(());
    }
    let known = holding(view, segment, leaves.clone());
    let until = known.as_ref().map_or(leaves.start, |known| known.leaves.end);
    if leaves.end - until < lag {
        return Ok(());
    }
    let guide = grown(view, known, leaves, again)?;
    let name = derived_name(segment.ordinal, KIND);
    disk::replace_derived(view.chain().directory(), &name, &encode(segment.identity, &guide))
}

/// The guide to `leaves`, of which the first are `known`.
fn grown(view: &View, known: Option<Stored>, leaves: Range<u64>, again: u64) -> Result<Stored> {
    let (guide, mut growing, counted) = match known {
        Some(Stored { counts, middle, leaves }) => {
            let growing = middle.map(|middle| Growing::from(middle, counts.total()));
            (Guide::going_on(&counts), growing, leaves.end)
        }
        None => {
            let growing = Growing::from(Middle::of_nothing(), 0);
            (Guide::for_magnitude(0.0), Some(growing), leaves.start)
        }
    };
    let counts = record(view, guide, leaves.start, counted..leaves.end, |value| {
        if let Some(growing) = &mut growing {
            growing.take(value);
        }
    })?;
    let mut guide = Stored { counts, middle: None, leaves };
    if guide.is_whole() {
        guide.middle = match growing.and_then(|it| it.finish(guide.counts.total())) {
            Some(middle) => Some(middle),
            None => list(view, &guide, again)?,
        };
    }
    Ok(guide)
}

/// Lists the values around the median, if that takes reading at most so many
/// leaves.
fn list(view: &View, guide: &Stored, most: u64) -> Result<Option<Middle>> {
    let Stored { counts, leaves, .. } = guide;
    let median = counts.total() / 2;
    let ranks = median.saturating_sub(RANKS_AROUND)..=median.saturating_add(RANKS_AROUND);
    let Some((bucket, below)) = counts.spanning(ranks) else { return Ok(None) };
    let listing = Listing::of(Middle::between(bucket.low, bucket.high, below), bucket.count);
    let mut visit = ListingVisit { bucket, listing, leaves_left: most };
    Descent::new(view, &mut visit).leaves(leaves.clone())?;
    Ok(visit.listing.finish(counts.total()))
}

/// Reads the leaves that may hold values of the bucket.
struct ListingVisit {
    bucket: Bucket,
    listing: Listing,
    leaves_left: u64,
}

impl Visitor for ListingVisit {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let apart = node.summary.is_some_and(|summary| {
            summary.max.total_cmp(&self.bucket.low).is_lt()
                || summary.min.total_cmp(&self.bucket.high).is_gt()
        });
        if apart || self.leaves_left == 0 || self.listing.is_full() {
            return Way::Past;
        }
        if node.sequences.end - node.sequences.start == LEAF {
            self.leaves_left -= 1;
        }
        Way::Down
    }

    fn read(&mut self, _: u64, observations: &[Observation]) {
        observations.iter().for_each(|it| self.listing.take(it.value));
    }

    fn damaged(&mut self, _: Damage) -> Result<()> {
        // Too few values will have been found.
        Ok(())
    }
}

/// The stored guide to the leaves of the segment at `index`, where it holds.
pub(crate) fn held(view: &View, index: usize) -> Result<Option<Stored>> {
    let Some((segment, leaves)) = readable(view, index)? else { return Ok(None) };
    Ok(holding(view, segment, leaves))
}

/// Hands on the counts of the segment at `index`: those that are `held`, and what
/// these lack from the observations. Nothing where there is no segment to be read.
pub(crate) fn count_all(
    view: &View,
    index: usize,
    held: Option<&Stored>,
    mut each: impl FnMut(&Counts),
) -> Result<()> {
    let Some((_, leaves)) = readable(view, index)? else { return Ok(()) };
    let (guide, until) = match held {
        Some(held) => {
            each(&held.counts);
            (Guide::in_units_of(&held.counts), held.leaves.end)
        }
        None => (empty(view, leaves.clone())?, leaves.start),
    };
    if until < leaves.end {
        each(&record(view, guide, until, until..leaves.end, |_| {})?);
    }
    Ok(())
}

/// The segment at `index`, if it can be read, and its leaves.
fn readable(view: &View, index: usize) -> Result<Option<(&Segment, Range<u64>)>> {
    match view.chain().segment(index)? {
        Ok(segment) => Ok(Some((segment, leaves_of(view, index, segment)?))),
        Err(damage) if view.chain().is_refused() => {
            Err(Error::refused(&damage.path, damage.offset))
        }
        Err(_) => Ok(None),
    }
}

/// A guide to nothing yet, with a unit that suits the values of `leaves`.
fn empty(view: &View, leaves: Range<u64>) -> Result<Guide> {
    let mut nodes = Nodes::new(view);
    let mut largest: f64 = 0.0;
    for leaf in leaves {
        match nodes.get(0, leaf) {
            Some(summary) => largest = largest.max(summary.min.abs()).max(summary.max.abs()),
            None => read_leaves(view, leaf..leaf + 1, |_, leaf| {
                let magnitudes = leaf.iter().map(|observation| observation.value.abs());
                largest = magnitudes.fold(largest, f64::max);
            })?,
        }
    }
    Ok(Guide::for_magnitude(largest))
}

/// The counts of `guide`, which knows the values from `first` on, and of the
/// values of `leaves`, each of which `each` is told once. Values beyond the range
/// of the guide make it begin again with a wider one.
fn record(
    view: &View,
    mut guide: Guide,
    first: u64,
    leaves: Range<u64>,
    mut each: impl FnMut(f64),
) -> Result<Counts> {
    let mut beyond: f64 = 0.0;
    read_leaves(view, leaves.clone(), |_, leaf| {
        for observation in leaf {
            each(observation.value);
            if guide.fits(observation.value) {
                guide.record(observation.value);
            } else {
                beyond = beyond.max(observation.value.abs());
            }
        }
    })?;
    if beyond == 0.0 {
        return Ok(guide.counts());
    }
    let mut wider = Guide::for_magnitude(beyond);
    read_leaves(view, first..leaves.end, |_, leaf| {
        leaf.iter().for_each(|observation| wider.record(observation.value));
    })?;
    Ok(wider.counts())
}

/// The file of a segment's guide.
pub(crate) fn path(view: &View, segment: &Segment) -> PathBuf {
    view.chain().directory().join(derived_name(segment.ordinal, KIND))
}

/// The stored guide; `None` where there is none that holds for `leaves`.
fn holding(view: &View, segment: &Segment, leaves: Range<u64>) -> Option<Stored> {
    let stored = stored(view, segment).ok()??;
    let known = &stored.leaves;
    (known.start == leaves.start && known.end <= leaves.end).then_some(stored)
}

/// The stored guide; `None` where there is none, an error where there is
/// something that does not hold.
pub(crate) fn stored(view: &View, segment: &Segment) -> Result<Option<Stored>> {
    let path = path(view, segment);
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
