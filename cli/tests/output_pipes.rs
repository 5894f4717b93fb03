//! What is printed arrives whole, or ends quietly where nobody reads.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs::OpenOptions;
use std::io::{PipeReader, Read, pipe};
use std::process::{Child, Stdio};

use program::{Bench, CONTROL, SERVICE, TOOL};
use rustix::io::ioctl_fionread;

const ROWS: i32 = 20_000;

fn bench() -> Bench {
    Bench::holding(&(0..ROWS).map(f64::from).collect::<Vec<f64>>())
}

/// A program whose stdout is a pipe that is read by hand.
fn start(bench: &Bench, path: &str, arguments: &[&str]) -> (Child, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let mut command = bench.command(path, arguments);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    (child, reader)
}

/// Reads as the guest agent does: 4 KiB at a time, and nothing more once the process
/// is gone, whatever is left in the pipe.
fn read_until_gone(child: &mut Child, reader: &mut PipeReader) -> Vec<u8> {
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let waiting = ioctl_fionread(&*reader).unwrap();
        if child.try_wait().unwrap().is_some() {
            assert_eq!(waiting, 0, "ended before its output was read");
            return heard;
        }
        if waiting > 0 {
            let read = reader.read(&mut buffer).unwrap();
            heard.extend_from_slice(&buffer[..read]);
        } else {
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_reader_that_forgets_what_it_has_not_read_gets_everything() {
    let bench = bench();
    for _ in 0..20 {
        let (mut child, mut reader) = start(&bench, SERVICE, &["--stats"]);
        let heard = read_until_gone(&mut child, &mut reader);
        let stats: serde_json::Value = serde_json::from_slice(&heard).unwrap();
        assert_eq!(stats["size"], ROWS);
    }
    let (mut child, mut reader) = start(&bench, SERVICE, &["--dump"]);
    let heard = read_until_gone(&mut child, &mut reader);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&heard).unwrap();
    assert_eq!(rows.len(), usize::try_from(ROWS).unwrap());
}

#[test]
fn what_goes_to_stderr_is_waited_for_too() {
    let bench = Bench::bare();
    for path in [SERVICE, CONTROL] {
        let (mut reader, writer) = pipe().unwrap();
        let mut command = bench.command(path, &["--nonsense"]);
        let mut child = command.stdout(Stdio::null()).stderr(writer).spawn().unwrap();
        drop(command);
        let heard = read_until_gone(&mut child, &mut reader);
        assert_eq!(child.wait().unwrap().code(), Some(2));
        assert!(heard.ends_with(b"unrecognized arguments: --nonsense\n"));
    }
}

#[test]
fn a_closed_pipe_is_quiet() {
    let bench = bench();
    let (child, mut reader) = start(&bench, SERVICE, &["--dump"]);
    let mut beginning = [0; 10];
    reader.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"[{\"val\": 0");
    drop(reader);
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(141), &b""[..]));
}

#[test]
fn a_pipe_that_was_never_read_is_quiet() {
    let bench = bench();
    for (path, arguments) in [
        (SERVICE, &["--stats"][..]),
        (SERVICE, &["--dump"]),
        (SERVICE, &["--help"]),
        (SERVICE, &["--plot", "time"]),
    ] {
        let (child, reader) = start(&bench, path, arguments);
        drop(reader);
        let ended = child.wait_with_output().unwrap();
        // The program may have written before the reader was gone.
        assert!(matches!(ended.status.code(), Some(0 | 141)), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stderr, b"", "{arguments:?}");
    }
}

#[test]
fn a_collector_that_nobody_watches_ends_and_keeps_what_it_has() {
    let bench = Bench::bare();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = program::program(TOOL);
    command.args(["collect", "normal", "--every", "1ms", "--log"]).arg(&bench.store);
    command.arg("--out").arg(bench.dir.path());
    let ended = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(141), &b""[..]));
}

#[test]
fn output_that_a_full_disk_refuses_is_an_error() {
    let bench = bench();
    for arguments in [&["--stats"][..], &["--dump"], &["--help"]] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = bench.command(SERVICE, arguments);
        let ended = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert!(stderr.contains("standard output"), "{arguments:?}: {stderr}");
    }
}
