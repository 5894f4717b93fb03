//! Writing the log: frames at its end, marks after a sync, and taking back a failed
//! write.
//!
//! Invariants: `durable` is not after `end`; bytes from `written_to` on are zeros or do
//! not exist; if `marked` is true, there is a mark at `end`.

use std::sync::Arc;

use super::tail::{Stop, Tail};
use super::{Head, Place};
use crate::error::Result;
use crate::format::Lost;
use crate::format::frame::{
    Header, Kind, LOST_END_MAX, UNIT, UNIT_USIZE, encode, next_place, rows_max,
};
use crate::format::record::{RECORD_BYTES, Record};
use crate::observation::Observation;
use crate::os::disk::DiskFile;

/// After this many bytes the disk begins to write, so that a later sync waits for less.
const WRITE_OUT_BYTES: u64 = 1 << 20;

/// The log, as the holder of the lock writes it.
#[derive(Debug)]
pub(crate) struct LogWriter {
    file: Arc<DiskFile>,
    head: Head,
    end: Place,
    durable: Place,
    marked: bool,
    /// The end of all attempted writes.
    written_to: u64,
    /// The file's length.
    length: u64,
    /// Kept for the next write.
    buffer: Vec<u8>,
}

impl LogWriter {
    /// Continues a log that has this tail.
    pub(crate) fn resume(file: Arc<DiskFile>, head: Head, tail: &Tail) -> Self {
        let marked = tail.stop == Stop::Mark;
        let written_to = tail.end.offset + if marked { UNIT } else { 0 };
        let (end, durable, length) = (tail.end, tail.watermark, tail.length);
        Self { file, head, end, durable, marked, written_to, length, buffer: Vec::new() }
    }

    /// A log that was just made and listed.
    pub(crate) fn begin(file: Arc<DiskFile>, head: Head) -> Self {
        let (end, durable) = (head.made, head.made);
        let (length, written_to) = (end.offset, end.offset);
        Self { file, head, end, durable, marked: false, written_to, length, buffer: Vec::new() }
    }

    pub(crate) fn file(&self) -> &Arc<DiskFile> {
        &self.file
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn end(&self) -> Place {
        self.end
    }

    pub(crate) fn durable(&self) -> Place {
        self.durable
    }

    /// Whether there is a mark at the end.
    pub(crate) fn is_marked(&self) -> bool {
        self.marked
    }

    pub(crate) fn unsynced_bytes(&self) -> u64 {
        self.end.offset - self.durable.offset
    }

    /// Writes `rows` in as few frames as possible, with zeros after them so that the next
    /// frames need not grow the file. After an error it is unknown what was written.
    pub(crate) fn write(&mut self, rows: &[Observation], ahead_bytes: u64) -> Result<()> {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.clear();
        let end = encode_frames(&self.head, self.end, self.durable.offset, rows, &mut bytes);
        let end = end.expect("a log is replaced long before its numbers or offsets exceed 32 bits");
        // A mark is overwritten whole, whatever follows.
        let reached = (self.end.offset + bytes.len() as u64).max(self.written_to);
        if reached > self.length && ahead_bytes > 0 {
            let ahead = reached.next_multiple_of(ahead_bytes) - self.end.offset;
            bytes.resize(usize::try_from(ahead).expect("a buffer"), 0);
        }
        let written = self.file.write(self.end.offset, &bytes);
        // A failed write may have written a part.
        self.length = self.length.max(self.end.offset + bytes.len() as u64);
        self.written_to = self.written_to.max(reached);
        self.buffer = bytes;
        written?;
        if end.offset / WRITE_OUT_BYTES > self.end.offset / WRITE_OUT_BYTES {
            self.file.start_write_out(self.durable.offset..end.offset);
        }
        self.end = end;
        self.marked = false;
        Ok(())
    }

    /// Forces what was written to the disk.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.durable != self.end {
            self.file.sync()?;
            self.durable = self.end;
        }
        Ok(())
    }

    /// Writes a mark at the end if there is none; the mark itself is not synced. Without
    /// a mark the next writer copies what it cannot know to be durable, so a failure here
    /// is no error.
    pub(crate) fn mark(&mut self) {
        if self.marked {
            return;
        }
        let mark = self.mark_bytes();
        self.written_to = self.written_to.max(self.end.offset + UNIT);
        self.marked = self.file.write(self.end.offset, &mark).is_ok();
        self.length = self.length.max(self.end.offset + UNIT);
    }

    fn mark_bytes(&self) -> Vec<u8> {
        self.bare(Kind::Mark, self.end, self.durable.offset)
    }

    fn bare(&self, kind: Kind, place: Place, synced_to: u64) -> Vec<u8> {
        let sequence = self.head.relative(place.sequence).unwrap_or(u32::MAX);
        let synced_to = u32::try_from(synced_to).unwrap_or(u32::MAX);
        let mut bytes = Vec::new();
        let header = Header { kind, sequence, synced_to };
        encode(self.head.seed, place.offset, header, &[], &mut bytes);
        bytes
    }

    /// Takes back what was written after `place`: writes zeros over it, and restores the
    /// mark there if all before it is durable.
    pub(crate) fn take_back(&mut self, place: Place) -> Result<()> {
        // Bytes beyond the end of the file need not be taken back.
        let end = self.written_to.min(self.file.len()?);
        let zeros = vec![0; 1 << 20];
        let mut offset = place.offset;
        while offset < end {
            let part = usize::try_from(end - offset).unwrap_or(usize::MAX).min(zeros.len());
            self.file.write(offset, &zeros[..part])?;
            offset += part as u64;
        }
        self.end = place;
        self.marked = false;
        self.written_to = place.offset;
        if self.durable == place {
            self.mark();
        }
        Ok(())
    }

    /// Ends the log at `place`: what follows was reported as failed.
    pub(crate) fn void(&mut self, place: Place) -> Result<()> {
        let void = self.bare(Kind::Void, place, self.durable.offset.min(place.offset));
        self.file.write(place.offset, &void)
    }

    /// Whether the log still ends where this writer left it.
    pub(crate) fn is_untouched(&self) -> Result<bool> {
        let mut found = [0; UNIT_USIZE];
        // Bytes after the end of the file stay zeros.
        self.file.read(self.end.offset, &mut found)?;
        let expected = if self.marked { self.mark_bytes() } else { vec![0; UNIT_USIZE] };
        Ok(expected == found && self.file.len()? == self.length)
    }
}

/// Appends to `into` the frames of `rows` from `place` on, with zeros up to the next
/// place of a frame, and returns the place after them; `None` if the log cannot hold them.
pub(crate) fn encode_frames(
    head: &Head,
    mut place: Place,
    synced_to: u64,
    mut rows: &[Observation],
    into: &mut Vec<u8>,
) -> Option<Place> {
    let synced_to = u32::try_from(synced_to).ok()?;
    while !rows.is_empty() {
        let most = usize::try_from(rows_max(place.offset, place.sequence)).ok()?;
        let (frame, rest) = rows.split_at(most.min(rows.len()));
        let kind = Kind::Rows(u16::try_from(frame.len()).ok().filter(|count| *count > 0)?);
        let header = Header { kind, sequence: head.relative(place.sequence)?, synced_to };
        u32::try_from(place.offset).ok()?;
        encode(head.seed, place.offset, header, frame, into);
        place.sequence += frame.len() as u64;
        place.offset = pad(place.offset + UNIT * (1 + frame.len() as u64), into);
        rows = rest;
    }
    Some(place)
}

/// Appends to `into` that the observations at `place` are lost, and returns the place
/// after them; `None` if the log cannot hold them.
fn encode_lost(head: &Head, place: Place, lost: &Lost, into: &mut Vec<u8>) -> Option<Place> {
    let (count, accepted) = (lost.sequences.end - place.sequence, lost.is_accepted);
    let sequence = head.relative(place.sequence)?;
    if u64::from(sequence).checked_add(count)? > LOST_END_MAX {
        return None;
    }
    let kind = Kind::Lost { count: u32::try_from(count).ok()?, accepted };
    let header = Header { kind, sequence, synced_to: 0 };
    encode(head.seed, place.offset, header, &[], into);
    Some(Place { offset: pad(place.offset + UNIT, into), sequence: place.sequence + count })
}

/// Writes zeros from `offset` to the place of the next frame, and returns that place.
fn pad(offset: u64, into: &mut Vec<u8>) -> u64 {
    let next = next_place(offset);
    let zeros = usize::try_from(next - offset).expect("less than a frame");
    into.resize(into.len() + zeros, 0);
    next
}

/// The bytes of the log of `record`, with rows and losses in order of sequence number, and
/// the place after them. Its header is still to be filled in. `None` if the log cannot hold
/// them.
pub(crate) fn make(
    record: &Record,
    mut rows: &[Observation],
    lost: &[Lost],
) -> Option<(Vec<u8>, Place)> {
    let (head, synced_to) = (Head::of(record), RECORD_BYTES as u64);
    let mut place = Place { offset: synced_to, sequence: head.first_sequence };
    let mut bytes = vec![0; RECORD_BYTES];
    for lost in lost {
        let before = usize::try_from(lost.sequences.start.checked_sub(place.sequence)?).ok()?;
        let (part, rest) = rows.split_at_checked(before)?;
        place = encode_frames(&head, place, synced_to, part, &mut bytes)?;
        place = encode_lost(&head, place, lost, &mut bytes)?;
        rows = rest;
    }
    place = encode_frames(&head, place, synced_to, rows, &mut bytes)?;
    Some((bytes, place))
}
