//! Promises 1 and 7 on real file systems that run out of space. Mounting them takes root;
//! without it the tests report that they did not run.

mod support;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy};
use support::mounts::{Disk, fill, small_tmpfs};
use support::{CHUNK, arrivals, assert_sound, log_path, series};
use tempfile::TempDir;

#[test]
fn a_full_disk_is_an_error_and_work_resumes_when_there_is_space() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        for single in [true, false] {
            let place = TempDir::new().expect("a directory");
            let Some(tmpfs) = small_tmpfs(&place, "3m") else { return };
            fill_by_appends(&tmpfs.at, policy, single);
        }
    }
}

fn fill_by_appends(at: &Path, policy: SyncPolicy, single: bool) {
    let path = at.join("store");
    let ballast = at.join("ballast");
    std::fs::write(&ballast, vec![1; if single { 2_500_000 } else { 1_500_000 }]).expect("written");
    let store = Options::new().sync(policy).create(&path).expect("created");
    let all = series(600_000);
    let mut stored = 0;
    let mut append = |store: &Store| {
        let end = if single { stored + 1 } else { stored + 997 };
        let appended = store.append_batch(&all[stored..end]);
        stored = match &appended {
            Ok(_) => end,
            Err(error) => stored + error.stored(),
        };
        (appended, stored)
    };
    let error = loop {
        if let (Err(error), _) = append(&store) {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::Io);
    let cause = error.io_error().and_then(std::io::Error::raw_os_error);
    assert_eq!(cause, Some(28), "{error}");
    assert!(error.path().starts_with(&path), "{error}");
    // Further attempts give the same error. What is there can be read, by this handle and
    // by one that is opened on the full disk.
    let stored = (0..3).fold(0, |_, _| match append(&store) {
        (Err(error), stored) => {
            assert_eq!(error.kind(), ErrorKind::Io);
            stored
        }
        (Ok(_), stored) => stored,
    });
    for store in [&store, &Store::open(&path).expect("opened")] {
        assert!(arrivals(&store.snapshot().expect("a snapshot")) == all[..stored]);
    }
    std::fs::remove_file(&ballast).expect("removed");
    append(&store).0.expect("there is space");
    let fresh = Options::new().sync(policy).open(&path).expect("opened");
    let (appended, stored) = append(&fresh);
    appended.expect("there is space");
    let fresh = Store::open(&path).expect("opened");
    assert!(fresh.recovery().damage.is_empty(), "{:?}", fresh.recovery());
    assert!(arrivals(&fresh.snapshot().expect("a snapshot")) == all[..stored]);
}

/// On a full disk retention works, and appends go on with what it freed.
#[test]
fn retention_works_on_a_full_disk() {
    let place = TempDir::new().expect("a directory");
    let Some(tmpfs) = small_tmpfs(&place, "6m") else { return };
    on_full_disk_retention_works(&tmpfs.at);
    drop(tmpfs);
    let place = TempDir::new().expect("a directory");
    let make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096"];
    let Some(disk) = Disk::make(&place, 24, "30m", &make, "loop") else { return };
    on_full_disk_retention_works(&disk.mounted.at);
    disk.remount();
    let store = Store::open(disk.mounted.at.join("store")).expect("opened");
    assert_sound(&store);
    assert_eq!(store.snapshot().expect("a snapshot").first_sequence(), 3 * CHUNK);
}

fn on_full_disk_retention_works(at: &Path) {
    let all = series(210_000);
    let store = Store::create(at.join("store")).expect("created");
    store.append_batch(&all[..200_000]).expect("there is space yet");
    assert_eq!(store.verify().expect("verified").chunks, 3);
    fill(&at.join("rest"));
    assert_eq!(store.remove_before(all[70_000].timestamp_ns).expect("removed"), CHUNK);
    let refilled = at.join("rest of the rest");
    fill(&refilled);
    // By a process that did not see what was before.
    let store = Store::open(at.join("store")).expect("opened");
    assert_eq!(store.keep_bytes(1_000).expect("removed"), 2 * CHUNK);
    store.append_batch(&all[200_000..]).expect("there is space again");
    let snapshot = store.snapshot().expect("a snapshot");
    assert_eq!(snapshot.first_sequence(), 3 * CHUNK);
    assert!(arrivals(&snapshot) == all[3 * 65_536..]);
    assert_sound(&store);
}

/// A file system without a free inode takes no new file. Appends need none until a log is
/// replaced; a chunk waits.
#[test]
fn appends_go_on_without_a_free_inode() {
    let place = TempDir::new().expect("a directory");
    let make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", "-N", "32"];
    let Some(disk) = Disk::make(&place, 24, "30m", &make, "loop") else { return };
    let path = disk.mounted.at.join("store");
    let all = series(90_000);
    let store = Store::create(&path).expect("created");
    store.append_batch(&all[..60_000]).expect("appended");
    let others = disk.mounted.at.join("others");
    std::fs::create_dir(&others).expect("a directory");
    let created =
        |n: usize| OpenOptions::new().write(true).create_new(true).open(others.join(n.to_string()));
    let count = (0..1_000).take_while(|n| created(*n).is_ok()).count();
    assert!(count < 1_000, "inodes are limited");
    // Over the end of the chunk, and long after it.
    for batch in all[60_000..80_000].chunks(1_000) {
        store.append_batch(batch).expect("needs no inode");
        store.snapshot().expect("a snapshot").summary().expect("read");
    }
    let error = store.seal().expect_err("needs an inode");
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    let store = Store::open(&path).expect("opened");
    store.append_batch(&all[80_000..85_000]).expect("needs no inode");
    assert_eq!(store.verify().expect("verified").chunks, 0);
    std::fs::remove_dir_all(&others).expect("removed");
    store.append_batch(&all[85_000..]).expect("appended");
    assert_eq!(store.verify().expect("verified").chunks, 1);
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == all);
    assert_sound(&store);
}

/// A file system in an image on a small tmpfs: the file system has space, but the tmpfs
/// below has none.
struct FailingDisk {
    ballast: PathBuf,
    disk: Disk,
}

impl FailingDisk {
    /// `options` are options of mount, with `loop` among them.
    fn new(place: &TempDir, options: &'static str) -> Option<Self> {
        // Without a journal a failed write affects only the file. With blocks smaller
        // than pages, Linux 6.18 reports it to no sync at all.
        let make = ["mkfs.ext4", "-q", "-F", "-b", "4096", "-O", "^has_journal"];
        let make = [&make[..], &["-E", "lazy_itable_init=0"]].concat();
        let disk = Disk::make(place, 64, "12m", &make, options)?;
        Some(Self { ballast: disk.memory.at.join("ballast"), disk })
    }

    fn path(&self) -> PathBuf {
        self.disk.mounted.at.join("store")
    }
}

/// The kernel's part, in Linux since 4.13: one sync reports a failed write, then the
/// pages count as clean and the next sync succeeds.
fn sync_until_it_succeeds(log: &Path) -> usize {
    let file = OpenOptions::new().write(true).open(log).expect("opened");
    (0..10).take_while(|_| file.sync_data().is_err()).count()
}

/// The default options of ext4. If the blocks of a page have never been written and their
/// first write fails, the kernel writes the page there when it is written again, but does
/// not record that the blocks hold data. The sync succeeds, and after a power cut they
/// are zeros (seen with Linux 6.18).
const DEFAULT: &str = "loop";
const WITHOUT_UNWRITTEN_BLOCKS: &str = "loop,dioread_lock";

#[test]
fn frames_that_the_kernel_dropped_are_made_durable() {
    for options in [DEFAULT, WITHOUT_UNWRITTEN_BLOCKS] {
        append_behind_dropped_frames(options);
    }
}

fn append_behind_dropped_frames(options: &'static str) {
    let place = TempDir::new().expect("a directory");
    let Some(disk) = FailingDisk::new(&place, options) else { return };
    let path = disk.path();
    let all: Vec<Observation> = series(20_003);
    let store = Store::create(&path).expect("created");
    store.append(all[0]).expect("appended");
    drop(store);

    // Unsynced frames over many pages, and a disk without space.
    fill(&disk.ballast);
    let unsynced = Options::new().sync(SyncPolicy::Never).open(&path).expect("opened");
    unsynced.append_batch(&all[1..20_001]).expect("into the page cache");
    drop(unsynced);
    let failed = sync_until_it_succeeds(&log_path(&path));
    assert_eq!(failed, 1, "the disk takes no more, and reports that once");
    std::fs::remove_file(&disk.ballast).expect("removed");
    // The next writer sees no sign of the failure.
    assert_eq!(Store::open(&path).expect("opened").recovery().observations, 20_001);

    let store = Store::open(&path).expect("opened");
    store.append(all[20_001]).expect("acknowledged");
    drop(store);
    disk.disk.remount();
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.recovery().observations, 20_002, "{:?}", store.recovery());
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == all[..20_002]);
    store.append(all[20_002]).expect("appended");
}

#[test]
fn a_sync_that_fails_on_a_real_disk_costs_nothing_that_was_acknowledged() {
    go_on_after_a_failed_sync(|store, _| store);
}

/// From the mark after the end, the next process sees that it must not continue there.
#[test]
fn a_sync_that_failed_in_another_process_costs_nothing_that_was_acknowledged() {
    go_on_after_a_failed_sync(|_, path| Store::open(path).expect("opened"));
}

fn go_on_after_a_failed_sync(next: impl FnOnce(Store, &Path) -> Store) {
    let place = TempDir::new().expect("a directory");
    let Some(disk) = FailingDisk::new(&place, DEFAULT) else { return };
    let path = disk.path();
    let all = series(30_000);
    let store = Store::create(&path).expect("created");
    store.append_batch(&all[..1_000]).expect("appended");
    fill(&disk.ballast);
    let error = store.append_batch(&all[1_000..21_000]).expect_err("the disk is full");
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.path().starts_with(&path), "{error}");
    assert_eq!(error.stored(), 0);
    assert_eq!(store.snapshot().expect("a snapshot").len(), 1_000);
    std::fs::remove_file(&disk.ballast).expect("removed");
    let store = next(store, &path);
    store.append_batch(&all[1_000..22_000]).expect("there is space");
    drop(store);
    disk.disk.remount();
    let store = Store::open(&path).expect("opened");
    assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == all[..22_000]);
}
