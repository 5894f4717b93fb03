//! Chunks of two leaves, as in all tests within this crate.

mod damage;
mod hostile;
mod round_trip;

use std::ops::Range;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::reader::{Chunk, Page, Wanted};
use super::writer::{encode, summarised};
use crate::error::{Damage, Result};
use crate::format::chunk::Place;
use crate::format::names::chunk_name;
use crate::format::{CHUNK, CHUNK_LEAVES, Lost};
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::stats::tree::Edge;

const PLACE: Place =
    Place { store: 0x5704E, number: 5, source_log: 0x106, seal: 0x5EA1, predecessor: 0x5EA0 };

/// A store's directory with one chunk.
struct Shelf {
    _place: TempDir,
    directory: Directory,
}

impl Shelf {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let directory = Directory::open(place.path()).expect("opened");
        Self { _place: place, directory }
    }

    fn put(&self, number: u32, bytes: &[u8]) {
        let path = self.directory.file_path(&chunk_name(number));
        std::fs::write(path, bytes).expect("written");
    }

    fn open(&self) -> Result<Chunk> {
        Chunk::open(&self.directory, PLACE.store, PLACE.number, true)
    }

    fn open_with(&self, bytes: &[u8]) -> Result<Chunk> {
        self.put(PLACE.number, bytes);
        self.open()
    }
}

/// The bytes of a chunk at [`PLACE`]. `lost` counts from its first observation.
fn sealed(all: &[Observation], lost: &[Range<u64>]) -> Vec<u8> {
    sealed_at(PLACE, all, lost)
}

fn sealed_at(place: Place, all: &[Observation], lost: &[Range<u64>]) -> Vec<u8> {
    let first = place.sequences().start;
    let kept = kept(all, lost);
    let lost = lost.iter().enumerate().map(|(at, lost)| {
        let sequences = first + lost.start..first + lost.end;
        Lost { sequences, is_accepted: is_accepted(at) }
    });
    let mut edge = Edge::starting_at(u64::from(place.number) * CHUNK_LEAVES);
    encode(&summarised(place, kept, lost.collect(), &mut edge))
}

/// Whether a repair has accepted the loss with this place among those of a chunk.
fn is_accepted(at: usize) -> bool {
    at % 2 == 1
}

/// The observations that are not lost.
fn kept(all: &[Observation], lost: &[Range<u64>]) -> Vec<Observation> {
    let numbered = all.iter().zip(0_u64..);
    let kept = numbered.filter(|(_, number)| !lost.iter().any(|lost| lost.contains(number)));
    kept.map(|(observation, _)| *observation).collect()
}

/// A slow sensor that is read once a second: its chunk has few bytes.
fn slow_sensor() -> Vec<Observation> {
    let mut random = StdRng::seed_from_u64(1);
    let mut tenths = 140_i32;
    let mut next = |time: i64| {
        tenths += if random.random_ratio(1, 50) { random.random_range(-1..=1) } else { 0 };
        Observation::new(time * 1_000_000_000, f64::from(tenths) / 10.0)
    };
    (0..i64::try_from(CHUNK).expect("small")).map(&mut next).collect()
}

/// The rows of a leaf, or the damage.
fn rows_of(chunk: &Chunk, leaf: u64) -> std::result::Result<Vec<Observation>, Damage> {
    let mut page = Page::default();
    match chunk.read_page(leaf, Wanted::ROWS, &mut page) {
        Ok(()) => Ok(page.rows().collect()),
        Err(error) => Err(error.damage().expect("damage")),
    }
}

fn damage_of(chunk: &Chunk) -> Vec<Damage> {
    let mut found = Vec::new();
    chunk.verify(&mut |damage| found.push(damage)).expect("read");
    found
}

fn bits(observations: &[Observation]) -> Vec<(i64, u64)> {
    let bits = |observation: &Observation| (observation.timestamp_ns, observation.value.to_bits());
    observations.iter().map(bits).collect()
}
