//! `FORMAT.md` is true: its examples are bytes of a golden store. The store is decoded
//! here by what the page says alone, then opened and verified.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use gaugelog::{Observation, Store};

const PAGE: &str = include_str!("../FORMAT.md");
const OBSERVATIONS: u64 = 65_539;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format2")
}

fn log_name() -> String {
    let names = fs::read_dir(golden()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.into_iter().find(|name| name.ends_with(".log")).unwrap()
}

fn file(name: &str) -> Vec<u8> {
    fs::read(golden().join(name)).unwrap()
}

/// As in the page: 20.0, 20.1, … 20.9, 20.0, … from 2026-01-01 on, a second apart.
fn observation(n: u64) -> Observation {
    let seconds = 1_767_225_600 + i64::try_from(n).unwrap();
    Observation::new(
        seconds * 1_000_000_000,
        f64::from(200 + u32::try_from(n % 10).unwrap()) / 10.0,
    )
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn the_examples_are_bytes_of_the_golden_store() {
    let mut compared = 0;
    for block in PAGE.split("```text\n").skip(1) {
        let mut lines = block.split("```").next().unwrap().lines();
        let bytes = file(lines.next().unwrap());
        for line in lines {
            let (offset, rest) = line.split_once("  ").unwrap();
            let offset = usize::from_str_radix(offset, 16).unwrap();
            let hex = rest.split("  ").next().unwrap();
            let expected: Vec<u8> =
                hex.split(' ').map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect();
            assert_eq!(bytes[offset..offset + expected.len()], expected, "{line}");
            compared += expected.len();
        }
    }
    assert!(compared > 350, "{compared} bytes");
}

#[test]
fn the_manifest_is_the_same_record_twice() {
    let bytes = file("manifest");
    assert_eq!(bytes.len(), 16_384);
    let (first, second) = bytes.split_at(8_192);
    assert_eq!(first, second);
    assert_eq!(u32_at(first, 8), crc32fast::hash(&first[12..]));
    assert_eq!((u32_at(first, 12), u32_at(first, 48), u32_at(first, 52)), (2, 0, 1));
    assert_eq!(format!("{:016x}.log", u64_at(first, 32)), log_name());
    // A log begins with the record that first listed it.
    assert_eq!(file(&log_name())[..8_192], *first);
}

#[test]
fn the_frames_of_the_log_are_as_documented() {
    let (manifest, bytes) = (file("manifest"), file(&log_name()));
    let seed = crc32fast::hash(&manifest[32..40]);
    let (mut offset, mut sequence) = (8_192, 0);
    let mut rows = Vec::new();
    loop {
        let count = usize::from(u16_at(&bytes, offset + 4));
        let end = offset + 16 * (1 + count);
        let place = u32::try_from(offset / 16).unwrap().wrapping_mul(0x9E37_79B1);
        let mut checksum = crc32fast::Hasher::new_with_initial(seed ^ place);
        checksum.update(&bytes[offset + 4..end]);
        assert_eq!(u32_at(&bytes, offset), checksum.finalize(), "the frame at {offset}");
        assert_eq!(u32_at(&bytes, offset + 8), sequence);
        if u16_at(&bytes, offset + 6) == 2 {
            assert_eq!(usize::try_from(u32_at(&bytes, offset + 12)).unwrap(), offset, "a mark");
            assert_eq!(end, bytes.len());
            break;
        }
        for row in bytes[offset + 16..end].chunks(16) {
            let time = u64_at(row, 0).cast_signed();
            rows.push(Observation::new(time, f64::from_bits(u64_at(row, 8))));
        }
        sequence += u32::try_from(count).unwrap();
        offset = end;
    }
    assert_eq!(rows, (65_536..OBSERVATIONS).map(observation).collect::<Vec<_>>());
}

#[test]
fn the_chunk_is_as_documented() {
    let (manifest, bytes) = (file("manifest"), file("0000000000.chunk"));
    let length = usize::try_from(u32_at(&bytes, 52)).unwrap();
    let (header, second) = (&bytes[..length], &bytes[bytes.len() - length..]);
    assert_eq!(header, second);
    assert_eq!(u32_at(header, 8), crc32fast::hash(&header[12..]));
    assert_eq!(usize::try_from(u32_at(header, 56)).unwrap(), bytes.len());
    assert_eq!((&header[16..24], &header[32..40]), (&manifest[24..32], &manifest[56..64]));
    // The node is that of the manifest, and the summaries of leaves follow the header.
    assert_eq!(header[86..174], manifest[104..192]);
    for leaf in 0..64_u64 {
        let at = length + 80 * usize::try_from(leaf).unwrap();
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(&header[16..24]);
        checksum.update(&header[32..40]);
        checksum.update(&header[48..52]);
        checksum.update(&[0; 4]);
        checksum.update(&leaf.to_le_bytes());
        checksum.update(&bytes[at + 4..at + 80]);
        assert_eq!(u32_at(&bytes, at), checksum.finalize(), "leaf {leaf}");
        assert_eq!((u16_at(&bytes, at + 4), u16_at(&bytes, at + 6)), (1_024, 0));
        let first = observation(leaf * 1_024);
        assert_eq!(u64_at(&bytes, at + 8).cast_signed(), first.timestamp_ns);
    }
}

#[test]
fn times_in_steps_are_as_documented() {
    let bytes = file("0000000000.chunk");
    assert_eq!((u32_at(&bytes, 74), u16_at(&bytes, 78)), (3, 16));
    // One node and no lost observations come before the metas.
    let meta = 86 + 88;
    assert_eq!(u64_at(&bytes, meta).cast_signed(), observation(0).timestamp_ns);
    assert_eq!(u64_at(&bytes, meta + 8), 1_000_000_000);
    let lengths = meta + 16 + usize::from(u16_at(&bytes, 84));
    assert!((0..64).all(|leaf| u16_at(&bytes, lengths + 12 * leaf) == 0));
}

#[test]
fn the_golden_store_opens_verifies_and_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("store");
    fs::create_dir(&path).unwrap();
    for entry in fs::read_dir(golden()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), path.join(entry.file_name())).unwrap();
    }
    let store = Store::open(&path).unwrap();
    let verification = store.verify().unwrap();
    assert!(verification.is_sound(), "{verification:?}");
    assert_eq!((verification.observations, verification.readable), (OBSERVATIONS, OBSERVATIONS));
    let all = store.snapshot().unwrap().by_sequence(..).map(Result::unwrap);
    assert!(all.eq((0..OBSERVATIONS).map(|n| (n, observation(n)))));
    assert_eq!(store.append(observation(OBSERVATIONS)).unwrap(), OBSERVATIONS);
}
