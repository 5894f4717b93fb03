//! Any bytes in a chunk's file give an error or some rows, never a panic.

use byteorder::{ByteOrder, LittleEndian as LE};
use pco::wrapped::FileCompressor;
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::*;
use crate::chunk::columns::Decoder;
use crate::error::ErrorKind;
use crate::format::chunk::{Codec, Column, Header, LostRun, Part};

/// How many chunks are made of each specimen.
const ROUNDS: usize = 600;

/// Opens the chunk and reads everything. Errors are fine.
fn try_everything(shelf: &Shelf, bytes: &[u8]) {
    let Ok(chunk) = shelf.open_with(bytes) else { return };
    let mut page = Page::default();
    for leaf in 0..CHUNK_LEAVES {
        for wanted in [Wanted::ROWS, Wanted { times: true, values: false }, Wanted::VALUES] {
            if chunk.read_page(leaf, wanted, &mut page).is_ok() {
                assert!(page.values.iter().all(|value| value.is_finite()));
                assert!(page.times.len().max(page.values.len()) <= 1024);
            }
        }
        drop(chunk.leaf(leaf));
        assert!(chunk.header.leaf_runs(leaf).flatten().count() <= 1024);
    }
    drop(chunk.sketch());
    damage_of(&chunk);
    let (place, nodes) = (chunk.header.place, chunk.header.nodes.clone());
    let repaired = chunk.repaired(place.predecessor, nodes).expect("read");
    damage_of(&shelf.open_with(&repaired.bytes).expect("repaired"));
}

/// Changes a few bytes of a range.
fn mutate(bytes: &mut [u8], random: &mut StdRng) {
    for _ in 0..random.random_range(1..4) {
        if bytes.is_empty() {
            return;
        }
        let at = random.random_range(0..bytes.len());
        bytes[at] = match random.random_range(0..4) {
            0 => random.random(),
            1 => 0,
            2 => 0xFF,
            _ => bytes[at] ^ 1 << random.random_range(0..8),
        };
    }
}

fn specimens() -> Vec<Vec<u8>> {
    let slow = slow_sensor();
    let mut random = StdRng::seed_from_u64(2);
    let near = |observation: &Observation| {
        let jitter = random.random_range(0..1_000_000);
        Observation::new(observation.timestamp_ns + jitter, random.random::<f64>() + 14.0)
    };
    let near: Vec<_> = slow.iter().map(near).collect();
    let float = |(observation, number): (&Observation, u32)| {
        Observation::new(observation.timestamp_ns, f64::from(number % 50) * 0.3 + 1e-13)
    };
    let floats: Vec<_> = slow.iter().zip(0..).map(float).collect();
    vec![sealed(&slow, &[]), sealed(&near, &[0..1, 2..1024]), sealed(&floats, &[5..7, 9..10])]
}

/// Any bytes of the header, with a correct checksum.
#[test]
fn hostile_headers_are_harmless() {
    let shelf = Shelf::new();
    let mut random = StdRng::seed_from_u64(3);
    for specimen in specimens() {
        let length = LE::read_u32(&specimen[52..]) as usize;
        for _ in 0..ROUNDS {
            let mut bytes = specimen.clone();
            mutate(&mut bytes[12..length], &mut random);
            let checksum = crc32fast::hash(&bytes[12..length]);
            LE::write_u32(&mut bytes[8..], checksum);
            if random.random() {
                let second = bytes.len() - length;
                bytes.copy_within(..length, second);
            } else {
                mutate(&mut bytes[length..], &mut random);
            }
            try_everything(&shelf, &bytes);
        }
    }
}

/// The header, changed and encoded again so that its fields agree.
fn rebuilt(specimen: &[u8], change: impl FnOnce(&mut Header, &mut Vec<Vec<u8>>)) -> Vec<u8> {
    let length = LE::read_u32(&specimen[52..]) as usize;
    let mut header = Header::decode(&specimen[..length]).expect("a header");
    let table = usize::try_from(header.leaf_offset(CHUNK_LEAVES) - header.leaf_offset(0));
    let table = &specimen[length..][..table.expect("small")];
    let part = |offset: u64, bytes: u32| {
        let offset = usize::try_from(offset).expect("small");
        specimen[offset..][..bytes as usize].to_vec()
    };
    let columns = |leaf| [Column::Times, Column::Values].map(|column| header.page(column, leaf));
    let pages = (0..CHUNK_LEAVES).flat_map(columns).chain([header.sketch]);
    let mut parts: Vec<Vec<u8>> = pages.map(|it| part(it.offset, it.bytes)).collect();
    change(&mut header, &mut parts);
    let place = header.place;
    for (number, bytes) in parts.iter().enumerate() {
        let (leaf, column) = (number / 2, [Column::Times, Column::Values][number % 2]);
        let part = Part::Page(column, leaf as u64);
        let (section, part) = match (header.times.pages.get_mut(leaf), column) {
            (None, _) => (&mut header.sketch, Part::Sketch),
            (Some(section), Column::Times) => (section, part),
            (Some(_), Column::Values) => (&mut header.values.pages[leaf], part),
        };
        section.bytes = u32::try_from(bytes.len()).expect("small");
        section.checksum = place.checksum(part, bytes);
    }
    let header = header.located().expect("small").encode();
    [&header, table, &parts.concat(), &header].concat()
}

#[test]
fn a_rebuilt_chunk_is_the_chunk() {
    for specimen in specimens() {
        assert_eq!(rebuilt(&specimen, |_, _| {}), specimen);
    }
}

/// Any bytes of pages, of the sketch and of the decoders' metas, with correct checksums.
#[test]
fn hostile_pages_are_harmless() {
    let shelf = Shelf::new();
    let mut random = StdRng::seed_from_u64(5);
    for specimen in specimens() {
        for _ in 0..ROUNDS {
            let bytes = rebuilt(&specimen, |header, parts| {
                if random.random() {
                    mutate(&mut header.times.meta, &mut random);
                    mutate(&mut header.values.meta, &mut random);
                }
                if random.random() {
                    let part = random.random_range(0..parts.len());
                    mutate(&mut parts[part], &mut random);
                    let length = random.random_range(0..parts[part].len() + 2);
                    if random.random_ratio(1, 4) {
                        parts[part].resize(length, 0xA5);
                    }
                }
            });
            try_everything(&shelf, &bytes);
        }
    }
}

#[test]
fn values_that_are_not_finite_are_damage() {
    let shelf = Shelf::new();
    let mut random = StdRng::seed_from_u64(6);
    let any = |_| Observation::new(random.random(), f64::from_bits(random.random::<u64>() >> 2));
    let specimen = sealed(&(0..CHUNK).map(any).collect::<Vec<_>>(), &[]);
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let bytes = rebuilt(&specimen, |header, parts| {
            header.values.codec = Codec::Plain;
            header.values.meta.clear();
            parts[1] = vec![0; 8192];
            parts[3] = vec![0; 8192];
            LE::write_f64(&mut parts[3][80..], bad);
        });
        let chunk = shelf.open_with(&bytes).expect("opened");
        assert!(rows_of(&chunk, 0).is_ok());
        assert_eq!(rows_of(&chunk, 1).expect_err("refused").lost, PLACE.leaf_sequences(1));
    }
}

/// Times that the first and the step do not allow, pages that hold something, and rows that
/// are not those of a whole chunk.
#[test]
fn steps_beyond_the_range_of_times_are_damage() {
    let shelf = Shelf::new();
    let specimen = sealed(&slow_sensor(), &[]);
    let with_meta = |first: i64, step: i64| {
        rebuilt(&specimen, |header, _| {
            assert_eq!(header.times.codec, Codec::Steps);
            header.times.meta = [first.to_le_bytes(), step.to_le_bytes()].concat();
        })
    };
    for (first, step) in [(0, i64::MAX), (0, i64::MIN), (0, i64::MAX / 2000), (i64::MAX, 1)] {
        let chunk = shelf.open_with(&with_meta(first, step)).expect("opened");
        assert_eq!(rows_of(&chunk, 1).expect_err("refused").lost, PLACE.leaf_sequences(1));
    }
    let chunk = shelf.open_with(&with_meta(0, -1)).expect("opened");
    assert!(rows_of(&chunk, 1).is_ok());
    for length in [1, 8] {
        let bytes = rebuilt(&specimen, |_, parts| parts[2].resize(length, 0));
        assert_eq!(shelf.open_with(&bytes).expect_err("refused").kind(), ErrorKind::Damaged);
    }
    let with_loss = rebuilt(&specimen, |header, _| {
        header.lost = vec![LostRun { first: 1024, last: 2047, is_accepted: false }];
    });
    assert_eq!(shelf.open_with(&with_loss).expect_err("refused").kind(), ErrorKind::Damaged);
    let long = rebuilt(&specimen, |header, _| header.times.meta.push(0));
    let chunk = shelf.open_with(&long).expect("opened");
    assert!(rows_of(&chunk, 0).is_err());
    assert!(Decoder::new(Column::Times, Codec::Steps, &[0; 15]).is_none());
    assert!(Decoder::new(Column::Values, Codec::Steps, &[0; 16]).is_none());
}

/// A repair must not treat as damage what a later version wrote.
#[test]
fn a_later_version_is_no_damage() {
    let shelf = Shelf::new();
    // Also if it belongs to another store.
    for store in [0, 1] {
        let later = rebuilt(&specimens()[0], |header, _| {
            header.place.store += store;
            header.values.codec = Codec::Decimals { decimals: 1, version: [4, 2] };
        });
        assert_eq!(shelf.open_with(&later).expect_err("refused").kind(), ErrorKind::Version);
    }
    let specimen = specimens().swap_remove(0);
    // The version, and the codecs of times and values.
    for (at, unknown) in [(12, 3), (74, 4), (80, 4)] {
        let mut later = specimen.clone();
        let length = LE::read_u32(&later[52..]) as usize;
        later[at] = unknown;
        let checksum = crc32fast::hash(&later[12..length]);
        LE::write_u32(&mut later[8..], checksum);
        assert_eq!(shelf.open_with(&later).expect_err("refused").kind(), ErrorKind::Version);
    }
}

/// A dictionary and a lookback window would take memory only because the bytes say so.
#[test]
fn modes_of_pco_that_take_much_memory_are_refused() {
    let numbers: Vec<i64> = (0..2048).map(|number| number % 7 * 1_000_003).collect();
    let meta = |config: ChunkConfig| {
        let compressor = FileCompressor::default().chunk_compressor(&numbers, &config);
        let mut meta = Vec::new();
        compressor.expect("compressed").write_meta(&mut meta).expect("written");
        meta
    };
    let config = ChunkConfig::default;
    let dictionary = meta(config().with_mode_spec(ModeSpec::TryDict));
    let lookback = meta(config().with_delta_spec(DeltaSpec::TryLookback));
    let usual = meta(config());
    let codec = |version| Codec::Pco { version };
    assert!(Decoder::new(Column::Times, codec([4, 1]), &usual).is_some());
    for (version, meta) in [
        ([4, 1], &dictionary),
        ([4, 1], &lookback),
        ([4, 1], &Vec::new()),
        ([4, 2], &usual),
        ([5, 0], &usual),
        ([3, 0], &usual),
    ] {
        assert!(Decoder::new(Column::Times, codec(version), meta).is_none(), "{version:?}");
        assert!(Decoder::new(Column::Values, codec(version), meta).is_none(), "{version:?}");
        let decimals = Codec::Decimals { decimals: 1, version };
        assert!(Decoder::new(Column::Values, decimals, meta).is_none(), "{version:?}");
    }
}
