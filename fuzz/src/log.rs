//! A small log, written as `FORMAT.md` says, then damaged, or forged with correct
//! checksums.
//!
//! Whatever it holds: no panic and no hang. What is read or reported as lost is the whole
//! log, each number once, and fits into the file. If nothing was forged: the end is where
//! reading from the start finds it; an intact frame before it is read; and each row is
//! the one that was written under its number.

use std::ops::Range;

use gaugelog::fuzzing::{self, Part};

use crate::input::Input;
use crate::log_bytes::{Reading, Writing, row};
use crate::model::same;
use crate::scratch::{Files, Place};
use crate::signing::{RECORD, UNIT, frame_bytes, sign, sign_frame, u32_at, u64_at};

const STEPS_MAX: usize = 40;
const CHANGES_MAX: usize = 6;
const BYTES_MAX: usize = 256 * 1024;

/// Does this, as `bytes` say.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let written = write(&mut input);
    let mut log = Changed { bytes: written.bytes.clone(), is_forged: false, is_damaged: false };
    let mut record = log.bytes[..RECORD].to_vec();
    for _ in 0..usize::from(input.byte()) % (CHANGES_MAX + 1) {
        if input.is_empty() {
            break;
        }
        match input.byte() % 4 {
            0 => log.forge(&mut input, &written, &mut record),
            _ => log.damage(&mut input, &written),
        }
    }
    log.bytes.truncate(BYTES_MAX);
    check(&mut input, &written, &log, &record);
}

/// What the log is made with, then appends and syncs.
fn write(input: &mut Input<'_>) -> Writing {
    let mut log = Writing::new(0xF00D_0000 + u64::from(input.byte() % 4), input.byte() as u32 % 3);
    let made = input.byte();
    for _ in 0..made % 4 {
        let what = input.byte();
        match what & 3 {
            0 => log.lost(1 + u32::from(what), what & 4 != 0),
            _ => log.rows(1 + 9 * usize::from(what)),
        }
    }
    log.made();
    let steps = usize::from(input.byte()) % (STEPS_MAX + 1);
    for _ in 0..steps {
        let what = input.byte();
        let amount = usize::from(what >> 3);
        match what & 7 {
            0 | 1 => log.rows(1 + amount),
            2 => log.rows(1 + 100 * amount),
            3 | 4 => log.sync(true),
            5 => log.sync(false),
            6 => {
                // Zeros are written ahead.
                let length = log.bytes.len().next_multiple_of(4096 << (amount % 4));
                log.bytes.resize(length, 0);
            }
            _ if amount == 31 => {
                log.void();
                break;
            }
            _ => log.rows(1),
        }
        if log.bytes.len() > BYTES_MAX / 2 {
            break;
        }
    }
    log
}

struct Changed {
    bytes: Vec<u8>,
    is_forged: bool,
    is_damaged: bool,
}

impl Changed {
    /// The bytes of a written frame, chosen from the front or from the back.
    fn a_frame(input: &mut Input<'_>, written: &Writing) -> Option<Range<usize>> {
        let (back, at) = (input.flag(), input.below(written.frames.len()));
        let at = if back { written.frames.len() - at.min(written.frames.len()) } else { at };
        written.frames.get(at.min(written.frames.len().checked_sub(1)?)).map(|it| it.bytes.clone())
    }

    fn damage(&mut self, input: &mut Input<'_>, written: &Writing) {
        self.is_damaged = true;
        let frame = Self::a_frame(input, written).unwrap_or(RECORD..RECORD + UNIT);
        let at = match input.byte() % 4 {
            0 => frame.start,
            1 => frame.start + input.below(frame.len()),
            2 => written.end + input.below(64),
            _ => RECORD + input.below(self.bytes.len() - RECORD),
        };
        let at = at.min(self.bytes.len());
        match input.byte() % 8 {
            0 | 1 => {
                let bit = input.byte() % 8;
                if let Some(byte) = self.bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            2 | 3 => {
                // Units, sectors and pages that were not written.
                let length = [16, 512, 4096, 32_768][input.below(4)];
                let start = (at - at % length).max(RECORD);
                let end = (at - at % length + length).min(self.bytes.len());
                self.bytes[start.min(end)..end].fill(0);
            }
            4 => {
                let (length, value) = (input.below(700), input.byte());
                let end = (at + length).min(self.bytes.len());
                self.bytes[at..end].fill(value);
            }
            5 => self.bytes.truncate(at.max(RECORD)),
            6 => {
                let count = input.below(33);
                let new = input.bytes(count);
                let end = (at + new.len()).min(self.bytes.len());
                self.bytes[at..end].copy_from_slice(&new[..end - at]);
            }
            _ => {
                // An old frame in the place of another one.
                let (to, length) = (at - at % UNIT, self.bytes.len());
                let count = frame.len().min(length - to).min(length.saturating_sub(frame.start));
                self.bytes
                    .copy_within(length.min(frame.start)..length.min(frame.start) + count, to);
            }
        }
    }

    /// Changes a field of a frame or of the header, or puts a frame anywhere, and signs
    /// it.
    fn forge(&mut self, input: &mut Input<'_>, written: &Writing, record: &mut [u8]) {
        self.is_forged = true;
        if input.byte() % 8 == 0 {
            // What the log was made with.
            let at = [64, 72][input.below(2)];
            let value = a_number(input, &self.bytes);
            record[at..at + 8].copy_from_slice(&u64::from(value).to_le_bytes());
            sign(record);
            return;
        }
        let frame = Self::a_frame(input, written).unwrap_or(RECORD..RECORD + UNIT);
        let at = match input.byte() % 4 {
            0 => written.end,
            1 => frame.start + UNIT * input.below(frame.len() / UNIT),
            _ => frame.start,
        };
        if at + UNIT > self.bytes.len() {
            self.bytes.resize(at + UNIT, 0);
        }
        let field = input.below(4);
        let value = a_number(input, &self.bytes).to_le_bytes();
        match field {
            0 => self.bytes[at + 4..at + 6].copy_from_slice(&value[..2]),
            1 => {
                self.bytes[at + 4..at + 6].fill(0);
                self.bytes[at + 6..at + 8].copy_from_slice(&[value[0] % 8, 0]);
            }
            2 => self.bytes[at + 8..at + 12].copy_from_slice(&value),
            _ => self.bytes[at + 12..at + 16].copy_from_slice(&value),
        }
        let end = (at + frame_bytes(&self.bytes[at..])).min(self.bytes.len());
        sign_frame(written.id, at, &mut self.bytes[at..end]);
    }
}

/// A plausible number.
fn a_number(input: &mut Input<'_>, bytes: &[u8]) -> u32 {
    match input.byte() % 6 {
        0 => input.byte().into(),
        1 => 1 << (input.byte() % 32),
        2 => u32::MAX - u32::from(input.byte()),
        3 => u32::try_from(bytes.len()).expect("a small file") & !15,
        4 => u32_at(bytes, 4 * input.below(bytes.len() / 4)),
        _ => input.u32(),
    }
}

fn check(input: &mut Input<'_>, written: &Writing, changed: &Changed, record: &[u8]) {
    let name = format!("{:016x}.log", written.id);
    let place = Place::with(&Files::from([(name, changed.bytes.clone())]));
    let Some(log) = fuzzing::Log::open(place.path(), record) else {
        return assert!(changed.is_forged);
    };
    let log = log.expect("a file can be opened");
    let (end_offset, end) = log.end();
    let made = u64_at(record, 72);
    print(&log, written, changed);
    assert!(log.watermark() <= end_offset && log.durable_sequence().is_none_or(|it| it <= end));
    assert!(log.watermark() >= made.min(end_offset));
    let parts = log.read(0..u64::MAX).expect("a file can be read");
    assert_complete(&parts, written.first_sequence..end);
    let some = {
        let from = written.first_sequence + u64::from(input.u16() % 8192);
        from..from + u64::from(input.u16() % 4096)
    };
    let of_some = log.read(some.clone()).expect("a file can be read");
    assert_complete(&of_some, some.start.min(end)..some.end.min(end));
    let bytes: u64 = rows(&parts).map(|(_, rows)| 16 * rows.len() as u64).sum();
    assert!(bytes <= changed.bytes.len() as u64, "more rows than the file can hold");
    if !changed.is_forged {
        assert_true(&log, &parts, written, changed);
        assert_true_rows(&of_some);
        let clipped = |(first, rows): (u64, &[gaugelog::Observation])| {
            let numbers = first..first + rows.len() as u64;
            numbers.filter(|number| some.contains(number)).count()
        };
        let counts = [rows(&parts).map(clipped).sum(), rows(&of_some).map(clipped).sum::<usize>()];
        assert_eq!(counts[0], counts[1], "a part is the same part of the whole");
    }
}

/// Prints what the input made, to examine one input.
fn print(log: &fuzzing::Log, written: &Writing, changed: &Changed) {
    if std::env::var_os("GAUGELOG_FUZZ_PRINT").is_none() {
        return;
    }
    eprintln!("made {}", u64_at(&written.bytes, 72));
    for frame in &written.frames {
        let now = changed.bytes.get(frame.bytes.clone());
        let is_intact = now == Some(&written.bytes[frame.bytes.clone()]);
        eprintln!("{frame:?}, intact: {is_intact}");
    }
    eprintln!("{} bytes, forged: {}", changed.bytes.len(), changed.is_forged);
    eprintln!("the end is {:?}, and the watermark {}", log.end(), log.watermark());
    eprintln!("durable up to {:?}, {:?}", log.durable_sequence(), log.damage());
    for part in log.read(0..u64::MAX).expect("a file can be read") {
        match part {
            Part::Rows { first_sequence, rows } => {
                eprintln!("{first_sequence} to {}", first_sequence + rows.len() as u64);
            }
            other => eprintln!("{other:?}"),
        }
    }
}

fn rows(parts: &[Part]) -> impl Iterator<Item = (u64, &[gaugelog::Observation])> {
    parts.iter().filter_map(|part| match part {
        Part::Rows { first_sequence, rows } => Some((*first_sequence, rows.as_slice())),
        _ => None,
    })
}

/// Asserts that the parts are all of `wanted`, in order, each number once.
fn assert_complete(parts: &[Part], wanted: Range<u64>) {
    let mut next = wanted.start;
    for part in parts {
        let part = match part {
            Part::Rows { first_sequence, rows } => {
                *first_sequence..first_sequence + rows.len() as u64
            }
            Part::Lost(damage) => damage.lost.clone(),
            Part::Absent(sequences) => sequences.clone(),
        };
        assert_eq!(part.start, next, "no gap and no double");
        assert!(!part.is_empty(), "{part:?}");
        next = part.end;
    }
    assert_eq!(next, wanted.end.max(wanted.start), "all that is wanted");
}

fn assert_true_rows(parts: &[Part]) {
    for (first, rows) in rows(parts) {
        for (found, number) in rows.iter().zip(first..) {
            assert!(same(*found, row(number)), "{number}: {found:?}");
        }
    }
}

/// What is true if nothing was forged.
fn assert_true(log: &fuzzing::Log, parts: &[Part], written: &Writing, changed: &Changed) {
    let reading = Reading::new(&changed.bytes, &written.bytes[..RECORD]);
    let expected = reading.end();
    let place = expected.place;
    assert_eq!(log.end(), (place.offset as u64, place.sequence), "the end, gone through");
    assert_eq!(log.dropped_bytes(), reading.dropped(&expected) as u64);
    assert!(!log.is_clean() || log.dropped_bytes() == 0, "continued over other bytes");
    assert_true_rows(parts);
    let is_read = |wanted: &Range<u64>| {
        let within = |(first, rows): (u64, &[gaugelog::Observation])| {
            let numbers = first..first + rows.len() as u64;
            wanted.clone().filter(|number| numbers.contains(number)).count()
        };
        rows(parts).map(within).sum::<usize>()
            == usize::try_from(wanted.end - wanted.start).expect("few")
    };
    for frame in written.frames.iter().filter(|frame| frame.kind == crate::log_bytes::ROWS) {
        let is_intact =
            changed.bytes.get(frame.bytes.clone()) == Some(&written.bytes[frame.bytes.clone()]);
        if is_intact && frame.bytes.start < place.offset {
            assert!(is_read(&frame.sequences), "{frame:?} is intact, and not read");
        }
    }
    if !changed.is_damaged {
        assert_eq!(place.sequence, written.sequence);
        assert!(log.damage().is_empty() && log.dropped_bytes() == 0, "{:?}", log.damage());
    }
}
