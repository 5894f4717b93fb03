//! `--to parquet:DIR` while the store or the process goes.

use std::io::{BufRead, BufReader, read_to_string};

use super::interrupted::exchange;
use super::program::names_in;
use super::*;

/// The observations of a file.
const ROWS: u64 = 65_536;

/// A store, and a folder for its files.
fn bench_with_lake(count: u64) -> (Bench, PathBuf) {
    let bench = Bench::holding(count);
    let lake = bench.dir.path().join("lake");
    fs::create_dir(&lake).unwrap();
    (bench, lake)
}

fn start(bench: &Bench, option: &[&str]) -> Running {
    let given = ["forward", "room.log", "--to", "parquet:lake", "--cursor", "lake"];
    Running::of(tool(bench.dir.path(), &[&given, option].concat()))
}

/// The copy has the same id, and more observations than were written.
#[test]
fn an_older_copy_that_comes_meanwhile_is_compared_from_its_beginning() {
    let (bench, lake) = bench_with_lake(ROWS + 5);
    let copy = bench.dir.path().join("copy");
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    append(&bench.store, ROWS + 5..2 * ROWS);
    append(&copy, 4 * ROWS..6 * ROWS);
    let mut running = start(&bench, &["--every", "20ms"]);
    let is_at = |next: u64| {
        let cursor = fs::read(bench.store.join("forward-lake.json")).unwrap_or_default();
        serde_json::from_slice(&cursor).is_ok_and(|cursor: Value| cursor["next"] == next)
    };
    wait_until(|| is_at(2 * ROWS));
    exchange(&bench.store, &copy);
    // The first file holds what both have.
    wait_until(|| is_at(ROWS));
    let mut said = String::new();
    let mut lines = BufReader::new(running.0.stderr.take().unwrap()).lines();
    while !said.contains("older copy") {
        said = lines.next().unwrap().unwrap();
    }
    assert!(said.contains("-000000065536-000000131071.parquet: this file holds other"), "{said}");
    assert_eq!(names_in(&lake).len(), 2);
}

#[test]
fn a_store_that_is_made_later_gets_files_too() {
    let (bench, lake) = bench_with_lake(1);
    let arguments = ["forward", ".", "--to", "parquet:lake", "--every", "20ms"];
    let _running = Running::of(tool(bench.dir.path(), &arguments));
    // From now on no folder is listed for the first time.
    wait_until(|| names_in(&bench.store).iter().any(|name| name.starts_with("forward-")));
    append(&bench.dir.path().join("hall.log"), 0..ROWS);
    wait_until(|| names_in(&lake).len() == 1);
}

/// The copy has grown beyond the cursor: its first file was taken for written.
#[test]
fn an_older_copy_that_has_grown_is_compared_from_its_beginning() {
    let (bench, _) = bench_with_lake(5);
    program::tool::ran(bench.dir.path(), &["copy", "room.log", "copy"]).succeeds();
    append(&bench.store, 5..ROWS);
    let once = ["forward", "room.log", "--to", "parquet:lake", "--cursor", "lake", "--once"];
    succeeded(&ran(bench.dir.path(), &once));
    let (cursor, copy) = ("forward-lake.json", bench.dir.path().join("copy"));
    fs::copy(bench.store.join(cursor), copy.join(cursor)).unwrap();
    append(&copy, 2 * ROWS..3 * ROWS);
    exchange(&bench.store, &copy);
    let ran = ran(bench.dir.path(), &once);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("so it was repaired or is an older copy"), "{ran:?}");
    assert!(ran.stderr.contains("this file holds other observations"), "{ran:?}");
}

/// Retention is to wait for a store while the files of another are written.
#[test]
fn each_store_has_a_cursor_before_the_first_file_is_written() {
    let (bench, lake) = bench_with_lake(ROWS);
    let other = bench.dir.path().join("zoo.log");
    append(&other, 0..ROWS);
    let _running = start(&bench, &["zoo.log", "--once"]);
    wait_until(|| !names_in(&lake).is_empty());
    assert!(other.join("forward-lake.json").exists());
}

#[test]
fn what_is_for_a_receiver_is_refused() {
    let (bench, _) = bench_with_lake(1);
    for option in [["--timeout", "5s"], ["--metric", "celsius"], ["--collisions", "spread"]] {
        let given = ["forward", "room.log", "--to", "parquet:lake", "--once"];
        let ran = ran(bench.dir.path(), &[&given[..], &option].concat());
        let said = format!("{} is for a receiver", option[0]);
        assert!(ran.status == Some(2) && ran.stderr.contains(&said), "{ran:?}");
    }
}

#[test]
fn a_signal_before_everything_was_written_is_a_failure_where_it_was_to_end() {
    let (bench, lake) = bench_with_lake(12 * ROWS);
    let mut running = start(&bench, &["--once"]);
    wait_until(|| !names_in(&lake).is_empty());
    running.signal(Signal::TERM);
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    let said = read_to_string(running.0.stderr.take().unwrap()).unwrap();
    assert!(said.contains("ended by a signal before everything was written"), "{said}");
    let mut running = start(&bench, &["--once"]);
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert_eq!(names_in(&lake).iter().filter(|name| name.ends_with(".parquet")).count(), 12);
}
