//! Ways in for the fuzz targets (`fuzz/`), which are built with `--cfg fuzzing`:
//! the decoders that no public item reaches by itself. Each takes any bytes and
//! gives, where they decode, what they encode to again.

use std::cell::Cell;
use std::path::Path;

use crate::observation::Observation;
use crate::segment::format::{self, Position};
use crate::segment::names;
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, LEAF};
use crate::{checkpoint, guide_file};

pub fn frame(identity: u64, offset: u64, block_first: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, sequence) = format::decode_frame(identity, offset, block_first, bytes)?;
    let payload = &bytes[format::FRAME_HEADER_BYTES..format::frame_bytes(header.count)];
    let observations: Vec<Observation> = format::decode_observations(payload).collect();
    let mut out = Vec::new();
    let at = Position { offset, sequence };
    format::encode_frame(identity, at, header, &observations, &mut out);
    Some(out)
}

pub fn block_header(identity: u64, offset: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    let header = format::decode_block_header(identity, offset, bytes)?;
    let mut out = Vec::new();
    format::encode_block_header(identity, offset, header, &mut out);
    Some(out)
}

pub fn segment_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let (header, length) = format::decode_segment_header(bytes).ok()?;
    let out = format::encode_segment_header(&header);
    assert_eq!(length, out.len() as u64, "the header's length is its length");
    Some(out)
}

pub fn summary(bytes: &[u8]) -> Option<Vec<u8>> {
    let summary = format::decode_summary(bytes)?;
    let mut out = Vec::new();
    format::encode_summary(&summary, &mut out);
    Some(out)
}

pub fn node(identity: u64, level: u32, index: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    let summary = format::decode_node(identity, level, index, bytes)?;
    let mut out = Vec::new();
    format::encode_node(identity, level, index, &summary, &mut out);
    Some(out)
}

pub fn checkpoint(bytes: &[u8]) -> Option<Vec<u8>> {
    checkpoint::decode(bytes).map(|found| checkpoint::encode(&found))
}

pub fn guide(identity: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    guide_file::decode(identity, bytes).map(|found| guide_file::encode(identity, &found))
}

/// The name of the segment file that has this name.
pub fn rows_name(name: &str) -> Option<String> {
    names::ordinal_of(name).map(names::rows_name)
}

/// The observations before the end of a checkpoint that decodes.
pub fn durable_sequence(directory: &Path) -> Option<u64> {
    checkpoint::read(directory).map(|found| found.durable.sequence)
}

/// The summary of a store that holds `all`, from the observations alone.
pub fn summary_of(all: &[Observation]) -> Summary {
    let leaf = usize::try_from(LEAF).expect("1,024");
    let leaves = all.chunks_exact(leaf);
    let open = Summary::of(leaves.remainder());
    let mut edge = Edge::empty();
    leaves.for_each(|leaf| edge.push(Summary::of(leaf), |_, _, _| {}));
    edge.total(&open)
}

thread_local! {
    static IDENTITY: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From here on, segments begun by this thread have identities counted on from
/// this one, so that an input does the same each time.
pub fn count_identities_from(first: u64) {
    IDENTITY.set(Some(first));
}

pub(crate) fn next_identity() -> Option<u64> {
    let identity = IDENTITY.get()?;
    IDENTITY.set(Some(identity + 1));
    Some(identity)
}
