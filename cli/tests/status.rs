//! `gaugelog status`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::process::Stdio;

use gaugelog::{Observation, Store};
use program::tool::{Running, ran, status, tool, wait_until};
use program::{Bench, Ran, SERVICE, names_in};
use rustix::process::Signal;

#[test]
fn a_run_that_was_killed_is_told_from_one_that_goes_on() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let mut running = Running::of(tool(dir, &["collect", "normal", "--every", "10ms", "--quiet"]));
    let counted = || {
        let seen = ran(dir, &["status", "--json"]);
        seen.status == Some(0) && seen.json()["stored"].as_u64() > Some(100)
    };
    wait_until(counted);
    let text = ran(dir, &["status"]).succeeds().stdout;
    assert!(
        text.starts_with(&format!("gaugelog.log: running, process {}", running.0.id())),
        "{text}"
    );
    running.signal(Signal::KILL);
    running.0.wait().unwrap();
    let text = ran(dir, &["status"]).succeeds().stdout;
    assert!(text.contains("not running; the last run was cut off"), "{text}");
    // What was stored in the last second is in the store and not in the counts.
    let seen = &status(dir, "gaugelog.log")[0];
    assert!(seen["observations"].as_u64() >= seen["stored"].as_u64(), "{seen}");
    assert!(seen["ended"].is_null() && seen["process"].is_null(), "{seen}");
}

#[test]
fn a_store_of_which_nothing_can_be_told_hides_no_other() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    ran(dir, &["collect", "a=normal", "b=normal", "--for", "1ms", "--quiet"]).succeeds();
    let lock = dir.join("gaugelog.log/a/collector.lock");
    fs::remove_file(&lock).unwrap();
    // As unreadable to root as another's file is to anybody else.
    std::os::unix::fs::symlink("collector.lock", &lock).unwrap();
    let seen = ran(dir, &["status"]);
    assert_eq!(seen.status, Some(1), "{seen:?}");
    assert!(seen.stderr.contains("gaugelog.log/a: cannot tell"), "{seen:?}");
    assert!(seen.stdout.starts_with("gaugelog.log/b: not running; done"), "{seen:?}");
}

#[test]
fn a_store_that_nobody_collected_into_has_a_status() {
    let bench = Bench::holding(&[1.0, 2.0]);
    let dir = bench.dir.path();
    let text = ran(dir, &["status", "--log", "service.log"]).succeeds().stdout;
    assert!(text.contains("nothing is known") && text.contains("1.5"), "{text}");
    let hostile = r#"{"source": "\u001b[2J", "ended": "\u001b[2J", "interval_ns": 18446744073709551615,
        "updated_ns": -9223372036854775808, "all": {"polls": 18446744073709551615, "missed": 9},
        "last_error": {"time_ns": 9223372036854775807, "text": "a\nb\u0007\u009b2J\u202e"}}"#;
    for text in ["{", "null", "[]", hostile] {
        fs::write(bench.store.join("collector.json"), text).unwrap();
        let seen = ran(dir, &["status", "--log", "service.log"]).succeeds().stdout;
        assert!(!seen.contains(|c: char| c.is_control() && c != '\n'), "{seen:?}");
        assert!(seen.contains("observations  2\n"), "{seen}");
        assert!(!seen.contains('\u{202e}'), "{seen:?}");
        let json = ran(dir, &["status", "--log", "service.log", "--json"]).succeeds();
        assert!(!json.stdout.contains(|c: char| c.is_control() && c != '\n'), "{json:?}");
    }
    ran(dir, &["status", "--log", "none"]).fails_naming(&["none", "--log DIR"]);
    ran(dir, &["status", "--log", "."]).succeeds();
}

/// Of both sources the same is wrong.
#[track_caller]
fn fails_twice(ran: &Ran, what: &str) {
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!((ran.status, ran.stdout.as_str(), lines.len()), (Some(1), "", 2), "{ran:?}");
    for (line, name) in lines.iter().zip(["log/level", "log/normal"]) {
        assert!(line.contains(name) && line.contains(what), "{ran:?}");
    }
}

#[test]
fn a_check_names_what_is_wrong_and_is_quiet_otherwise() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let level = dir.join("level");
    fs::write(&level, "7\n").unwrap();
    let file = format!("level=sensor:file={}", level.display());
    let arguments = ["collect", "normal", &file, "--every", "20ms", "--quiet", "--log", "log"];
    let mut running = Running::of(tool(dir, &arguments));
    let check =
        |options: &[&str]| ran(dir, &[&["status", "--log", "log", "--check"], options].concat());
    let is_quiet = |ran: &Ran| ran.status == Some(0) && ran.stdout.is_empty();
    wait_until(|| check(&[]).status == Some(0) && status(dir, "log").len() == 2);
    assert!(is_quiet(&check(&["--max-age", "1h"])));
    fails_twice(&check(&["--max-age", "1us"]), "nothing was stored for");
    fs::remove_file(&level).unwrap();
    wait_until(|| check(&[]).status == Some(1));
    check(&[]).fails_naming(&["log/level: failing since", "it has gone"]);
    assert!(status(dir, "log")[0]["failing_since"].is_string());
    let text = ran(dir, &["status", "--log", "log"]).succeeds().stdout;
    assert!(text.contains("  failing       since 2"), "{text}");
    fs::write(&level, "8\n").unwrap();
    wait_until(|| is_quiet(&check(&[])));
    let json = check(&["--json"]);
    assert_eq!((json.status, json.stdout.lines().count()), (Some(0), 2), "{json:?}");
    running.signal(Signal::TERM);
    running.0.wait().unwrap();
    fails_twice(&check(&[]), "no collector runs");
    assert_eq!(ran(dir, &["status", "--max-age", "1m"]).status, Some(2));
}

#[test]
fn a_check_of_a_folder_leaves_out_stores_that_no_collector_writes() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("log")).unwrap();
    Store::create(dir.join("log/noted")).unwrap();
    let check = |log: &str| ran(dir, &["status", "--log", log, "--check"]);
    check("log").fails_naming(&["log: no collector writes to a store in this folder"]);
    let mut running =
        Running::of(tool(dir, &["collect", "a=normal", "b=normal", "--quiet", "--log", "log"]));
    wait_until(|| status(dir, "log").iter().filter(|it| it["running"] == true).count() == 2);
    wait_until(|| check("log").status == Some(0));
    check("log/noted").fails_naming(&["log/noted: no collector runs"]);
    running.signal(Signal::TERM);
    running.0.wait().unwrap();
    let counts = dir.join("log/a/collector.json");
    let stopped = fs::read_to_string(&counts).unwrap();
    assert!(stopped.contains("\"stopped\""), "{stopped}");
    // As a reload leaves it that removes the source.
    fs::write(&counts, stopped.replace("\"stopped\"", "\"removed\"")).unwrap();
    let seen = check("log").fails_naming(&["log/b: no collector runs"]);
    assert!(!seen.stderr.contains("log/a"), "{seen:?}");
    check("log/a").fails_naming(&["log/a: no collector runs"]);
}

#[test]
fn a_store_that_has_lost_its_manifest_is_an_error() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("log")).unwrap();
    for name in ["log/a", "log/b"] {
        let store = Store::create(dir.join(name)).unwrap();
        store.append(Observation::new(1, 1.5)).unwrap();
    }
    fs::remove_file(dir.join("log/a/manifest")).unwrap();
    let lost = "log/a: the manifest of this store is missing; `gaugelog repair log/a`";
    let seen = ran(dir, &["status", "--log", "log"]);
    assert_eq!((seen.status, seen.stdout.matches("not running").count()), (Some(1), 2), "{seen:?}");
    assert!(seen.stderr.contains(lost), "{seen:?}");
    ran(dir, &["status", "--log", "log/a", "--check"]).fails_naming(&[lost]);
    let seen = ran(dir, &["status", "--log", "log", "--check"]);
    assert_eq!(seen.status, Some(1), "{seen:?}");
    assert!(seen.stderr.contains(lost) && seen.stderr.contains("no collector writes"), "{seen:?}");
}

#[test]
fn the_last_value_has_its_unit() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let text = "[source.a]\nspec = 'normal'\nunit = '°C'\nevery = '10ms'\n";
    fs::write(dir.join("house.toml"), text).unwrap();
    let collect = ["collect", "--config", "house.toml", "--log", "log", "--for", "50ms", "-q"];
    ran(dir, &collect).succeeds();
    let text = ran(dir, &["status", "--log", "log"]).succeeds().stdout;
    let latest = text.lines().find(|line| line.starts_with("  latest  ")).unwrap();
    assert!(latest.contains(" °C at 2"), "{text}");
}

#[test]
fn the_latest_is_the_last_to_arrive() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let store = Store::create(dir.join("room")).unwrap();
    store.append_batch(&[Observation::new(2_000_000_000, 7.0), Observation::new(0, 8.5)]).unwrap();
    let seen = &status(dir, "room")[0];
    assert_eq!(
        (&seen["latest"], &seen["latest_time"]),
        (&8.5.into(), &"1970-01-01T00:00:00Z".into())
    );
    let info = ran(dir, &["info", "room", "--json"]).succeeds().json();
    assert_eq!(info["latest"], "1970-01-01T00:00:00Z");
}

#[test]
fn the_counts_of_a_store_do_not_show_in_the_service() {
    let bench = Bench::bare();
    bench.collect(&[3.0]).succeeds();
    assert!(names_in(&bench.store).contains(&"collector.json".to_owned()));
    let mut command = bench.command(SERVICE, &["--stats"]);
    command.stdin(Stdio::null());
    let keys: Vec<String> = Ran::of(command).json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 7, "{keys:?}");
}
