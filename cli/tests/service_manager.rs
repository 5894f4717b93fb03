//! A service manager learns when collecting begins and ends.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use program::tool::{Running, ran, tool, wait_until};
use program::{Bench, Ran};
use rustix::process::Signal;

/// The next message, which is waited for.
fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

#[test]
fn it_is_told_when_collecting_begins_and_ends() {
    let bench = Bench::bare();
    let path = bench.dir.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut command = tool(bench.dir.path(), &["collect", "a=normal", "b=normal", "--quiet"]);
    command.env("NOTIFY_SOCKET", &path);
    let mut running = Running::of(command);
    assert_eq!(heard(&socket), "READY=1\nSTATUS=collecting: a, b\n");
    for name in ["a", "b"] {
        assert!(bench.dir.path().join("gaugelog.log").join(name).join("manifest").exists());
    }
    running.signal(Signal::TERM);
    assert_eq!(heard(&socket), "STOPPING=1\n");
    assert!(running.0.wait().unwrap().success());
}

#[test]
fn one_that_cannot_be_told_costs_nothing() {
    let bench = Bench::bare();
    let mut command = tool(bench.dir.path(), &["collect", "normal", "--for", "1ms", "--quiet"]);
    command.env("NOTIFY_SOCKET", "/no/such/socket");
    let ran_on = Ran::of(command);
    assert_eq!(ran_on.status, Some(0), "{ran_on:?}");
    assert!(ran_on.stderr.contains("$NOTIFY_SOCKET: "), "{ran_on:?}");
    ran(bench.dir.path(), &["status"]).succeeds();
}

#[test]
fn programs_of_sources_do_not_speak_for_the_collector() {
    let bench = Bench::bare();
    let path = bench.dir.path().join("notify");
    let _socket = UnixDatagram::bind(&path).unwrap();
    let seen = bench.dir.path().join("seen");
    let spec = format!("exec:/bin/sh -c 'env > {}.new; mv {0}.new {0}; echo 1'", seen.display());
    let mut command = tool(bench.dir.path(), &["collect", &spec, "--quiet"]);
    command.env("NOTIFY_SOCKET", &path).env("PATH", "/usr/bin:/bin");
    let _running = Running::of(command);
    wait_until(|| seen.exists());
    let environment = fs::read_to_string(&seen).unwrap();
    assert!(environment.contains("PATH=") && !environment.contains("NOTIFY"), "{environment}");
}
