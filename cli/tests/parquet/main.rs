//! Parquet files hold what the store holds, to the bit, and are written once.

#![cfg(all(feature = "forward", feature = "parquet"))]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod export;
mod folder;
#[path = "../program/mod.rs"]
mod program;

use std::fs::File;
use std::path::{Path, PathBuf};

use gaugelog::{Observation, Store};
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::RowAccessor;
use program::Ran;
use program::tool::ran;
use tempfile::TempDir;

/// A row of a file: `seq`, the time in nanoseconds, the bits of `value`.
type Row = (u64, i64, u64);

/// A directory with a store in it.
struct Bench {
    dir: TempDir,
    store: PathBuf,
}

impl Bench {
    fn holding(observations: &[Observation]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("room.log");
        append(&store, observations);
        Self { dir, store }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.dir.path(), arguments)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

fn append(store: &Path, observations: &[Observation]) {
    let store = Store::open_or_create(store).unwrap();
    store.append_batch(observations).unwrap();
    store.sync().unwrap();
}

/// Observation `at` of many: no two alike, the times with all digits and before 1970 too.
fn observation(at: u64) -> Observation {
    let at = i64::try_from(at).unwrap();
    Observation::new(at * 999_999_937 - 40_000_000_000_123, at as f64 / 7.0)
}

fn observations(sequences: std::ops::Range<u64>) -> Vec<Observation> {
    sequences.map(observation).collect()
}

fn row(sequence: u64, observation: Observation) -> Row {
    (sequence, observation.timestamp_ns, observation.value.to_bits())
}

fn rows(sequences: std::ops::Range<u64>) -> Vec<Row> {
    sequences.map(|at| row(at, observation(at))).collect()
}

fn open(path: &Path) -> SerializedFileReader<File> {
    let file = File::open(path).unwrap();
    SerializedFileReader::new(file).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// The rows of a file, which are all of the series `room`.
fn read(path: &Path) -> Vec<Row> {
    let rows = open(path).into_iter().map(|row| {
        let row = row.unwrap();
        let nanos = row.get_int(2).unwrap();
        assert!((0..1_000).contains(&nanos), "{nanos}");
        assert_eq!(row.get_string(4).unwrap(), "room");
        let micros = i128::from(row.get_timestamp_micros(1).unwrap());
        let time_ns = i64::try_from(micros * 1_000 + i128::from(nanos)).unwrap();
        let sequence = u64::try_from(row.get_long(0).unwrap()).unwrap();
        (sequence, time_ns, row.get_double(3).unwrap().to_bits())
    });
    rows.collect()
}
