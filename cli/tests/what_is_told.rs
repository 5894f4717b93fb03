//! What `gaugelog` logs, lists and explains, and what it keeps to itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::process::Command;

use program::tool::{ran, tool};
use program::{Bench, CONTROL, Ran, SERVICE, program};

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
        &["--every", "http://me:hunter2@host/\u{1b}[2J"],
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
    for (command, status) in [(&["status"][..], 2), (&["verify", "log"], 1), (&["sources"], 2)] {
        let said = ran(dir, &[command, &["http://me:hunter2@host/"][..]].concat());
        assert_eq!(said.status, Some(status), "{said:?}");
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

/// Names come from anywhere, and are printed on terminals.
#[test]
fn nothing_that_is_shown_controls_a_terminal() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let hostile = "a\u{1b}[2J\r\n\u{9b}\u{202e}";
    let store = format!("{hostile}.log");
    let collect = ["collect", "normal", "--every", "1ms", "--for", "5ms", "-vv", "--log"];
    let collect = |log: &str| ran(dir, &[&collect[..], &[log]].concat());
    let mut shown = vec![collect(&store), collect(&format!("{hostile}.new/none"))];
    fs::create_dir(dir.join(format!("{hostile}.copies"))).unwrap();
    fs::write(dir.join(hostile), "").unwrap();
    shown.push(collect(hostile));
    let to = format!("{hostile}.copies/{hostile}");
    for arguments in [
        &["copy", &store, &to][..],
        &["status", "--log", &store],
        &["status", "--log", &store, "--json"],
        &["status", "--log", hostile],
        &["verify", &store],
        &["verify", hostile],
        &["seal", &store],
        &["trim", &store, "--keep", "1d"],
        &["repair", &store],
        &["collect", hostile],
        &["collect", &format!("{hostile}=normal")],
        &["collect", &format!("exec:/none{hostile}"), "--for", "1ms", "--quiet"],
        &["collect", &format!("sensor:file=/none{hostile}"), "--for", "1ms", "--log", "x"],
        &["collect", "normal", "--every", hostile],
        &[hostile],
    ] {
        shown.push(ran(dir, arguments));
    }
    let name = format!("{hostile}.service");
    for arguments in [&["--init"][..], &["--plot", "dist"], &["--stats"], &["--add", hostile]] {
        let mut command = program(SERVICE);
        command.args(arguments).args(["--log", &name, "--out", hostile]).current_dir(dir);
        shown.push(Ran::of(command));
    }
    for arguments in [&["--start"][..], &["--start"], &["--stop"], &["--start", hostile]] {
        let mut command = program(CONTROL);
        command.args(arguments).args(["--log", &name]).current_dir(dir);
        shown.push(Ran::of(command));
    }
    for ran in &shown {
        let text = format!("{}{}", ran.stdout, ran.stderr);
        let controls = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!text.contains(controls), "{ran:?}");
        // A line ends where the program ends it, not within a name.
        assert!(!text.lines().any(|line| line.starts_with("\\u{9b}")), "{ran:?}");
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
