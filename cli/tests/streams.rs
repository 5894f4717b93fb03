//! Standard streams as callers leave them: non-blocking, or a terminal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::io::{Read, Write, pipe};
use std::process::Stdio;

use program::terminal::Terminal;
use program::tool::{Running, ran, tool, wait_until};
use program::{Bench, SERVICE};
use rustix::io::ioctl_fionbio;

/// As by a caller that uses the pipe's other end in an event loop.
#[test]
fn output_that_does_not_fit_is_waited_for() {
    let rows = 40_000;
    let bench = Bench::holding(&(0..rows).map(f64::from).collect::<Vec<f64>>());
    let (mut reader, writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    let mut command = bench.command(SERVICE, &["--dump"]);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let rows_read: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows_read.len(), usize::try_from(rows).unwrap());
}

#[test]
fn complaints_that_do_not_fit_are_waited_for() {
    let bench = Bench::bare();
    let (mut reader, mut writer) = pipe().unwrap();
    ioctl_fionbio(&writer, true).unwrap();
    // Full, so that nothing fits until it is read.
    while writer.write(&[b'x'; 4096]).is_ok() {}
    let mut command = bench.command(SERVICE, &["--nonsense"]);
    let child = command.stderr(writer).spawn().unwrap();
    drop(command);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(2));
    assert!(text.ends_with("unrecognized arguments: --nonsense\n"));
}

#[test]
fn input_that_is_not_there_yet_is_waited_for() {
    let bench = Bench::new();
    let (reader, mut writer) = pipe().unwrap();
    ioctl_fionbio(&reader, true).unwrap();
    let log = bench.store.to_str().unwrap();
    let mut command = tool(bench.dir.path(), &["collect", "stdin", "--quiet", "--log", log]);
    command.stdin(reader);
    let mut running = Running::of(command);
    for size in 1..=3 {
        writer.write_all(b"14.2\n").unwrap();
        wait_until(|| bench.size() == size);
    }
    assert!(running.0.try_wait().unwrap().is_none());
    drop(writer);
    assert!(running.0.wait().unwrap().success());
}

/// What an import shows on a terminal of this kind, and on another stream.
#[cfg(feature = "progress")]
#[test]
fn an_import_shows_on_a_terminal_how_far_it_has_come() {
    let bench = Bench::bare();
    let rows: String = (0..100_000).map(|at| format!("{},{at}\n", 1_780_315_200 + at)).collect();
    std::fs::write(bench.dir.path().join("rows.csv"), rows).unwrap();
    let arguments = ["import", "rows.log", "rows.csv", "--time-unit", "s"];
    for (term, is_shown) in [("xterm", true), ("dumb", false)] {
        let (mut terminal, other_end) = Terminal::open(80);
        let mut command = tool(bench.dir.path(), &arguments);
        command.env("TERM", term).stdout(Stdio::null()).stderr(other_end);
        let mut child = command.spawn().unwrap();
        drop(command);
        let said = String::from_utf8(terminal.read_to_end()).unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(
            said.contains("% ") && said.contains("/s  ") && said.contains(" left"),
            is_shown
        );
        let is_cleared = said.ends_with("\x1b[2K") || said.ends_with('\r');
        assert!(if is_shown { is_cleared } else { said.is_empty() }, "{said:?}");
    }
    ran(bench.dir.path(), &arguments).succeeds();
}

/// All that is shown on a terminal of this kind.
fn shown_on(term: Option<&str>) -> String {
    let bench = Bench::bare();
    let (mut terminal, other_end) = Terminal::open(80);
    let arguments = ["collect", "normal", "--every", "1ms", "--for", "20ms"];
    let mut command = tool(bench.dir.path(), &arguments);
    if let Some(term) = term {
        command.env("TERM", term);
    }
    let mut child = command.stdout(other_end).spawn().unwrap();
    drop(command);
    let bytes = terminal.read_to_end();
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let text = shown_on(Some("xterm"));
    assert!(text.contains("\x1b[K"), "{text:?}");
    for term in [Some("dumb"), Some(""), None] {
        let text = shown_on(term);
        assert!(text.contains(" observation") && !text.contains('\x1b'), "{term:?}: {text:?}");
        // The terminal itself puts a CR before each LF.
        assert!(!text.replace("\r\n", "\n").contains('\r'), "{term:?}: {text:?}");
    }
}
