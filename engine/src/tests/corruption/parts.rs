//! What each byte of a store's files is for.

use std::ops::Range;
use std::path::Path;

use super::super::{header, segment_path};
use crate::checkpoint;
use crate::segment::chain::Chain;
use crate::segment::format::{BLOCK_BYTES, BLOCK_HEADER_BYTES, NODE_BYTES};
use crate::segment::map::Bytes;
use crate::segment::walk::{Step, Walk};

/// What a stretch of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Marker,
    SegmentHeader,
    BlockHeader,
    Frame {
        sequences: Range<u64>,
        oath: u64,
    },
    /// Zeros written ahead of the end of the last segment.
    Ahead,
    /// Can be made again from the observations, and is under a checksum.
    Derived,
    /// Nothing that is read: the lock, what lies behind a stated end, padding.
    Unread,
}

/// A stretch of a file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) bytes: Range<u64>,
    pub(super) what: What,
}

/// The parts of the file `name` of the store in `path`, from its first byte to its
/// last.
pub(super) fn parts_of(path: &Path, name: &str, bytes: &[u8]) -> Vec<Part> {
    let length = bytes.len() as u64;
    let whole = |what| vec![Part { bytes: 0..length, what }];
    match name.rsplit_once('.') {
        _ if name == "gaugelog" => whole(What::Marker),
        _ if name == checkpoint::NAME => slots(bytes),
        Some((_, "guide")) => whole(What::Derived),
        Some((_, "tree")) => records(length),
        Some((ordinal, "rows")) => {
            let ordinal = ordinal.parse().expect("an ordinal");
            segment_parts(path, ordinal, length)
        }
        _ => whole(What::Unread),
    }
}

/// The slots of a checkpoint, and what is between and behind them.
fn slots(bytes: &[u8]) -> Vec<Part> {
    const SLOT: usize = 8 * 1024;
    let mut parts = Vec::new();
    for (slot, content) in bytes.chunks(SLOT).enumerate() {
        let start = (slot * SLOT) as u64;
        let said = u32::from_le_bytes(content[4..8].try_into().expect("four bytes"));
        let end = start + u64::from(said);
        parts.push(Part { bytes: start..end, what: What::Derived });
        parts.push(Part { bytes: end..start + content.len() as u64, what: What::Unread });
    }
    assert_eq!(parts.len(), 4, "both slots are used");
    parts
}

fn records(length: u64) -> Vec<Part> {
    let starts = (0..length).step_by(NODE_BYTES);
    let part = |start| Part { bytes: start..start + NODE_BYTES as u64, what: What::Derived };
    starts.map(part).collect()
}

/// Header, block headers, frames, and what is between and behind them.
fn segment_parts(path: &Path, ordinal: u64, length: u64) -> Vec<Part> {
    let stated = segment_path(path, ordinal + 1)
        .exists()
        .then(|| header(path, ordinal + 1).predecessor.expect("it follows another").end_offset);
    let chain = Chain::list(path, true, None).expect("listed");
    let index = usize::try_from(ordinal - 1).expect("small");
    let segment = chain.segment(index).expect("read").expect("whole");
    let start = segment.start();
    let bytes = Bytes::open(&segment.path, true).expect("opened");
    let limit = stated.unwrap_or(length);
    let mut walk = Walk::new(bytes, segment.owner(), start.durable, start.block_first, limit);
    let mut parts = vec![Part { bytes: 0..start.durable.offset, what: What::SegmentHeader }];
    while let Step::Frame(frame) = walk.step().expect("read") {
        let from = frame.start.offset;
        let before = parts.last().expect("the header").bytes.end;
        if before < from {
            let block = from - from % BLOCK_BYTES;
            assert_eq!(from, block + BLOCK_HEADER_BYTES as u64, "only a block begins so");
            parts.push(Part { bytes: before..block, what: What::Unread });
            parts.push(Part { bytes: block..from, what: What::BlockHeader });
        }
        let sequences = frame.start.sequence..frame.start.sequence + frame.count;
        let what = What::Frame { sequences, oath: frame.oath };
        parts.push(Part { bytes: from..from + frame.bytes(), what });
    }
    let end = parts.last().expect("the header").bytes.end;
    let behind = if stated.is_some() { What::Unread } else { What::Ahead };
    parts.push(Part { bytes: end..length, what: behind });
    parts.retain(|part| !part.bytes.is_empty());
    parts
}
