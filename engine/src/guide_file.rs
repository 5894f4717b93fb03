//! The file beside a row segment that holds the guide to its quantiles: how
//! many values lie in which bucket of a histogram. Derived: without it the
//! segment is read once more.
//!
//! A guide belongs to the same leaves as the segment's tree nodes: those whose
//! last observation is in the segment. It may lag behind them.

use std::ops::Range;
use std::path::PathBuf;

use byteorder::{ByteOrder, LittleEndian as LE};

use crate::disk;
use crate::error::{Error, Result};
use crate::scan::read_leaves;
use crate::segment::chain::Segment;
use crate::segment::map::Bytes;
use crate::segment::names::derived_name;
use crate::segment::nodes::Nodes;
use crate::stats::guide::{Entry, Guide};
use crate::stats::tree::LEAF;
use crate::view::View;

const KIND: &str = "guide";
const MAGIC: [u8; 8] = *b"GLGUIDE1";
const FIXED_BYTES: usize = 64;
const ENTRY_BYTES: usize = 16;
/// More buckets than two histograms of three digits can have are not read.
const ENTRIES_MAX: u64 = 256 * 1024;
const NEGATIVE: u64 = 1 << 63;

/// The leaves of the segment at `index` of the view's chain.
pub(crate) fn leaves_of(view: &View, index: usize, segment: &Segment) -> Result<Range<u64>> {
    let first = segment.first_sequence / LEAF;
    Ok(first..(view.held_until(index, segment)? / LEAF).max(first))
}

/// Brings the guide of the last segment up to the end of `view`, if it lags
/// behind by `lag` leaves or more.
pub(crate) fn bring_up(view: &View, lag: u64) -> Result<()> {
    let Some((segment, _)) = view.active()? else { return Ok(()) };
    let leaves = leaves_of(view, view.chain().len() - 1, segment)?;
    // Most appends end here, before the file is opened: guides are written at
    // multiples of the lag alone.
    if leaves.end - leaves.start < lag {
        return Ok(());
    }
    let (guide, until) =
        read(view, segment, leaves.clone()).unwrap_or((Guide::for_magnitude(0.0), leaves.start));
    if leaves.end - until < lag {
        return Ok(());
    }
    let guide = record(view, guide, leaves.start, until..leaves.end)?;
    let name = derived_name(segment.ordinal, KIND);
    let bytes = encode(segment.identity, leaves, &guide);
    disk::replace_derived(view.chain().directory(), &name, &bytes)
}

/// The guide to the leaves of the segment at `index`, complete: read from its
/// file, and what the file lacks from the observations. `None` where there is
/// no segment to be read.
pub(crate) fn complete(view: &View, index: usize) -> Result<Option<Guide>> {
    let segment = match view.chain().segment(index)? {
        Ok(segment) => segment,
        Err(damage) if view.chain().is_refused() => {
            return Err(Error::refused(&damage.path, damage.offset));
        }
        Err(_) => return Ok(None),
    };
    let leaves = leaves_of(view, index, segment)?;
    let (guide, until) = match read(view, segment, leaves.clone()) {
        Some(stored) => stored,
        None => (empty(view, leaves.clone())?, leaves.start),
    };
    record(view, guide, leaves.start, until..leaves.end).map(Some)
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

/// Adds the values of `leaves` to `guide`, which knows those from `first` on.
/// Values beyond its range make it begin again with a wider one.
fn record(view: &View, mut guide: Guide, first: u64, leaves: Range<u64>) -> Result<Guide> {
    let mut beyond: f64 = 0.0;
    read_leaves(view, leaves.clone(), |_, leaf| {
        for observation in leaf {
            if guide.fits(observation.value) {
                guide.record(observation.value);
            } else {
                beyond = beyond.max(observation.value.abs());
            }
        }
    })?;
    if beyond == 0.0 {
        return Ok(guide);
    }
    let mut wider = Guide::for_magnitude(beyond);
    read_leaves(view, first..leaves.end, |_, leaf| {
        leaf.iter().for_each(|observation| wider.record(observation.value));
    })?;
    Ok(wider)
}

/// The file of a segment's guide.
pub(crate) fn path(view: &View, segment: &Segment) -> PathBuf {
    view.chain().directory().join(derived_name(segment.ordinal, KIND))
}

/// The stored guide and the leaf it reaches to; `None` where there is none that
/// holds for `leaves`.
fn read(view: &View, segment: &Segment, leaves: Range<u64>) -> Option<(Guide, u64)> {
    let (guide, known) = stored(view, segment).ok()??;
    (known.start == leaves.start && known.end <= leaves.end).then_some((guide, known.end))
}

/// The stored guide and the leaves that it counts; `None` where there is none,
/// an error where there is something that does not hold.
pub(crate) fn stored(view: &View, segment: &Segment) -> Result<Option<(Guide, Range<u64>)>> {
    let path = path(view, segment);
    if !disk::is_there(&path)? {
        return Ok(None);
    }
    let file = Bytes::open(&path, true)?;
    let limit = FIXED_BYTES as u64 + ENTRIES_MAX * ENTRY_BYTES as u64;
    // One byte more, so that a file that is longer is seen to be.
    let length = usize::try_from(file.opened_with().min(limit + 1)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    let read = file.read_by_position(0, &mut bytes)?;
    bytes.truncate(read);
    let detail = "the guide to the quantiles does not match its checksum";
    decode(segment.identity, &bytes).map(Some).ok_or_else(|| Error::damaged(&path, 0, detail))
}

pub(crate) fn encode(identity: u64, leaves: Range<u64>, guide: &Guide) -> Vec<u8> {
    let mut bytes = vec![0; FIXED_BYTES];
    let mut count = 0;
    for Entry { negative, lowest, count: values } in guide.entries() {
        let mut entry = [0; ENTRY_BYTES];
        LE::write_u64(&mut entry[0..], lowest | if negative { NEGATIVE } else { 0 });
        LE::write_u64(&mut entry[8..], values);
        bytes.extend_from_slice(&entry);
        count += 1;
    }
    bytes[8..16].copy_from_slice(&MAGIC);
    LE::write_u64(&mut bytes[16..], identity);
    LE::write_u64(&mut bytes[24..], leaves.start);
    LE::write_u64(&mut bytes[32..], leaves.end);
    LE::write_i64(&mut bytes[40..], i64::from(guide.scale_exponent()));
    LE::write_u64(&mut bytes[48..], count);
    let crc = crc32fast::hash(&bytes[4..]);
    LE::write_u32(&mut bytes, crc);
    bytes
}

pub(crate) fn decode(identity: u64, bytes: &[u8]) -> Option<(Guide, Range<u64>)> {
    let fixed = bytes.get(..FIXED_BYTES)?;
    let entries = &bytes[FIXED_BYTES..];
    let count = usize::try_from(LE::read_u64(&fixed[48..])).ok()?;
    if crc32fast::hash(&bytes[4..]) != LE::read_u32(fixed)
        || fixed[8..16] != MAGIC
        || LE::read_u32(&fixed[4..]) != 0
        || LE::read_u64(&fixed[56..]) != 0
        || LE::read_u64(&fixed[16..]) != identity
        || count.checked_mul(ENTRY_BYTES) != Some(entries.len())
    {
        return None;
    }
    let leaves = LE::read_u64(&fixed[24..])..LE::read_u64(&fixed[32..]);
    let scale = i32::try_from(LE::read_i64(&fixed[40..])).ok()?;
    let guide = Guide::from_entries(
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
    (leaves.start <= leaves.end).then_some((guide, leaves))
}
