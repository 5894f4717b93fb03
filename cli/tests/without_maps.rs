//! `--no-map` reads by position: no file of the store is mapped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::process::Command;

use program::{Bench, SERVICE};

/// Whether `--dump` maps a file of its store: strace names the file of each map.
/// `None`, and said, where nothing can be traced.
fn maps_the_store(options: &[&str]) -> Option<bool> {
    // Chunks are mapped, logs are not.
    let bench = Bench::holding(&[1.0; 70_000]);
    let log = bench.dir.path().join("calls");
    let mut strace = Command::new("strace");
    strace.arg("-o").arg(&log).args(["-y", "-e", "trace=mmap", SERVICE, "--dump", "--log"]);
    let output = strace.arg(&bench.store).args(options).output();
    let traced = output.as_ref().is_ok_and(|output| output.stdout.starts_with(b"[{\"val\": 1.0"));
    if !traced {
        assert!(
            std::env::var_os("GAUGELOG_NOT_RUN").is_none_or(|then| then != "fail"),
            "{output:?}"
        );
        eprintln!("NOT RUN: strace cannot trace a program: {output:?}");
        return None;
    }
    Some(std::fs::read_to_string(log).unwrap().contains(".chunk>"))
}

#[test]
fn a_store_is_mapped_unless_that_is_refused() {
    let (Some(by_itself), Some(refused)) = (maps_the_store(&[]), maps_the_store(&["--no-map"]))
    else {
        return;
    };
    assert!(by_itself && !refused, "{by_itself}, {refused}");
}

#[test]
fn the_five_commands_work_without_maps() {
    let bench = Bench::bare();
    bench.serve(&["--no-map", "--init"]).succeeds();
    bench.serve(&["--add", "14.2", "--no-map"]).succeeds();
    let mapped = bench.serve(&["--stats"]).succeeds();
    assert_eq!(bench.serve(&["--stats", "--no-map"]).succeeds().stdout, mapped.stdout);
    let mapped = bench.serve(&["--dump"]).succeeds();
    assert_eq!(bench.serve(&["--no-m", "--dump"]).succeeds().stdout, mapped.stdout);
    assert!(bench.serve(&["--plot", "time", "--no-map"]).succeeds().stdout.contains(".png"));
}
