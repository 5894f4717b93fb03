//! Promise 7: a disk is filled and freed again and again while writers retry what failed.
//! Each observation is there once, in its writer's order. Mounting the file systems takes
//! root; without it the tests report that they did not run.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gaugelog::{Error, ErrorKind, Observation, Options, Store, SyncPolicy};
use support::mounts::{Disk, fill, small_tmpfs};
use support::{arrivals, assert_sound};
use tempfile::TempDir;

const WRITERS: usize = 4;
const EACH: usize = 20_000;
/// What an error says about observations that could not be taken back.
const POSSIBLY_STORED: &str = "may be found later";

fn observation(writer: usize, n: usize) -> Observation {
    let number = u32::try_from(writer * EACH + n).expect("a small number");
    // Hard to compress, so that the disk fills up.
    let mantissa = u64::from(number) * 0x9E37_79B9;
    Observation::new(i64::from(number), f64::from_bits(0x3FF0_0000_0000_0000 | mantissa))
}

/// How many appends failed, and how many of these were reported as possibly stored.
#[derive(Debug, Default)]
struct Failures {
    all: AtomicUsize,
    possibly_stored: AtomicUsize,
}

impl Failures {
    fn add(&self, error: &Error) {
        let is_full = error.io_error().and_then(std::io::Error::raw_os_error) == Some(28);
        assert!(error.kind() == ErrorKind::Io && is_full && error.can_pass(), "{error}");
        self.all.fetch_add(1, Ordering::Relaxed);
        let possibly = error.to_string().contains(POSSIBLY_STORED);
        self.possibly_stored.fetch_add(usize::from(possibly), Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Appends singly, in batches and with a held writer, and retries what fails.
fn append_all(path: &Path, writer: usize, failures: &Failures) {
    let policy = if writer == 0 { SyncPolicy::Never } else { SyncPolicy::Always };
    let options = Options::new().sync(policy).lock_wait(Duration::from_secs(60));
    let store = options.open(path).expect("opened");
    let mut n = 0;
    while n < EACH {
        let count = [1, 300, 90, 1_000][n % 4].min(EACH - n);
        let batch: Vec<_> = (n..n + count).map(|n| observation(writer, n)).collect();
        if n % 3 == 0 {
            append_held(&store, &batch, failures);
        } else {
            append(&store, &batch, failures);
        }
        n += count;
    }
}

fn append(store: &Store, mut batch: &[Observation], failures: &Failures) {
    while let Err(error) = store.append_batch(batch) {
        batch = &batch[error.stored()..];
        failures.add(&error);
    }
}

fn append_held(store: &Store, batch: &[Observation], failures: &Failures) {
    let mut held = store.writer().expect("a writer");
    batch.iter().for_each(|it| held.push(*it).expect("kept in memory"));
    while let Err(error) = held.flush() {
        failures.add(&error);
    }
}

fn fill_and_free(at: &Path, is_done: impl Fn() -> bool) -> usize {
    let rest = at.join("rest");
    let mut fills = 0;
    while !is_done() {
        fill(&rest);
        std::thread::sleep(Duration::from_millis(20));
        std::fs::remove_file(&rest).expect("removed");
        std::thread::sleep(Duration::from_millis(5));
        fills += 1;
    }
    fills
}

fn on(name: &str, at: &Path) {
    let path = at.join("store");
    Store::create(&path).expect("created");
    let (failures, done) = (Failures::default(), AtomicUsize::new(0));
    let fills = std::thread::scope(|scope| {
        let append = |writer| {
            let (path, failures, done) = (&path, &failures, &done);
            move || {
                append_all(path, writer, failures);
                done.fetch_add(1, Ordering::Release);
            }
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(append(writer))).collect();
        let fills = fill_and_free(at, || writers.iter().all(|it| it.is_finished()));
        writers.into_iter().for_each(|it| it.join().expect("it appended all"));
        fills
    });
    println!("{name}: filled {fills} times, {failures:?}");
    assert_eq!(done.load(Ordering::Acquire), WRITERS);
    let store = Store::open(&path).expect("opened");
    check(&store);
    store.seal().expect("there is space");
    assert_sound(&store);
    check(&store);
}

/// Nothing is lost or doubled. After an error about possibly stored observations too, a
/// writer that retries looks for them first.
fn check(store: &Store) {
    let all = arrivals(&store.snapshot().expect("a snapshot"));
    let mut next = [0; WRITERS];
    for stored in &all {
        let number = usize::try_from(stored.timestamp_ns).expect("as appended");
        let (writer, n) = (number / EACH, number % EACH);
        assert_eq!(*stored, observation(writer, n));
        assert_eq!(n, next[writer], "of writer {writer}");
        next[writer] += 1;
    }
    assert_eq!(next, [EACH; WRITERS]);
}

#[test]
fn a_tmpfs_is_filled_and_freed() {
    let place = TempDir::new().expect("a directory");
    let Some(tmpfs) = small_tmpfs(&place, "12m") else { return };
    on("tmpfs", &tmpfs.at);
}

fn on_disk(name: &str, mib: u64, memory: &str, make: &[&str]) {
    let place = TempDir::new().expect("a directory");
    let Some(disk) = Disk::make(&place, mib, memory, make, "loop") else { return };
    on(name, &disk.mounted.at);
    disk.remount();
    let store = Store::open(disk.mounted.at.join("store")).expect("opened");
    check(&store);
    assert_sound(&store);
}

#[test]
fn an_ext4_is_filled_and_freed() {
    on_disk("ext4", 24, "40m", &["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096"]);
}

#[test]
fn an_xfs_is_filled_and_freed() {
    on_disk("xfs", 300, "320m", &["mkfs.xfs", "-q", "-f"]);
}

#[test]
fn a_btrfs_is_filled_and_freed() {
    on_disk("btrfs", 112, "160m", &["mkfs.btrfs", "-q", "-f"]);
}
