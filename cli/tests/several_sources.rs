//! `gaugelog collect` from several sources, `gaugelog status` and `gaugelog sources`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use program::{Bench, CONTROL, Ran, SERVICE, TOOL, names_in, program};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn tool(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = program(TOOL);
    command.args(arguments).current_dir(dir);
    command
}

fn ran(dir: &Path, arguments: &[&str]) -> Ran {
    Ran::of(tool(dir, arguments))
}

/// What `gaugelog status --json` says of each store.
fn status(dir: &Path, log: &str) -> Vec<Value> {
    let ran = ran(dir, &["status", "--json", "--log", log]).succeeds();
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn wait_until(mut happened: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within half a minute");
}

/// A program that is ended with the test.
struct Running(Child);

impl Running {
    fn of(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The script of a source that hangs in its first poll.
fn hanging(dir: &Path) -> String {
    let script = dir.join("hang");
    fs::write(&script, "#!/bin/sh\nexec /bin/sleep 1000\n").unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    format!("hanging=exec:{}", script.display())
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
    ran(dir, &["collect", "normal", "--for", "1ms", "--log", "house"]).fails_naming(&["house"]);
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
    ran(dir, &[&arguments[..], &["."]].concat()).fails_naming(&["not a store", "--log DIR"]);
    assert_eq!(bench.names(), ["made"]);
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
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
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
fn a_store_that_nobody_collected_into_has_a_status() {
    let bench = Bench::holding(&[1.0, 2.0]);
    let dir = bench.dir.path();
    let text = ran(dir, &["status", "--log", "service.log"]).succeeds().stdout;
    assert!(text.contains("nothing is known") && text.contains("1.5"), "{text}");
    fs::write(bench.store.join("collector.json"), "{").unwrap();
    ran(dir, &["status", "--log", "service.log"]).succeeds();
    ran(dir, &["status", "--log", "none"]).fails_naming(&["none", "--log DIR"]);
    ran(dir, &["status", "--log", "."]).succeeds();
}

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

/// The processes, but for those waited for, that have this argument.
fn with_argument(argument: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let has = |path: &std::path::PathBuf| {
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

/// Whoever reads a log, an error or a status sees no password, wherever it was written.
#[test]
fn no_secret_is_shown_anywhere() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let collect = ["collect", "--every", "1ms", "--for", "20ms", "--log", "log", "-vv"];
    for sources in [
        &["web=http://me:hunter2@127.0.0.1:1/x?key=hunter2#/t"][..],
        &["http://127.0.0.1:1/x?key=hunter2#/t", "normal"],
        &["run=exec:/bin/false -u me:hunter2"],
        &["exec:/bin/true -u me:hunter2", "normal"],
        &["exec:curl -u me:hunter2 'x"],
        &["exe:curl -u me:hunter2 x"],
        &["a b=https://me:hunter2@host/"],
        &["https:/me:hunter2@host/"],
        &["https//me:hunter2@host/?a=b"],
        &["http://me:x#hunter2@host/"],
        &["me=hunter2@host:x"],
    ] {
        let said = ran(dir, &[&collect[..], sources].concat());
        let said = format!("{}{}", said.stdout, said.stderr);
        assert!(!said.is_empty() && !said.contains("hunter2"), "{sources:?}: {said}");
    }
    let ran_status = ran(dir, &["status", "--log", "log"]).succeeds();
    let json = ran(dir, &["status", "--log", "log", "--json"]).succeeds();
    for text in [ran_status.stdout, json.stdout] {
        assert!(!text.contains("hunter2"), "{text}");
    }
    for (at, command) in [&["status"][..], &["verify", "log"], &["sources"]].iter().enumerate() {
        let said = ran(dir, &[command, &["http://me:hunter2@host/"][..]].concat());
        assert_eq!(said.status, Some(2), "{at}");
        assert!(!said.stderr.contains("hunter2"), "{said:?}");
    }
    let bench = Bench::new();
    for arguments in [
        &["--start", "http://me:hunter2@host/"][..],
        &["--start", "--source", "http:/me:hunter2@host/"],
        &["--start", "--source", "http://me:hunter2@127.0.0.1:1/?hunter2"],
        &["--stop"],
    ] {
        let said = bench.control(arguments);
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    }
    for entry in fs::read_dir(&bench.store).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

#[test]
fn logs_are_asked_for_and_ours_alone() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let arguments = ["collect", "normal:seed=7", "--every", "1ms", "--for", "5ms", "--quiet"];
    assert_eq!(ran(dir, &arguments).succeeds().stdout, "");
    let verbose = ran(dir, &[&arguments[..], &["-v"]].concat());
    assert_eq!((verbose.status, verbose.stdout.as_str()), (Some(0), ""));
    assert!(verbose.stderr.contains("gaugelog: info: normal: collecting draws"), "{verbose:?}");
    let mut command = tool(dir, &arguments);
    command.env("GAUGELOG_LOG", "info");
    assert_eq!(Ran::of(command).stderr, verbose.stderr);
    let mut command = tool(dir, &arguments);
    command.env("GAUGELOG_LOG", "loud");
    assert_eq!(Ran::of(command).status, Some(2));
}

#[test]
fn the_sensors_that_are_listed_can_be_opened() {
    let bench = Bench::bare();
    let listed = ran(bench.dir.path(), &["sources", "--quiet"]);
    assert_eq!(listed.status, Some(0), "{listed:?}");
    // As they are pasted into a shell.
    let tool = env!("CARGO_BIN_EXE_gaugelog");
    for (at, spec) in listed.stdout.lines().enumerate() {
        let line = format!("{tool} collect {spec} --every 1ms --for 2ms --quiet --log {at}.log");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &line]).current_dir(bench.dir.path());
        let ran = Ran::of(shell);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), ""), "{spec}: {ran:?}");
    }
}

#[test]
fn every_command_has_examples() {
    let bench = Bench::bare();
    for command in ["collect", "sources", "status"] {
        for option in ["-h", "--help"] {
            let ran = ran(bench.dir.path(), &[command, option]).succeeds();
            assert!(ran.stdout.contains("Examples:\n  gaugelog "), "{ran:?}");
        }
    }
    let ran = ran(bench.dir.path(), &["collect", "--help"]);
    assert!(ran.stdout.contains("SPEC is SCHEME"), "{ran:?}");
    let mut control = program(CONTROL);
    control.arg("--help");
    assert!(Ran::of(control).stdout.contains("--source sensor:"));
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
