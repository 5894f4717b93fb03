//! Promises 1 and 7 on real file systems that run out of space. They have to be
//! mounted, which takes root; where that cannot be done the tests say so.

mod support;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use gaugelog::{ErrorKind, Observation, Options, Store, SyncPolicy};
use support::{arrivals, series, small_segments};
use tempfile::TempDir;

/// A mounted file system, unmounted when dropped, also by a failing test.
struct Mounted {
    at: PathBuf,
}

impl Mounted {
    /// `None` where this machine does not let us.
    fn mount(at: PathBuf, arguments: &[&str]) -> Option<Self> {
        std::fs::create_dir(&at).expect("a directory");
        let mounted = Self { at };
        mounted.mount_again(arguments).then_some(mounted)
    }

    fn mount_again(&self, arguments: &[&str]) -> bool {
        run(Command::new("mount").args(arguments).arg(&self.at))
    }

    fn unmount(&self) -> bool {
        run(Command::new("umount").arg(&self.at))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["--lazy", "--quiet"]).arg(&self.at).output());
    }
}

fn run(command: &mut Command) -> bool {
    match command.output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            eprintln!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
            false
        }
        Err(error) => {
            eprintln!("{command:?}: {error}");
            false
        }
    }
}

fn small_tmpfs(place: &TempDir, size: &str) -> Option<Mounted> {
    let options = format!("size={size}");
    let mounted =
        Mounted::mount(place.path().join("tmpfs"), &["-t", "tmpfs", "-o", &options, "none"]);
    if mounted.is_none() {
        eprintln!("NOT RUN: this test needs to mount a tmpfs, which takes root");
    }
    mounted
}

/// Takes all the space that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("created");
    for size in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![0xFF; size]).is_ok() {}
    }
}

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
    let store = small_segments().sync(policy).create(&path).expect("created");
    let all = series(120_000);
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
    // Asked again it says the same, and what is there can be read, by this
    // handle and by one that is opened on the full disk.
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
    let fresh = small_segments().sync(policy).open(&path).expect("opened");
    let (appended, stored) = append(&fresh);
    appended.expect("there is space");
    let fresh = Store::open(&path).expect("opened");
    assert!(fresh.found().damage.is_empty(), "{:?}", fresh.found());
    assert!(arrivals(&fresh.snapshot().expect("a snapshot")) == all[..stored]);
}

/// A file system of its own in a file on a small tmpfs: the file system has
/// space, the disk that it thinks it lies on has none.
struct FailingDisk {
    image: PathBuf,
    ballast: PathBuf,
    options: &'static str,
    disk: Mounted,
    _tmpfs: Mounted,
}

impl FailingDisk {
    /// `options` are those of mount, `loop` among them.
    fn new(place: &TempDir, options: &'static str) -> Option<Self> {
        let tmpfs = small_tmpfs(place, "12m")?;
        let image = tmpfs.at.join("image");
        let created = File::create(&image).and_then(|file| file.set_len(64 << 20));
        created.expect("an image");
        // Without a journal a failed write stays a matter of the file alone. With
        // blocks smaller than pages Linux 6.18 tells no sync at all of it.
        let made = run(Command::new("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-b", "4096", "-O", "^has_journal"])
            .args(["-E", "lazy_itable_init=0"])
            .arg(&image));
        let arguments = ["-o", options, image.to_str().expect("a plain path")];
        let disk = made.then(|| Mounted::mount(place.path().join("disk"), &arguments)).flatten();
        if disk.is_none() {
            eprintln!("NOT RUN: this test needs mke2fs and a loop device, which takes root");
        }
        let ballast = tmpfs.at.join("ballast");
        Some(Self { image, ballast, options, disk: disk?, _tmpfs: tmpfs })
    }

    fn path(&self) -> PathBuf {
        self.disk.at.join("store")
    }

    /// Everything that is not on the disk is forgotten, as by a power cut.
    fn remount(&self) {
        assert!(self.disk.unmount(), "nothing is open any more");
        let image = self.image.to_str().expect("a plain path");
        assert!(self.disk.mount_again(&["-o", self.options, image]));
    }
}

/// The kernel's part, as Linux has had it since 4.13: a failed write is told to
/// one sync, then the pages count as clean and the next sync succeeds.
fn sync_until_it_succeeds(rows: &Path) -> usize {
    let file = OpenOptions::new().write(true).open(rows).expect("opened");
    (0..10).take_while(|_| file.sync_data().is_err()).count()
}

/// As ext4 is mounted by default: where the blocks of a page have never been
/// written and their first write fails, the kernel writes the page there when it
/// is written again, but does not note that the blocks hold data. The sync
/// succeeds, and after a power cut they are zeros (seen with Linux 6.18).
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

    // Frames over many pages that nobody has synced, and a disk without space.
    fill(&disk.ballast);
    let unsynced = Options::new().sync(SyncPolicy::Never).open(&path).expect("opened");
    unsynced.append_batch(&all[1..20_001]).expect("into the page cache");
    drop(unsynced);
    let failed = sync_until_it_succeeds(&path.join("0000000001.rows"));
    assert_eq!(failed, 1, "the disk takes no more, and says so once");
    std::fs::remove_file(&disk.ballast).expect("removed");
    // This is how it looks to the next writer: all is well.
    assert_eq!(Store::open(&path).expect("opened").found().observations, 20_001);

    let store = Store::open(&path).expect("opened");
    store.append(all[20_001]).expect("acknowledged");
    drop(store);
    disk.remount();
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.found().observations, 20_002, "{:?}", store.found());
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == all[..20_002]);
    store.append(all[20_002]).expect("appended");
}

#[test]
fn a_sync_that_fails_on_a_real_disk_costs_nothing_that_was_acknowledged() {
    go_on_after_a_failed_sync(|store, _| store);
}

/// The next process learns from the mark behind the end not to go on there.
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
    disk.remount();
    let store = Store::open(&path).expect("opened");
    assert!(store.found().damage.is_empty(), "{:?}", store.found());
    assert!(arrivals(&store.snapshot().expect("a snapshot")) == all[..22_000]);
}
