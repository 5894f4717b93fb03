//! Promise 4 on a real file system: btrfs finds that a block of a file does not match its
//! checksum, and refuses to read it. Only what the block held is lost. Mounting takes
//! root; without it the tests report that they did not run.

mod support;

use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use gaugelog::{Observation, Options, Store};
use support::mounts::Disk;
use support::processes::{Process, again, called, report, wait_for_go};
use support::{CHUNK, Random, log_path};
use tempfile::TempDir;

const COUNT: u64 = CHUNK + 20_000;
/// The unit of btrfs's checksums.
const BLOCK: usize = 4_096;
const SIGBUS: i32 = 7;

fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed(), random.normal())
}

/// Without maps: with maps, an unreadable page would be a signal.
fn open(path: &Path) -> Store {
    Options::new().positioned_reads(true).open(path).expect("opened")
}

/// Overwrites every copy of a block of the file in the image.
fn spoil(image: &Path, file: &Path, block: usize) -> usize {
    let content = std::fs::read(file).expect("read");
    let wanted = &content[block * BLOCK..][..BLOCK];
    let bytes = std::fs::read(image).expect("the image");
    let opened = std::fs::File::options().write(true).open(image).expect("the image");
    let copies = bytes.chunks(BLOCK).enumerate().filter(|(_, there)| *there == wanted);
    let mut count = 0;
    for (at, _) in copies {
        opened.write_all_at(&[0xA5; 512], (at * BLOCK + 1_024) as u64).expect("written");
        count += 1;
    }
    count
}

/// Runs with a file of a store that has a damaged block.
fn with_a_spoilt_block(
    choose: impl FnOnce(&Path) -> (PathBuf, usize),
    check: impl FnOnce(&Path, &Path),
) {
    let place = TempDir::new().expect("a directory");
    let make = ["mkfs.btrfs", "-q", "-f", "-d", "single"];
    let Some(disk) = Disk::make(&place, 160, "200m", &make, "loop") else { return };
    let path = disk.mounted.at.join("store");
    let store = Store::create(&path).expect("created");
    let all: Vec<_> = (0..COUNT).map(observation).collect();
    store.append_batch(&all).expect("appended");
    drop(store);
    let (file, block) = choose(&path);
    // Everything is written to the image.
    disk.remount();
    let copies = spoil(&disk.image_path(), &file, block);
    assert!(copies >= 1, "the block was found in the image");
    disk.remount();
    let refused = std::fs::read(&file).expect_err("btrfs refuses to read the file");
    assert_eq!(refused.raw_os_error(), Some(5));
    check(&path, &file);
}

fn check(path: &Path, file: &Path) {
    let store = open(path);
    let snapshot = store.snapshot().expect("a snapshot");
    let error = snapshot.median().expect_err("some of it cannot be read");
    assert_eq!((error.kind(), error.path()), (gaugelog::ErrorKind::Damaged, file), "{error}");
    let around = snapshot.skip_damage();
    let mut served = 0;
    for item in around.by_sequence(..) {
        let (sequence, stored) = item.expect("read around");
        assert_eq!(stored, observation(sequence));
        served += 1;
    }
    let missing = around.missing();
    let lost: u64 = missing.iter().map(|it| it.lost.end - it.lost.start).sum();
    assert_eq!(served + lost, COUNT, "the whole loss is reported: {missing:?}");
    // A page of a leaf's values, or the frames of a block.
    assert!((1..=3 * 1_024).contains(&lost), "{lost} lost: {missing:?}");
    assert_eq!(missing[0].path, file);
    assert!(around.median().expect("of the rest").is_some());
    // The store goes on, and only a repair gives up what cannot be read.
    store.append(observation(COUNT)).expect("appended");
    drop((around, snapshot, store));
    let repair = Store::repair(path).expect("repaired");
    assert_eq!(repair.lost, lost, "{repair:?}");
    let store = open(path);
    let verified = store.verify().expect("verified");
    assert!(verified.is_sound() && verified.readable == COUNT + 1 - lost, "{verified:?}");
}

/// Reads everything with maps, after an append.
#[test]
fn reads_with_maps() {
    let Some((path, _)) = called() else { return };
    let store = Store::open(path).expect("opened");
    store.append(observation(COUNT)).expect("appended");
    report("APPENDED");
    wait_for_go();
    assert_eq!(
        store.snapshot().expect("a snapshot").by_sequence(..).filter(Result::is_err).count(),
        1
    );
}

/// A signal ends it, and its acknowledged append is there.
fn check_with_maps(path: &Path, file: &Path) {
    let mut reader = Process::start(&mut again("reads_with_maps", path, ""));
    reader.expect_line("APPENDED");
    reader.go_on();
    assert_eq!(reader.wait().signal(), Some(SIGBUS));
    let snapshot = open(path).snapshot().expect("a snapshot").skip_damage();
    let last = snapshot.by_sequence(COUNT..).map(|row| row.expect("read"));
    assert!(last.eq([(COUNT, observation(COUNT))]));
    assert!(snapshot.by_sequence(..).all(|row| row.is_ok()));
    assert_eq!(snapshot.missing()[0].path, file);
}

#[test]
fn a_checksum_error_of_btrfs_in_a_chunk_costs_its_page() {
    with_a_spoilt_block(|path| (path.join("0000000000.chunk"), 40), check);
}

#[test]
fn a_checksum_error_of_btrfs_under_a_map_is_a_signal_that_costs_nothing_acknowledged() {
    with_a_spoilt_block(|path| (path.join("0000000000.chunk"), 200), check_with_maps);
}

#[test]
fn a_checksum_error_of_btrfs_in_the_log_costs_its_frames() {
    with_a_spoilt_block(|path| (log_path(path), 20), check);
}
