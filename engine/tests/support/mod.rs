//! What several of these tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers are small and made here"
)]

pub mod copies;
pub mod mounts;
pub mod processes;
pub mod strace;

use std::path::{Path, PathBuf};

use gaugelog::{Observation, Options, Snapshot, Store, Summary, SyncPolicy};
use tempfile::TempDir;

/// The observations of a chunk.
pub const CHUNK: u64 = 65_536;

/// A place for a store, removed with the returned guard.
pub fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    (directory, path)
}

/// A place in memory, if there is one: a sync costs almost nothing there.
pub fn quick_place() -> (TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let directory = made.expect("a temporary directory");
    let path = directory.path().join("store");
    (directory, path)
}

/// Numbers that look random and are the same in each run (SplitMix64).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `below` − 1.
    pub fn below(&mut self, below: u64) -> u64 {
        self.next() % below
    }

    /// About N(14, 3): the sum of twelve uniform numbers.
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..12).map(|_| self.next() as f64 / u64::MAX as f64).sum();
        14.0 + 3.0 * (sum - 6.0)
    }
}

/// `count` observations a second apart.
pub fn series(count: usize) -> Vec<Observation> {
    let mut random = Random(7);
    (0..count).map(|n| Observation::new(n as i64 * 1_000_000_000, random.normal())).collect()
}

/// All fields of a summary, as bits.
pub fn bits(summary: &Summary) -> Vec<u64> {
    let float = |value: Option<f64>| value.map_or(u64::MAX, f64::to_bits);
    let at = |it: Option<Observation>| {
        it.map_or([0, 0], |it| [it.timestamp_ns as u64, it.value.to_bits()])
    };
    let mut bits = vec![summary.count()];
    bits.extend([summary.min(), summary.max(), summary.mean()].map(float));
    bits.extend([summary.variance(), summary.std_dev()].map(float));
    bits.extend(at(summary.first()));
    bits.extend(at(summary.last()));
    bits
}

/// All observations in the order of arrival. All must be readable.
pub fn arrivals(snapshot: &Snapshot) -> Vec<Observation> {
    let mut all = Vec::new();
    for item in snapshot.by_sequence(..) {
        let (sequence, observation) = item.expect("readable");
        assert_eq!(sequence, snapshot.first_sequence() + all.len() as u64, "no gap and no double");
        all.push(observation);
    }
    assert_eq!(all.len() as u64, snapshot.len());
    all
}

/// An undisturbed store to compare with: it got `all` in one append, and what is before
/// `first_sequence` was removed again.
pub fn undisturbed(path: &Path, all: &[Observation], first_sequence: u64) -> Snapshot {
    let store = Options::new().sync(SyncPolicy::Never).create(path).expect("created");
    store.append_batch(all).expect("appended");
    store.seal().expect("sealed");
    loop {
        let snapshot = store.snapshot().expect("a snapshot");
        if snapshot.first_sequence() >= first_sequence {
            assert_eq!(snapshot.first_sequence(), first_sequence);
            return snapshot;
        }
        // Only the oldest chunk.
        let bytes = log_and_chunk_bytes(path) - 1;
        assert_eq!(store.keep_bytes(bytes).expect("removed"), CHUNK);
    }
}

fn log_and_chunk_bytes(path: &Path) -> u64 {
    let names = file_names(path).into_iter();
    let counted = names.filter(|name| name.ends_with(".log") || name.ends_with(".chunk"));
    counted.map(|name| path.join(name).metadata().expect("a file").len()).sum()
}

/// The names in a directory, in order.
pub fn file_names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("listed").map(|entry| entry.expect("an entry"));
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// The log of a store that has one.
pub fn log_path(path: &Path) -> PathBuf {
    let logs: Vec<_> = file_names(path).into_iter().filter(|it| it.ends_with(".log")).collect();
    assert_eq!(logs.len(), 1, "{logs:?}");
    path.join(&logs[0])
}

/// Asserts that every checksum and every stored statistic of a store is right.
pub fn assert_sound(store: &Store) {
    let verification = store.verify().expect("verified");
    assert!(verification.is_sound(), "{verification:#?}");
    assert_eq!(verification.readable, verification.observations, "{verification:?}");
}
