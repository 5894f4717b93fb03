//! `gaugelog collect`: what comes is stored, shown and drawn.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use program::{Bench, Ran, TOOL, program};
use rustix::process::{Pid, Signal, kill_process};

fn collect(dir: &Path, arguments: &[&str]) -> Ran {
    let mut command = program(TOOL);
    command.arg("collect").args(arguments).current_dir(dir);
    Ran::of(command)
}

/// The rest of the line that begins with this word.
fn row<'a>(ran: &'a Ran, name: &str) -> &'a str {
    let mut rows = ran.stdout.lines().filter_map(|line| line.trim().strip_prefix(name));
    rows.next_back().unwrap_or_else(|| panic!("no {name} in {ran:?}")).trim()
}

#[test]
fn the_simulator_runs_with_no_set_up() {
    let bench = Bench::bare();
    let ran = collect(bench.dir.path(), &["normal:seed=7", "--every", "1ms", "--for", "50ms"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(row(&ran, "observations").parse::<u32>().unwrap() >= 1, "{ran:?}");
    for picture in ["over time", "distribution"] {
        let path = bench.dir.path().join(row(&ran, picture));
        assert!(fs::read(path).unwrap().starts_with(b"\x89PNG"));
    }
    assert!(bench.dir.path().join("gaugelog.log").is_dir());
    let again = collect(bench.dir.path(), &["normal", "--every", "1ms", "--for", "20ms"]);
    assert!(again.stdout.contains("where there are"), "{again:?}");
}

#[test]
fn numbers_from_stdin_end_in_a_table() {
    let ran = Bench::bare().collect(&[21.4, 17.7, 25.7, 21.5]).succeeds();
    for (name, value) in [
        ("observations", "4"),
        ("min", "17.7"),
        ("max", "25.7"),
        ("median", "21.45"),
        ("mean", "21.575"),
        ("variance", "8.016875"),
        ("std dev", "2.83140866"),
    ] {
        assert_eq!(row(&ran, name), value, "{ran:?}");
    }
    assert!(ran.stdout.contains("end of the input"), "{ran:?}");
    assert!(!ran.stdout.contains('\x1b') && !ran.stdout.contains('\r'), "plain where no terminal");
}

#[test]
fn lines_that_are_no_numbers_are_told_and_the_rest_is_stored() {
    let bench = Bench::bare();
    let mut input = tempfile::tempfile().unwrap();
    let bad: String = (0..50).map(|i| format!("word {i}\n")).collect();
    write!(input, "value\n1\n\n 2 \nnan\n1e400\n{bad}3\n").unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let ran = bench.collect_from(input);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("line 1: \"value\""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 10, "{ran:?}");
    assert!(ran.stdout.contains("3 stored, 53 failed"), "{ran:?}");
    assert_eq!(bench.size(), 3);
}

/// What `gaugelog collect stdin` does with a text.
fn collect_text(bench: &Bench, text: &str, options: &[&str]) -> Ran {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut input).unwrap();
    let mut command = program(TOOL);
    command.args(["collect", "stdin", "--log"]).arg(&bench.store).args(options);
    command.arg("--out").arg(bench.dir.path()).stdin(input);
    Ran::of(command)
}

#[test]
fn stdin_is_read_as_the_options_say() {
    for (text, options, stored) in [
        ("1780315260 \n1780315320 \n", &[][..], 0),
        ("1780315260 \n1780315320 \n", &["--time", "none"], 2),
        ("1780315260000 1\n5\n", &["--time", "first", "--time-unit", "ms"], 1),
        ("14.2 60\n", &[], 0),
        ("14.2 60\n", &["--time-unit", "s"], 1),
        ("2026-03-29 02:30:00 1\n2026-03-29 03:30:00 2\n", &["--tz", "Europe/Berlin"], 1),
    ] {
        let bench = Bench::bare();
        let ran = collect_text(&bench, text, options);
        assert_eq!(bench.size(), stored, "{ran:?}");
    }
    let bench = Bench::bare();
    collect_text(&bench, "2026-06-01 14:00:00 1\n", &["--tz", "Europe/Berlin"]);
    assert_eq!(bench.dump()[0]["time_added"], "2026-06-01 12:00:00");
}

#[test]
fn an_unfinished_last_line_is_told_and_refused_where_lines_are_strict() {
    let bench = Bench::bare();
    let ran = collect_text(&bench, "14.2\n1", &[]);
    assert_eq!((ran.status, bench.size()), (Some(0), 2), "{ran:?}");
    assert!(ran.stderr.contains("line 2: \"1\" has no line end"), "{ran:?}");
    for text in ["14.2\n1", "14.2\nwarm\n3\n"] {
        let bench = Bench::bare();
        let ran = collect_text(&bench, text, &["--strict"]);
        assert_eq!((ran.status, bench.size()), (Some(1), 1), "{ran:?}");
        assert!(ran.stderr.contains("line 2: "), "{ran:?}");
    }
}

#[test]
fn no_input_is_no_error() {
    let bench = Bench::bare();
    let ran = bench.collect(&[]).succeeds();
    assert_eq!((row(&ran, "observations"), row(&ran, "median")), ("0", "-"));
    assert_eq!(bench.size(), 0);
}

#[test]
fn a_signal_ends_it_with_the_table() {
    for signal in [Signal::INT, Signal::TERM] {
        let bench = Bench::bare();
        let mut command = program(TOOL);
        command.args(["collect", "stdin", "--log"]).arg(&bench.store);
        command.arg("--out").arg(bench.dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"1\n2\n3\n").unwrap();
        // The input stays open: only the signal ends it. It is sent when all is stored.
        for _ in 0..3_000 {
            let stats = bench.serve(&["--stats"]);
            if stats.status == Some(0) && stats.json()["size"] == 3 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        drop(input);
        assert_eq!(ended.status.code(), Some(0));
        let text = String::from_utf8(ended.stdout).unwrap();
        assert!(text.contains("stopped after") && text.contains("3 stored"), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error_that_stores_nothing() {
    let bench = Bench::bare();
    for arguments in [
        &["normal", "--every", "0s"][..],
        &["normal", "--every", "-1s"],
        &["normal", "--every", "5"],
        &["normal", "--for", "nan"],
        &["normal", "--for", "1e30s"],
        &["normal:std_dev=-1"],
        &["stdin", "--every", "1s"],
        &["thermometer"],
        &[],
        &["normal", "normal"],
        &["a/b=normal"],
        &["a=stdin", "b=stdin"],
        &["normal", "--deadline", "0s"],
        &["a=https://h/", "b=https://i/", "--insecure"],
        &["https://h/", "--pin", "12:34"],
        &["stdin", "--time", "last"],
        &["stdin", "--tz", "Atlantis"],
        &["stdin", "--time-unit", "h"],
        &["https://h/", "--page-max", "0"],
    ] {
        let ran = collect(bench.dir.path(), arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(bench.names().is_empty(), "{arguments:?} left {:?}", bench.names());
    }
}

#[test]
fn an_option_that_means_nothing_to_the_sources_is_refused() {
    let bench = Bench::bare();
    let pin = "ab".repeat(32);
    for (source, options, only_for) in [
        ("normal", &["--strict"][..], "stdin"),
        ("normal", &["--time", "first"], "stdin"),
        ("normal", &["--time-unit", "ms"], "stdin"),
        ("normal", &["--tz", "UTC"], "stdin"),
        ("normal", &["--pin", &pin], "pages of https://"),
        ("a=http://h/", &["--pin", &pin], "pages of https://"),
        ("rate:http://h/", &["--insecure"], "pages of https://"),
        ("normal", &["--ca-file", "a.pem"], "pages, http:// or https://"),
        ("normal", &["--page-max", "4MiB"], "pages, http:// or https://"),
        ("normal", &["--proxy-from-environment"], "pages, http:// or https://"),
        ("a=stdin", &["--every", "1s"], "sources that are polled"),
        ("stdin", &["--align"], "sources that are polled"),
        ("stdin", &["--jitter"], "sources that are polled"),
        ("stdin", &["--deadline", "1s"], "sources that are polled"),
        ("stdin", &["--retry-max", "1m"], "sources that are polled"),
    ] {
        let ran = collect(bench.dir.path(), &[&[source], options].concat());
        let said = format!("{} is for {only_for}", options[0]);
        assert!(ran.status == Some(2) && ran.stderr.contains(&said), "{options:?}: {ran:?}");
    }
    assert!(bench.names().is_empty(), "{:?}", bench.names());
    // One of several sources is enough.
    let mixed = ["normal", "stdin", "--every", "1ms", "--strict", "--for", "5ms", "--quiet"];
    assert_eq!(collect(bench.dir.path(), &mixed).status, Some(0));
}

#[test]
fn an_option_that_is_wrong_is_named_whole() {
    let ran = collect(Bench::bare().dir.path(), &["normal", "--every", "5"]);
    assert!(
        ran.stderr.contains("invalid value '5' for '--every <DUR>': it has no unit"),
        "{ran:?}"
    );
}

#[test]
fn the_version_is_told() {
    let mut command = program(TOOL);
    command.arg("--version");
    assert_eq!(Ran::of(command).succeeds().stdout, "gaugelog 0.1.0\n");
}
