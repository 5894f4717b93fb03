//! `gaugelog collect --sync` and `--keep`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs::File;
use std::io::{Seek, Write};

use program::tool::{Running, ran, status, tool, wait_until};
use program::{Bench, Ran};
use rustix::process::Signal;

#[test]
fn what_is_held_is_shown_and_a_signal_stores_it() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let arguments = ["collect", "a=normal", "b=normal", "--every", "10ms", "--sync", "1h", "-q"];
    let mut running = Running::of(tool(dir, &[&arguments[..], &["--log", "log"]].concat()));
    wait_until(|| {
        ran(dir, &["status", "--log", "log"]).status == Some(0)
            && status(dir, "log").iter().all(|seen| seen["held"].as_u64() >= Some(50))
    });
    let seen = &status(dir, "log")[0];
    assert_eq!((&seen["stored"], &seen["observations"]), (&0.into(), &0.into()), "{seen}");
    let text = ran(dir, &["status", "--log", "log"]).succeeds().stdout;
    assert!(text.contains(" in memory, to be stored together"), "{text}");
    // What is held is not missing.
    assert!(seen["coverage"].as_f64() > Some(0.5), "{seen}");
    assert!(!text.contains("coverage      0%"), "{text}");
    let info = ran(dir, &["info", "log/a", "--json"]).json();
    assert!(info["coverage"].as_f64() > Some(0.5), "{info}");
    running.signal(Signal::TERM);
    wait_until(|| running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    for seen in status(dir, "log") {
        assert_eq!((&seen["held"], &seen["observations"]), (&0.into(), &seen["stored"]), "{seen}");
        assert!(seen["stored"].as_u64() >= Some(50), "{seen}");
    }
}

/// Lines of times in seconds, from 1980 on.
fn old_lines(count: u32) -> File {
    let mut input = tempfile::tempfile().unwrap();
    let lines: String = (0..count).map(|n| format!("{} 1\n", 315_532_800 + n)).collect();
    input.write_all(lines.as_bytes()).unwrap();
    input.rewind().unwrap();
    input
}

#[test]
fn what_is_too_old_is_removed_when_a_chunk_is_full() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    for (options, left) in [(&["--keep", "1d"][..], 200_000 - 3 * 65_536), (&[], 200_000)] {
        let log = format!("log{}", options.len());
        let arguments = [&["collect", "stdin", "-q", "--log", &log][..], options].concat();
        let mut command = tool(dir, &arguments);
        command.stdin(old_lines(200_000));
        Ran::of(command).succeeds();
        let seen = &status(dir, &log)[0];
        assert_eq!((&seen["stored"], &seen["observations"]), (&200_000.into(), &left.into()));
    }
}

/// Who restarts a collector because the card is full cannot wait for the next chunk.
#[test]
fn what_is_too_old_is_removed_at_the_start() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let mut command = tool(dir, &["collect", "stdin", "-q", "--log", "log"]);
    command.stdin(old_lines(200_000));
    Ran::of(command).succeeds();
    let collect = ["collect", "normal", "-q", "--log", "log", "--every", "100ms", "--keep", "1d"];
    let mut running = Running::of(tool(dir, &collect));
    let observations = || status(dir, "log")[0]["observations"].as_u64();
    wait_until(|| observations() < Some(10_000));
    running.signal(Signal::TERM);
    wait_until(|| running.0.try_wait().unwrap().is_some());
    assert!(observations() > Some(200_000 - 3 * 65_536), "what is new stays");
}
