//! `gaugelog forward --to parquet:DIR`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime};

use gaugelog::{Options, SyncPolicy};

use super::program::tool::{Running, tool, wait_until};
use super::program::{TOOL, names_in};
use super::*;

/// The observations of a file.
const ROWS: u64 = 65_536;
const CURSOR: &str = "forward-lake.json";

impl Bench {
    /// A store, and a folder for its files.
    fn with_lake(count: u64) -> Self {
        let bench = Self::holding(&observations(0..count));
        fs::create_dir(bench.path("lake")).unwrap();
        bench
    }

    fn forward(&self) -> Ran {
        self.run(&FORWARD)
    }

    /// The names of the files in the folder, when each was changed, and its bytes.
    fn files(&self) -> BTreeMap<String, (SystemTime, Vec<u8>)> {
        let names = names_in(&self.path("lake")).into_iter();
        let file = |name: String| {
            let path = self.path("lake").join(&name);
            let modified = path.metadata().unwrap().modified().unwrap();
            (name, (modified, fs::read(path).unwrap()))
        };
        names.map(file).collect()
    }

    /// The rows of all files in the order of their names.
    fn arrived(&self) -> Vec<Row> {
        let names = names_in(&self.path("lake")).into_iter();
        names.flat_map(|name| read(&self.path("lake").join(name))).collect()
    }

    fn cursor(&self) -> PathBuf {
        self.store.join(CURSOR)
    }
}

const FORWARD: [&str; 7] =
    ["forward", "room.log", "--to", "parquet:lake", "--once", "--cursor", "lake"];

#[track_caller]
fn succeeded(ran: &Ran, said: &str) {
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{ran:?}");
    assert!(!ran.stderr.contains("error") && ran.stderr.contains(said), "{ran:?}");
}

#[test]
fn whole_ranges_are_written_once() {
    let bench = Bench::with_lake(3 * ROWS + 10);
    succeeded(
        &bench.forward(),
        "/lake: 196,608 observations written in 3 files, 10 wait until a file is full\n",
    );
    assert_eq!(bench.arrived(), rows(0..3 * ROWS));
    let files = bench.files();
    let id = Store::open(&bench.store).unwrap().snapshot().unwrap().store_id();
    let names = [
        format!("{id:016x}-000000000000-000000065535.parquet"),
        format!("{id:016x}-000000065536-000000131071.parquet"),
        format!("{id:016x}-000000131072-000000196607.parquet"),
    ];
    assert!(files.keys().eq(&names), "{:?}", files.keys());
    succeeded(&bench.forward(), "0 observations written in 0 files, 10 wait");
    assert_eq!(bench.files(), files);

    // Without a cursor, and after sealing.
    bench.run(&["seal", "room.log"]);
    fs::remove_file(bench.cursor()).unwrap();
    succeeded(
        &bench.forward(),
        "0 observations written in 0 files, 3 files were there already, 10 wait",
    );
    fs::write(bench.cursor(), "{}").unwrap();
    succeeded(&bench.forward(), "3 files were there already, 10 wait");
    // Under another name they would be of two series.
    fs::write(bench.cursor(), "{}").unwrap();
    fs::rename(&bench.store, bench.path("attic")).unwrap();
    let ran = bench.run(&with(1, "attic"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("this file holds the series room, and the store"), "{ran:?}");
    assert_eq!(bench.files(), files);
}

fn with(at: usize, argument: &'static str) -> [&'static str; 7] {
    let mut arguments = FORWARD;
    arguments[at] = argument;
    arguments
}

/// After a power cut another observation may take the number of one that was not synced.
#[test]
fn only_what_is_durable_is_written() {
    let bench = Bench::with_lake(ROWS - 10);
    let store = Options::new().sync(SyncPolicy::Never).open(&bench.store).unwrap();
    // A writer that is held compresses nothing yet, which would make it durable.
    let mut writer = store.writer().unwrap();
    for observation in observations(ROWS - 10..ROWS + 10) {
        writer.push(observation).unwrap();
    }
    writer.flush().unwrap();
    succeeded(&bench.forward(), "0 observations written in 0 files, 65,526 wait");
    assert_eq!(bench.files().len(), 0);
    writer.sync().unwrap();
    succeeded(&bench.forward(), "65,536 observations written in 1 file, 10 wait");
    assert_eq!(bench.arrived(), rows(0..ROWS));
}

#[test]
fn what_becomes_whole_follows() {
    let bench = Bench::with_lake(ROWS - 1);
    let arguments = ["forward", "room.log", "--to", "parquet:lake", "--every", "20ms"];
    let running = Running::of(tool(bench.dir.path(), &arguments));
    append(&bench.store, &observations(ROWS - 1..ROWS));
    wait_until(|| bench.files().len() == 1);
    append(&bench.store, &observations(ROWS..2 * ROWS));
    // Under their names they are whole.
    let names = |bench: &Bench| names_in(&bench.path("lake"));
    wait_until(|| names(&bench).iter().filter(|name| name.ends_with(".parquet")).count() == 2);
    drop(running);
    assert_eq!(bench.arrived(), rows(0..2 * ROWS));
}

#[test]
fn retention_leaves_files_and_what_it_took_before_is_counted() {
    let bench = Bench::with_lake(2 * ROWS);
    succeeded(&bench.forward(), "2 files\n");
    let files = bench.files();
    append(&bench.store, &observations(2 * ROWS..5 * ROWS));
    let store = Store::open(&bench.store).unwrap();
    store.remove_before(observation(3 * ROWS).timestamp_ns).unwrap();
    assert_eq!(store.snapshot().unwrap().first_sequence(), 3 * ROWS);
    let ran = bench.forward();
    assert_eq!(ran.status, Some(1));
    assert!(
        ran.stderr.contains("131,072 observations written in 2 files, 65,536 removed before"),
        "{ran:?}"
    );
    let expected = [rows(0..2 * ROWS), rows(3 * ROWS..5 * ROWS)].concat();
    assert_eq!(bench.arrived(), expected);
    fs::remove_file(bench.cursor()).unwrap();
    succeeded(&bench.forward(), "2 files were there already\n");
    assert!(files.iter().all(|(name, file)| bench.files()[name] == *file));
}

#[test]
fn another_store_in_its_place_has_files_of_its_own() {
    let bench = Bench::with_lake(ROWS);
    succeeded(&bench.forward(), "1 file\n");
    let cursor = fs::read(bench.cursor()).unwrap();
    fs::remove_dir_all(&bench.store).unwrap();
    append(&bench.store, &observations(0..2 * ROWS));
    fs::write(bench.cursor(), cursor).unwrap();
    let ran = bench.forward();
    succeeded(&ran, "another store has replaced");
    succeeded(&ran, "131,072 observations written in 2 files\n");
    assert_eq!(bench.files().len(), 3);
}

/// Its numbers come a second time, for other observations.
#[test]
fn an_older_copy_that_went_on_is_refused_and_overwrites_nothing() {
    let bench = Bench::with_lake(ROWS + 5);
    bench.run(&["copy", "room.log", "copy"]).succeeds();
    append(&bench.store, &observations(ROWS + 5..3 * ROWS));
    succeeded(&bench.forward(), "3 files\n");
    let (files, cursor) = (bench.files(), fs::read(bench.cursor()).unwrap());
    fs::remove_dir_all(&bench.store).unwrap();
    fs::rename(bench.path("copy"), &bench.store).unwrap();
    fs::write(bench.cursor(), cursor).unwrap();
    succeeded(&bench.forward(), "1 file was there already, 5 wait");
    append(&bench.store, &observations(4 * ROWS..5 * ROWS));
    let ran = bench.forward();
    assert_eq!(ran.status, Some(1), "{ran:?}");
    for said in ["-000000065536-000000131071.parquet: this file holds other", "older copy"] {
        assert!(ran.stderr.contains(said), "{ran:?}");
    }
    assert_eq!(bench.files(), files);
}

/// A copy has the id of its original: its files were taken for those of the other.
#[test]
fn a_copy_beside_its_original_is_refused() {
    let bench = Bench::with_lake(ROWS);
    fs::create_dir(bench.path("house")).unwrap();
    bench.run(&["copy", "room.log", "house/r1"]).succeeds();
    bench.run(&["copy", "house/r1", "house/r2"]).succeeds();
    let ran = bench.run(&with(1, "house"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let said = "house/r1 and house/r2 have the same id, so one is a copy of the other";
    assert!(ran.stderr.contains(said), "{ran:?}");
    assert!(ran.stderr.contains("65,536 observations written in 1 file\n"), "{ran:?}");
    let ran = bench.run(&with(1, "house/r2"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("this file holds the series r1, and the store"), "{ran:?}");
    fs::create_dir(bench.path("other")).unwrap();
    let other = ["forward", "house/r2", "--to", "parquet:other", "--once"];
    succeeded(&bench.run(&other), "1 file\n");
}

#[test]
fn a_killed_forwarder_leaves_no_half_file() {
    const FILES: u64 = 12;
    let bench = Bench::with_lake(FILES * ROWS);
    let arguments = ["forward", "room.log", "--to", "parquet:lake"];
    for kill in 1..4 {
        let mut running = Running::of(tool(bench.dir.path(), &arguments));
        wait_until(|| names_in(&bench.path("lake")).len() >= 2 * kill);
        running.0.kill().unwrap();
        running.0.wait().unwrap();
        let names = names_in(&bench.path("lake")).into_iter();
        for name in names.filter(|name| name.ends_with(".parquet")) {
            assert_eq!(read(&bench.path("lake").join(name)).len() as u64, ROWS);
        }
    }
    succeeded(&bench.forward(), " observations written in ");
    remove_unfinished(&bench);
    assert_eq!(bench.arrived(), rows(0..FILES * ROWS));
}

fn remove_unfinished(bench: &Bench) {
    for name in names_in(&bench.path("lake")).iter().filter(|name| name.ends_with(".new")) {
        assert!(name.starts_with('.'), "{name}");
        fs::remove_file(bench.path("lake").join(name)).unwrap();
    }
}

/// A process that is still at work has touched its file lately.
#[test]
fn what_killed_forwarders_left_is_removed_after_an_hour() {
    let bench = Bench::with_lake(ROWS);
    let id = Store::open(&bench.store).unwrap().snapshot().unwrap().store_id();
    let hours_ago = |name: &str, hours: u64| {
        let file = File::create(bench.path("lake").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3_600)).unwrap();
    };
    let other = ".0000000000000001-000000000000-000000065535.parquet.a.new";
    let young = format!(".{id:016x}-000000000000-000000065535.parquet.b.new");
    hours_ago(&format!(".{id:016x}-000000000000-000000065535.parquet.a.new"), 2);
    hours_ago(&young, 0);
    hours_ago(other, 2);
    succeeded(&bench.forward(), "1 file\n");
    let names = names_in(&bench.path("lake"));
    assert!(names.contains(&young) && names.contains(&other.to_owned()), "{names:?}");
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let bench = Bench::with_lake(ROWS);
    fs::write(bench.path("file"), "").unwrap();
    for (to, said) in [
        ("parquet:none", "none: No such file or directory"),
        ("parquet:file", "file: not a directory"),
        ("parquet:/sys/kernel", "cannot write it: "),
    ] {
        let ran = bench.run(&with(3, to));
        assert_eq!(ran.status, Some(1), "{ran:?}");
        let error = ran.stderr.lines().find(|line| line.contains("error: ")).unwrap();
        assert!(error.contains(said) && error.contains("; "), "{ran:?}");
    }
    // A disk that is full in the middle of a file, and then is not.
    fs::remove_file(bench.cursor()).unwrap();
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "ulimit -f 10 && exec \"$0\" \"$@\"", TOOL]).args(FORWARD);
    let ran = Ran::of({
        limited.current_dir(&bench.dir);
        limited
    });
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(".parquet: cannot write it: File too large"), "{ran:?}");
    assert_eq!(bench.files().len(), 0);
    succeeded(&bench.forward(), "1 file\n");
}

#[test]
fn something_else_under_a_files_name_is_named_and_stays() {
    let bench = Bench::with_lake(ROWS);
    succeeded(&bench.forward(), "1 file\n");
    let name = names_in(&bench.path("lake")).remove(0);
    let path = bench.path("lake").join(&name);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    fs::remove_file(bench.cursor()).unwrap();
    let ran = bench.forward();
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(&format!("{name}: this is no whole Parquet file")), "{ran:?}");
    fs::remove_file(&path).unwrap();
    succeeded(&bench.forward(), "1 file\n");
    assert_eq!(fs::read(&path).unwrap(), whole);
}

#[test]
fn damage_is_reported_and_the_rest_is_written() {
    let bench = Bench::with_lake(2 * ROWS);
    let name = names_in(&bench.store).into_iter().find(|name| name.ends_with(".chunk")).unwrap();
    let chunk = File::options().read(true).write(true).open(bench.store.join(name)).unwrap();
    let mut byte = [0];
    let middle = chunk.metadata().unwrap().len() / 2;
    chunk.read_exact_at(&mut byte, middle).unwrap();
    chunk.write_all_at(&[byte[0] ^ 1], middle).unwrap();
    let ran = bench.forward();
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("not written, because it cannot be read: "), "{ran:?}");
    assert!(
        ran.stderr.contains("130,048 observations written in 2 files, 1,024 not readable"),
        "{ran:?}"
    );
    let arrived = bench.arrived();
    let all = rows(0..2 * ROWS);
    assert_eq!(arrived.len(), all.len() - 1_024);
    assert!(arrived.iter().all(|row| all[usize::try_from(row.0).unwrap()] == *row));
}

#[test]
fn what_is_for_a_receiver_alone_is_refused() {
    let bench = Bench::with_lake(10);
    for option in [&["--metric", "celsius"], &["--label", "a=b"], &["--protocol", "2"]] {
        let ran = bench.run(&[&FORWARD[..], option].concat());
        assert_eq!(ran.status, Some(2), "{ran:?}");
        assert!(ran.stderr.contains(&format!("{} is for a receiver", option[0])), "{ran:?}");
    }
    fs::create_dir(bench.path("shed")).unwrap();
    bench.run(&["copy", "room.log", "shed/room.log"]).succeeds();
    let ran = bench.run(&["forward", "room.log", "shed", "--to", "parquet:lake", "--once"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("would both be the series room;"), "{ran:?}");
}
