//! The bytes of the three files, one file a record, encoder and decoder side by
//! side. `FORMAT.md` beside this crate's sources is their specification.

use std::ops::Range;

mod checksum;
pub(crate) mod chunk;
pub(crate) mod frame;
pub(crate) mod names;
pub(crate) mod record;
pub(crate) mod summary;

/// Observations of a leaf.
pub(crate) const LEAF: u64 = 1024;
/// Leaves of a chunk. Tests that go through millions of states use smaller chunks.
pub(crate) const CHUNK_LEAVES: u64 = if cfg!(any(test, fuzzing)) { 2 } else { 64 };
/// Observations of a chunk.
pub(crate) const CHUNK: u64 = LEAF * CHUNK_LEAVES;
/// The level of a chunk in the tree whose leaves have level 0.
pub(crate) const CHUNK_LEVEL: u32 = CHUNK_LEAVES.ilog2();
/// [`CHUNK_LEAVES`] as a length.
pub(crate) const LEAVES: usize = 1 << CHUNK_LEVEL;

/// Observations that were lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) sequences: Range<u64>,
    /// Whether a repair has accepted that.
    pub(crate) is_accepted: bool,
}

/// The last chunk of a node of whole chunks.
pub(crate) fn last_chunk(level: u32, index: u64) -> u32 {
    let last = ((index + 1) << (level - CHUNK_LEVEL)) - 1;
    u32::try_from(last).expect("the manifest's numbers have 32 bits")
}
