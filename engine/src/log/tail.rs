//! Where a log ends.
//!
//! The end is the first place without a valid frame or mark, with two exceptions: a later
//! frame or mark states a watermark beyond that place, or the manifest states that the
//! log was made with it. Then the place is corrupt, and the log goes on after it.
//!
//! The quick search finds the last block that begins with a valid frame, and walks from
//! there and from the watermark. It is right if only zeros follow. Otherwise the whole
//! log is searched.

use std::sync::Arc;

use super::blocks::Blocks;
use super::resync::{Resync, could_follow};
use super::walk::{Frame, frame_at, walk};
use super::{Head, Place};
use crate::error::{Error, Result};
use crate::format::frame::{BLOCK_BYTES, Kind, LOG_BYTES_MAX, UNIT, UNIT_USIZE, next_place};
use crate::os::disk::{DiskFile, SECTOR};

/// How a log ends.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Where the next frame is written.
    pub(crate) end: Place,
    /// The furthest place up to which the log states that it is durable.
    pub(crate) watermark: Place,
    /// The furthest offset that a watermark states. In a damaged log, `watermark` may be before
    /// it.
    pub(crate) stated: u64,
    /// The last frame, if it is after that: its offset and its header.
    pub(crate) last: Option<(u64, [u8; UNIT_USIZE])>,
    /// Whether a valid frame or mark follows what the log was made with. Its writer made
    /// sure that the listing of the log was durable.
    pub(crate) is_appended_to: bool,
    pub(crate) stop: Stop,
    /// Whether only zeros follow, so that the log can be continued.
    pub(crate) is_clean: bool,
    /// Bytes after the end that are not part of the log, without trailing zeros.
    pub(crate) dropped_bytes: u64,
    /// The file's length.
    pub(crate) length: u64,
    /// Corrupt places that were met, at most [`GAPS_MOST`]. A quick search meets none.
    pub(crate) gaps: Vec<Gap>,
    /// A sector that reaches beyond the watermark and could not be read.
    pub(crate) unreadable: Option<(u64, Error)>,
}

/// What ends a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Nothing,
    Mark,
    Void,
}

/// A corrupt place: from the first invalid byte to the next valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

/// How often a log is searched if it is found different each time.
const LOOKS_MAX: usize = 10;
/// The most corrupt places that are noted one by one.
const GAPS_MOST: usize = 1000;

impl Tail {
    /// Finds the end of the log in `file`. Another process may be writing meanwhile: a
    /// place counts as corrupt only if it is found corrupt twice.
    pub(crate) fn find(file: &Arc<DiskFile>, head: &Head) -> Result<Self> {
        let mut tail = Self::look(file, head)?;
        for _ in 0..LOOKS_MAX {
            if tail.gaps.is_empty() {
                break;
            }
            let before = std::mem::replace(&mut tail, Self::look(file, head)?);
            if before.gaps == tail.gaps {
                break;
            }
        }
        Ok(tail)
    }

    fn look(file: &Arc<DiskFile>, head: &Head) -> Result<Self> {
        let whole = file.len()?;
        let length = whole.min(LOG_BYTES_MAX);
        let blocks = Blocks::new(Arc::clone(file));
        let mut search = Search { blocks, head, length, gaps: Vec::new() };
        let mut end = search.quickly()?;
        let mut rest = search.after(&end)?;
        if rest > 0 {
            end = search.thoroughly()?;
            rest = search.after(&end)?;
        }
        let watermark = search.watermark_place(&end)?;
        let Search { mut blocks, gaps, .. } = search;
        let unreadable = blocks.take_unreadable();
        Ok(Self {
            end: end.place,
            watermark,
            stated: end.watermark,
            last: end.last.filter(|(offset, _)| *offset >= end.watermark),
            is_appended_to: end.place.offset > head.made.offset || end.stop == Stop::Mark,
            stop: end.stop,
            is_clean: rest == 0
                && end.stop != Stop::Void
                && (head.made.offset..=LOG_BYTES_MAX).contains(&whole),
            dropped_bytes: rest,
            length: whole,
            gaps,
            unreadable: unreadable.filter(|(sector, _)| sector + SECTOR as u64 > watermark.offset),
        })
    }
}

/// The end found so far.
#[derive(Clone, Copy, Debug)]
struct End {
    place: Place,
    stop: Stop,
    /// The furthest watermark that was met.
    watermark: u64,
    /// The last frame of rows or losses that was met: its offset and its header.
    last: Option<(u64, [u8; UNIT_USIZE])>,
}

struct Search<'a> {
    blocks: Blocks,
    head: &'a Head,
    length: u64,
    gaps: Vec<Gap>,
}

impl Search<'_> {
    /// The end, if nothing but zeros follows it.
    fn quickly(&mut self) -> Result<End> {
        let start = self.last_block()?.map_or(self.head.made, |frame| frame.place);
        let end = self.walk_from(start)?;
        if end.watermark >= start.offset {
            return Ok(end);
        }
        // Everything from the watermark on must be there, too.
        match self.block_of(end.watermark)? {
            Some(place) => self.walk_from(place),
            None => self.thoroughly(),
        }
    }

    /// The frame at the start of the last block that begins with one. Bisection works
    /// because every block before the end begins with a frame.
    fn last_block(&mut self) -> Result<Option<Frame>> {
        let mut low = self.head.made.offset.div_ceil(BLOCK_BYTES);
        let mut high = self.length.div_ceil(BLOCK_BYTES);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            let frame = frame_at(&mut self.blocks, self.head, middle * BLOCK_BYTES)?;
            match frame.filter(|frame| could_follow(self.head, self.head.made, frame)) {
                Some(frame) => {
                    found = Some(frame);
                    low = middle + 1;
                }
                None => high = middle,
            }
        }
        Ok(found)
    }

    /// The place of the frame at the start of the block that holds `offset`, or the end
    /// of what the log was made with.
    fn block_of(&mut self, offset: u64) -> Result<Option<Place>> {
        let start = offset - offset % BLOCK_BYTES;
        if start <= self.head.made.offset {
            return Ok(Some(self.head.made));
        }
        Ok(frame_at(&mut self.blocks, self.head, start)?.map(|frame| frame.place))
    }

    /// Walks from `start` to the first invalid place, a mark or a void.
    fn walk_from(&mut self, start: Place) -> Result<End> {
        let watermark = self.head.made.offset;
        let mut end = End { place: start, stop: Stop::Nothing, watermark, last: None };
        end.place = walk(&mut self.blocks, self.head, start, |frame, bytes| {
            end.watermark = end.watermark.max(frame.header.synced_to.into());
            end.stop = match frame.header.kind {
                Kind::Mark => Stop::Mark,
                Kind::Void => Stop::Void,
                Kind::Rows(_) | Kind::Lost { .. } => {
                    let header = bytes.first_chunk().expect("a frame has a header");
                    end.last = Some((frame.place.offset, *header));
                    Stop::Nothing
                }
            };
        })?;
        Ok(end)
    }

    /// The end, found by going through all frames. An invalid place before the furthest
    /// watermark of all is corrupt, since the frame that states the watermark comes
    /// later.
    fn thoroughly(&mut self) -> Result<End> {
        let watermark = self.pass(u64::MAX)?.watermark;
        let end = self.pass(watermark)?;
        Ok(End { watermark, ..end })
    }

    /// Goes on after invalid places before `watermark`.
    fn pass(&mut self, watermark: u64) -> Result<End> {
        let mut resync = Resync::new(self.length);
        let mut furthest = self.head.made.offset;
        let mut end = self.walk_from(self.head.made)?;
        self.gaps.clear();
        loop {
            furthest = furthest.max(end.watermark);
            if end.place.offset >= watermark || end.stop == Stop::Void {
                break;
            }
            let next = resync.next(&mut self.blocks, self.head, end.place, self.length)?;
            let Some(next) = next else { break };
            if self.gaps.len() < GAPS_MOST {
                self.gaps.push(Gap { from: end.place, to: next.place });
            }
            end = self.walk_from(next.place)?;
        }
        Ok(End { watermark: furthest, ..end })
    }

    /// The frame that begins at the furthest watermark, or the last place known before it.
    fn watermark_place(&mut self, end: &End) -> Result<Place> {
        let watermark = next_place(end.watermark);
        if watermark >= end.place.offset {
            return Ok(end.place);
        }
        let mut reached = self.head.made;
        if let Some(start) = self.block_of(watermark)?.filter(|_| watermark > reached.offset) {
            walk(&mut self.blocks, self.head, start, |frame, _| {
                for place in [frame.place, frame.end()] {
                    if place.offset <= watermark {
                        reached = place;
                    }
                }
            })?;
        }
        // In a forged log the numbers need not ascend.
        reached.sequence = reached.sequence.min(end.place.sequence);
        Ok(reached)
    }

    /// How many bytes there are from `end` to the last one that is not zero.
    fn after(&mut self, end: &End) -> Result<u64> {
        let start = match end.stop {
            Stop::Nothing => end.place.offset,
            Stop::Mark | Stop::Void => end.place.offset + UNIT,
        };
        let (mut offset, mut rest) = (start, 0);
        while offset < self.length {
            // A hole holds only zeros, however long it is.
            let Some(data) = self.blocks.next_data(offset).filter(|data| *data < self.length)
            else {
                break;
            };
            offset = data;
            let bytes = self.blocks.from(offset)?;
            // Many bytes at once, since nearly always all are zeros.
            if bytes.iter().fold(0, |all, byte| all | byte) != 0 {
                let last = bytes.iter().rposition(|byte| *byte != 0).expect("one is not zero");
                rest = offset + last as u64 + 1 - start;
            }
            offset = offset - offset % BLOCK_BYTES + BLOCK_BYTES;
        }
        Ok(rest)
    }
}
