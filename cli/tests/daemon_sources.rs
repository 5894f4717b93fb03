//! The daemon, polling another source than the simulator.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;

use program::Bench;
use program::tool::{status, wait_until};

#[test]
fn the_daemon_polls_another_source_and_has_a_status() {
    let bench = Bench::new();
    let arguments = ["--start", "--source", "normal:mean=7,std_dev=0", "--every", "10ms"];
    bench.control(&arguments).succeeds();
    wait_until(|| status(bench.dir.path(), "service.log")[0]["stored"].as_u64() >= Some(100));
    let seen = &status(bench.dir.path(), "service.log")[0];
    bench.control(&["--stop"]).succeeds();
    assert_eq!((&seen["running"], &seen["mean"]), (&true.into(), &7.0.into()));
    assert_eq!(seen["every_seconds"], 0.01);
    assert_eq!(status(bench.dir.path(), "service.log")[0]["running"], false);
    assert_eq!(bench.stats()["mean"], 7.0);
}

#[test]
fn a_daemon_whose_source_makes_no_sense_does_not_begin() {
    let bench = Bench::new();
    for arguments in [
        &["--start", "--source", "thermometer"][..],
        &["--start", "--source", "stdin"],
        &["--start", "--source"],
        &["--start", "--every", "5"],
        &["--start", "--every", "0s"],
        &["--stop", "--source", "normal"],
        &["--stop", "--every", "1s"],
    ] {
        let ran = bench.control(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("usage: simulate_observations_ctl "), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
    }
    bench.control(&["--stop"]).fails_naming(&["not running"]);
    assert_eq!(bench.size(), 0);
}

#[test]
fn a_daemon_whose_first_poll_fails_begins_says_so_and_recovers() {
    let bench = Bench::new();
    let level = bench.dir.path().join("level");
    let source = format!("sensor:file={}", level.display());
    let started = bench.control(&["--start", "--source", &source, "--every", "10ms"]);
    assert_eq!((started.status, started.stdout.as_str()), (Some(0), ""), "{started:?}");
    assert!(started.stderr.contains("the first poll failed"), "{started:?}");
    assert!(started.stderr.contains("level") && started.stderr.lines().count() == 1);
    let seen = || status(bench.dir.path(), "service.log").remove(0);
    wait_until(|| seen()["failed"].as_u64() >= Some(1));
    assert_eq!((&seen()["running"], &seen()["stored"]), (&true.into(), &0.into()));
    assert!(seen()["last_error"]["text"].as_str().unwrap().contains("it has gone"));
    fs::write(&level, "7\n").unwrap();
    wait_until(|| seen()["stored"].as_u64() >= Some(1));
    bench.control(&["--stop"]).succeeds();
    let journal = fs::read_to_string(bench.store.join("simulate_observations.log")).unwrap();
    assert!(journal.contains("the first poll failed"), "{journal}");
    assert_eq!(bench.stats()["mean"], 7.0);
}
