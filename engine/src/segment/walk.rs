//! Reading frames one after another, and finding the next one behind damage.
//!
//! Invariants: `at` is where the next frame is expected; `block` holds a copy
//! of the file's bytes from `block_start`; no byte is believed before its
//! checksum has been taken over that copy.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_BYTES_USIZE, BLOCK_HEADER_BYTES, FRAME_ALIGN, FRAME_BYTES_MIN,
    FRAME_HEADER_BYTES, Position, decode_block_header, decode_frame, decode_observations,
    frame_bytes, observations_max,
};
use crate::segment::map::Bytes;
use crate::segment::recover::last_nonzero_index;

/// So many blocks of nothing but zeros, one behind the other, are read before it is
/// asked whether they are in a hole of the file, and where that ends.
const ZERO_BLOCKS_READ: u64 = 16;

/// A frame whose every bit is as written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Frame {
    pub(crate) start: Position,
    pub(crate) count: u64,
    pub(crate) oath: u64,
    /// Where its observations lie in the block.
    payload: Range<usize>,
}

impl Frame {
    /// Its length, header and observations.
    pub(crate) fn bytes(&self) -> u64 {
        (self.payload.len() + FRAME_HEADER_BYTES) as u64
    }
}

/// What stands at the place looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Frame(Frame),
    /// A block header that does not hold. Nothing is lost by it alone: the
    /// frames behind it are counted on from those before.
    BadBlock {
        offset: u64,
    },
    /// Neither a frame nor the end of the file.
    BadFrame,
    /// The limit, or the end of the file.
    End,
}

/// The segment that a walk goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) identity: u64,
    pub(crate) first_sequence: u64,
}

impl Owner {
    /// Whether so many bytes can hold the observations before `sequence`.
    fn can_reach(self, sequence: u64, offset: u64) -> bool {
        sequence
            .checked_sub(self.first_sequence)
            .is_some_and(|held| held <= observations_max(offset))
    }
}

#[derive(Debug)]
pub(crate) struct Walk {
    bytes: Bytes,
    owner: Owner,
    at: Position,
    /// Where the frame just passed begins.
    passed: Option<Position>,
    /// Nothing at or behind this offset is looked at.
    limit: u64,
    block: Vec<u8>,
    block_start: u64,
    /// The sequence number that the block's frames count from.
    block_first: u64,
    /// `block` was read past any map, after everything before was found valid.
    by_position: bool,
    /// The device failed to give the block: it counts as damaged.
    unreadable: bool,
    /// How many blocks it failed to give, asked past any map.
    refusals: u64,
}

impl Walk {
    /// Begins at `at`, a frame's start or end, in a block whose frames count
    /// from `block_first`.
    pub(crate) fn new(
        bytes: Bytes,
        owner: Owner,
        at: Position,
        block_first: u64,
        limit: u64,
    ) -> Self {
        Self {
            bytes,
            owner,
            at,
            passed: None,
            limit,
            block: Vec::new(),
            block_start: u64::MAX,
            block_first,
            by_position: false,
            unreadable: false,
            refusals: 0,
        }
    }

    /// Where the next frame is expected.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Goes back to the frame just passed, if `sequence` is in it.
    pub(crate) fn step_back_to(&mut self, sequence: u64) -> bool {
        match self.passed {
            Some(start) if (start.sequence..self.at.sequence).contains(&sequence) => {
                self.at = start;
                self.passed = None;
                true
            }
            _ => false,
        }
    }

    /// The file walked through.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Goes on from a place the walk has been at before.
    pub(crate) fn go_back(&mut self, at: Position, block_first: u64) {
        self.at = at;
        self.passed = None;
        self.block_first = block_first;
        self.block_start = u64::MAX;
    }

    /// The sequence number that frames of the current block count from.
    pub(crate) fn block_first(&self) -> u64 {
        self.block_first
    }

    /// The observations of a frame that the last step returned.
    pub(crate) fn observations(
        &self,
        frame: &Frame,
    ) -> impl ExactSizeIterator<Item = Observation> + '_ {
        decode_observations(&self.block[frame.payload.clone()])
    }

    /// Looks at the next place and moves past it if it is a frame. A place that
    /// does not hold in a map is read again by position before it is called bad.
    pub(crate) fn step(&mut self) -> Result<Step> {
        loop {
            if self.at.offset >= self.limit {
                return Ok(Step::End);
            }
            let in_block = self.at.offset % BLOCK_BYTES;
            if self.block_start != self.at.offset - in_block {
                // Most walks end in the block where they begin, and a map costs more
                // than to read one.
                let begins = self.block_start == u64::MAX;
                self.load(self.at.offset - in_block, begins)?;
            }
            let left = BLOCK_BYTES - in_block;
            if in_block == 0 && self.block_start > 0 {
                if let Some(bad) = self.enter_block()? {
                    return Ok(bad);
                }
                continue;
            }
            if left < FRAME_BYTES_MIN as u64 {
                self.at.offset += left;
                continue;
            }
            if let Some(frame) = self.frame_at(self.at.offset, self.at.sequence, true) {
                self.pass(&frame);
                return Ok(Step::Frame(frame));
            }
            if !self.by_position {
                self.load(self.block_start, true)?;
                continue;
            }
            let held = self.block_start + self.block.len() as u64;
            let ended = self.at.offset >= held && !self.unreadable;
            return Ok(if ended { Step::End } else { Step::BadFrame });
        }
    }

    /// At a bad place: whether there are at most so many bytes from `from`, in the same
    /// block, to the limit, and all of them zero. Where not, the walk stands as before,
    /// in a block read anew.
    pub(crate) fn only_zeros_from(&mut self, from: u64, most: u64) -> Result<bool> {
        let Some(skip) = from.checked_sub(self.block_start) else { return Ok(false) };
        if self.limit - from > most {
            return Ok(false);
        }
        let block = self.block_start;
        let mut skip = usize::try_from(skip).unwrap_or(usize::MAX);
        loop {
            let rest = self.block.get(skip..).unwrap_or_default();
            if self.unreadable || last_nonzero_index(rest).is_some() {
                if self.block_start != block {
                    self.load(block, true)?;
                }
                return Ok(false);
            }
            let next = self.block_start + BLOCK_BYTES;
            if next >= self.limit || self.block.len() < BLOCK_BYTES_USIZE {
                return Ok(true);
            }
            self.load(next, true)?;
            skip = 0;
        }
    }

    /// Moves over the header of the block just loaded.
    fn enter_block(&mut self) -> Result<Option<Step>> {
        let offset = self.block_start;
        self.passed = None;
        let mut header = decode_block_header(self.owner.identity, offset, &self.block);
        if header.is_none() && !self.by_position {
            self.load(offset, true)?;
            header = decode_block_header(self.owner.identity, offset, &self.block);
        }
        if self.block.is_empty() && !self.unreadable {
            return Ok(Some(Step::End));
        }
        self.block_first = self.at.sequence;
        if header.is_some_and(|header| header.first_sequence == self.at.sequence) {
            self.at.offset += BLOCK_HEADER_BYTES as u64;
            return Ok(None);
        }
        // Only what follows can tell a damaged header from the end of data.
        let first = offset + BLOCK_HEADER_BYTES as u64;
        if self.frame_at(first, self.at.sequence, true).is_some() {
            // Or a writer wrote both while they were read, the header first.
            self.load(offset, true)?;
            let header = decode_block_header(self.owner.identity, offset, &self.block);
            if header.is_some_and(|header| header.first_sequence == self.at.sequence) {
                self.at.offset = first;
                return Ok(None);
            }
            self.at.offset = first;
            return Ok(Some(Step::BadBlock { offset }));
        }
        Ok(Some(Step::BadFrame))
    }

    /// Reads the block at `start`, up to the limit.
    fn load(&mut self, start: u64, by_position: bool) -> Result<()> {
        let wanted = usize::try_from(self.limit - start).unwrap_or(usize::MAX);
        self.block.resize(BLOCK_BYTES_USIZE.min(wanted), 0);
        let read = if by_position {
            self.bytes.read_by_position(start, &mut self.block)
        } else {
            self.bytes.read(start, &mut self.block)
        };
        self.unreadable = read.as_ref().is_err_and(Error::is_device_failure);
        self.refusals += u64::from(self.unreadable && by_position);
        self.block.truncate(if self.unreadable { 0 } else { read? });
        self.block_start = start;
        // What was given without a map need not be asked for again.
        self.by_position = by_position || !(self.bytes.is_mapped() || self.unreadable);
        Ok(())
    }

    /// The frame at `offset` of the loaded block: exactly at `sequence`, or,
    /// when looking behind damage, anywhere behind it.
    fn frame_at(&self, offset: u64, sequence: u64, exact: bool) -> Option<Frame> {
        let start = usize::try_from(offset.checked_sub(self.block_start)?).ok()?;
        let bytes = self.block.get(start..)?;
        let (header, first) = decode_frame(self.owner.identity, offset, self.block_first, bytes)?;
        let count = u64::from(header.count);
        let placed = if exact {
            first == sequence
        } else {
            first >= sequence && self.owner.can_reach(first, offset)
        };
        placed.then(|| Frame {
            start: Position { offset, sequence: first },
            count,
            oath: header.oath,
            payload: start + FRAME_HEADER_BYTES..start + frame_bytes(header.count),
        })
    }

    fn pass(&mut self, frame: &Frame) {
        self.passed = Some(frame.start);
        self.at = Position {
            offset: frame.start.offset + frame.bytes(),
            sequence: frame.start.sequence + frame.count,
        };
    }

    /// Whether the bad place that the last step found is one that the device
    /// does not give.
    pub(crate) fn is_refused(&self) -> bool {
        self.unreadable
    }

    /// How many blocks the device has not given so far.
    pub(crate) fn refusals(&self) -> u64 {
        self.refusals
    }

    /// What to call the bad place that the last step found.
    pub(crate) fn bad_frame(&self) -> &'static str {
        match self.at.offset {
            _ if self.unreadable => "the device does not give these bytes (input/output error)",
            0 => "the segment's header does not match its checksum",
            _ => "a frame does not match its checksum",
        }
    }

    /// Behind a bad place: moves to the next valid frame or block header and
    /// returns the oath it swears, or `None` where none follows. Tries every
    /// aligned position of the block, then the blocks after it.
    pub(crate) fn resume(&mut self) -> Result<Option<u64>> {
        let least = self.at.sequence;
        self.passed = None;
        if self.block_start > self.at.offset {
            return Ok(None);
        }
        let at_header = self.at.offset == self.block_start && self.block_start > 0;
        if at_header && let Some(oath) = self.enter_later_block(least) {
            return Ok(Some(oath));
        }
        let from = if at_header { BLOCK_HEADER_BYTES as u64 } else { FRAME_ALIGN as u64 };
        if let Some(frame) = self.next_frame_in_block(self.at.offset + from, least) {
            self.at = frame.start;
            return Ok(Some(frame.oath));
        }
        let mut next = self.block_start.saturating_add(BLOCK_BYTES);
        let mut zeros = 0;
        while next < self.limit {
            self.load(next, true)?;
            if self.block.is_empty() && !self.unreadable {
                return Ok(None);
            }
            if let Some(oath) = self.enter_later_block(least) {
                return Ok(Some(oath));
            }
            next = next.saturating_add(BLOCK_BYTES);
            let empty = !self.unreadable && last_nonzero_index(&self.block).is_none();
            zeros = if empty { zeros + 1 } else { 0 };
            if zeros == ZERO_BLOCKS_READ {
                // More of them than are written ahead: somebody has made the file long.
                let Some(data) = self.bytes.next_data(next) else { return Ok(None) };
                next = data - data % BLOCK_BYTES;
                zeros = 0;
            }
        }
        Ok(None)
    }

    /// Moves into the loaded block if its header holds and counts from `least`
    /// or later.
    fn enter_later_block(&mut self, least: u64) -> Option<u64> {
        let header = decode_block_header(self.owner.identity, self.block_start, &self.block)?;
        let first = header.first_sequence;
        if first < least || !self.owner.can_reach(first, self.block_start) {
            return None;
        }
        self.block_first = header.first_sequence;
        self.at = Position {
            offset: self.block_start + BLOCK_HEADER_BYTES as u64,
            sequence: header.first_sequence,
        };
        Some(header.oath)
    }

    fn next_frame_in_block(&self, from: u64, least: u64) -> Option<Frame> {
        // In zeros, of which most of what is written ahead consists, there is none.
        let end =
            self.block_start + last_nonzero_index(&self.block).map_or(0, |last| last as u64 + 1);
        let from = from.next_multiple_of(FRAME_ALIGN as u64);
        (from..end).step_by(FRAME_ALIGN).find_map(|offset| self.frame_at(offset, least, false))
    }
}
