//! A log in memory, written and read as `FORMAT.md` says, in the simplest way.

use std::ops::Range;

use gaugelog::{Observation, fuzzing};

use crate::signing::{
    BLOCK, RECORD, UNIT, frame_checksum, next_place, sign, sign_frame, u16_at, u32_at, u64_at,
};

pub(crate) const ROWS: u16 = 1;
pub(crate) const MARK: u16 = 2;
pub(crate) const VOID: u16 = 3;
pub(crate) const LOST: u16 = 4;
pub(crate) const LOST_ACCEPTED: u16 = 5;

/// A written frame that is not a mark.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) bytes: Range<usize>,
    pub(crate) kind: u16,
    pub(crate) sequences: Range<u64>,
}

/// A log that is being written.
pub(crate) struct Writing {
    pub(crate) id: u64,
    pub(crate) first_sequence: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) frames: Vec<Written>,
    /// Where the next frame goes.
    pub(crate) end: usize,
    pub(crate) sequence: u64,
    watermark: usize,
}

/// The row of this sequence number.
pub(crate) fn row(sequence: u64) -> Observation {
    Observation::new(sequence.cast_signed() * 10, sequence as f64 * 0.5)
}

impl Writing {
    /// A log that begins with the first observation of a chunk.
    pub(crate) fn new(id: u64, chunk: u32) -> Self {
        let mut bytes = vec![0; RECORD];
        bytes[..8].copy_from_slice(b"gaugelog");
        for (at, number) in [(12, 2), (48, chunk), (52, chunk)] {
            bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(number));
        }
        for (at, number) in [(16, 9), (24, 1), (32, id)] {
            bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(number));
        }
        let first_sequence = u64::from(chunk) * fuzzing::CHUNK;
        let (frames, sequence) = (Vec::new(), first_sequence);
        Self { id, first_sequence, bytes, frames, end: RECORD, sequence, watermark: RECORD }
    }

    /// Ends the part that the log is made with.
    pub(crate) fn made(&mut self) {
        self.bytes.resize(self.bytes.len().max(self.end), 0);
        self.watermark = self.end;
        let numbers = [(64, self.sequence - self.first_sequence), (72, self.end as u64)];
        for (at, number) in numbers {
            self.bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        sign(&mut self.bytes[..RECORD]);
    }

    fn put(&mut self, kind: u16, count: usize, last: u32) -> usize {
        let length = UNIT * (1 + count);
        let end = self.end + length;
        self.bytes.resize(self.bytes.len().max(end), 0);
        let sequence = u32::try_from(self.sequence - self.first_sequence).expect("few");
        let rows: Vec<u8> = (self.sequence..self.sequence + count as u64)
            .map(row)
            .flat_map(|row| [row.timestamp_ns.to_le_bytes(), row.value.to_le_bytes()].concat())
            .collect();
        let frame = &mut self.bytes[self.end..end];
        frame[4..6].copy_from_slice(&u16::try_from(count).expect("few").to_le_bytes());
        frame[6..8].copy_from_slice(&kind.to_le_bytes());
        frame[8..12].copy_from_slice(&sequence.to_le_bytes());
        frame[12..16].copy_from_slice(&last.to_le_bytes());
        frame[16..].copy_from_slice(&rows);
        sign_frame(self.id, self.end, frame);
        end
    }

    fn went_on(&mut self, kind: u16, end: usize, count: u64) {
        let sequences = self.sequence..self.sequence + count;
        self.sequence = sequences.end;
        self.frames.push(Written { bytes: self.end..end, kind, sequences });
        self.end = next_place(end);
    }

    pub(crate) fn rows(&mut self, mut count: usize) {
        while count > 0 {
            let room = (BLOCK - self.end % BLOCK) / UNIT - 1;
            let to_chunk = fuzzing::CHUNK - self.sequence % fuzzing::CHUNK;
            let rows = count.min(room).min(usize::try_from(to_chunk).expect("few"));
            let end = self.put(ROWS, rows, u32::try_from(self.watermark).expect("small"));
            self.went_on(ROWS, end, rows as u64);
            count -= rows;
        }
    }

    pub(crate) fn lost(&mut self, count: u32, accepted: bool) {
        let kind = if accepted { LOST_ACCEPTED } else { LOST };
        let end = self.put(kind, 0, count);
        self.went_on(kind, end, count.into());
    }

    pub(crate) fn sync(&mut self, leaves_mark: bool) {
        self.watermark = self.end;
        if leaves_mark {
            self.put(MARK, 0, u32::try_from(self.watermark).expect("small"));
        }
    }

    pub(crate) fn void(&mut self) {
        self.put(VOID, 0, u32::try_from(self.watermark).expect("small"));
    }
}

/// A place in a log: an offset, and the sequence number of the frame that begins there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) sequence: u64,
}

/// How a log ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) place: Place,
    /// The kind of the mark or void at the end; otherwise 0.
    stop: u16,
    /// The furthest watermark that was met.
    watermark: usize,
}

struct Frame {
    kind: u16,
    sequence: u64,
    count: u64,
    watermark: usize,
    length: usize,
}

/// A log that is read.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    id: u64,
    first_sequence: u64,
    made: Place,
}

impl<'a> Reading<'a> {
    /// The log whose header states what it was made with.
    pub(crate) fn new(bytes: &'a [u8], record: &[u8]) -> Self {
        let first_sequence = u64::from(u32_at(record, 52)) * fuzzing::CHUNK;
        let offset = usize::try_from(u64_at(record, 72)).expect("64 bits");
        let made = Place { offset, sequence: first_sequence + u64_at(record, 64) };
        Self { bytes, id: u64_at(record, 32), first_sequence, made }
    }

    fn frame_at(&self, offset: usize) -> Option<Frame> {
        let end = self.bytes.len().min(offset - offset % BLOCK + BLOCK);
        let bytes = self.bytes.get(offset..end).filter(|bytes| bytes.len() >= UNIT)?;
        let (count, kind) = (u64::from(u16_at(bytes, 4)), u16_at(bytes, 6));
        let (sequence, last) = (u32_at(bytes, 8), u32_at(bytes, 12));
        let sequence = self.first_sequence + u64::from(sequence);
        let (count, watermark) = match (kind, count, last) {
            (ROWS, 1..=2047, _) => (count, last),
            (MARK | VOID, 0, _) => (0, last),
            (LOST | LOST_ACCEPTED, 0, 1..) => (last.into(), 0),
            _ => return None,
        };
        let length = if kind == ROWS { UNIT * (1 + usize::try_from(count).ok()?) } else { UNIT };
        let frame = bytes.get(..length)?;
        let watermark = usize::try_from(watermark).ok()?;
        let finite = |row: &[u8]| f64::from_bits(u64_at(row, 8)).is_finite();
        let is_lost = matches!(kind, LOST | LOST_ACCEPTED);
        let lost_end = sequence - self.first_sequence + count;
        let is_valid = watermark <= offset
            && (!is_lost || lost_end <= 2048 * fuzzing::CHUNK)
            && (kind != ROWS || sequence % fuzzing::CHUNK + count <= fuzzing::CHUNK)
            && u32_at(frame, 0) == frame_checksum(self.id, offset, frame)
            && frame[UNIT..].chunks_exact(UNIT).all(finite);
        is_valid.then_some(Frame { kind, sequence, count, watermark, length })
    }

    fn walk(&self, mut place: Place) -> End {
        let (mut stop, mut watermark) = (0, self.made.offset);
        while let Some(frame) =
            self.frame_at(place.offset).filter(|frame| frame.sequence == place.sequence)
        {
            watermark = watermark.max(frame.watermark);
            if matches!(frame.kind, MARK | VOID) {
                stop = frame.kind;
                break;
            }
            place.offset = next_place(place.offset + frame.length);
            place.sequence += frame.count;
        }
        End { place, stop, watermark }
    }

    /// The next valid frame after an invalid place that can follow it.
    fn after(&self, place: Place) -> Option<Place> {
        let offsets = (place.offset + UNIT..self.bytes.len()).step_by(UNIT);
        offsets
            .filter_map(|offset| {
                let sequence = self.frame_at(offset)?.sequence;
                // Observations that were lost earlier take no bytes.
                let known = if place.offset < self.made.offset { self.made } else { place };
                let rows = offset.saturating_sub(known.offset) / UNIT;
                let numbers = place.sequence..=known.sequence + rows as u64;
                numbers.contains(&sequence).then_some(Place { offset, sequence })
            })
            .next()
    }

    /// Goes on after invalid places before `watermark`.
    fn pass(&self, watermark: usize) -> End {
        let mut end = self.walk(self.made);
        let mut furthest = end.watermark;
        while end.place.offset < watermark && end.stop != VOID {
            let Some(next) = self.after(end.place) else { break };
            end = self.walk(next);
            furthest = furthest.max(end.watermark);
        }
        End { watermark: furthest, ..end }
    }

    pub(crate) fn end(&self) -> End {
        let watermark = self.pass(usize::MAX).watermark;
        self.pass(watermark)
    }

    /// How many bytes there are after the end, without trailing zeros.
    pub(crate) fn dropped(&self, end: &End) -> usize {
        let start = end.place.offset + if end.stop == 0 { 0 } else { UNIT };
        let rest = self.bytes.get(start..).unwrap_or_default();
        rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
    }
}
