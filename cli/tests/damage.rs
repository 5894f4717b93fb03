//! Damage costs what it hit: the rest is printed, the damage is told, the status is 1.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use program::{Bench, Ran, TOOL, names_in, program};
use serde_json::Value;

const ROWS: u32 = 10_000;

/// A store of 10,000 whole numbers, one of whose bytes in the first third is flipped.
fn damaged() -> Bench {
    let values: Vec<f64> = (0..ROWS).map(f64::from).collect();
    let bench = Bench::holding(&values);
    let file = log_file(&bench);
    let file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 50_000).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], 50_000).unwrap();
    bench
}

fn log_file(bench: &Bench) -> PathBuf {
    let names = names_in(&bench.store);
    bench.store.join(names.iter().find(|name| name.ends_with(".log")).unwrap())
}

#[test]
fn the_dump_prints_the_rest_and_stays_json() {
    let bench = damaged();
    let ran = bench.serve(&["--dump"]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(".log, byte "), "{}", ran.stderr);
    let Value::Array(rows) = ran.json() else { panic!("an array") };
    let values: Vec<f64> = rows.iter().map(|row| row["val"].as_f64().unwrap()).collect();
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "in order, nothing twice");
    assert!(!values.is_empty() && values.len() < 10_000, "{} rows", values.len());
    assert_eq!(values.first(), Some(&0.0));
    assert_eq!(values.last(), Some(&f64::from(ROWS - 1)), "what is behind the damage is there");
}

#[test]
fn the_dump_from_a_sequence_prints_the_rest_too() {
    let bench = damaged();
    let values = |ran: &Ran| {
        let Value::Array(rows) = ran.json() else { panic!("an array") };
        rows.iter().map(|row| row["val"].as_f64().unwrap()).collect::<Vec<f64>>()
    };
    let whole = bench.serve(&["--dump"]);
    let from_start = bench.serve(&["--dump", "--from", "0"]);
    assert_eq!(from_start.status, Some(1), "{}", from_start.stderr);
    assert!(from_start.stderr.contains(".log, byte "), "{}", from_start.stderr);
    assert_eq!(values(&from_start), values(&whole));
    // The numbers after the damage are what they were.
    let last = bench.serve(&["--dump", "--from", "9999"]).succeeds();
    assert_eq!(values(&last), [f64::from(ROWS - 1)]);
}

#[test]
fn the_metrics_that_can_be_had_are_printed() {
    let bench = damaged();
    let ran = bench.serve(&["--stats"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains(".log, byte "), "{ran:?}");
    let metrics = ran.json();
    assert_eq!(metrics["min"], 0.0);
    assert_eq!(metrics["max"], f64::from(ROWS - 1));
    let median = metrics["median"].as_f64().unwrap();
    assert!((2_000.0..8_000.0).contains(&median), "of what can be read: {median}");
}

#[test]
fn pictures_show_the_rest() {
    let bench = damaged();
    for picture in ["time", "dist"] {
        let ran = bench.serve(&["--plot", picture]);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(".log, byte ") && ran.stdout.contains(".png"), "{ran:?}");
    }
}

#[test]
fn an_answer_that_needs_no_damaged_place_is_complete() {
    // The first two chunks are summaries and sketches to the metrics.
    let values: Vec<f64> = (0..70_000).map(|n| f64::from(n % 100)).collect();
    let bench = Bench::holding(&values);
    let mut command = program(TOOL);
    command.arg("seal").arg(&bench.store);
    Ran::of(command).succeeds();
    let chunk = bench.store.join("0000000000.chunk");
    let mut bytes = fs::read(&chunk).unwrap();
    // Past the header and the summaries of leaves: a page.
    let page = bytes.len() / 2;
    bytes[page] ^= 1;
    fs::write(&chunk, bytes).unwrap();
    let summary = bench.serve(&["--stats"]);
    assert_eq!(bench.serve(&["--dump"]).status, Some(1));
    let metrics = summary.json();
    assert_eq!(
        (&metrics["min"], &metrics["max"], &metrics["size"]),
        (&0.0.into(), &99.0.into(), &70_000.into())
    );
}

#[test]
fn the_status_reports_it() {
    let bench = damaged();
    let status = |options: &[&str]| {
        let mut command = program(TOOL);
        command.arg("status").arg("--log").arg(&bench.store).args(options);
        let ran = Ran::of(command);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(".log, byte "), "{ran:?}");
        ran
    };
    assert!(status(&[]).stdout.contains("  damaged       "));
    assert!(status(&["--json"]).json()["damage"][0].as_str().unwrap().contains(".log, byte "));
    assert_eq!(status(&["--check"]).stdout, "");
}

#[test]
fn collecting_goes_on_and_reports_it() {
    let bench = damaged();
    let mut command = program(TOOL);
    command.args(["collect", "normal", "--for", "1ms", "--log"]).arg(&bench.store);
    command.arg("--out").arg(bench.dir.path());
    let ran = Ran::of(command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("-dist") && ran.stderr.contains(".log, byte "), "{ran:?}");
}

#[test]
fn repair_accepts_the_loss() {
    let bench = damaged();
    let mut command = program(TOOL);
    command.arg("repair").arg(&bench.store);
    let ran = Ran::of(command).succeeds();
    assert!(ran.stdout.contains("observations lost"), "{}", ran.stdout);
    for option in [&["--stats"][..], &["--dump"], &["--plot", "time"], &["--plot", "dist"]] {
        assert_eq!(bench.serve(option).succeeds().stderr, "");
    }
    let mut command = program(TOOL);
    command.arg("verify").arg(&bench.store);
    Ran::of(command).succeeds();
}

#[test]
fn a_copy_of_a_damaged_store_fails_and_says_why() {
    let bench = damaged();
    let guard = tempfile::tempdir().unwrap();
    let mut command = program(TOOL);
    command.arg("copy").arg(&bench.store).arg(guard.path().join("copy"));
    let ran = Ran::of(command);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("10,000 observations copied"), "{ran:?}");
    assert!(ran.stderr.contains("copy/") && ran.stderr.contains("are lost"), "{ran:?}");
}

#[test]
fn adding_goes_on() {
    let bench = damaged();
    bench.serve(&["--add", "-1"]).succeeds();
    assert_eq!(bench.serve(&["--stats"]).json()["min"], -1.0);
}
