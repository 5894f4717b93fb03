//! Whoever does not read holds up no poll and no end.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command};

use program::tool::{ran, status, tool, wait_until};
use program::{Bench, TOOL};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Takes what it is given until there is no room for more.
fn fill(file: &File) {
    ioctl_fionbio(file, true).unwrap();
    let full = loop {
        if let Err(error) = (&*file).write_all(&[b'x'; 64]) {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // The last bytes, too.
    while (&*file).write(b"x").is_ok() {}
    ioctl_fionbio(file, false).unwrap();
}

/// Two ends of a terminal that nobody reads, as after Ctrl-S.
fn held_terminal() -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(PathBuf::from(name)).unwrap();
    fill(&terminal);
    (master, terminal)
}

fn full_pipe() -> (OwnedFd, File) {
    let (reader, writer) = pipe().unwrap();
    let writer = File::from(OwnedFd::from(writer));
    fill(&writer);
    (OwnedFd::from(reader), writer)
}

fn start(mut command: Command, output: &File) -> Child {
    let copy = || output.as_fd().try_clone_to_owned().unwrap();
    command.stdout(copy()).stderr(copy()).spawn().unwrap()
}

#[test]
fn nobody_who_reads_costs_no_poll_and_does_not_hold_up_the_end() {
    for (reader, output) in [held_terminal(), full_pipe()] {
        let bench = Bench::bare();
        let dir = bench.dir.path();
        let arguments = ["-vv", "collect", "a=normal", "b=normal", "c=sensor:loadavg/1"];
        let command = tool(dir, &[&arguments[..], &["--log", "log"]].concat());
        let mut running = start(command, &output);
        wait_until(|| {
            ran(dir, &["status", "--log", "log"]).status == Some(0) && {
                let seen = status(dir, "log");
                seen.len() == 3 && seen.iter().all(|one| one["stored"].as_u64() >= Some(4))
            }
        });
        let seen = status(dir, "log");
        assert!(seen.iter().all(|one| one["failed"] == 0), "{seen:?}");
        kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
        wait_until(|| running.try_wait().unwrap().is_some());
        assert_eq!(running.wait().unwrap().code(), Some(0));
        let ended = status(dir, "log");
        assert!(ended.iter().all(|one| one["ended"] == "stopped"), "{ended:?}");
        drop(reader);
    }
}

#[test]
fn lines_that_find_no_room_are_counted() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let (reader, output) = full_pipe();
    let mut command = program::program(TOOL);
    command.args(["-vv", "collect", "sensor:file=/none", "--every", "1ms", "--quiet"]);
    command.current_dir(dir);
    let mut running = start(command, &output);
    drop(output);
    // A line of the log each.
    wait_until(|| {
        let seen = ran(dir, &["status", "--json"]);
        seen.status == Some(0) && seen.json()["failed"].as_u64() >= Some(2_000)
    });
    let mut reader = File::from(reader);
    let mut said = String::new();
    let mut buffer = [0; 4096];
    while !said.contains("lines were not printed: the reader was too slow") {
        let length = reader.read(&mut buffer).unwrap();
        assert!(length > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }
    kill_process(Pid::from_child(&running), Signal::TERM).unwrap();
    drop(reader);
    wait_until(|| running.try_wait().unwrap().is_some());
}

#[test]
fn a_stdout_that_cannot_be_written_costs_no_poll_and_is_reported_at_the_end() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = ["collect", "normal", "--every", "20ms", "--for", "100ms"];
    let ended = tool(dir, &arguments).stdout(full).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(
        said,
        "gaugelog: error: cannot write to standard output: No space left on device (os error 28)\n"
    );
    assert_eq!(ended.status.code(), Some(1));
    let seen = &status(dir, "gaugelog.log")[0];
    assert!(seen["stored"].as_u64() >= Some(3) && seen["ended"] == "done", "{seen}");
}
