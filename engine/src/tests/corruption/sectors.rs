//! Sectors, pages and blocks that are zeros, repeated, or in each other's places.

use std::ops::Range;
use std::path::Path;

use super::specimen::{KINDS, Specimen};
use super::tampering::{Bench, Tampering};
use super::{Scattered, amount, side_by_side};

/// A sector of the device, a page of the page cache, a block of a log.
const UNITS: [usize; 3] = [512, 4_096, 32_768];

#[test]
fn sectors_pages_and_blocks_are_known_in_any_place_but_their_own() {
    for kind in KINDS {
        let (specimen, another) = (Specimen::make(kind), Specimen::another(kind));
        for unit in UNITS {
            try_out(&specimen, &another, unit);
        }
    }
}

/// A unit: whether it is from the other store, the file, and the offset.
type Unit = (bool, usize, usize);

/// What is done with a unit of the store.
#[derive(Clone, Copy, Debug)]
enum Change {
    Zeros,
    CopyOf(Unit),
    SwapWith(Unit),
}

fn try_out(specimen: &Specimen, another: &Specimen, unit: usize) {
    let own = units(specimen, unit, false);
    let all: Vec<Unit> = own.iter().copied().chain(units(another, unit, true)).collect();
    let each = 1 + all.len() + own.len();
    let tries = Scattered::new((own.len() * each) as u64);
    let choose = |index| {
        let number = usize::try_from(tries.at(index)).expect("in memory");
        let (target, kind) = (own[number / each], number % each);
        let change = match kind {
            0 => Change::Zeros,
            _ if kind <= all.len() => Change::CopyOf(all[kind - 1]),
            _ => Change::SwapWith(own[kind - 1 - all.len()]),
        };
        (target, change)
    };
    let describe = |index| format!("{:?}", choose(index));
    let what = format!("{unit} bytes elsewhere in a store: {specimen}");
    side_by_side(&what, amount(tries.all, 300), describe, || {
        let mut bench = Bench::new(specimen);
        move |index| {
            let (target, change) = choose(index);
            let changed = changed(specimen, another, unit, target, change);
            let tampering = compare(specimen, &changed, target, change);
            bench.try_out(&tampering, |path| write(specimen, &changed, path));
        }
    });
}

fn units(specimen: &Specimen, unit: usize, another: bool) -> Vec<Unit> {
    let files = specimen.files.iter().enumerate();
    let each = files.flat_map(|(file, stored)| {
        (0..stored.bytes.len()).step_by(unit).map(move |offset| (another, file, offset))
    });
    each.collect()
}

/// The files with their new bytes.
fn changed(
    specimen: &Specimen,
    another: &Specimen,
    unit: usize,
    (_, file, offset): Unit,
    change: Change,
) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> = specimen.files.iter().map(|file| file.bytes.clone()).collect();
    let content = |(of_another, file, offset): Unit| {
        let bytes = &if of_another { another } else { specimen }.files[file].bytes;
        let mut content = bytes[offset..bytes.len().min(offset + unit)].to_vec();
        content.resize(unit, 0);
        content
    };
    let mut put = |file: usize, offset: usize, content: &[u8]| {
        let end = files[file].len().min(offset + unit);
        files[file][offset..end].copy_from_slice(&content[..end - offset]);
    };
    match change {
        Change::Zeros => put(file, offset, &vec![0; unit]),
        Change::CopyOf(source) => put(file, offset, &content(source)),
        Change::SwapWith(other) => {
            put(other.1, other.2, &content((false, file, offset)));
            put(file, offset, &content(other));
        }
    }
    files
}

/// The bytes that differ. If a chunk's header is replaced by another one, its neighbours
/// no longer recognise its file; the same holds for the log's header.
fn compare(specimen: &Specimen, changed: &[Vec<u8>], target: Unit, change: Change) -> Tampering {
    let mut tampering = Tampering::default();
    for (index, (stored, changed)) in specimen.files.iter().zip(changed).enumerate() {
        if let Some(differs) = difference(&stored.bytes, changed) {
            tampering.touched.push((index, differs));
        }
    }
    if let Change::CopyOf((_, other, 0)) | Change::SwapWith((_, other, 0)) = change
        && target.2 == 0
    {
        tampering.misplaced.push(target.1);
        tampering.misplaced.extend(matches!(change, Change::SwapWith(_)).then_some(other));
    }
    tampering
}

fn difference(before: &[u8], now: &[u8]) -> Option<Range<u64>> {
    let differs = |(a, b): (&u8, &u8)| a != b;
    let first = before.iter().zip(now).position(differs)?;
    let last = before.iter().zip(now).rposition(differs)?;
    Some(first as u64..last as u64 + 1)
}

fn write(specimen: &Specimen, changed: &[Vec<u8>], path: &Path) {
    for (stored, bytes) in specimen.files.iter().zip(changed) {
        if stored.bytes != *bytes {
            std::fs::write(path.join(&stored.name), bytes).expect("written");
        }
    }
}
