//! `gaugelog collect` where a source, a store or a directory is not there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;

use program::Bench;
use program::tool::{ran, status};

#[test]
fn a_sensor_that_is_absent_at_the_start_is_a_failed_poll() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let arguments = ["collect", "room=sensor:w1/28-000005e2fdc3", "good=normal"];
    let ran = ran(dir, &[&arguments[..], &["--every", "10ms", "--for", "100ms", "-q"]].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("room: nothing was stored"), "{ran:?}");
    let seen = status(dir, "gaugelog.log");
    assert!(seen[0]["stored"].as_u64() > Some(0), "{seen:?}");
    // At every interval, since a local read costs nothing.
    let room = &seen[1];
    assert_eq!((&room["stored"], &room["polls"]), (&0.into(), &room["failed"]));
    assert_eq!(room["expected"], 10);
    assert!(room["failed"].as_u64() > Some(5), "{room}");
}

#[test]
fn a_store_that_cannot_be_opened_stops_its_own_source() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("log")).unwrap();
    fs::write(dir.join("log/bad"), "not a store").unwrap();
    let arguments = ["collect", "bad=normal", "good=normal", "--log", "log", "--for", "50ms"];
    let ran = ran(dir, &[&arguments[..], &["--every", "1ms", "-q"]].concat());
    assert_eq!(ran.status, Some(1), "{ran:?}");
    // At once, and at the end.
    assert_eq!(ran.stderr.matches("log/bad").count(), 2, "{ran:?}");
    assert!(ran.stderr.starts_with("gaugelog: bad: error: "), "{ran:?}");
    assert!(status(dir, "log")[0]["stored"].as_u64() > Some(0));
    assert_eq!(fs::read(dir.join("log/bad")).unwrap(), b"not a store");
}

#[test]
fn a_run_that_stored_nothing_of_what_it_read_has_failed() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    for (every, time, said) in [
        ("1ms", "300ms", " polls or lines gave no value\n"),
        ("1h", "5ms", "1 poll or line gave no value\n"),
    ] {
        let arguments = ["collect", "sensor:file=/none", "--every", every, "--for", time, "-q"];
        let ran = ran(dir, &arguments);
        assert_eq!(ran.status, Some(1), "{ran:?}");
        assert!(ran.stderr.ends_with(said), "{ran:?}");
    }
}

#[test]
fn directories_are_made_or_refused_before_the_first_poll() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let touch = format!("exec:/bin/touch {}", dir.join("polled").display());
    let arguments = ["collect", &touch, "--for", "1ms", "--log", "a/b/c"];
    for out in ["none", "file"] {
        fs::write(dir.join("file"), "").unwrap();
        ran(dir, &[&arguments[..], &["--out", out]].concat()).fails_naming(&[out, "pictures"]);
        assert!(!dir.join("polled").exists() && !dir.join("a").exists());
    }
    let ran = ran(dir, &["collect", "normal", "--for", "1ms", "--log", "a/b/c"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(dir.join("a/b/c/manifest").exists());
    fs::write(dir.join("file"), "").unwrap();
    program::tool::ran(dir, &["collect", "normal", "--for", "1ms", "--log", "file/b"])
        .fails_naming(&["file"]);
}
