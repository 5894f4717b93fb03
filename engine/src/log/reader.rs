//! Reading the log: a fixed prefix of it, by any number of threads at once.
//!
//! Invariants: `end` is where the log ended when it was opened. Every place before it
//! holds a valid frame or is corrupt.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::blocks::Blocks;
use super::resync::Resync;
use super::tail::Tail;
use super::walk::{Frame, expected_at, frame_at};
use super::{Head, Place, header_of};
use crate::error::{Damage, Error, ErrorKind, Result};
use crate::format::frame::{BLOCK_BYTES, Kind, UNIT_USIZE, decode_rows};
use crate::format::names::log_name;
use crate::format::record::{RECORD_BYTES, Record};
use crate::observation::Observation;
use crate::os::disk::{Directory, DiskFile};

/// A log, opened for reading.
#[derive(Debug)]
pub(crate) struct Log {
    file: Arc<DiskFile>,
    head: Head,
    tail: Tail,
    /// The last corrupt place that was passed over, and what follows it. Reading a long one
    /// piece by piece must not search all of it for each piece.
    passed: Mutex<Option<(Place, Place)>>,
    /// Set once a void has been found that does not end the log. Others are not examined then.
    is_forged: AtomicBool,
}

/// What a log holds, in order of sequence number.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Rows {
        first_sequence: u64,
        rows: &'a [Observation],
    },
    /// Rows that cannot be read, with the device's error where there is one.
    Lost(Damage, Option<&'a Error>),
    /// Rows that are lost, and whose loss `repair` has accepted.
    Absent(Range<u64>),
}

impl Log {
    /// Opens the log that `head` describes, and finds its end.
    pub(crate) fn open(directory: &Directory, head: Head) -> Result<Self> {
        Self::of(Arc::new(directory.open_file(&log_name(head.id))?), head)
    }

    /// The log in an open file.
    pub(crate) fn of(file: Arc<DiskFile>, head: Head) -> Result<Self> {
        let tail = Tail::find(&file, &head)?;
        Ok(Self { file, head, tail, passed: Mutex::default(), is_forged: AtomicBool::new(false) })
    }

    pub(crate) fn tail(&self) -> &Tail {
        &self.tail
    }

    pub(crate) fn file(&self) -> &Arc<DiskFile> {
        &self.file
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Whether it repeats the record that first listed it.
    pub(crate) fn has_header_of(&self, record: &Record) -> Result<bool> {
        Ok(header_of(&self.file)?.is_some_and(|own| record.lists_log_of(&own)))
    }

    pub(crate) fn first_sequence(&self) -> u64 {
        self.head.first_sequence
    }

    pub(crate) fn end_sequence(&self) -> u64 {
        self.tail.end.sequence
    }

    /// Observations before this sequence number survive a power cut. `None` before the
    /// first frame or mark: until then the listing of the log may not be durable.
    pub(crate) fn durable_sequence(&self) -> Option<u64> {
        self.tail.is_appended_to.then_some(self.tail.watermark.sequence)
    }

    /// The corrupt places that were met while finding the end.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        let gaps = self.tail.gaps.iter();
        gaps.map(|gap| self.lost(gap.from.offset, gap.from.sequence..gap.to.sequence, None))
            .chain(self.unreadable_end())
            .collect()
    }

    /// Damage to bytes that may hold the log's end and more observations.
    pub(crate) fn unreadable_end(&self) -> Option<Damage> {
        let (offset, error) = self.tail.unreadable.as_ref()?;
        let end = self.end_sequence();
        let detail = format!(
            "bytes that may hold the log's end cannot be read ({}); `gaugelog repair` goes on \
             without them",
            error.detail_with_source()
        );
        Some(Damage { detail, ..self.lost(*offset, end..end, None) })
    }

    /// Hands over what the log holds of `sequences`, in order, and what is lost of it. An
    /// unreadable end comes last, and loses no number.
    pub(crate) fn read(
        &self,
        sequences: Range<u64>,
        each: &mut dyn FnMut(Piece<'_>) -> Result<()>,
    ) -> Result<()> {
        let reaches_end = sequences.end >= self.end_sequence();
        let wanted =
            sequences.start.max(self.first_sequence())..sequences.end.min(self.end_sequence());
        if !wanted.is_empty() {
            let mut reading = Reading {
                log: self,
                blocks: Blocks::new(Arc::clone(&self.file)),
                resync: Resync::new(self.tail.length),
                wanted,
                each: &mut *each,
                rows: Vec::new(),
                rows_first: 0,
            };
            reading.run()?;
            self.check_kept()?;
        }
        match self.unreadable_end().filter(|_| reaches_end) {
            Some(damage) => {
                each(Piece::Lost(damage, self.tail.unreadable.as_ref().map(|(_, error)| error)))
            }
            None => Ok(()),
        }
    }

    /// What was not durable when the log was opened may have been taken back since, because
    /// its append failed. Then its last frame is gone, and others may be in its place.
    fn check_kept(&self) -> Result<()> {
        let Some((offset, header)) = self.tail.last else { return Ok(()) };
        let mut found = [0; UNIT_USIZE];
        let is_kept = self.file.read(offset, &mut found).is_err() || found == header;
        if is_kept { Ok(()) } else { Err(self.taken_back()) }
    }

    fn taken_back(&self) -> Error {
        let detail = "an append that failed was taken back meanwhile; take another snapshot";
        Error::new(ErrorKind::Removed, self.file.path(), detail)
    }

    fn passed(&self) -> MutexGuard<'_, Option<(Place, Place)>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, offset: u64, lost: Range<u64>, why: Option<&Error>) -> Damage {
        let detail = match why {
            Some(error) => format!("the log cannot be read: {}", error.detail_with_source()),
            None => "the log does not hold a valid frame here".into(),
        };
        Damage { path: self.file.path().to_owned(), offset, lost, detail }
    }
}

struct Reading<'a> {
    log: &'a Log,
    blocks: Blocks,
    resync: Resync,
    wanted: Range<u64>,
    each: &'a mut dyn FnMut(Piece<'_>) -> Result<()>,
    /// Rows that are gathered and not handed over yet, and the sequence number of the
    /// first.
    rows: Vec<Observation>,
    rows_first: u64,
}

/// The most rows that are handed over at once, except those of a larger frame.
const GATHERED: usize = 1024;

impl Reading<'_> {
    fn run(&mut self) -> Result<()> {
        let mut place = self.start()?;
        let end = self.log.tail.end;
        while place.sequence < self.wanted.end && place.offset < end.offset {
            place = match self.frame(place)? {
                Some(frame) => {
                    self.hand_over(&frame)?;
                    frame.end()
                }
                None => self.pass_over(place)?,
            };
        }
        // The log is shorter than the manifest states, or than it was.
        if place.sequence < self.wanted.end {
            self.lose(place, self.wanted.end, None)?;
        }
        self.flush()
    }

    /// A valid frame with the right number that is not a mark or void.
    fn frame(&mut self, place: Place) -> Result<Option<Frame>> {
        let frame = expected_at(&mut self.blocks, &self.log.head, place)?;
        Ok(frame.filter(|frame| !matches!(frame.header.kind, Kind::Mark | Kind::Void)))
    }

    /// Where to begin: the last block whose first frame is not after the wanted rows.
    fn start(&mut self) -> Result<Place> {
        let head = &self.log.head;
        let end = self.log.tail.end.offset.min(self.log.tail.length);
        let (mut low, mut high) = (1, end.div_ceil(BLOCK_BYTES));
        let mut found = Place { offset: RECORD_BYTES as u64, sequence: head.first_sequence };
        match *self.log.passed() {
            Some((_, next)) if next.sequence <= self.wanted.start => {
                (found, low) = (next, next.offset.div_ceil(BLOCK_BYTES).max(1));
            }
            Some((from, _)) if from.sequence <= self.wanted.start => return Ok(from),
            _ => {}
        }
        while low < high {
            let middle = low + (high - low) / 2;
            // A corrupt start of a block gives no number: use the block before it.
            let mut probe = middle;
            let mut frame = None;
            while probe >= low && frame.is_none() {
                frame = frame_at(&mut self.blocks, head, probe * BLOCK_BYTES)?;
                probe -= 1;
            }
            match frame {
                Some(frame) if frame.place.sequence <= self.wanted.start => {
                    found = frame.place;
                    low = middle + 1;
                }
                _ => high = middle,
            }
        }
        Ok(found)
    }

    fn hand_over(&mut self, frame: &Frame) -> Result<()> {
        let first = frame.place.sequence;
        let part = first.max(self.wanted.start)..frame.end().sequence.min(self.wanted.end);
        if part.is_empty() {
            return Ok(());
        }
        let accepted = match frame.header.kind {
            Kind::Lost { accepted, .. } => accepted,
            _ => return self.gather(frame, part),
        };
        self.flush()?;
        if accepted {
            return (self.each)(Piece::Absent(part));
        }
        let detail = "lost before this log was made; `gaugelog repair` accepts that".into();
        let path = self.log.file.path().to_owned();
        let damage = Damage { path, offset: frame.place.offset, lost: part, detail };
        (self.each)(Piece::Lost(damage, None))
    }

    /// Adds the wanted `part` of a frame's rows to `rows`.
    fn gather(&mut self, frame: &Frame, part: Range<u64>) -> Result<()> {
        if self.rows.is_empty() {
            self.rows_first = part.start;
        }
        let before = self.rows.len();
        let bytes = self.blocks.from(frame.place.offset)?;
        let length = usize::try_from(frame.header.frame_bytes()).expect("at most a block");
        decode_rows(&bytes[..length], &mut self.rows);
        let count = |sequences: u64| usize::try_from(sequences).expect("rows of a frame");
        self.rows.truncate(before + count(part.end - frame.place.sequence));
        self.rows.drain(before..before + count(part.start - frame.place.sequence));
        if self.rows.len() >= GATHERED { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        (self.each)(Piece::Rows { first_sequence: self.rows_first, rows: &self.rows })?;
        self.rows.clear();
        Ok(())
    }

    /// Finds the next valid frame after a corrupt place, and reports what is lost.
    fn pass_over(&mut self, place: Place) -> Result<Place> {
        // The block may have been read while it was being written.
        self.blocks.forget();
        if self.frame(place)?.is_some() {
            return Ok(place);
        }
        if self.is_voided(place)? {
            return Err(self.log.taken_back());
        }
        let passed = *self.log.passed();
        if let Some((_, next)) = passed.filter(|(from, _)| *from == place) {
            self.lose(place, next.sequence, None)?;
            return Ok(next);
        }
        let end = self.log.tail.end;
        let next = self.resync.next(&mut self.blocks, &self.log.head, place, end.offset)?;
        let next = next.map_or(end, |frame| frame.place);
        let why = self.blocks.take_unreadable().map(|(_, error)| error);
        if why.is_none() {
            *self.log.passed() = Some((place, next));
        }
        self.lose(place, next.sequence, why.as_ref())?;
        Ok(next)
    }

    /// Whether the log now ends with a void at a place that was not durable when it was opened.
    fn is_voided(&mut self, place: Place) -> Result<bool> {
        let log = self.log;
        let found = expected_at(&mut self.blocks, &log.head, place)?;
        let is_void = found.is_some_and(|frame| frame.header.kind == Kind::Void);
        if !is_void || place.offset < log.tail.stated || log.is_forged.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let is_voided = Tail::find(&log.file, &log.head)?.end.offset <= place.offset;
        log.is_forged.store(!is_voided, Ordering::Relaxed);
        Ok(is_voided)
    }

    fn lose(&mut self, place: Place, end: u64, why: Option<&Error>) -> Result<()> {
        let lost = place.sequence.max(self.wanted.start)..end.min(self.wanted.end);
        if lost.is_empty() {
            return Ok(());
        }
        self.flush()?;
        (self.each)(Piece::Lost(self.log.lost(place.offset, lost, why), why))
    }
}
