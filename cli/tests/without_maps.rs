//! `--no-map` reads by position: no file of the store is mapped.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use program::{Bench, SERVICE};

/// Whether a `--dump` that waits for its reader has mapped a file of the store.
fn maps_the_store(arguments: &[&str]) -> bool {
    // More than a pipe holds.
    let bench = Bench::holding(&(0..20_000).map(f64::from).collect::<Vec<f64>>());
    let mut command = bench.command(SERVICE, arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    let full = loop {
        let held = rustix::io::ioctl_fionread(child.stdout.as_ref().unwrap()).unwrap();
        if held >= 32 * 1024 || begun.elapsed() > Duration::from_secs(60) {
            break held;
        }
        sleep(Duration::from_millis(5));
    };
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(full > 0, "the dump has begun");
    maps.contains(".rows")
}

#[test]
fn a_store_is_mapped_unless_that_is_refused() {
    assert!(maps_the_store(&["--dump"]));
    assert!(!maps_the_store(&["--dump", "--no-map"]));
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
