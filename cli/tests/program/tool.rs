//! Runs `gaugelog`, to its end or for a while.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{Ran, TOOL, program};

pub(crate) fn tool(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = program(TOOL);
    command.args(arguments).current_dir(dir);
    command
}

pub(crate) fn ran(dir: &Path, arguments: &[&str]) -> Ran {
    Ran::of(tool(dir, arguments))
}

/// What `gaugelog status --json` says of each store.
pub(crate) fn status(dir: &Path, log: &str) -> Vec<Value> {
    let ran = ran(dir, &["status", "--json", "--log", log]).succeeds();
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("it prints JSON")).collect()
}

#[track_caller]
pub(crate) fn wait_until(mut happened: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if happened() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("not within half a minute");
}

/// A program that is ended with the test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn of(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts"))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("it is there");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
