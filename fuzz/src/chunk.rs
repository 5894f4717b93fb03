//! The file of a chunk: damaged, or with parts changed and their checksums corrected.
//!
//! Whatever it holds: no panic, and memory that does not depend on what it states. If
//! nothing was forged, a row is the one that was sealed, or its page is damaged; what
//! verifies clean is complete; and a repaired chunk is clean and has all that could be
//! read.

use std::collections::BTreeMap;
use std::ops::Range;

use gaugelog::{Observation, fuzzing};

use crate::chunk_parts::{Parts, places};
use crate::input::Input;
use crate::model::same;
use crate::scratch::{Files, Place};

const CHANGES_MAX: usize = 8;
const STORE: u64 = 0x5EED;
const NUMBER: u32 = 3;
const NAME: &str = "0000000003.chunk";

/// Does this, as `bytes` say.
pub fn run(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let specimen = specimen(input.byte() % 6);
    let (mut file, mut is_forged) = (specimen.file.clone(), false);
    for _ in 0..usize::from(input.byte()) % (CHANGES_MAX + 1) {
        if input.is_empty() {
            break;
        }
        match input.byte() % 4 {
            0 => damage(&mut input, &mut file),
            _ => is_forged |= forge(&mut input, &mut file),
        }
    }
    let Some(read) = read(&file, input.flag()) else { return };
    if !is_forged {
        assert_true(&specimen, &read);
    }
    let again = self::read(&read.repaired, true).expect("a repaired chunk can be opened");
    assert!(again.errors.is_empty(), "{:?}", again.errors);
    if !is_forged {
        assert!(again.damage.is_empty(), "{:?}", again.damage);
        assert_eq!(again.rows.len(), read.rows.len(), "a repair keeps what can be read");
        assert_true(&specimen, &again);
    }
}

fn read(file: &[u8], positioned: bool) -> Option<fuzzing::ChunkRead> {
    let place = Place::with(&Files::from([(NAME.into(), file.to_vec())]));
    let read = fuzzing::read_chunk(place.path(), STORE, NUMBER, positioned);
    let read = read.map_err(|error| assert!(error.path().ends_with(NAME), "{error}")).ok()?;
    let rows = usize::try_from(fuzzing::CHUNK).expect("2,048");
    assert!(read.rows.len() <= rows && read.damage.len() < 50, "no more than a chunk has");
    assert!(read.rows.iter().all(|(_, row)| row.value.is_finite()));
    Some(read)
}

/// Asserts that what was read is what was sealed.
fn assert_true(specimen: &Specimen, read: &fuzzing::ChunkRead) {
    for (sequence, row) in &read.rows {
        let sealed = specimen.rows.get(sequence).expect("a row that was sealed");
        assert!(same(*row, *sealed), "{sequence}: {row:?}, and not {sealed:?}");
    }
    if read.damage.is_empty() {
        assert!(read.errors.is_empty(), "verified clean, but {:?}", read.errors);
    }
}

/// A chunk, and what is in it.
struct Specimen {
    file: Vec<u8>,
    rows: BTreeMap<u64, Observation>,
}

thread_local! {
    static SPECIMENS: Vec<Specimen> = (0..6).map(make).collect();
}

fn specimen(number: u8) -> Specimen {
    SPECIMENS.with(|all| {
        let Specimen { file, rows } = &all[usize::from(number)];
        Specimen { file: file.clone(), rows: rows.clone() }
    })
}

fn make(number: u8) -> Specimen {
    let sequences = u64::from(NUMBER) * fuzzing::CHUNK..u64::from(NUMBER + 1) * fuzzing::CHUNK;
    let first = sequences.start;
    let lost: &[Range<u64>] = match number {
        3 => &[first..first + 1, first + 5..first + 1024],
        4 => &[first + 1000..first + 2048],
        5 => &[first..first + 2048],
        _ => &[],
    };
    let is_lost = |sequence: &u64| lost.iter().any(|lost| lost.contains(sequence));
    let rows: BTreeMap<u64, Observation> = sequences
        .filter(|sequence| !is_lost(sequence))
        .map(|sequence| (sequence, row(number, sequence)))
        .collect();
    let all: Vec<Observation> = rows.values().copied().collect();
    let file = fuzzing::seal([STORE, 11, 12, 13], NUMBER, &all, lost);
    let parts = Parts::of(&file).expect("parts as they are sealed");
    assert!(parts.assemble() == file, "the parts of a chunk are all of it");
    Specimen { file, rows }
}

fn row(number: u8, n: u64) -> Observation {
    // Random enough, and the same in each run.
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n.wrapping_mul(0xD1B5_4A32_D192_ED03) >> 7;
    let time = n.cast_signed() * 1_000_000_000;
    match number {
        0 | 3 => Observation::new(time, (n / 100 % 50) as f64 / 10.0),
        1 | 4 => Observation::new(
            time + (mixed % 1_000_000).cast_signed(),
            14.0 + (mixed >> 11) as f64 / (1_u64 << 53) as f64,
        ),
        _ => Observation::new(mixed.cast_signed(), f64::from_bits(mixed >> 2)),
    }
}

/// Changes bytes anywhere, cuts the end off or adds bytes to it.
fn damage(input: &mut Input<'_>, file: &mut Vec<u8>) {
    let at = match (input.byte() % 4, places(file)) {
        // The number of the part, and places in it from its front.
        (0 | 1, Some(places)) => {
            let parts: Vec<Range<usize>> = std::iter::once(0..places.header)
                .chain(places.parts)
                .chain([places.second])
                .collect();
            let part = parts[input.below(parts.len())].clone();
            part.start + input.below(part.len())
        }
        (2, _) => file.len() - input.below(file.len().min(200)),
        _ => input.below(file.len()),
    };
    match input.byte() % 6 {
        0..=2 => {
            let bit = input.byte() % 8;
            if let Some(byte) = file.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        3 => {
            let end = (at + [1, 16, 512, 4096][input.below(4)]).min(file.len());
            let value = input.byte();
            file[at.min(end)..end].fill(value);
        }
        4 => file.truncate(at),
        _ => {
            let (count, value) = (input.below(600), input.byte());
            file.resize(file.len() + count, value);
        }
    }
}

/// Changes one part and corrects lengths and checksums. Returns false if that was not
/// possible.
fn forge(input: &mut Input<'_>, file: &mut Vec<u8>) -> bool {
    let Some(mut parts) = Parts::of(file) else { return false };
    let part = match input.byte() % 16 {
        0..=2 => {
            // After the magic, the checksum and the version.
            let (at, value) = (16 + input.below(70), input.byte());
            parts.fixed[at] = value;
            *file = parts.assemble();
            return true;
        }
        3 => &mut parts.nodes,
        4 => &mut parts.lost,
        5 | 6 => &mut parts.metas[0],
        7 | 8 => &mut parts.metas[1],
        9 => {
            let leaf = input.below(parts.summaries.len());
            &mut parts.summaries[leaf]
        }
        10 => &mut parts.sketch,
        _ => {
            let page = input.below(parts.pages.len());
            &mut parts.pages[page]
        }
    };
    change(input, part);
    *file = parts.assemble();
    true
}

fn change(input: &mut Input<'_>, part: &mut Vec<u8>) {
    // Most is decided at the front.
    let near = if input.flag() { part.len() } else { part.len().min(32) };
    let at = input.below(near);
    match input.byte() % 8 {
        0..=3 => {
            let value = input.byte();
            if let Some(byte) = part.get_mut(at) {
                *byte = value;
            }
        }
        4 => {
            let (count, value) = (input.below(64), input.byte());
            part.resize(part.len() + count, value);
        }
        5 => part.truncate(at),
        6 => {
            let count = input.below(33);
            let new = input.bytes(count);
            drop(part.splice(at..(at + new.len()).min(part.len()), new.iter().copied()));
        }
        _ => {
            let value = input.byte();
            let end = (at + 8).min(part.len());
            part[at..end].fill(value);
        }
    }
}
