//! Tests that look behind the library's surface: at its files, and at the order
//! of what it does to the disk.

mod checkpoint_is_derived;
mod corruption;
mod counted_and_gone;
mod disk_watch;
mod failed_calls;
mod failed_sync;
mod held_writer;
mod hostile_chain;
mod in_doubt;
mod listed_medians;
mod lock_of_the_named;
mod made_long;
mod mixed_stores;
mod order_of_syncs;
mod power_cut;
mod refused_reads;
mod rotten_headers;
mod rotten_leaves;
mod seen_stays_seen;
mod tail_after_lock;
mod torn_or_rotten;
mod vanished_files;
mod verifying;
mod zeros_behind;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::checkpoint;
use crate::error::Error;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::segment::format::{
    FRAME_BYTES_MIN, SEGMENT_HEADER_BYTES_MAX, SegmentHeader, decode_segment_header,
};
use crate::segment::names::rows_name;
use crate::snapshot::Snapshot;
use crate::stats::summary::Summary;
use crate::stats::tree::Edge;
use crate::store::Store;

/// Where the frames of a store's first segment begin.
const FIRST_FRAME: u64 = 88;
const FRAME: u64 = FRAME_BYTES_MIN as u64;

/// A place for a store, removed with the returned guard.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("store");
    (directory, path)
}

/// The smallest segments there are: 4 leaves of observations in large frames.
fn small(policy: SyncPolicy) -> Options {
    Options::new().segment_bytes_max(64 * 1024).sync(policy)
}

fn options(policy: SyncPolicy) -> Options {
    Options::new().sync(policy)
}

/// The `n`-th of observations that are all different.
fn observation(n: u64) -> Observation {
    let n = u32::try_from(n).expect("a small number");
    Observation::new(1_000_000_007 * i64::from(n), f64::from(n) / 7.0)
}

fn observations(numbers: std::ops::Range<u64>) -> Vec<Observation> {
    numbers.map(observation).collect()
}

/// Appends observations one by one, each in a frame of its own.
fn append_each(store: &Store, numbers: std::ops::Range<u64>) {
    for n in numbers {
        store.append(observation(n)).expect("appended");
    }
}

/// Everything stored, in order of arrival, none of it lost.
fn arrivals(store: &Store) -> Vec<Observation> {
    all_of(&store.snapshot().expect("a snapshot"))
}

/// As [`arrivals`].
fn all_of(snapshot: &Snapshot) -> Vec<Observation> {
    let (found, errors) = readable(snapshot);
    assert!(errors.is_empty(), "{errors:?}");
    for (at, (sequence, _)) in found.iter().enumerate() {
        assert_eq!(*sequence, at as u64, "no gap and no double");
    }
    found.into_iter().map(|(_, observation)| observation).collect()
}

/// What can be read, with sequence numbers, and what is told of the rest.
fn readable(snapshot: &Snapshot) -> (Vec<(u64, Observation)>, Vec<Error>) {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for item in snapshot.arrivals(0..u64::MAX) {
        match item {
            Ok(item) => found.push(item),
            Err(error) => errors.push(error),
        }
    }
    (found, errors)
}

/// Asserts that the store holds `all` and nothing else, by every way to it: a
/// handle that was there, a new one, and one without any derived file.
fn assert_holds(path: &Path, all: &[Observation]) {
    for derived in [true, false] {
        if !derived {
            remove_derived(path);
        }
        let store = Store::open(path).expect("opened");
        assert_eq!(store.found().observations, all.len() as u64);
        assert!(store.found().damage.is_empty(), "{:?}", store.found());
        assert!(arrivals(&store) == all, "derived files: {derived}");
        let summary = store.snapshot().expect("a snapshot").summary().expect("read");
        assert_eq!(summary, summary_of(all), "derived files: {derived}");
    }
}

/// The summary, computed from the observations alone.
fn summary_of(all: &[Observation]) -> Summary {
    let leaves = all.chunks_exact(1024);
    let open = Summary::of(leaves.remainder());
    let mut edge = Edge::empty();
    leaves.for_each(|leaf| edge.push(Summary::of(leaf), |_, _, _| {}));
    edge.total(&open)
}

fn remove_derived(path: &Path) {
    for name in names(path) {
        if name == checkpoint::NAME || name.ends_with(".tree") || name.ends_with(".guide") {
            let file = path.join(name);
            std::fs::remove_file(&file).or_else(|_| std::fs::remove_dir(file)).expect("removed");
        }
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

fn segment_path(path: &Path, ordinal: u64) -> PathBuf {
    path.join(rows_name(ordinal))
}

/// How many segment files there are.
fn segments(path: &Path) -> usize {
    names(path).iter().filter(|name| name.ends_with(".rows")).count()
}

fn header(path: &Path, ordinal: u64) -> SegmentHeader {
    let mut bytes = std::fs::read(segment_path(path, ordinal)).expect("a segment");
    bytes.truncate(SEGMENT_HEADER_BYTES_MAX);
    decode_segment_header(&bytes).expect("a whole header").0
}

/// Changes the bytes of a file.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).expect("a file");
    change(&mut bytes);
    std::fs::write(path, bytes).expect("written");
}

/// Flips a bit of the byte at `offset`.
fn flip(path: &Path, offset: u64) {
    edit(path, |bytes| bytes[usize::try_from(offset).expect("in memory")] ^= 0x10);
}

fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}
