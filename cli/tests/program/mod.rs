//! Runs the programs as the guest agent does: by absolute path, with an empty
//! environment and an empty standard input, each test in a directory of its own.

#![allow(dead_code, reason = "no test program uses all of it")]

pub(crate) mod http;
pub(crate) mod terminal;
pub(crate) mod tool;

use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gaugelog::{Observation, Store};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const SERVICE: &str = env!("CARGO_BIN_EXE_simple_service");
pub(crate) const DAEMON: &str = env!("CARGO_BIN_EXE_simulate_observations");
pub(crate) const CONTROL: &str = env!("CARGO_BIN_EXE_simulate_observations_ctl");
pub(crate) const TOOL: &str = env!("CARGO_BIN_EXE_gaugelog");

/// A folder with stores of these observations.
pub(crate) fn house(rooms: &[(&str, &[Observation])]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    for (name, observations) in rooms {
        let store = Store::create(dir.path().join(name)).expect("created");
        store.append_batch(observations).expect("appended");
    }
    dir
}

/// A program, ready to be given arguments.
pub(crate) fn program(path: &str) -> Command {
    let mut command = Command::new(path);
    command.env_clear().stdin(Stdio::null());
    command
}

/// Copies a program, by a process of its own: another test's child would keep what this
/// one writes open between its fork and its exec, and nothing runs that is open for writing.
pub(crate) fn install(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    let status = Command::new("cp").arg("-p").arg(from.as_ref()).arg(to.as_ref()).status();
    assert!(status.expect("cp starts").success(), "{:?} is copied", from.as_ref());
}

/// A directory with a place for a store in it, both gone at the end of the test.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) store: PathBuf,
}

impl Bench {
    /// No store yet.
    pub(crate) fn bare() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = dir.path().join("service.log");
        Self { dir, store }
    }

    /// An empty store.
    pub(crate) fn new() -> Self {
        let bench = Self::bare();
        bench.serve(&["--init"]).succeeds();
        bench
    }

    /// A store that holds these values in this order, and the engine's files alone:
    /// the collector's counts are under no checksum.
    pub(crate) fn holding(values: &[f64]) -> Self {
        let bench = Self::bare();
        bench.collect(values).succeeds();
        for name in ["collector.json", "collector.lock"] {
            std::fs::remove_file(bench.store.join(name)).expect("the collector leaves it");
        }
        bench
    }

    /// `gaugelog collect stdin` of these values.
    pub(crate) fn collect(&self, values: &[f64]) -> Ran {
        let mut input = tempfile::tempfile().expect("a temporary file");
        for value in values {
            writeln!(input, "{value:e}").expect("a line is written");
        }
        input.rewind().expect("a file can be rewound");
        self.collect_from(input)
    }

    pub(crate) fn collect_from(&self, input: File) -> Ran {
        let mut command = program(TOOL);
        command.args(["collect", "stdin", "--log"]).arg(&self.store);
        command.arg("--out").arg(self.dir.path()).stdin(input);
        Ran::of(command)
    }

    pub(crate) fn command(&self, path: &str, arguments: &[&str]) -> Command {
        let mut command = program(path);
        command.arg("--log").arg(&self.store).args(arguments).current_dir(self.dir.path());
        command
    }

    /// `simple_service` on this store.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(SERVICE, arguments))
    }

    /// `simulate_observations_ctl` on this store.
    pub(crate) fn control(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(CONTROL, arguments))
    }

    pub(crate) fn stats(&self) -> Value {
        self.serve(&["--stats"]).succeeds().json()
    }

    pub(crate) fn size(&self) -> u64 {
        self.stats()["size"].as_u64().expect("a size")
    }

    pub(crate) fn dump(&self) -> Vec<Value> {
        let Value::Array(rows) = self.serve(&["--dump"]).succeeds().json() else {
            panic!("a dump is an array")
        };
        rows
    }

    /// The names in the bench's directory.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(self.dir.path())
    }
}

pub(crate) fn names_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// What a program did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(mut command: Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// The work failed with one line on stderr that holds all of these, nothing on stdout.
    #[track_caller]
    pub(crate) fn fails_naming(self, parts: &[&str]) -> Self {
        assert_eq!((self.status, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.contains(": error: "), "{self:?}");
        for part in parts {
            assert!(self.stderr.contains(part), "no {part:?} in {self:?}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
