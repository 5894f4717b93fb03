//! Appending to the active segment.
//!
//! Invariants: every byte before `end` is a valid frame, header or padding, or
//! reported damage; every byte behind it is zero or not there; bytes before
//! `durable` have been synced; bytes from `durable` to `doubt_end` were written
//! by others, and nobody knows whether the disk has them (rule 3).

use std::path::{Path, PathBuf};

use crate::disk::{self, DiskFile};
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::segment::chain::Segment;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, BlockHeader, FRAME_BYTES_MIN, FRAME_HEADER_BYTES, FrameHeader,
    OBSERVATION_BYTES, Position, SegmentHeader, encode_block_header, encode_frame,
    encode_segment_header,
};
use crate::segment::map::Bytes;
use crate::segment::names::rows_name;
use crate::segment::recover::{FILE_BYTES_MAX, Start, Tail, find_tail, last_nonzero};
use crate::segment::walk::{Frame, Owner, Step, Walk};
use crate::stats::tree::LEAF;

/// What is left where a sync failed: neither zeros nor a frame.
const GIVEN_UP: &[u8; 8] = b"GIVEN-UP";

/// The most that one write call is given.
const WRITE_BYTES_MAX: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Active {
    file: DiskFile,
    path: PathBuf,
    ordinal: u64,
    identity: u64,
    first_sequence: u64,
    end: Position,
    block_first: u64,
    durable: u64,
    doubt_end: u64,
    /// The last place known in full at or before `durable`.
    synced: Start,
    file_bytes: u64,
    buffer: Vec<u8>,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) end: Position,
    pub(crate) block_first: u64,
}

/// Frames being formed in memory, and where they will stand.
#[derive(Debug)]
struct Forming {
    identity: u64,
    end: Position,
    block_first: u64,
    oath: u64,
}

impl Forming {
    /// Forms one frame of as many of `observations` as fit the block, preceded
    /// by the block's header where it is the first, and returns their number.
    fn frame(&mut self, observations: &[Observation], out: &mut Vec<u8>) -> usize {
        let left = BLOCK_BYTES - self.end.offset % BLOCK_BYTES;
        if left == BLOCK_BYTES || left < FRAME_BYTES_MIN as u64 {
            self.begin_block(left % BLOCK_BYTES, out);
        }
        let left = usize::try_from(BLOCK_BYTES - self.end.offset % BLOCK_BYTES).expect("a block");
        let count = observations.len().min((left - FRAME_HEADER_BYTES) / OBSERVATION_BYTES);
        let index = self.end.sequence - self.block_first;
        let header = FrameHeader {
            count: u16::try_from(count).expect("a block holds at most 2,044"),
            index: u16::try_from(index).expect("a block holds at most 2,044"),
            oath: self.oath,
        };
        let before = out.len();
        encode_frame(self.identity, self.end, header, &observations[..count], out);
        self.end.offset += (out.len() - before) as u64;
        self.end.sequence += count as u64;
        count
    }

    /// Leaves `padding` bytes and begins the block behind them.
    fn begin_block(&mut self, padding: u64, out: &mut Vec<u8>) {
        out.resize(out.len() + usize::try_from(padding).expect("less than a frame"), 0);
        self.end.offset += padding;
        self.block_first = self.end.sequence;
        let header = BlockHeader { first_sequence: self.end.sequence, oath: self.oath };
        encode_block_header(self.identity, self.end.offset, header, out);
        self.end.offset += BLOCK_HEADER_BYTES as u64;
    }
}

/// How much of a segment to write ahead of its end, and where it shall end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Zeros are written up to the next multiple of this, in bytes; 0 for none.
    pub(crate) ahead_bytes: u64,
    /// From this size on the segment ends at the next leaf boundary.
    pub(crate) segment_bytes_max: u64,
}

impl Active {
    /// Begins a new segment with `observations` in it: the file is made whole
    /// and durable, name and all, before this returns (rule 5).
    pub(crate) fn begin(
        directory: &Path,
        header: &SegmentHeader,
        observations: &[Observation],
    ) -> Result<Self> {
        let name = rows_name(header.ordinal);
        let path = directory.join(&name);
        let mut bytes = encode_segment_header(header);
        let start = Position { offset: bytes.len() as u64, sequence: header.first_sequence };
        let mut forming = Forming {
            identity: header.identity,
            end: start,
            block_first: header.first_sequence,
            oath: 0,
        };
        let mut rest = observations;
        while !rest.is_empty() {
            let taken = forming.frame(rest, &mut bytes);
            rest = &rest[taken..];
        }
        disk::create_whole(directory, &name, &bytes)?;
        let Forming { end, block_first, .. } = forming;
        Ok(Self {
            file: DiskFile::open(&path)?,
            path,
            ordinal: header.ordinal,
            identity: header.identity,
            first_sequence: header.first_sequence,
            end,
            block_first,
            durable: end.offset,
            doubt_end: end.offset,
            synced: Start { durable: end, block_first },
            file_bytes: end.offset,
            buffer: Vec::new(),
        })
    }

    /// Goes on with a segment that was found on the disk.
    pub(crate) fn resume(segment: &Segment, tail: &Tail) -> Result<Self> {
        Ok(Self {
            file: DiskFile::open(&segment.path)?,
            path: segment.path.clone(),
            ordinal: segment.ordinal,
            identity: segment.identity,
            first_sequence: segment.first_sequence,
            end: tail.end,
            block_first: tail.block_first,
            durable: tail.durable,
            doubt_end: tail.end.offset,
            synced: tail.start,
            file_bytes: tail.file_bytes,
            buffer: Vec::new(),
        })
    }

    fn owner(&self) -> Owner {
        Owner { identity: self.identity, first_sequence: self.first_sequence }
    }

    /// Looks behind the end that is known.
    pub(crate) fn tail_now(&self) -> Result<Tail> {
        let start = Start { durable: self.end, block_first: self.block_first };
        find_tail(Bytes::open(&self.path, true)?, self.owner(), start, 0)
    }

    pub(crate) fn end(&self) -> Position {
        self.end
    }

    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    pub(crate) fn identity(&self) -> u64 {
        self.identity
    }

    pub(crate) fn first_sequence(&self) -> u64 {
        self.first_sequence
    }

    pub(crate) fn block_first(&self) -> u64 {
        self.block_first
    }

    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.end.offset - self.durable.min(self.end.offset)
    }

    /// Whether the next observation belongs into a new segment.
    pub(crate) fn is_full(&self, room: Room) -> bool {
        self.end.offset >= room.segment_bytes_max && self.end.sequence.is_multiple_of(LEAF)
    }

    /// Whether so many further observations may make the segment full, or more
    /// unsynced bytes than there shall be.
    pub(crate) fn may_reach(&self, observations: usize, full: u64, unsynced: u64) -> bool {
        // One to a frame, each behind padding in a block of its own, they take less.
        const BYTES_MOST: u64 = (2 * FRAME_BYTES_MIN + BLOCK_HEADER_BYTES) as u64;
        let most = (observations as u64).saturating_mul(BYTES_MOST);
        self.end.offset.saturating_add(most) >= full
            || self.unsynced_bytes().saturating_add(most) >= unsynced
    }

    /// Where appending is now, for [`Active::undo`].
    pub(crate) fn mark(&self) -> Mark {
        Mark { end: self.end, block_first: self.block_first }
    }

    /// Writes frames for as many of `observations` as one call takes, at least
    /// one unless the segment is full, and returns their number. On an error
    /// nothing counts as written.
    pub(crate) fn write(&mut self, observations: &[Observation], room: Room) -> Result<usize> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let mut forming = Forming {
            identity: self.identity,
            end: self.end,
            block_first: self.block_first,
            oath: self.durable,
        };
        let mut taken = 0;
        while taken < observations.len() && buffer.len() < WRITE_BYTES_MAX {
            let mut next = &observations[taken..];
            if forming.end.offset >= room.segment_bytes_max {
                // Full but for the rest of a leaf.
                let rest = (LEAF - forming.end.sequence % LEAF) % LEAF;
                next = &next[..next.len().min(usize::try_from(rest).expect("less than a leaf"))];
            }
            if next.is_empty() {
                break;
            }
            taken += forming.frame(next, &mut buffer);
        }
        let written = self.write_formed(forming.end.offset, &mut buffer, room);
        self.buffer = buffer;
        written?;
        (self.end, self.block_first) = (forming.end, forming.block_first);
        Ok(taken)
    }

    /// Writes what reaches from `end` to `reach`, and zeros ahead of it.
    fn write_formed(&mut self, frames_end: u64, buffer: &mut Vec<u8>, room: Room) -> Result<()> {
        let frames_bytes = buffer.len();
        let mut reach = frames_end;
        if room.ahead_bytes > 0 && reach > self.file_bytes {
            let ahead = room.ahead_bytes - reach % room.ahead_bytes;
            reach += ahead;
            buffer.resize(buffer.len() + usize::try_from(ahead).expect("at most 256 KiB"), 0);
        }
        match self.file.write(self.end.offset, buffer) {
            // There may be room for the frames, if not for zeros ahead of them.
            Err(error) if error.is_lack_of_room() && reach > frames_end => {
                buffer.truncate(frames_bytes);
                self.file.write(self.end.offset, buffer)?;
                self.file_bytes = self.file_bytes.max(frames_end);
            }
            written => {
                written?;
                self.file_bytes = self.file_bytes.max(reach);
            }
        }
        Ok(())
    }

    /// Takes back what was written since `mark` and was not synced: zeros over
    /// it, so that no later writer finds a frame that was reported as failed.
    /// After a failed sync the zeros begin with a mark that is not zero, so that
    /// no later writer goes on where the kernel may have dropped what it was
    /// given (rule 4 then ends the segment).
    pub(crate) fn undo(&mut self, mark: Mark, sync_failed: bool) -> Result<()> {
        let mut over = vec![0; WRITE_BYTES_MAX];
        if sync_failed {
            over[..GIVEN_UP.len()].copy_from_slice(GIVEN_UP);
        }
        // What a failed write reached is only known from the file. Zeros there are
        // not written again: that may take space, or room below a limit.
        let mut until = match self.nonzero_until(mark.end.offset) {
            Ok(until) => until,
            Err(_) => self.file.len()?.min(FILE_BYTES_MAX),
        };
        if sync_failed {
            until = until.max(mark.end.offset + GIVEN_UP.len() as u64);
        }
        let mut at = mark.end.offset;
        while at < until {
            let length = (until - at).min(over.len() as u64);
            self.file.write(at, &over[..usize::try_from(length).expect("at most 1 MiB")])?;
            over[..GIVEN_UP.len()].fill(0);
            at += length;
        }
        Ok(())
    }

    /// Behind the last byte from `from` on that is not zero.
    fn nonzero_until(&self, from: u64) -> Result<u64> {
        let bytes = Bytes::open(&self.path, true)?;
        let length = bytes.len()?.min(FILE_BYTES_MAX);
        Ok(from + last_nonzero(&bytes, from, length)?)
    }

    /// Whether others wrote frames that nobody knows to be synced.
    pub(crate) fn has_doubts(&self) -> bool {
        self.durable < self.doubt_end
    }

    /// Waits until the disk has every frame before `end`. Not for frames in
    /// doubt: a sync that returns says nothing of those (rule 3).
    pub(crate) fn sync(&mut self) -> Result<()> {
        assert!(!self.has_doubts(), "frames in doubt are copied, not synced");
        self.file.sync()?;
        self.durable = self.end.offset;
        self.doubt_end = self.end.offset;
        self.synced = Start { durable: self.end, block_first: self.block_first };
        Ok(())
    }

    /// The durable position in full, and the observations between it and the
    /// end, as far as they have not rotted.
    pub(crate) fn beyond_durable(&self) -> Result<(Mark, Vec<Observation>)> {
        let mut walk = self.walk_to_durable(self.end.offset)?;
        let durable = Mark { end: walk.at(), block_first: walk.block_first() };
        let mut observations = Vec::new();
        while let Some(frame) = next_frame(&mut walk)? {
            observations.extend(walk.observations(&frame));
        }
        let whole = durable.end.sequence + observations.len() as u64 == self.end.sequence;
        if !whole && walk.refusals() > 0 {
            return Err(Error::refused(&self.path, walk.at().offset));
        }
        Ok((durable, observations))
    }

    /// A walk that stands at the durable position and ends at `limit`.
    fn walk_to_durable(&self, limit: u64) -> Result<Walk> {
        let bytes = Bytes::open(&self.path, true)?;
        let Start { durable, block_first } = self.synced;
        let mut walk = Walk::new(bytes, self.owner(), durable, block_first, limit);
        while walk.at().offset < self.durable {
            match walk.step()? {
                Step::Frame(_) | Step::BadBlock { .. } => {}
                Step::End => break,
                // Not over the frame behind the damage: it may be the first in doubt.
                Step::BadFrame => {
                    if walk.resume()?.is_none() {
                        break;
                    }
                }
            }
        }
        Ok(walk)
    }
}

/// The next frame that holds, over damage.
fn next_frame(walk: &mut Walk) -> Result<Option<Frame>> {
    loop {
        match walk.step()? {
            Step::Frame(frame) => return Ok(Some(frame)),
            Step::BadBlock { .. } => {}
            Step::End => return Ok(None),
            Step::BadFrame => {
                if walk.resume()?.is_none() {
                    return Ok(None);
                }
            }
        }
    }
}
