//! Promises 8 and 10: whatever lies in a directory, opening, verifying, reading and
//! appending end, in memory below a fixed cap.
//!
//! Each directory is given to a process of its own, which says how much memory it
//! took at most, mapped pages included.

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gaugelog::{Observation, Store};
use support::{Random, place, series, small_segments};

/// The process's whole memory, its program and the test harness included.
const PEAK_KIB_MAX: u64 = 64 * 1024;
/// No process takes so long but one that will not end.
const WATCHDOG: Duration = Duration::from_secs(120);
const PATH: &str = "GAUGELOG_TEST_HOSTILE_PATH";

/// Not a test by itself: what is run again as the process that looks.
#[test]
fn the_process_that_looks() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return };
    let outcome = match Store::open(&path) {
        Ok(store) => use_in_every_way(&store),
        Err(error) => format!("refused ({error})"),
    };
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    println!("\npeak {}", peak.trim().trim_end_matches(" kB"));
    println!("outcome {}", outcome.replace('\n', " "));
}

/// What comes of each is no matter here: that it ends, and without a panic, is.
fn use_in_every_way(store: &Store) -> String {
    let verified = store.verify();
    let mut read = 0;
    if let Ok(snapshot) = store.snapshot() {
        // A gap is one error, but a store may claim any number of observations.
        read = snapshot.arrivals(0..u64::MAX).take(5_000_000).filter(Result::is_ok).count();
        let _ = snapshot.range(..).take(100_000).count();
        drop(snapshot.summary());
        drop(snapshot.summary_of(0..1_000_000_000));
        drop(snapshot.median());
        drop(snapshot.histogram(10));
        drop(snapshot.downsample(100));
    }
    let appended = store.append(Observation::new(0, 1.0));
    format!(
        "{} damaged places, {read} read, append {}",
        verified.map_or(0, |it| it.damage.len() as u64 + it.damage_unlisted),
        if appended.is_ok() { "done" } else { "refused" }
    )
}

/// Has another process look at `path`, and returns its peak in KiB.
fn peak_of(name: &str, path: &Path) -> u64 {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "the_process_that_looks", "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut out = child.stdout.take().expect("a pipe");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().expect("waited for") {
            Some(status) => break status,
            None if begun.elapsed() > WATCHDOG => {
                child.kill().expect("killed");
                panic!("{name}: it did not end");
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let text = reader.join().expect("joined").expect("text");
    assert!(status.success(), "{name}: {status}\n{text}");
    let line = |key| text.lines().find_map(|line| line.strip_prefix(key)).expect("a line");
    println!("{name}: {} KiB, {}", line("peak ").trim(), line("outcome "));
    line("peak ").trim().parse().expect("a number")
}

/// A store of some segments.
fn filled(path: &Path) {
    let store = small_segments().create(path).expect("created");
    store.append_batch(&series(12_000)).expect("appended");
    store.append(Observation::new(0, 14.25)).expect("appended");
}

/// Fills a store, spoils its directory, and checks what it takes to look at it.
fn looked_at(name: &str, spoil: impl FnOnce(&Path)) {
    let (_guard, path) = place();
    filled(&path);
    spoil(&path);
    let peak = peak_of(name, &path);
    assert!(peak < PEAK_KIB_MAX, "{name}: {peak} KiB");
}

fn rows(ordinal: u64) -> String {
    format!("{ordinal:010}.rows")
}

#[test]
fn ten_thousand_other_files() {
    looked_at("10,000 files of other names", |path| {
        (0..10_000).for_each(|n| fs::write(path.join(format!("junk-{n}")), "x").expect("written"));
    });
}

#[test]
fn ten_thousand_files_named_as_segments() {
    looked_at("10,000 short files named as segments", |path| {
        (10..10_010).for_each(|n| fs::write(path.join(rows(n)), "GAUGELOG").expect("written"));
        (20_000..30_000).for_each(|n| fs::write(path.join(rows(n)), "").expect("written"));
    });
    looked_at("10,000 copies of a segment under other ordinals", |path| {
        let whole = fs::read(path.join(rows(1))).expect("read");
        (10..10_010).for_each(|n| fs::write(path.join(rows(n)), &whole[..9000]).expect("written"));
    });
    looked_at("10,000 links to one segment", |path| {
        (3..10_003).for_each(|n| symlink(rows(2), path.join(rows(n))).expect("linked"));
    });
}

#[test]
fn more_files_named_as_segments_than_a_store_has() {
    looked_at("70,000 empty files named as segments", |path| {
        (10..70_010).for_each(|n| drop(File::create(path.join(rows(n))).expect("created")));
    });
}

#[test]
fn files_that_were_made_long() {
    let names = fs::read_dir({
        let (guard, path) = place();
        filled(&path);
        std::mem::forget(guard);
        path
    });
    let names: Vec<_> =
        names.expect("listed").map(|it| it.expect("an entry").file_name()).collect();
    assert!(names.len() >= 8, "{names:?}");
    for name in names {
        // A hole behind what is there, with one byte at its end.
        looked_at(&format!("{} of 1 TiB", name.to_string_lossy()), |path| {
            let file = File::options().write(true).open(path.join(&name)).expect("opened");
            file.set_len(1 << 40).expect("as long");
            file.write_all_at(&[7], (1 << 40) - 1).expect("written");
        });
    }
}

#[test]
fn a_segment_of_frames_of_one_observation() {
    let (_guard, path) = place();
    let store = gaugelog::Options::new().sync(gaugelog::SyncPolicy::Never);
    let store = store.create(&path).expect("created");
    for observation in series(50_000) {
        store.append(observation).expect("appended");
    }
    drop(store);
    let peak = peak_of("50,000 frames of one observation", &path);
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
}

/// Bytes at random, and headers that hold and claim anything.
#[test]
fn claims_under_checksums_that_hold() {
    let mut random = Random(11);
    for round in 0..40 {
        let name = format!("claims, round {round}");
        looked_at(&name, |path| {
            for ordinal in 1..=2 {
                let file = path.join(rows(ordinal));
                let mut bytes = fs::read(&file).expect("read");
                let length = usize::try_from(u32::from_le_bytes(
                    bytes[4..8].try_into().expect("four bytes"),
                ));
                let length = length.expect("small");
                let at = [40, 48, 56, 64][usize::try_from(random.below(4)).expect("small")];
                let claim = match random.below(4) {
                    0 => (1 << 60) - random.below(5_000),
                    1 => random.below(5_000),
                    2 => u64::MAX - random.below(3),
                    _ => random.next(),
                };
                bytes[at..at + 8].copy_from_slice(&claim.to_le_bytes());
                let crc = crc32fast::hash(&bytes[4..length]);
                bytes[..4].copy_from_slice(&crc.to_le_bytes());
                fs::write(&file, bytes).expect("written");
            }
        });
    }
}
