//! `gaugelog collect --config` and `gaugelog config check`: files of sources, and reloads.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checked;
#[path = "../program/mod.rs"]
mod program;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use program::tool::{Running, ran, status, tool, wait_until};
use program::{Bench, Ran};
use rustix::process::Signal;
use serde_json::Value;

/// A collector with a file of sources, which tells of each reload.
struct Collecting {
    bench: Bench,
    socket: UnixDatagram,
    running: Running,
}

impl Collecting {
    fn begin(bench: Bench, text: &str) -> Self {
        let dir = bench.dir.path();
        fs::write(dir.join("house.toml"), text).unwrap();
        let socket = UnixDatagram::bind(dir.join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut command =
            tool(dir, &["collect", "--config", "house.toml", "--log", "log", "--quiet"]);
        command.env("NOTIFY_SOCKET", dir.join("notify"));
        let collecting = Self { running: Running::of(command), bench, socket };
        assert!(collecting.heard().starts_with("READY=1\nSTATUS=collecting: "));
        collecting
    }

    fn dir(&self) -> &Path {
        self.bench.dir.path()
    }

    fn heard(&self) -> String {
        let mut bytes = [0; 8192];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Replaces the file and has it read; what is said of that.
    fn reload(&self, text: &str) -> String {
        fs::write(self.dir().join("house.toml"), text).unwrap();
        self.reload_as_it_is()
    }

    fn reload_as_it_is(&self) -> String {
        self.running.signal(Signal::HUP);
        let begun = self.heard();
        assert!(begun.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{begun}");
        let done = self.heard();
        done.strip_prefix("READY=1\nSTATUS=").expect(&done).trim_end().to_owned()
    }

    /// What `gaugelog status` says of a store.
    fn seen(&self, store: &str) -> Value {
        status(self.dir(), &format!("log/{store}")).remove(0)
    }

    fn stored(&self, store: &str) -> u64 {
        let log = format!("log/{store}");
        let ran = ran(self.dir(), &["status", "--json", "--log", &log]);
        if ran.status == Some(0) { ran.json()["stored"].as_u64().unwrap() } else { 0 }
    }

    /// Its open files and its threads.
    fn open(&self) -> (usize, usize) {
        let count = |what: &str| {
            fs::read_dir(format!("/proc/{}/{what}", self.running.0.id())).unwrap().count()
        };
        (count("fd"), count("task"))
    }

    /// Ends it; what it said on stderr.
    fn end(mut self) -> (Option<i32>, String, Bench) {
        self.running.signal(Signal::TERM);
        wait_until(|| self.running.0.try_wait().unwrap().is_some());
        let mut said = String::new();
        self.running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.running.0.wait().unwrap().code();
        drop(self.running);
        (status, said, self.bench)
    }
}

fn source(name: &str, rest: &str) -> String {
    format!("[source.{name}]\n{rest}\n")
}

#[test]
fn twenty_sources_are_reloaded_a_hundred_times() {
    let nineteen: String =
        (0..19).map(|at| source(&format!("stays{at}"), "spec = 'normal'\nevery = '10s'")).collect();
    let text = |at: usize| {
        let changes = source("changes", &format!("spec = 'normal:seed={at}'\nevery = '10s'"));
        format!("{changes}{nineteen}")
    };
    let collecting = Collecting::begin(Bench::bare(), &text(0));
    wait_until(|| (0..19).all(|at| collecting.stored(&format!("stays{at}")) >= 1));
    let done = "reloaded: 19 sources unchanged, 1 ended, 1 begun; collecting: ";
    let started = |at: usize| collecting.seen(&format!("stays{at}"))["started"].clone();
    let began: Vec<Value> = (0..19).map(started).collect();
    assert!(collecting.reload(&text(1)).starts_with(done));
    wait_until(|| collecting.stored("changes") >= 1);
    let before = collecting.open();
    for at in 2..=100 {
        let said = collecting.reload(&text(at));
        assert!(said.starts_with(done), "{said}");
    }
    wait_until(|| collecting.stored("changes") >= 1);
    // A thread that has told its last word may still be ending.
    wait_until(|| collecting.open() == before);
    for (at, began) in began.iter().enumerate() {
        let seen = collecting.seen(&format!("stays{at}"));
        assert_eq!((&seen["started"], &seen["missed"]), (began, &0.into()), "{seen}");
        assert_eq!(seen["all_runs"]["polls"], seen["polls"], "{seen}");
    }
    let (ended, said, bench) = collecting.end();
    assert_eq!((ended, said.as_str()), (Some(0), ""));
    let seen = status(bench.dir.path(), "log/changes").remove(0);
    assert_eq!(seen["observations"], seen["all_runs"]["stored"], "{seen}");
    assert_eq!(seen["all_runs"]["polls"], seen["all_runs"]["stored"], "{seen}");
}

#[test]
fn a_bad_file_changes_nothing_and_is_reported() {
    let text = source("a", "spec = 'normal'\nevery = '20ms'") + &source("b", "spec = 'normal'");
    let collecting = Collecting::begin(Bench::bare(), &text);
    let failed = "the reload failed, and the sources stay as they were";
    for bad in [
        source("a", "spec = 'normal'\nevry = '1s'"),
        source("a", "spec = 'nomral'"),
        source("a", "url = 'https://h/'\nca_file = 'none.pem'"),
        "[source".to_owned(),
        String::new(),
    ] {
        assert_eq!(collecting.reload(&bad), failed);
    }
    fs::remove_file(collecting.dir().join("house.toml")).unwrap();
    assert_eq!(collecting.reload_as_it_is(), failed);
    let before = collecting.stored("a");
    wait_until(|| collecting.stored("a") > before + 10);
    let unchanged = "reloaded: 2 sources unchanged, 0 ended, 0 begun; collecting: a, b";
    assert_eq!(collecting.reload(&text), unchanged);
    let (ended, said, _) = collecting.end();
    assert_eq!(ended, Some(0), "{said}");
    for part in [
        "house.toml:3: evry: a source has no such key; did you mean every?",
        "house.toml:2: spec: source \"nomral\"",
        "none.pem: No such file",
        "house.toml:1: this is not TOML",
        "house.toml: there is no source",
        "house.toml: cannot be read",
    ] {
        assert!(
            said.contains(&format!("gaugelog: error: {part}")) || said.contains(part),
            "{said}"
        );
    }
    assert_eq!(said.matches(failed).count(), 6, "{said}");
}

/// A page that is `7`, and what it was asked with.
fn server() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head, mut byte) = (stream.unwrap(), Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                head.push(byte[0]);
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&head).to_lowercase());
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n7");
        }
    });
    (address, heads)
}

#[test]
fn a_token_that_changes_restarts_its_source_alone() {
    let bench = Bench::bare();
    let (address, heads) = server();
    let credentials = bench.dir.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(bench.dir.path().join("token"), "first\n").unwrap();
    let page = |name: &str, rest: &str| {
        source(name, &format!("url = 'http://{address}/{name}'\nevery = '20ms'\n{rest}"))
    };
    let text = page("secret", "bearer_token_file = 'token'") + &page("open", "unit = 'm³'");
    let collecting = Collecting::begin(bench, &text);
    let asked = |path: &str, token: &str| {
        let is_it = |head: &&String| {
            head.starts_with(&format!("get /{path} "))
                && head.contains(&format!("bearer {token}\r"))
        };
        heads.lock().unwrap().iter().filter(is_it).count()
    };
    wait_until(|| asked("secret", "first") > 2 && collecting.stored("open") > 0);
    let began = collecting.seen("open")["started"].clone();
    fs::write(collecting.dir().join("token"), "second\n").unwrap();
    let done = "reloaded: 1 source unchanged, 1 ended, 1 begun; collecting: open, secret";
    assert_eq!(collecting.reload_as_it_is(), done);
    wait_until(|| asked("secret", "second") > 2);
    assert_eq!(asked("open", ""), 0);
    let seen = collecting.seen("open");
    assert_eq!((&seen["started"], &seen["unit"]), (&began, &"m³".into()), "{seen}");
    let shown = ran(collecting.dir(), &["status", "--log", "log/open"]).succeeds().stdout;
    assert!(shown.contains("\n  unit          m³\n"), "{shown}");
    let (ended, said, bench) = collecting.end();
    assert_eq!((ended, said.as_str()), (Some(0), ""));
    for entry in fs::read_dir(bench.dir.path().join("log/secret")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|it| it == b"first"), "a token is in the store");
    }
}

/// The programs of a source that is removed, also what hangs, end before the reload is done.
#[test]
fn what_is_removed_stores_what_it_has_and_ends() {
    let stays = source("stays", "spec = 'normal'\nevery = '20ms'");
    let held = source("held", "spec = 'normal'\nevery = '20ms'\nsync = '1h'");
    let seconds = format!("8{}.5", std::process::id());
    let hangs = source("hangs", &format!("spec = 'exec:/bin/sleep {seconds}'\ndeadline = '1h'"));
    let collecting = Collecting::begin(Bench::bare(), &format!("{stays}{held}{hangs}"));
    let sleeping = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.map(|it| fs::read(it.path().join("cmdline")).unwrap_or_default());
        let is_it = |line: &Vec<u8>| line.windows(seconds.len()).any(|it| it == seconds.as_bytes());
        lines.filter(is_it).count()
    };
    wait_until(|| sleeping() == 1);
    wait_until(|| collecting.dir().join("log/held/collector.json").exists());
    wait_until(|| collecting.seen("held")["held"].as_u64() > Some(3));
    let done = "reloaded: 1 source unchanged, 2 ended, 0 begun; collecting: stays";
    assert_eq!(collecting.reload(&stays), done);
    let seen = collecting.seen("held");
    assert_eq!((&seen["ended"], &seen["running"]), (&"removed".into(), &false.into()), "{seen}");
    assert_eq!((&seen["held"], &seen["observations"]), (&0.into(), &seen["stored"]), "{seen}");
    assert!(seen["stored"].as_u64() > Some(3), "{seen}");
    wait_until(|| sleeping() == 0);
    let before = collecting.stored("stays");
    wait_until(|| collecting.stored("stays") > before);
    let (ended, said, _) = collecting.end();
    assert_eq!((ended, said.as_str()), (Some(0), ""), "a removed source has not failed");
}

#[test]
fn files_of_a_directory_are_read_in_order_and_new_ones_are_found() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let at = |name: &str| dir.join("etc").join(name);
    fs::create_dir(dir.join("etc")).unwrap();
    fs::write(at("b.toml"), source("b", "spec = 'normal'")).unwrap();
    fs::write(at("a.toml"), source("a", "spec = 'normal'")).unwrap();
    fs::write(at(".hidden.toml"), "nonsense").unwrap();
    fs::write(at("a.toml~"), "nonsense").unwrap();
    let checked = ran(dir, &["config", "check", "etc"]).succeeds().stdout;
    let places: Vec<&str> = checked.lines().filter(|line| line.contains(".toml")).collect();
    assert_eq!(places, ["etc/a.toml:1: a", "etc/b.toml:1: b"]);
    fs::write(at("c.toml"), source("a", "spec = 'normal'")).unwrap();
    let clash = "etc/c.toml:1: a: it is at etc/a.toml:1 too; rename one of them";
    ran(dir, &["config", "check", "etc"]).fails_naming(&[clash]);
    ran(dir, &["config", "check", "etc/a.toml", "etc/b.toml"]).succeeds();
    ran(dir, &["config", "check", "credentials"]).fails_naming(&["credentials: cannot be read"]);
    fs::create_dir(dir.join("empty")).unwrap();
    ran(dir, &["config", "check", "empty"]).fails_naming(&["there is no *.toml"]);
}

/// At the end what was removed is not drawn, and what stays is.
#[test]
fn what_is_printed_is_of_the_sources_that_are_there() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    fs::write(
        dir.join("house.toml"),
        source("a", "spec = 'normal'") + &source("b", "spec = 'normal'"),
    )
    .unwrap();
    let mut command: Command = tool(dir, &["collect", "--config", "house.toml", "--log", "log"]);
    let printed: PathBuf = dir.join("printed");
    command.stdout(fs::File::create(&printed).unwrap()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let has = |text: &str| fs::read_to_string(&printed).unwrap().contains(text);
    wait_until(|| has("b: 1 observation"));
    fs::write(dir.join("house.toml"), source("a", "spec = 'normal'")).unwrap();
    running.signal(Signal::HUP);
    wait_until(|| has("reloaded: 1 source unchanged, 1 ended, 0 begun\n"));
    running.signal(Signal::TERM);
    wait_until(|| running.0.try_wait().unwrap().is_some());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
    assert!(has("a: stopped after ") && !has("b: removed after "));
}
