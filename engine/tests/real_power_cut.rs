//! Promise 1, on real file systems: they are shut down under writers, as by a power cut,
//! and mounted again. Whatever was acknowledged is there, and the next append leaves a
//! store that verifies clean. Mounting takes root; without it the tests report that they
//! did not run.
//!
//! `GAUGELOG_POWER_CUTS` is how many times each file system is shut down.

mod support;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gaugelog::{Observation, Options, Store, SyncPolicy};
use support::mounts::{Disk, run};
use support::processes::{amount, not_run};
use support::{Random, arrivals, assert_sound};
use tempfile::TempDir;

/// The observation of a sequence number; hard to compress.
fn observation(sequence: u64) -> Observation {
    let mut random = Random(sequence);
    Observation::new(random.next().cast_signed(), random.normal())
}

fn observations(from: u64, count: u64) -> Vec<Observation> {
    (from..from + count).map(observation).collect()
}

/// Older chunks are removed.
const KEPT_BYTES: u64 = 8 << 20;

/// Appends until the file system is gone: batches of all sizes and single observations.
/// Every third append is by a writer that does not sync, and acknowledges nothing as
/// durable.
fn append_until_cut(path: &Path, acknowledged: &AtomicU64, random: &mut Random) {
    let durable = Store::open(path).expect("opened");
    let unsynced = Options::new().sync(SyncPolicy::Never).open(path).expect("opened");
    let mut next = durable.snapshot().expect("a snapshot").end_sequence();
    loop {
        let count = [1, 1, 40, 2_500, 9_000][usize::try_from(random.below(5)).expect("small")];
        let is_durable = random.below(3) > 0;
        let store = if is_durable { &durable } else { &unsynced };
        let appended = store.append_batch(&observations(next, count));
        match appended.and_then(|numbers| Ok((numbers, durable.keep_bytes(KEPT_BYTES)?))) {
            Ok((numbers, _)) => assert_eq!(numbers, next..next + count),
            Err(error) => {
                assert!(error.to_string().contains("Input/output error"), "{error}");
                return;
            }
        }
        next += count;
        if is_durable {
            acknowledged.store(next, Ordering::Release);
        }
    }
}

/// Shuts a file system down without writing its journal. All that is not on the disk is
/// lost. Returns false if this machine does not allow it.
fn shut_down(at: &Path) -> bool {
    // FS_IOC_SHUTDOWN with the flag "do not flush the log".
    let program = "import fcntl, os, struct, sys\n\
                   fd = os.open(sys.argv[1], os.O_RDONLY)\n\
                   fcntl.ioctl(fd, 0x8004587d, struct.pack('I', 2))\n";
    run(std::process::Command::new("python3").args(["-c", program]).arg(at))
}

fn on(name: &str, mib: u64, memory: &str, make: &[&str]) {
    let place = TempDir::new().expect("a directory");
    let Some(disk) = Disk::make(&place, mib, memory, make, "loop") else { return };
    let path = disk.mounted.at.join("store");
    drop(Store::create(&path).expect("created"));
    let mut random = Random(41);
    for cut in 0..amount("GAUGELOG_POWER_CUTS", 5) {
        let acknowledged = AtomicU64::new(0);
        let cut_at = {
            let store = Store::open(&path).expect("opened");
            store.append(observation(store.snapshot().expect("a snapshot").end_sequence()))
        };
        let cut_at = cut_at.expect("appended") + random.below(30_000);
        let acknowledged_before = std::thread::scope(|scope| {
            let mut random = Random(cut);
            let (path, acknowledged) = (&path, &acknowledged);
            let writer = scope.spawn(move || append_until_cut(path, acknowledged, &mut random));
            while acknowledged.load(Ordering::Acquire) < cut_at && !writer.is_finished() {
                std::thread::yield_now();
            }
            // What is acknowledged meanwhile does not count: ext4 reports a sync as done
            // although the shutdown has dropped its transaction. After a power cut
            // nothing would report it.
            let before = acknowledged.load(Ordering::Acquire);
            let is_cut = shut_down(&disk.mounted.at);
            if is_cut {
                writer.join().expect("it ended with an error");
            }
            is_cut.then_some(before)
        });
        let Some(acknowledged) = acknowledged_before else {
            return not_run("this test needs python3, to shut a file system down");
        };
        disk.remount();
        check(&path, acknowledged, &format!("{name}, cut {cut}"));
    }
}

fn check(path: &Path, acknowledged: u64, what: &str) {
    let store = Store::open(path).expect("opened the first time");
    let snapshot = store.snapshot().expect("a snapshot");
    let (first, end) = (snapshot.first_sequence(), snapshot.end_sequence());
    assert!(end >= acknowledged, "{what}: {end} of {acknowledged}");
    assert!(snapshot.damage().is_empty(), "{what}: {:?}", snapshot.damage());
    assert!(arrivals(&snapshot).into_iter().eq((first..end).map(observation)), "{what}");
    assert_eq!(store.append(observation(end)).expect("appended"), end, "{what}");
    assert_sound(&store);
}

#[test]
fn acknowledged_survives_a_shutdown_of_ext4() {
    on("ext4", 64, "80m", &["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096"]);
}

#[test]
fn acknowledged_survives_a_shutdown_of_xfs() {
    on("xfs", 300, "320m", &["mkfs.xfs", "-q", "-f"]);
}
