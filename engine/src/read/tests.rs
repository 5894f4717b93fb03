//! Whatever was appended is read back, and every answer equals one computed from the
//! rows.

mod again;
mod ahead;
mod answers;
mod cancelled;
mod damage;
mod order;
mod removal;
mod threads;

use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use super::snapshot::Snapshot;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;

/// How the times of a series follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Ascending,
    /// Some are late, some are equal.
    Disordered,
    /// Few different times.
    Equal,
    /// Any order at all.
    Random,
    /// Two series, one after the other, over the same time.
    Twice,
}

const ORDERS: [Order; 5] =
    [Order::Ascending, Order::Disordered, Order::Equal, Order::Random, Order::Twice];

/// Observations with times from 0 to some 10 times their number.
fn series(order: Order, count: usize, random: &mut SmallRng) -> Vec<Observation> {
    let at = |index: usize| i64::try_from(index).expect("a small number") * 10;
    let mut decimal = false;
    (0..count)
        .map(|index| {
            let time = match order {
                Order::Ascending => at(index),
                Order::Disordered => match random.random_range(0..20) {
                    0 => at(index) - random.random_range(0..50_000),
                    1 => at(index / 2),
                    _ => at(index),
                },
                Order::Equal => random.random_range(0..5),
                Order::Random => random.random_range(0..at(count)),
                Order::Twice => at(index % count.div_ceil(2)),
            };
            if index % 1500 == 0 {
                decimal = random.random();
            }
            let value = random.random_range(-50.0..150.0_f64);
            Observation::new(time, if decimal { value.round() / 10.0 } else { value })
        })
        .collect()
}

/// A store and what was appended to it. Dropping the guard removes it.
struct Filled {
    _guard: TempDir,
    path: PathBuf,
    store: Store,
    rows: Vec<Observation>,
}

impl Filled {
    /// Appends in portions of any size, so that a part is sealed and a part is not.
    fn new(rows: Vec<Observation>, random: &mut SmallRng) -> Self {
        let guard = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let guard = guard.expect("a temporary directory");
        let path = guard.path().join("store");
        let store = Options::new().sync(SyncPolicy::Never).create(&path).expect("created");
        let mut rest = &rows[..];
        while !rest.is_empty() {
            let portion = random.random_range(1..=3000).min(rest.len());
            store.append_batch(&rest[..portion]).expect("appended");
            rest = &rest[portion..];
        }
        Self { _guard: guard, path, store, rows }
    }

    fn snapshot(&self) -> Snapshot {
        self.store.snapshot().expect("a snapshot")
    }

    /// The rows within some times, in order of time, equal times in order of arrival.
    fn by_time(&self, times: &RangeInclusive<i64>) -> Vec<Observation> {
        let within = self.rows.iter().filter(|row| times.contains(&row.timestamp_ns));
        let mut rows: Vec<Observation> = within.copied().collect();
        rows.sort_by_key(|row| row.timestamp_ns);
        rows
    }

    fn chunk_path(&self, number: u32) -> PathBuf {
        self.path.join(crate::format::names::chunk_name(number))
    }
}

/// Ranges of times, most of which hold something, and the range of everything.
fn windows(count: usize, random: &mut SmallRng) -> Vec<RangeInclusive<i64>> {
    let end = i64::try_from(count).expect("a small number") * 10;
    let mut windows = vec![i64::MIN..=i64::MAX, end..=0, end * 2..=end * 3, 0..=end];
    for _ in 0..20 {
        let from = random.random_range(-100..end);
        windows.push(from..=from + random.random_range(0..end / 2));
    }
    windows
}

/// The same each time, unless `GAUGELOG_SEED` is set.
fn random(seed: u64) -> SmallRng {
    let other = std::env::var("GAUGELOG_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    SmallRng::seed_from_u64(seed + 1000 * other)
}

/// Changes one byte of a file.
fn flip(path: &Path, at: u64) {
    let mut bytes = std::fs::read(path).expect("read");
    bytes[usize::try_from(at).expect("small")] ^= 0x10;
    std::fs::write(path, bytes).expect("written");
}

/// The rows with these numbers, as reading by sequence gives them.
fn numbered(rows: &[Observation], sequences: Range<u64>) -> Vec<(u64, Observation)> {
    let at = |sequence: u64| usize::try_from(sequence).expect("small");
    sequences.map(|sequence| (sequence, rows[at(sequence)])).collect()
}
