//! Finding the next valid frame after an invalid place.

use super::blocks::Blocks;
use super::walk::{Frame, frame_at};
use super::{Head, Place};
use crate::error::Result;
use crate::format::frame::{BLOCK_BYTES, Header, UNIT, UNIT_USIZE};

/// How many bytes, for each byte of the log, are checked by checksum at places where no
/// frame begins. After that, only the starts of blocks are tried. Only a log made to be
/// slow needs more than one.
const EFFORT: u64 = 16;

/// The search through one log for frames after invalid places.
#[derive(Debug)]
pub(crate) struct Resync {
    budget: u64,
    /// The log's length in bytes.
    length: u64,
}

impl Resync {
    /// A search through a log of that length in bytes.
    pub(crate) fn new(length: u64) -> Self {
        Self { budget: length.saturating_mul(EFFORT) + (1 << 20), length }
    }

    /// The first valid frame after `invalid` and before `limit` that can follow it.
    pub(crate) fn next(
        &mut self,
        blocks: &mut Blocks,
        head: &Head,
        invalid: Place,
        limit: u64,
    ) -> Result<Option<Frame>> {
        let mut offset = invalid.offset + UNIT;
        // The manifest may state more bytes than there are.
        while offset < limit.min(self.length) {
            if let Some(frame) = frame_at(blocks, head, offset)?
                && could_follow(head, invalid, &frame)
            {
                return Ok(Some(frame));
            }
            offset = self.advance(blocks, offset)?;
        }
        Ok(None)
    }

    /// The next place to try. Runs of zeros are skipped at once.
    fn advance(&mut self, blocks: &mut Blocks, offset: u64) -> Result<u64> {
        let bytes = blocks.from(offset)?;
        let next_block = offset - offset % BLOCK_BYTES + BLOCK_BYTES;
        if let Some(header) = Header::parse(bytes) {
            self.budget = self.budget.saturating_sub(header.frame_bytes());
        }
        if self.budget == 0 {
            return Ok(next_block);
        }
        let rest = bytes.get(UNIT_USIZE..).unwrap_or_default();
        let zeros = rest.iter().position(|byte| *byte != 0).unwrap_or(rest.len()) as u64;
        Ok((offset + UNIT + zeros / UNIT * UNIT).min(next_block))
    }
}

/// Frames state their own numbers. Between two frames there is at most one row in each
/// unit of bytes. The exception is observations that were lost before the log was made:
/// their number is known only at the end of what it was made with.
pub(super) fn could_follow(head: &Head, invalid: Place, frame: &Frame) -> bool {
    let known = if invalid.offset < head.made.offset { head.made } else { invalid };
    let units = frame.place.offset.saturating_sub(known.offset) / UNIT;
    let most = known.sequence.saturating_add(units);
    (invalid.sequence..=most).contains(&frame.place.sequence)
}
