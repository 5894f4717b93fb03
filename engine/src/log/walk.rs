//! Going through a log's frames, one after the other.

use super::blocks::Blocks;
use super::{Head, Place};
use crate::error::Result;
use crate::format::frame::{Header, Kind, LOST_END_MAX, is_finite, next_place, rows_max};

/// A frame at a place of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) place: Place,
    pub(crate) header: Header,
}

impl Frame {
    /// The place of the next frame.
    pub(crate) fn end(&self) -> Place {
        match self.header.kind {
            // The next frame overwrites a mark. A void ends the log.
            Kind::Mark | Kind::Void => self.place,
            Kind::Rows(_) | Kind::Lost { .. } => Place {
                offset: next_place(self.place.offset + self.header.frame_bytes()),
                sequence: self.place.sequence.saturating_add(self.header.observations()),
            },
        }
    }
}

/// The valid frame at `offset`, with any sequence number.
pub(crate) fn frame_at(blocks: &mut Blocks, head: &Head, offset: u64) -> Result<Option<Frame>> {
    let bytes = blocks.from(offset)?;
    let Some(header) = Header::parse(bytes) else { return Ok(None) };
    let sequence = head.first_sequence.saturating_add(header.sequence.into());
    let frame = usize::try_from(header.frame_bytes()).ok().and_then(|length| bytes.get(..length));
    let valid = frame.is_some_and(|frame| {
        fits(&header, offset, sequence)
            && head.seed.is_valid(offset, frame)
            && (!matches!(header.kind, Kind::Rows(_)) || is_finite(frame))
    });
    Ok(valid.then_some(Frame { place: Place { offset, sequence }, header }))
}

/// Whether a writer could have written such a frame.
fn fits(header: &Header, offset: u64, sequence: u64) -> bool {
    let count_fits = match header.kind {
        Kind::Rows(count) => u64::from(count) <= rows_max(offset, sequence),
        Kind::Lost { count, .. } => u64::from(header.sequence) + u64::from(count) <= LOST_END_MAX,
        Kind::Mark | Kind::Void => true,
    };
    count_fits && u64::from(header.synced_to) <= offset
}

/// The frame at `place`, if it is valid and has that sequence number.
pub(crate) fn expected_at(blocks: &mut Blocks, head: &Head, place: Place) -> Result<Option<Frame>> {
    let frame = frame_at(blocks, head, place.offset)?;
    Ok(frame.filter(|frame| frame.place.sequence == place.sequence))
}

/// Walks from `place` to the first invalid place and returns it. A mark or a void also
/// ends the walk, at its own place. `each` sees every frame, marks and voids included,
/// and its bytes, as they were when it was found valid.
pub(crate) fn walk(
    blocks: &mut Blocks,
    head: &Head,
    mut place: Place,
    mut each: impl FnMut(&Frame, &[u8]),
) -> Result<Place> {
    while let Some(frame) = expected_at(blocks, head, place)? {
        // In the block that is there, so nothing is read again.
        each(&frame, blocks.from(place.offset)?);
        if matches!(frame.header.kind, Kind::Mark | Kind::Void) {
            break;
        }
        place = frame.end();
    }
    Ok(place)
}
