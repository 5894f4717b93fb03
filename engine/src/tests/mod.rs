//! Tests of what is below the library's interface: its files, and the order of its
//! operations on the disk. Chunks have 2 leaves here, so sealing is cheap.

#![allow(clippy::single_range_in_vec_init, reason = "lists of lost numbers may be of one run")]

mod contents;
mod continued_over_zeros;
mod copies;
mod corruption;
mod decided_under_the_lock;
mod disk_watch;
mod failed_calls;
mod failed_sync;
mod forged;
mod frames_in_their_place;
mod full_log;
mod held_writer;
mod mixed_stores;
mod opened_and_appended;
mod order_of_syncs;
mod orphans;
mod possibly_stored;
mod power_cut;
mod read_while_written;
mod rebuilt;
mod restored;
mod torn_or_corrupt;
mod unconfirmed;
mod unreadable_log;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use self::contents::{Contents, contents_of};
use crate::error::Result;
use crate::format::frame::FRAME_BYTES_MIN;
use crate::format::names::{MANIFEST, log_name};
use crate::format::record::{RECORD_BYTES, Record};
use crate::format::{CHUNK, CHUNK_LEAVES, LEAF};
use crate::log::Head;
use crate::log::reader::Log;
use crate::manifest;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::Directory;
use crate::stats::summary::Summary;
use crate::stats::tree::Edge;
use crate::store::Store;
use crate::view::View;

/// Where the frames of a store's first log begin.
const FIRST_FRAME: u64 = RECORD_BYTES as u64;
/// The bytes of a frame of one observation.
const FRAME: u64 = FRAME_BYTES_MIN;

/// A place for a store, removed with the returned guard.
fn place() -> (TempDir, PathBuf) {
    let directory = scratch();
    let path = directory.path().join("store");
    (directory, path)
}

/// A directory in memory if there is one: a sync costs almost nothing there.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}

fn options(policy: SyncPolicy) -> Options {
    Options::new().sync(policy)
}

/// The `n`-th of a series of observations that all differ.
fn observation(n: u64) -> Observation {
    let n = u32::try_from(n).expect("a small number");
    Observation::new(1_000_000_007 * i64::from(n), f64::from(n) / 7.0)
}

fn observations(numbers: Range<u64>) -> Vec<Observation> {
    numbers.map(observation).collect()
}

/// Appends observations one by one, each in a frame of its own.
fn append_each(store: &Store, numbers: Range<u64>) {
    for n in numbers {
        store.append(observation(n)).expect("appended");
    }
}

fn open(path: &Path) -> Arc<Directory> {
    Arc::new(Directory::open(path).expect("a directory"))
}

fn view(path: &Path) -> Result<View> {
    View::take(&open(path), true)
}

/// What can be read, and what is reported about the rest.
fn contents(path: &Path) -> Contents {
    contents_of(&view(path).expect("a view")).expect("read")
}

/// Everything stored, in order of arrival, none of it lost.
fn arrivals(path: &Path) -> Vec<Observation> {
    contents(path).all()
}

/// Asserts that the store holds `all` and nothing else, and that it is sound.
fn assert_holds(path: &Path, all: &[Observation]) {
    assert_holds_from(path, 0, all);
}

/// As [`assert_holds`], for a store whose first observation has the number `first`.
fn assert_holds_from(path: &Path, first: u64, all: &[Observation]) {
    let store = Store::open(path).expect("opened");
    assert_eq!(store.recovery().observations, all.len() as u64);
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    let found = contents(path);
    assert!(found.damage.is_empty() && found.absent.is_empty(), "{:?}", found.damage);
    assert!(found.rows.iter().map(|(sequence, _)| *sequence).eq(first..first + all.len() as u64));
    assert!(found.rows.iter().map(|(_, row)| row).eq(all), "others are there");
    let summary = store.snapshot().expect("a snapshot").summary().expect("read");
    assert_eq!(summary, summary_from(first, all));
    assert_sound(path);
}

/// Asserts that every checksum holds and every statistic is that of the observations.
fn assert_sound(path: &Path) {
    let found = Store::open_read_only(path).expect("opened").verify().expect("verified");
    assert!(found.is_sound(), "{found:?}");
    assert_eq!(found.readable + found.accepted, found.observations, "{found:?}");
}

/// The summary, computed from the observations alone.
fn summary_of(all: &[Observation]) -> Summary {
    summary_from(0, all)
}

/// As [`summary_of`], for observations that begin with the first of a leaf.
fn summary_from(first: u64, all: &[Observation]) -> Summary {
    let leaves = all.chunks_exact(usize::try_from(LEAF).expect("1,024"));
    let open = Summary::of(leaves.remainder());
    let mut edge = Edge::starting_at(first / LEAF);
    leaves.for_each(|leaf| edge.push(Summary::of(leaf), |_| {}));
    edge.total(&open)
}

fn names(path: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(path).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"))
        .collect();
    names.sort();
    names
}

/// How many files have names with this ending.
fn count_files(path: &Path, ending: &str) -> usize {
    names(path).iter().filter(|name| name.ends_with(ending)).count()
}

fn record(path: &Path) -> Record {
    manifest::read(&open(path)).expect("a manifest").record
}

/// The listed log.
fn log_path(path: &Path) -> PathBuf {
    path.join(log_name(record(path).log))
}

fn open_log(path: &Path) -> Log {
    Log::open(&open(path), Head::of(&record(path))).expect("a log")
}

fn manifest_path(path: &Path) -> PathBuf {
    path.join(MANIFEST)
}

fn chunk_path(path: &Path, number: u32) -> PathBuf {
    path.join(crate::format::names::chunk_name(number))
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

/// Cuts a file off at `length`.
fn cut(path: &Path, length: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("a file");
    file.set_len(length).expect("cut");
}

fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a directory");
    for name in names(from) {
        std::fs::copy(from.join(&name), to.join(&name)).expect("copied");
    }
}
