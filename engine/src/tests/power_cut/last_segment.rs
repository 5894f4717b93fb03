//! The last segment of a store as its bytes have it, and where it ends: found
//! frame by frame, without any of the shortcuts that the engine takes.

use super::simulated_disk::Files;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, FRAME_BYTES_MIN, NODE_BYTES, SegmentHeader,
    decode_block_header, decode_frame, decode_node, decode_segment_header, frame_bytes,
};
use crate::stats::tree::{LEAF, nodes_complete, place};

pub(super) struct LastSegment {
    pub(super) name: String,
    header: SegmentHeader,
    pub(super) frames: Vec<Placed>,
    pub(super) end_sequence: u64,
    /// Behind the end, up to the last byte that is not zero.
    pub(super) dropped_bytes: u64,
}

/// A frame of the last segment.
#[derive(Clone, Copy)]
pub(super) struct Placed {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The first sequence number of its block, and its own.
    block_first: u64,
    pub(super) first_sequence: u64,
    pub(super) count: u64,
    pub(super) oath: u64,
}

impl LastSegment {
    pub(super) fn of(files: &Files) -> Option<Self> {
        let (name, content) = files.iter().rfind(|(name, _)| name.ends_with(".rows"))?;
        let bytes = content.bytes();
        let (header, frames_start) = decode_segment_header(&bytes).expect("made whole");
        let (mut at, mut sequence) = (frames_start, header.first_sequence);
        let mut block_first = sequence;
        let mut frames = Vec::new();
        while let Some(frame) = frame_at(&header, &bytes, at, sequence, block_first) {
            (at, block_first) = (frame.end, frame.block_first);
            sequence += frame.count;
            frames.push(frame);
        }
        let dropped_bytes = (content.zeros_from() as u64).saturating_sub(at);
        let name = name.to_string();
        Some(Self { name, header, frames, end_sequence: sequence, dropped_bytes })
    }

    /// Rule 5: nothing derived speaks of what was not synced, and so not of more
    /// than is there.
    pub(super) fn assert_not_ahead(&self, files: &Files) {
        let Self { header, end_sequence, .. } = self;
        let beside = |kind| files.get(&*self.name.replace(".rows", kind)).map(|it| it.bytes());
        let leaf = end_sequence / LEAF;
        if let Some(nodes) = beside(".tree") {
            let before = nodes_complete(header.first_sequence / LEAF);
            let at = (place(0, leaf) - before) * NODE_BYTES as u64;
            let node = nodes.get(usize::try_from(at).expect("in memory")..).unwrap_or_default();
            let node = &node[..node.len().min(NODE_BYTES)];
            let ahead = decode_node(header.identity, 0, leaf, node);
            assert_eq!(ahead, None, "a node of leaf {leaf}, and {end_sequence} observations");
        }
        if let Some(guide) = beside(".guide")
            && guide.len() >= 40
            && crc32fast::hash(&guide[4..]).to_le_bytes() == guide[..4]
        {
            let until = u64::from_le_bytes(guide[32..40].try_into().expect("8 bytes"));
            assert!(until <= leaf, "a guide to leaf {until}, and {end_sequence} observations");
        }
    }
}

/// The frame that is to follow at `at`, be it in the next block.
fn frame_at(
    header: &SegmentHeader,
    bytes: &[u8],
    at: u64,
    sequence: u64,
    mut block_first: u64,
) -> Option<Placed> {
    let rest = |at: u64| bytes.get(usize::try_from(at).ok()?..);
    let mut start = at;
    if BLOCK_BYTES - start % BLOCK_BYTES < FRAME_BYTES_MIN as u64 {
        start = start.next_multiple_of(BLOCK_BYTES);
    }
    if start.is_multiple_of(BLOCK_BYTES) {
        let block = decode_block_header(header.identity, start, rest(start)?)?;
        if block.first_sequence != sequence {
            return None;
        }
        block_first = sequence;
        start += BLOCK_HEADER_BYTES as u64;
    }
    let left = usize::try_from(BLOCK_BYTES - start % BLOCK_BYTES).expect("a block");
    let rest = rest(start)?;
    let rest = &rest[..rest.len().min(left)];
    let (frame, first_sequence) = decode_frame(header.identity, start, block_first, rest)?;
    let (count, oath) = (u64::from(frame.count), frame.oath);
    let end = start + frame_bytes(frame.count) as u64;
    (first_sequence == sequence).then_some(Placed {
        start,
        end,
        block_first,
        first_sequence,
        count,
        oath,
    })
}
