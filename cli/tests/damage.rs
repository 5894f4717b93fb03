//! Damage costs what it hit: the rest is printed, the damage is told, the status is 1.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use program::{Bench, Ran, names_in};
use serde_json::Value;

const ROWS: u32 = 10_000;

/// A store of 10,000 whole numbers, one of whose bytes in the first third is flipped.
fn damaged() -> Bench {
    let values: Vec<f64> = (0..ROWS).map(f64::from).collect();
    let bench = Bench::holding(&values);
    let file = rows_file(&bench);
    let file = fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 50_000).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], 50_000).unwrap();
    bench
}

fn rows_file(bench: &Bench) -> PathBuf {
    let names = names_in(&bench.store);
    bench.store.join(names.iter().find(|name| name.ends_with(".rows")).unwrap())
}

#[test]
fn the_dump_prints_the_rest_and_stays_json() {
    let bench = damaged();
    let ran = bench.serve(&["--dump"]);
    assert_eq!(ran.status, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains(".rows, byte "), "{}", ran.stderr);
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
    assert!(from_start.stderr.contains(".rows, byte "), "{}", from_start.stderr);
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
    assert!(ran.stderr.contains(".rows, byte "), "{ran:?}");
    let metrics = ran.json();
    assert_eq!(metrics["min"], 0.0);
    assert_eq!(metrics["max"], f64::from(ROWS - 1));
    assert!(metrics["median"].is_null(), "an exact median takes every value");
}

#[test]
fn adding_goes_on() {
    let bench = damaged();
    bench.serve(&["--add", "-1"]).succeeds();
    assert_eq!(bench.serve(&["--stats"]).json()["min"], -1.0);
}
