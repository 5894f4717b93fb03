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
        &["--stop", "--align"],
        &["--stop", "--deadline", "1s"],
        &["--stop", "--ca-file", "x"],
        &["--start", "--deadline", "0s"],
    ] {
        let ran = bench.control(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.stderr.starts_with("usage: simulate_observations_ctl "), "{ran:?}");
        assert_eq!(ran.stderr.lines().count(), 2, "{ran:?}");
    }
    bench.control(&["--stop"]).fails_naming(&["not running"]);
    assert_eq!(bench.size(), 0);
}

/// The next multiple of a century is too far away to be waited for.
#[test]
fn start_does_not_wait_for_a_poll_that_is_aligned() {
    let bench = Bench::new();
    bench.control(&["--start", "--every", "36500d", "--align"]).succeeds();
    let seen = status(bench.dir.path(), "service.log").remove(0);
    assert_eq!((&seen["running"], bench.size()), (&true.into(), 0));
    bench.control(&["--stop"]).succeeds();
    bench.control(&["--start", "--every", "10ms", "--align"]).succeeds();
    wait_until(|| bench.size() >= 3);
    bench.control(&["--stop"]).succeeds();
}

#[test]
fn a_poll_of_the_daemon_has_the_deadline_that_is_asked_for() {
    let bench = Bench::new();
    let arguments = ["--start", "--source", "exec:/bin/sleep 1000", "--deadline", "120ms"];
    let started = bench.control(&arguments);
    assert!(started.stderr.contains("it took longer than 120ms"), "{started:?}");
    bench.control(&["--stop"]).succeeds();
}

/// The file is found from the directory that it was named in, which the daemon leaves.
#[test]
fn the_daemon_reads_the_certificates_that_are_named() {
    let bench = Bench::new();
    let https = ["--start", "--source", "https://127.0.0.1:1/", "--ca-file", "own.pem"];
    let missing = bench.control(&https);
    assert_eq!(missing.status, Some(2), "{missing:?}");
    let file = bench.dir.path().join("own.pem");
    assert!(missing.stderr.contains(file.to_str().unwrap()), "{missing:?}");
    fs::write(&file, include_str!("../../sources/tests/pages/version1.pem")).unwrap();
    let started = bench.control(&https);
    assert!(started.status == Some(0) && started.stderr.contains("refused"), "{started:?}");
    bench.control(&["--stop"]).succeeds();
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
