//! What several of these tests need.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]
#![allow(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "the numbers are small and made here"
)]

pub mod processes;
pub mod strace;

use std::path::{Path, PathBuf};

use gaugelog::{Observation, Options, Snapshot, Summary};
use tempfile::TempDir;

/// The smallest segments there are, so that little data makes many.
pub fn small_segments() -> Options {
    Options::new().segment_bytes_max(64 * 1024)
}

/// A place for a store, removed with the returned guard.
pub fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    (directory, path)
}

/// A place in memory, where there is such a place: a sync costs next to nothing
/// there.
pub fn quick_place() -> (TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    let directory = made.expect("a temporary directory");
    let path = directory.path().join("store");
    (directory, path)
}

/// Numbers that look random and are the same each time (SplitMix64).
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

/// Everything a summary says, as bits.
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

/// All observations in order of arrival, which must all be readable.
pub fn arrivals(snapshot: &Snapshot) -> Vec<Observation> {
    let mut all = Vec::new();
    for found in snapshot.arrivals(0..u64::MAX) {
        let (sequence, observation) = found.expect("readable");
        assert_eq!(sequence, all.len() as u64, "no gap and no double");
        all.push(observation);
    }
    all
}
