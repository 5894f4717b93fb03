//! Promise 7 on real file systems: a disk that is full at any block of a log, or while
//! the log is sealed or replaced, is an error. What was acknowledged is there, what was
//! refused is not, and work resumes when there is space.
//!
//! `GAUGELOG_FULL_DISK` says at how many blocks: `all`, or `N` for one in N. Mounting the
//! file systems takes root; without it the tests report that they did not run.

mod support;

use std::path::Path;

use gaugelog::{Error, ErrorKind, Observation, Options, Store, SyncPolicy};
use support::mounts::{Ballast, Disk, small_tmpfs};
use support::{arrivals, assert_sound, series};
use tempfile::TempDir;

/// By default one in this many blocks is tried.
const ONE_IN: usize = 9;
/// What an error says about observations that could not be taken back.
const POSSIBLY_STORED: &str = "may be found later";
const ENOSPC: i32 = 28;

/// Small appends, for which space is written ahead, and batches.
const SIZES: [&[usize]; 2] = [&[1, 40, 1, 64], &[97]];

/// Stored before the disk fills up: either a few, or enough that a chunk is due soon, for
/// which there is no space.
const BEGUN_WITH: [usize; 2] = [10, 65_536 - 200];

/// A program that appends until the disk is full.
struct Program<'a> {
    path: &'a Path,
    policy: SyncPolicy,
    all: &'a [Observation],
    stored: usize,
    /// Refused, but perhaps stored, as the error says.
    possibly_stored: usize,
}

impl Program<'_> {
    fn open(&self) -> Store {
        let options = Options::new().sync(self.policy);
        let store = options.open(self.path).expect("opened, be the disk full or not");
        assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
        store
    }

    fn append(&mut self, store: &Store, count: usize) -> Result<(), Error> {
        let batch = &self.all[self.stored..self.stored + count];
        match store.append_batch(batch) {
            Ok(range) => {
                assert_eq!(range.start, self.stored as u64);
                self.stored += count;
                self.possibly_stored = 0;
                Ok(())
            }
            Err(error) => {
                self.stored += error.stored();
                // An earlier append is not taken back by a later refusal.
                self.possibly_stored = self.possibly_stored.saturating_sub(error.stored());
                if error.to_string().contains(POSSIBLY_STORED) {
                    self.possibly_stored = self.possibly_stored.max(count - error.stored());
                }
                Err(error)
            }
        }
    }

    /// Everything acknowledged is there, and nothing that was refused, unless the error
    /// said that it may be. Returns the number of observations.
    fn check(&self, store: &Store) -> usize {
        let all = arrivals(&store.snapshot().expect("a snapshot"));
        let most = self.stored + self.possibly_stored;
        assert!((self.stored..=most).contains(&all.len()), "{} of {}", all.len(), self.stored);
        assert!(all == self.all[..all.len()]);
        all.len()
    }

    /// Continues with another handle, for which everything present is stored.
    fn change_to(&mut self, store: &Store) {
        self.stored = self.check(store);
        self.possibly_stored = 0;
    }

    /// Appends until that is refused, and a few times more.
    fn fill(&mut self, store: &Store, sizes: &[usize]) {
        let mut refused = 0;
        for count in sizes.iter().cycle() {
            let Err(error) = self.append(store, *count) else {
                assert!(self.stored + 1_000 < self.all.len(), "the disk is never full");
                continue;
            };
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            let cause = error.io_error().and_then(std::io::Error::raw_os_error);
            assert_eq!(cause, Some(ENOSPC), "{error}");
            assert!(error.path().starts_with(self.path), "{error}");
            self.check(store);
            refused += 1;
            if refused == 3 {
                return;
            }
        }
    }
}

/// The layout of a file system.
struct Layout<'a> {
    at: &'a Path,
    /// The most blocks that are left free.
    blocks: u64,
    remount: &'a dyn Fn(),
}

fn at_every_block(name: &str, layout: &Layout<'_>) {
    let one_in = match std::env::var("GAUGELOG_FULL_DISK") {
        Ok(all) if all == "all" => 1,
        Ok(asked) => asked.parse().expect("a number"),
        Err(_) => ONE_IN,
    };
    let programs = [SyncPolicy::Always, SyncPolicy::Never]
        .into_iter()
        .flat_map(|policy| SIZES.map(|sizes| (policy, sizes)))
        .flat_map(|(policy, sizes)| BEGUN_WITH.map(|begun| (policy, sizes, begun)));
    // More than the ballast and all blocks hold, in each of several fills.
    let all = series(BEGUN_WITH[1] + 40_000);
    let mut runs = 0;
    for free in (0..=layout.blocks).step_by(one_in) {
        for (turn, (policy, sizes, begun)) in (0..).zip(programs.clone()) {
            let path = layout.at.join("store");
            let mut program =
                Program { path: &path, policy, all: &all, stored: 0, possibly_stored: 0 };
            fill_and_go_on(&mut program, layout, sizes, begun, free);
            // Making the state takes long, so two programs use it for each number of
            // blocks.
            if (free + turn).is_multiple_of(4) {
                (layout.remount)();
            }
            let store = program.open();
            program.change_to(&store);
            program.append(&store, 1).expect("there is space");
            drop(store);
            std::fs::remove_dir_all(&path).expect("removed");
            runs += 1;
        }
    }
    println!("full disks: {name}: 0 to {} blocks free, {runs} runs", layout.blocks);
}

fn fill_and_go_on(
    program: &mut Program<'_>,
    layout: &Layout<'_>,
    sizes: &[usize],
    begun: usize,
    free: u64,
) {
    let options = Options::new().sync(program.policy);
    let store = options.create(program.path).expect("created");
    program.append(&store, begun).expect("there is space yet");
    let ballast = Ballast::take_all(layout.at, layout.blocks);
    ballast.give_back(free);

    program.fill(&store, sizes);
    let fresh = program.open();
    program.change_to(&fresh);
    program.fill(&fresh, sizes);
    ballast.give_all_back();

    program.append(&fresh, 1).expect("there is space");
    program.change_to(&store);
    program.append(&store, 1).expect("there is space");
    program.change_to(&fresh);
    program.append(&fresh, 300).expect("there is space");
    program.check(&fresh);
    let chunks = program.stored / 65_536;
    fresh.seal().expect("there is space");
    program.check(&fresh);
    assert_sound(&fresh);
    assert_eq!(fresh.verify().expect("read").chunks, chunks as u64);
}

#[test]
fn a_tmpfs_may_be_full_at_every_block() {
    let place = TempDir::new().expect("a directory");
    let Some(tmpfs) = small_tmpfs(&place, "4m") else { return };
    at_every_block("tmpfs", &Layout { at: &tmpfs.at, blocks: 26, remount: &|| {} });
}

fn on_disk(name: &str, disk: Option<Disk>, blocks: u64) {
    let Some(disk) = disk else { return };
    let remount = || disk.remount();
    at_every_block(name, &Layout { at: &disk.mounted.at, blocks, remount: &remount });
}

fn ext4(block_bytes: &str, blocks: u64) {
    let place = TempDir::new().expect("a directory");
    let make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-b", block_bytes];
    on_disk("ext4", Disk::make(&place, 16, "20m", &make, "loop"), blocks);
}

#[test]
fn an_ext4_may_be_full_at_every_block() {
    ext4("4096", 26);
}

#[test]
fn an_ext4_with_small_blocks_may_be_full_at_every_block() {
    ext4("1024", 84);
}

#[test]
fn an_xfs_may_be_full_at_every_block() {
    let place = TempDir::new().expect("a directory");
    let disk = Disk::make(&place, 300, "320m", &["mkfs.xfs", "-q", "-f"], "loop");
    on_disk("xfs", disk, 26);
}

#[test]
fn a_btrfs_may_be_full_at_every_block() {
    let place = TempDir::new().expect("a directory");
    let disk = Disk::make(&place, 112, "160m", &["mkfs.btrfs", "-q", "-f"], "loop");
    on_disk("btrfs", disk, 26);
}
