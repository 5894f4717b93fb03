//! Promises 8 and 10: whatever a directory holds, opening, verifying, reading and
//! appending end, with memory below a fixed limit.
//!
//! A process of its own uses each directory, and reports its peak of memory, including
//! mapped pages.

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gaugelog::{Observation, Store};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use support::{Random, file_names, log_path, place, series};

/// The process's whole memory, including its program and the test harness.
const PEAK_KIB_MAX: u64 = 64 * 1024;
/// Only a process that hangs takes this long.
const WATCHDOG: Duration = Duration::from_secs(120);
const PATH: &str = "GAUGELOG_TEST_HOSTILE_PATH";

/// Not a test by itself: it runs in the process that uses a directory.
#[test]
fn the_process_that_looks() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else { return };
    let outcome = match Store::open(&path) {
        Ok(store) => use_in_every_way(&store),
        Err(error) => match Store::repair(&path) {
            Ok(_) => format!("repaired after ({error})"),
            Err(second) => format!("refused ({error}; {second})"),
        },
    };
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    println!("\npeak {}", peak.trim().trim_end_matches(" kB"));
    println!("outcome {}", outcome.replace('\n', " "));
}

/// The results do not matter here, only that each call ends without a panic, and that a
/// repaired store is sound.
fn use_in_every_way(store: &Store) -> String {
    let verified = store.verify();
    let mut read = 0;
    if let Ok(snapshot) = store.snapshot() {
        // A gap is one error, but a store may state any number of observations.
        read = snapshot.by_sequence(..).take(5_000_000).filter(Result::is_ok).count();
        let _ = snapshot.window(..).iter().take(100_000).count();
        let around = snapshot.skip_damage();
        drop(around.window(0..50_000_000_000).summary());
        drop((around.median(), around.quantile_estimate(0.9)));
        let _ = around.latest(10).count();
        drop(around.missing());
        drop(snapshot.summary());
        drop(snapshot.window(0..1_000_000_000).summary());
        drop(snapshot.median());
        drop(snapshot.window(..).histogram(10));
        drop(snapshot.window(..).columns(100));
    }
    let appended = store.append(Observation::new(0, 1.0));
    drop(store.seal());
    drop(store.remove_before(1_000));
    let copied = store.copy_to(store.path().with_extension("copy"));
    let repaired = Store::repair(store.path());
    if let (Ok(_), Ok(store)) = (&repaired, Store::open(store.path())) {
        let verification = store.verify();
        assert!(verification.is_ok_and(|it| it.is_sound()), "repaired, and not sound");
    }
    let word = |done: bool| if done { "done" } else { "refused" };
    format!(
        "{} damaged places, {read} read, append {}, copy {}, repair {}",
        verified.map_or(0, |it| it.damage.len() as u64 + it.damage_unlisted),
        word(appended.is_ok()),
        word(copied.is_ok()),
        word(repaired.is_ok()),
    )
}

/// Has another process use `path`, and returns its peak in KiB.
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

/// A store of two chunks and a log.
fn filled(path: &Path) {
    let store = Store::create(path).expect("created");
    store.append_batch(&series(140_000)).expect("appended");
    store.append(Observation::new(0, 14.25)).expect("appended");
}

/// Fills a store, spoils its directory, and checks the peak of memory of using it.
/// Returns whether it can then be opened.
fn looked_at(name: &str, spoil: impl FnOnce(&Path)) -> bool {
    let (_guard, path) = place();
    filled(&path);
    spoil(&path);
    let peak = peak_of(name, &path);
    assert!(peak < PEAK_KIB_MAX, "{name}: {peak} KiB");
    Store::open(&path).is_ok_and(|store| store.verify().is_ok_and(|it| it.is_sound()))
}

fn chunk(number: u64) -> String {
    format!("{number:010}.chunk")
}

fn log(id: u64) -> String {
    format!("{id:016x}.log")
}

#[test]
fn ten_thousand_other_files() {
    looked_at("10,000 files of other names", |path| {
        (0..10_000).for_each(|n| fs::write(path.join(format!("junk-{n}")), "x").expect("written"));
    });
}

#[test]
fn ten_thousand_files_with_names_of_a_store() {
    looked_at("10,000 short files named as chunks and as logs", |path| {
        (10..5_010).for_each(|n| fs::write(path.join(chunk(n)), "gaugelog").expect("written"));
        (0..5_000).for_each(|n| fs::write(path.join(log(n)), "").expect("written"));
    });
    looked_at("1,000 copies of the log under other identities", |path| {
        let whole = fs::read(log_path(path)).expect("read");
        (0..1_000).for_each(|n| fs::write(path.join(log(n)), &whole[..9_000]).expect("written"));
    });
    looked_at("10,000 links to one chunk", |path| {
        (3..10_003).for_each(|n| symlink(chunk(1), path.join(chunk(n))).expect("linked"));
    });
    looked_at("20,000 temporary files", |path| {
        (0..20_000).for_each(|n| {
            drop(File::create(path.join(format!("{}.tmp", chunk(n)))).expect("created"));
        });
    });
}

#[test]
fn files_that_were_made_long() {
    let (_guard, path) = place();
    filled(&path);
    let names = file_names(&path);
    assert_eq!(names.len(), 5, "{names:?}");
    for name in names {
        // A hole after the content, with one byte at its end.
        looked_at(&format!("{name} of 1 TiB"), |path| {
            let log = log_path(path);
            let file = if name.ends_with(".log") { log } else { path.join(&name) };
            let file = File::options().write(true).open(file).expect("opened");
            file.set_len(1 << 40).expect("as long");
            file.write_all_at(&[7], (1 << 40) - 1).expect("written");
        });
    }
}

#[test]
fn a_log_of_frames_of_one_observation() {
    let (_guard, path) = place();
    let store = gaugelog::Options::new().sync(gaugelog::SyncPolicy::Never);
    let store = store.create(&path).expect("created");
    for observation in series(65_000) {
        store.append(observation).expect("appended");
    }
    drop(store);
    let peak = peak_of("65,000 frames of one observation", &path);
    assert!(peak < PEAK_KIB_MAX, "{peak} KiB");
}

/// A FIFO, link or directory with the name of a store's file is not waited for, followed
/// or written.
#[test]
fn something_else_in_the_place_of_each_file() {
    let (guard, path) = place();
    filled(&path);
    let names = file_names(&path);
    let elsewhere = guard.path().join("elsewhere");
    for name in &names {
        for what in ["fifo", "link", "dangling link", "directory", "socket", "empty file"] {
            let is_sound = looked_at(&format!("{what} as {name}"), |path| {
                let log = log_path(path);
                let file = if name.ends_with(".log") { log } else { path.join(name) };
                fs::copy(&file, &elsewhere).expect("copied");
                fs::remove_file(&file).expect("removed");
                match what {
                    "fifo" => mknodat(CWD, &file, FileType::Fifo, Mode::RWXU, 0).expect("made"),
                    "link" => symlink(&elsewhere, &file).expect("linked"),
                    "dangling link" => symlink("nowhere", &file).expect("linked"),
                    "directory" => fs::create_dir_all(file.join("within")).expect("made"),
                    "socket" => drop(UnixListener::bind(&file).expect("bound")),
                    _ => fs::write(&file, "").expect("written"),
                }
            });
            // The error for this one says to move it away.
            let is_in_the_way = (what, name.as_str()) == ("directory", "manifest");
            assert!(is_sound || is_in_the_way, "{what} as {name}: not repaired");
        }
    }
    // The target of a link is unchanged, and a dangling link has created nothing.
    for name in &names {
        let (_guard, path) = place();
        filled(&path);
        let file = if name.ends_with(".log") { log_path(&path) } else { path.join(name) };
        fs::rename(&file, &elsewhere).expect("moved");
        symlink(&elsewhere, &file).expect("linked");
        let before = fs::read(&elsewhere).expect("read");
        if let Ok(store) = Store::open(&path) {
            use_in_every_way(&store);
        }
        assert!(fs::read(&elsewhere).expect("read") == before, "{name}");
    }
}

/// Records with correct checksums that state anything.
#[test]
fn false_statements_under_correct_checksums() {
    let mut random = Random(11);
    for round in 0..40 {
        let name = format!("statements, round {round}");
        looked_at(&name, |path| {
            let file = if round % 2 == 0 { path.join("manifest") } else { log_path(path) };
            let mut bytes = fs::read(&file).expect("read");
            let at = [16, 48, 52, 64, 72, 80, 88, 96, 104][at_random(&mut random, 9)];
            let stated = match random.below(4) {
                0 => (1 << 60) - random.below(5_000),
                1 => random.below(5_000),
                2 => u64::MAX - random.below(3),
                _ => random.next(),
            };
            let width = if (48..56).contains(&at) { 4 } else { 8 };
            let copies = if round % 2 == 0 { 2 } else { 1 };
            for record in bytes.chunks_exact_mut(8_192).take(copies) {
                record[at..at + width].copy_from_slice(&stated.to_le_bytes()[..width]);
                let crc = crc32fast::hash(&record[12..]);
                record[8..12].copy_from_slice(&crc.to_le_bytes());
            }
            fs::write(&file, bytes).expect("written");
        });
    }
}

fn at_random(random: &mut Random, below: u64) -> usize {
    usize::try_from(random.below(below)).expect("small")
}
