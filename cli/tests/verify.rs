//! `gaugelog verify` says what a store holds, and finds what does not hold.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::Path;

use program::{Bench, Ran, TOOL, names_in, program};

fn verify(store: &Path) -> Ran {
    let mut command = program(TOOL);
    command.arg("verify").arg(store);
    Ran::of(command)
}

fn holding(count: u32) -> Bench {
    let values: Vec<f64> = (0..count).map(f64::from).collect();
    Bench::holding(&values)
}

#[test]
fn a_sound_store_is_said_to_be_sound() {
    let bench = holding(5_000);
    let ran = verify(&bench.store);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("5,000 observations\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("every checksum matches"), "{}", ran.stdout);
}

#[test]
fn an_empty_store_is_sound_and_a_store_of_one_is_not_plural() {
    assert_eq!(verify(&Bench::new().store).status, Some(0));
    let ran = verify(&holding(1).store);
    assert!(ran.stdout.contains("1 observation\n"), "{}", ran.stdout);
}

/// Every file that holds something is listed by name where a byte of it changes.
#[test]
fn a_flipped_byte_in_any_file_is_listed_and_fails() {
    for ending in ["manifest", ".log", ".chunk"] {
        let bench = holding(70_000);
        let names = names_in(&bench.store);
        let name = names.iter().find(|name| name.ends_with(ending)).unwrap();
        let file = bench.store.join(name);
        let mut bytes = fs::read(&file).unwrap();
        bytes[11] ^= 4;
        fs::write(&file, bytes).unwrap();
        let ran = verify(&bench.store);
        assert_eq!(ran.status, Some(1), "{name}: {ran:?}");
        assert!(ran.stdout.contains(&format!("{name}, byte 0: ")), "{name}: {ran:?}");
        let verdict = "the store is damaged in 1 place";
        assert!(ran.stderr.contains(verdict), "{name}: {ran:?}");
    }
}

#[test]
fn what_is_lost_is_reported() {
    let bench = holding(5_000);
    let names = names_in(&bench.store);
    let log = names.iter().find(|name| name.ends_with(".log")).unwrap();
    let file = bench.store.join(log);
    let mut bytes = fs::read(&file).unwrap();
    bytes[50_000] ^= 0x10;
    fs::write(&file, bytes).unwrap();
    let ran = verify(&bench.store);
    assert_eq!(ran.status, Some(1));
    assert!(ran.stdout.contains("5,000 observations, "), "{}", ran.stdout);
    assert!(ran.stdout.contains(" observations are lost, "), "{}", ran.stdout);
}

#[test]
fn what_is_no_store_is_an_error_with_a_way_out() {
    let bench = Bench::bare();
    for path in [bench.store.as_path(), bench.dir.path()] {
        let ran = verify(path);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(1), ""));
        assert!(ran.stderr.contains("name the directory of a store"), "{}", ran.stderr);
    }
}
