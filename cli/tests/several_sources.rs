//! `gaugelog collect` from several sources, and into one store from several processes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use program::tool::{Running, ran, status, tool, wait_until};
use program::{Bench, names_in};
use rustix::process::Signal;

/// The script of a source that hangs in its first poll.
fn hanging(dir: &Path) -> String {
    let script = dir.join("hang");
    fs::write(&script, "exec /bin/sleep 1000\n").unwrap();
    format!("hanging=exec:/bin/sh {}", script.display())
}

#[test]
fn each_source_gets_a_store_of_its_own() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let arguments =
        ["collect", "normal", "low=normal:mean=-5,std_dev=0", "--every", "1ms", "--for", "50ms"];
    let first = ran(dir, &arguments).succeeds();
    assert!(first.stdout.contains("normal: done after"), "{first:?}");
    assert!(first.stdout.contains("low: done after"), "{first:?}");
    assert_eq!(first.stdout.matches(".png").count(), 4, "{first:?}");
    assert_eq!(names_in(&dir.join("gaugelog.log")), ["low", "normal"]);
    ran(dir, &arguments).succeeds();
    let seen = status(dir, "gaugelog.log");
    assert_eq!(seen.len(), 2);
    assert_eq!((&seen[0]["store"], &seen[0]["mean"]), (&"gaugelog.log/low".into(), &(-5.0).into()));
    for store in &seen {
        assert_eq!(store["running"], false);
        assert_eq!(store["observations"], store["all_runs"]["stored"]);
        let part = |name: &str| store["all_runs"][name].as_u64().unwrap();
        assert_eq!(part("expected"), part("stored") + part("failed") + part("missed"));
        assert_eq!(part("expected"), 100, "two runs of fifty: {store}");
    }
}

/// One picture that cannot be written hides no other failure.
#[test]
fn each_failure_at_the_end_is_reported() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("pictures")).unwrap();
    let arguments = ["collect", "a=normal", "b=exec:/bin/false", "--every", "10ms"];
    let mut command = tool(dir, &[&arguments[..], &["--out", "pictures"]].concat());
    command.stdout(fs::File::create(dir.join("printed")).unwrap());
    command.stderr(fs::File::create(dir.join("said")).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let is_stored = || ran(dir, &["status", "--json"]).stdout.contains("\"stored\":1");
    wait_until(is_stored);
    fs::remove_dir(dir.join("pictures")).unwrap();
    running.signal(Signal::INT);
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    let said = fs::read_to_string(dir.join("said")).unwrap();
    assert!(said.contains("pictures") && said.contains("error: b: nothing was stored"), "{said}");
}

/// All values of a page said that it was the first of them that failed.
#[test]
fn a_page_that_fails_is_named_without_the_part_of_one_value() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let page = format!("http://{}/now", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let mut lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let _ = lines.find(String::is_empty);
            let _ = (&stream).write_all(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let sources = [format!("t={page}#/temp"), format!("w={page}#/wind")];
    let arguments = ["collect", &sources[0], &sources[1], "--for", "1ms", "--quiet"];
    let seen = ran(dir, &arguments);
    for name in ["t", "w"] {
        let said = format!("{name}: {page}: status 500");
        assert!(seen.stderr.contains(&said), "no {said:?} in {seen:?}");
    }
    let only = ran(dir, &["collect", &sources[1], "--for", "1ms", "--quiet"]);
    assert!(only.stderr.contains(&format!("{page}#/wind: status 500")), "{only:?}");
}

#[test]
fn a_store_is_not_made_into_a_directory_of_stores_or_the_other_way_round() {
    let bench = Bench::new();
    let dir = bench.dir.path();
    let before = names_in(&bench.store);
    let log = ["--log", "service.log", "--for", "1ms"];
    for sources in [&["collect", "normal", "b=normal"][..], &["collect", "a=normal"]] {
        ran(dir, &[sources, &log].concat()).fails_naming(&["service.log", "--log DIR"]);
    }
    assert_eq!(names_in(&bench.store), before);
    ran(dir, &["collect", "a=normal", "--for", "1ms", "--log", "house", "--quiet"]).succeeds();
    ran(dir, &["collect", "normal", "--for", "1ms", "--log", "house"]).fails_naming(&[
        "house: this is a folder of stores (a)",
        "NAME=SPEC",
        "--log DIR",
    ]);
    assert_eq!(names_in(&dir.join("house")), ["a"]);
}

#[test]
fn an_empty_directory_becomes_a_store_and_another_is_left_alone() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::create_dir(dir.join("made")).unwrap();
    let arguments = ["collect", "normal", "--for", "1ms", "--quiet", "--log"];
    ran(dir, &[&arguments[..], &["made"]].concat()).succeeds();
    assert_eq!(status(dir, "made")[0]["observations"], 1);
    ran(dir, &[&arguments[..], &["."]].concat()).fails_naming(&["stores (made)", "--log DIR"]);
    fs::create_dir(dir.join("other")).unwrap();
    fs::write(dir.join("other/notes"), "").unwrap();
    ran(dir, &[&arguments[..], &["other"]].concat()).fails_naming(&["not a store", "--log DIR"]);
    assert_eq!(names_in(&dir.join("other")), ["notes"]);
    assert_eq!(bench.names(), ["made", "other"]);
}

#[test]
fn the_unit_of_systemd_says_what_the_program_takes() {
    let unit = include_str!("../gaugelog@.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let bench = Bench::bare();
    let state = bench.dir.path().to_str().unwrap();
    let line = line.replace("%S/gaugelog/%i", &format!("{state}/log"));
    let configured = unit.lines().find_map(|line| line.strip_prefix("#     ARGUMENTS=")).unwrap();
    let line = line.replace("$ARGUMENTS", &configured.replace("10s --align", "1ms --for 5ms"));
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    ran(bench.dir.path(), &words).succeeds();
    assert!(status(bench.dir.path(), "log")[0]["stored"].as_u64() >= Some(1));
}

#[test]
fn a_source_that_hangs_and_one_that_fails_do_not_hold_up_another_or_the_end() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let missing = format!("failing=exec:{}", dir.join("none").display());
    let hanging = hanging(dir);
    let arguments = ["collect", "good=normal", &hanging, &missing, "--quiet", "--log", "log"];
    let running = Running::of(tool(dir, &[&arguments[..], &["--every", "10ms"]].concat()));
    wait_until(|| {
        ran(dir, &["status", "--log", "log"]).status == Some(0) && {
            let seen = status(dir, "log");
            let is = |at: usize, name: &str, least| seen[at][name].as_u64().unwrap() >= least;
            seen.len() == 3 && is(0, "failed", 3) && is(1, "stored", 100)
        }
    });
    let seen = status(dir, "log");
    assert!(seen.iter().all(|store| store["running"] == true), "{seen:?}");
    assert_eq!(seen[1]["process"], running.0.id(), "{seen:?}");
    assert_eq!((&seen[2]["polls"], &seen[2]["stored"]), (&0.into(), &0.into()));
    let why = seen[0]["last_error"]["text"].as_str().unwrap();
    assert!(why.contains("none"), "{why}");
    assert!(seen[0]["missed"].as_u64().unwrap() > 0, "it is left alone for a while: {seen:?}");
    running.signal(Signal::TERM);
    let mut running = running;
    // The poll that hangs would take a quarter of an hour.
    wait_until(|| running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(1), "of one nothing was stored");
    let ended = status(dir, "log");
    assert!(ended.iter().all(|store| store["ended"] == "stopped"), "{ended:?}");
    assert_eq!(ended[1]["observations"], ended[1]["stored"]);
}

/// Both make the store that is not there, or find it made, and none of their counts is lost.
#[test]
fn two_collectors_begin_and_collect_into_one_store() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    for round in 0..5 {
        let log = format!("log{round}");
        let arguments = ["collect", "normal", "--every", "10ms", "--quiet", "--log", &log];
        let mut both = [(); 2].map(|()| Running::of(tool(dir, &arguments)));
        let seen = || ran(dir, &["status", "--json", "--log", &log]);
        wait_until(|| {
            let seen = seen();
            seen.status == Some(0) && seen.json()["collectors"] == 2
        });
        assert!(ran(dir, &["status", "--log", &log]).succeeds().stdout.contains("; and 1 more"));
        for running in &mut both {
            running.signal(Signal::TERM);
            wait_until(|| running.0.try_wait().unwrap().is_some());
            assert_eq!(running.0.wait().unwrap().code(), Some(0));
        }
        let ended = seen().succeeds().json();
        assert_eq!(ended["observations"], ended["all_runs"]["stored"], "{ended}");
        assert!(ended["all_runs"]["stored"].as_u64() > ended["stored"].as_u64(), "{ended}");
    }
}

/// The processes, but for those waited for, that have this argument.
fn with_argument(argument: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let has = |path: &PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|found| found == argument.as_bytes())
    };
    processes.filter(has).map(|path| path.display().to_string()).collect()
}

#[test]
fn no_program_outlives_the_collector() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    // A time to sleep that no other process has.
    let seconds = format!("9{}.25", std::process::id());
    let source = format!("exec:sleep {seconds}");
    let sleeping = || with_argument(&seconds);
    for number in 0..10 {
        let log = format!("log{number}");
        let running = Running::of(tool(dir, &["collect", &source, "--quiet", "--log", &log]));
        wait_until(|| !sleeping().is_empty());
        running.signal(Signal::TERM);
        let mut running = running;
        wait_until(|| running.0.try_wait().unwrap().is_some());
        assert_eq!(sleeping(), [""; 0]);
    }
    // Nor one that still runs when the time to collect is over.
    ran(dir, &["collect", &source, "--quiet", "--for", "1ms"]);
    assert_eq!(sleeping(), [""; 0]);
    let bench = Bench::new();
    bench.control(&["--start", "--source", "exec:/bin/echo 7"]).succeeds();
    bench.control(&["--stop"]).succeeds();
}
