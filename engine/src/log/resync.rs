//! Finding the next valid frame after a place that is not one.

use super::blocks::Blocks;
use super::walk::{Frame, frame_at};
use super::{Head, Place};
use crate::error::Result;
use crate::format::frame::{BLOCK_BYTES, Header, UNIT, UNIT_USIZE};

/// The bytes that are put through a checksum at places where no frame begins, for
/// each byte of the log, before only the starts of blocks are tried. A log that was
/// not made to be slow needs less than one.
const EFFORT: u64 = 16;

/// The search through one log for frames after invalid places.
#[derive(Debug)]
pub(crate) struct Resync {
    budget: u64,
    /// Of the log, in bytes.
    length: u64,
}

impl Resync {
    /// For a log of that length in bytes.
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

    /// The next place to try. Zeros are passed over at once.
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

/// Frames state their own numbers. Between two there was at most a row for each unit of
/// bytes, but for observations that were lost before the log was made: their number is
/// known only with all that it was made with.
fn could_follow(head: &Head, invalid: Place, frame: &Frame) -> bool {
    let known = if invalid.offset < head.made.offset { head.made } else { invalid };
    let units = frame.place.offset.saturating_sub(known.offset) / UNIT;
    let most = known.sequence.saturating_add(units);
    (invalid.sequence..=most).contains(&frame.place.sequence)
}
