//! Damage to the files of a store, and forgery: changed records that are signed again.

use std::ops::Range;

use crate::input::Input;
use crate::layout::{Record, records, sign_again};
use crate::scratch::Files;
use crate::signing::{RECORD, UNIT, next_place, sign, sign_frame, u16_at, u32_at, u64_at};
use crate::template::{DIVERGED, FOREIGN, OURS, template};

const FILE_BYTES_MAX: usize = 512 * 1024;
const INSERTED_MAX: usize = 4096;

/// What was done, as far as it affects what may be found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Done {
    /// Bytes were signed that no writer wrote: no result can be relied on.
    pub(crate) is_forged: bool,
    /// Files of another store are there.
    pub(crate) is_mixed: bool,
    /// Files of a diverged copy are there.
    pub(crate) is_diverged: bool,
}

/// Makes one change to `files`, those of a store made by `recipe`.
pub(crate) fn mutate(input: &mut Input<'_>, recipe: &[u8], files: &mut Files, done: &mut Done) {
    match input.byte() % 14 {
        0..=2 => change_field(input, files, done),
        3 => change_bytes(input, files),
        4 => rearrange(input, files),
        5 => resize(input, files),
        6 => rename(input, files),
        7 => drop(pick(input, files).and_then(|name| files.remove(&name))),
        8 => {
            done.is_mixed = true;
            copy_from(input, files, &template(FOREIGN, recipe).files);
        }
        9 => {
            let (_, earlier) = recipe.split_last().unwrap_or((&0, recipe));
            copy_from(input, files, &template(OURS, earlier).files);
        }
        10 => forge(input, files, done),
        11 => {
            done.is_diverged = true;
            copy_from(input, files, &template(DIVERGED, recipe).files);
        }
        12 => {
            done.is_forged = true;
            if input.flag() { lose_many(input, files) } else { list_many(input, files) }
        }
        _ => {
            // An empty file, a directory or a link, in the place of a file or not.
            let name = if input.flag() { pick(input, files) } else { None };
            let name = name.unwrap_or_else(|| a_name(input, files));
            let (kind, target) = (input.byte() % 3, pick(input, files));
            drop(files.remove(&name));
            drop(match kind {
                0 => files.insert(name, Vec::new()),
                1 => files.insert(name + "/", Vec::new()),
                _ => files.insert(name + "@", target.unwrap_or_default().into_bytes()),
            });
        }
    }
}

/// A log that states the loss of any number of observations after its last one.
fn lose_many(input: &mut Input<'_>, files: &mut Files) {
    let Some((name, bytes)) = files.iter_mut().find(|(name, _)| name.ends_with(".log")) else {
        return;
    };
    let frames = records(name, bytes);
    let last =
        frames.iter().skip(1).rfind(|it| matches!(u16_at(bytes, it.bytes.start + 6), 1 | 4 | 5));
    let (at, sequence) = last.map_or((RECORD, 0), |last| {
        let frame = &bytes[last.bytes.clone()];
        let count = if u16_at(frame, 6) == 1 { u16_at(frame, 4).into() } else { u32_at(frame, 12) };
        (next_place(last.bytes.end), u32_at(frame, 8).wrapping_add(count))
    });
    let mut frame = [0; UNIT];
    frame[6] = 4 + input.byte() % 2;
    frame[8..12].copy_from_slice(&sequence.to_le_bytes());
    let count = u32::MAX >> (input.byte() % 32);
    frame[12..].copy_from_slice(&count.wrapping_sub(input.byte().into()).to_le_bytes());
    bytes.resize(bytes.len().max(at + UNIT), 0);
    sign_frame(u64_at(bytes, 32), at, &mut frame);
    bytes[at..at + UNIT].copy_from_slice(&frame);
}

/// A manifest that lists any number of chunks, all or some of which are missing.
fn list_many(input: &mut Input<'_>, files: &mut Files) {
    let Some(bytes) = files.get_mut("manifest").filter(|it| it.len() >= 2 * RECORD) else {
        return;
    };
    let record = &mut bytes[..RECORD];
    // More would take too long, since each missing chunk is searched for.
    let level = u32::from(input.byte() % 9);
    let count = 1_u32 << level;
    let first = count.wrapping_mul(input.byte().into());
    let first = first.min((u32::MAX >> level << level) - count);
    record[48..52].copy_from_slice(&first.to_le_bytes());
    record[52..56].copy_from_slice(&(first + count).to_le_bytes());
    // One node covers them. Its summary stays, or becomes an empty one.
    record[80..88].copy_from_slice(&1_u64.to_le_bytes());
    record[88..96].copy_from_slice(&u64::from(level + 1).to_le_bytes());
    record[96..104].copy_from_slice(&u64::from(first >> level).to_le_bytes());
    record[192..].fill(0);
    sign(record);
    bytes.copy_within(..RECORD, RECORD);
    if input.flag()
        && let Some((_, log)) = files.iter().find(|(name, _)| name.ends_with(".log"))
    {
        // The header of the log states the same.
        let (record, log) = (files["manifest"][..RECORD].to_vec(), log.clone());
        let name = format!("{:016x}.log", u64_at(&record, 32));
        files.insert(name, [&record, log.get(RECORD..).unwrap_or_default()].concat());
    }
}

fn pick(input: &mut Input<'_>, files: &Files) -> Option<String> {
    let at = input.below(files.len());
    files.keys().nth(at).cloned()
}

/// A name that a store's file has, or a similar one.
fn a_name(input: &mut Input<'_>, files: &Files) -> String {
    let (kind, number) = (input.byte(), u64::from(input.byte()));
    let number = if number == 255 { u32::MAX.into() } else { number % 8 };
    let log = files.keys().find(|name| name.ends_with(".log")).cloned().unwrap_or_default();
    match kind % 8 {
        0..=2 => format!("{number:010}.chunk"),
        3 => format!("{:016x}.log", number << 8 | 1 << 32),
        4 => "manifest".into(),
        5 => log + [".damaged", ".aside", ".tmp", ""][usize::from(kind >> 6)],
        6 => ["ballast", "ballast.tmp", "manifest.tmp", "0000000001.chunk.tmp"]
            [usize::from(kind >> 6)]
        .into(),
        _ => ["0000000001.chunk.aside", "1.chunk", "lost+found", "0000000000000000.log"]
            [usize::from(kind >> 6)]
        .into(),
    }
}

fn a_record(input: &mut Input<'_>, name: &str, bytes: &[u8]) -> Option<Record> {
    let mut all = records(name, bytes);
    // From the front or from the back, where most is decided.
    let (back, at) = (input.flag(), input.below(all.len()));
    let at = if back { all.len() - at.min(all.len()) } else { at };
    let at = at.min(all.len().checked_sub(1)?);
    Some(all.swap_remove(at))
}

/// Writes another number in a field of a record, signed again or not.
fn change_field(input: &mut Input<'_>, files: &mut Files, done: &mut Done) {
    let Some(name) = pick(input, files) else { return };
    let Some(record) = a_record(input, &name, &files[&name]) else { return };
    let width = [2, 4, 8, 8][usize::from(input.byte() % 4)];
    let fields = record.bytes.len() / width;
    let at = record.bytes.start + width * input.below(fields.min(64));
    let bytes = files.get_mut(&name).expect("it was picked");
    let value = a_number(input, bytes, at);
    if let Some(field) = bytes.get_mut(at..at + width) {
        field.copy_from_slice(&value.to_le_bytes()[..width]);
    }
    if input.flag() {
        sign_again(bytes, &record, input.flag());
        done.is_forged = true;
    }
}

/// A plausible number for the field at `at`.
fn a_number(input: &mut Input<'_>, bytes: &[u8], at: usize) -> u64 {
    let now = u64_at(bytes, at);
    match input.byte() % 8 {
        0 => u64::from(input.byte()),
        1 => now.wrapping_add(u64::from(input.byte())),
        2 => now.wrapping_sub(u64::from(input.byte())),
        3 => 1 << (input.byte() % 64),
        4 => u64::MAX.wrapping_sub(u64::from(input.byte())),
        5 => bytes.len() as u64,
        6 => u64_at(bytes, 8 * input.below(bytes.len() / 8)),
        _ => input.u64(),
    }
}

/// Signs a record as it is.
fn forge(input: &mut Input<'_>, files: &mut Files, done: &mut Done) {
    let Some(name) = pick(input, files) else { return };
    if let Some(record) = a_record(input, &name, &files[&name]) {
        sign_again(files.get_mut(&name).expect("it was picked"), &record, input.flag());
        done.is_forged = true;
    }
}

/// A place in a file: within a record, or anywhere.
fn a_place(input: &mut Input<'_>, name: &str, bytes: &[u8]) -> usize {
    if input.flag()
        && let Some(record) = a_record(input, name, bytes)
    {
        return record.bytes.start + input.below(record.bytes.len().min(256));
    }
    input.below(bytes.len())
}

fn a_range(input: &mut Input<'_>, name: &str, bytes: &[u8]) -> Range<usize> {
    let start = a_place(input, name, bytes);
    // Whole sectors, pages and blocks among others.
    let length = match input.byte() % 4 {
        0 => 512,
        1 => 4096 << (input.byte() % 4),
        _ => input.below(300),
    };
    let start = if length >= 512 && input.flag() { start - start % 512 } else { start };
    start..(start + length).min(bytes.len())
}

/// Flips, sets or zeroes bytes. The length stays.
fn change_bytes(input: &mut Input<'_>, files: &mut Files) {
    let Some(name) = pick(input, files) else { return };
    let bytes = files.get_mut(&name).expect("it was picked");
    match input.byte() % 4 {
        0 => {
            let (at, bit) = (a_place(input, &name, bytes), input.byte() % 8);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        1 => {
            let range = a_range(input, &name, bytes);
            bytes[range].fill(0);
        }
        2 => {
            let (range, value) = (a_range(input, &name, bytes), input.byte());
            bytes[range].fill(value);
        }
        _ => {
            let at = a_place(input, &name, bytes);
            let count = input.below(33);
            let new = input.bytes(count);
            let until = (at + new.len()).min(bytes.len());
            bytes[at..until].copy_from_slice(&new[..until - at]);
        }
    }
}

/// Duplicates or swaps ranges.
fn rearrange(input: &mut Input<'_>, files: &mut Files) {
    let Some(name) = pick(input, files) else { return };
    let bytes = files.get_mut(&name).expect("it was picked");
    let range = a_range(input, &name, bytes);
    let to = a_place(input, &name, bytes);
    let count = range.len().min(bytes.len().saturating_sub(to));
    let (from, swap) = (range.start, input.flag());
    if swap && (to >= from + count || from >= to + count) {
        for n in 0..count {
            bytes.swap(from + n, to + n);
        }
    } else {
        bytes.copy_within(from..from + count, to);
    }
}

/// Inserts, deletes, duplicates or cuts off bytes. The rest moves.
fn resize(input: &mut Input<'_>, files: &mut Files) {
    let Some(name) = pick(input, files) else { return };
    let bytes = files.get_mut(&name).expect("it was picked");
    let what = input.byte() % 5;
    let range = a_range(input, &name, bytes);
    match what {
        0 => drop(bytes.drain(range)),
        1 => bytes.truncate(range.start),
        2 => {
            let again = bytes[range.clone()].to_vec();
            drop(bytes.splice(range.start..range.start, again));
        }
        3 => {
            let count = input.below(INSERTED_MAX);
            bytes.resize(bytes.len() + count, 0);
        }
        _ => {
            let (count, value) = (8 * input.below(16), input.byte());
            drop(bytes.splice(range.start..range.start, vec![value; count]));
        }
    }
    bytes.truncate(FILE_BYTES_MAX);
}

/// Moves or copies a file to another name, or swaps two files.
fn rename(input: &mut Input<'_>, files: &mut Files) {
    let Some(name) = pick(input, files) else { return };
    let (to, what) = (a_name(input, files), input.byte() % 3);
    let bytes = files[&name].clone();
    let replaced = files.insert(to, bytes);
    match (what, replaced) {
        (0, _) => {}
        (1, Some(replaced)) => drop(files.insert(name, replaced)),
        _ => drop(files.remove(&name)),
    }
}

fn copy_from(input: &mut Input<'_>, files: &mut Files, from: &Files) {
    let Some(name) = pick(input, from) else { return };
    let to = if input.flag() { a_name(input, files) } else { name.clone() };
    files.insert(to, from[&name].clone());
}
