//! Signals end a run with all that it has started, or are not heeded where they mean nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use program::tool::{Running, status, tool, wait_until};
use program::{Bench, CONTROL, DAEMON, TOOL, program};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// Whether a process is there and not only waited for.
fn lives(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// A program that leaves a process behind in a session of its own at its first poll, which
/// yields 5. Further polls hang, with a process in a session of its own too.
struct Leaving {
    spec: String,
    pids: std::path::PathBuf,
}

impl Leaving {
    fn new(dir: &Path) -> Self {
        let (script, pids) = (dir.join("leaving.sh"), dir.join("pids"));
        let text = "\
            stay() { setsid sh -c 'echo $$ >> \"$1\"; exec sleep 1000' sh \"$1\" & }\n\
            until_lines() { while [ $(cat \"$1\" 2>/dev/null | wc -l) -lt $2 ]; do sleep 0.01; done; }\n\
            if ! [ -e \"$1\" ]; then stay \"$1\"; until_lines \"$1\" 1; echo 5; exit; fi\n\
            stay \"$1\"; until_lines \"$1\" 2; echo $$ >> \"$1\"; wait\n";
        fs::write(&script, text).unwrap();
        let spec = format!("exec:/bin/sh {} {}", script.display(), pids.display());
        Self { spec, pids }
    }

    /// Waits until the second poll hangs: what it and the first have left, and itself.
    fn wait(&self) -> Vec<String> {
        let pids = || -> Vec<String> {
            let text = fs::read_to_string(&self.pids).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        wait_until(|| pids().len() == 3);
        let pids = pids();
        assert!(pids.iter().all(|pid| lives(pid)), "{pids:?}");
        pids
    }
}

/// The command with the search path that a shell's programs are found by. Signals that this
/// process ignores, such as those of the keyboard in a background job, it does not ignore.
fn as_from_a_terminal(command: &Command) -> Command {
    let mut whole = program("/usr/bin/env");
    whole.arg("--default-signal").arg(command.get_program()).args(command.get_args());
    whole.env("PATH", "/usr/bin:/bin");
    if let Some(dir) = command.get_current_dir() {
        whole.current_dir(dir);
    }
    whole
}

fn collecting(dir: &Path, sources: &[&str]) -> Running {
    let arguments = [&["collect", "--every", "10ms", "--quiet", "--log", "log"][..], sources];
    Running::of(as_from_a_terminal(&tool(dir, &arguments.concat())))
}

#[track_caller]
fn ended(child: &mut Child) -> ExitStatus {
    wait_until(|| child.try_wait().unwrap().is_some());
    child.wait().unwrap()
}

#[test]
fn a_signal_ends_all_that_was_started() {
    for signal in [Signal::HUP, Signal::TERM, Signal::INT, Signal::QUIT] {
        let bench = Bench::bare();
        let leaving = Leaving::new(bench.dir.path());
        let mut running = collecting(bench.dir.path(), &[&leaving.spec]);
        let pids = leaving.wait();
        running.signal(signal);
        let ended = ended(&mut running.0);
        match signal {
            Signal::QUIT => assert_eq!(ended.signal(), Some(signal.as_raw())),
            _ => assert_eq!(ended.code(), Some(0), "{signal:?}"),
        }
        let left: Vec<&String> = pids.iter().filter(|pid| lives(pid)).collect();
        assert!(left.is_empty(), "{signal:?} left {left:?} of {pids:?}");
        let seen = &status(bench.dir.path(), "log")[0];
        assert_eq!(seen["observations"], 1, "{seen}");
    }
}

/// As where a window is closed, or a connection to the machine breaks.
#[test]
fn a_terminal_that_goes_ends_all_that_was_started() {
    ends_with_its_terminal("gaugelog.log", |spec| vec![spec.to_owned(), "--every=10ms".to_owned()]);
}

/// SIGHUP has files of sources read again, but not from a terminal that has gone.
#[test]
fn a_terminal_that_goes_ends_a_collector_with_a_file_of_sources_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("house.toml");
    ends_with_its_terminal("gaugelog.log/run", |spec| {
        fs::write(&file, format!("[source.run]\nspec = '{spec}'\nevery = '10ms'\n")).unwrap();
        // It would end at the first line that it prints.
        vec!["--quiet".to_owned(), "--config".to_owned(), file.display().to_string()]
    });
}

/// As by `nohup`. SIGHUP still has the files read again.
#[test]
fn a_collector_with_a_file_of_sources_outlives_its_terminal_if_the_caller_ignored_hangups() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let file = dir.join("house.toml");
    let source = |name: &str| format!("[source.{name}]\nspec = 'normal'\nevery = '10ms'\n");
    fs::write(&file, source("a")).unwrap();
    let stored = |store: &str| {
        let ran = tool(dir, &["status", "--json", "--log", store]).output().unwrap();
        let seen = serde_json::from_slice(&ran.stdout).unwrap_or(serde_json::Value::Null);
        seen["stored"].as_u64().unwrap_or(0)
    };
    let (master, terminal) = opened_terminal();
    let script = format!("trap '' HUP; exec {TOOL} collect --quiet --config house.toml");
    let mut command = program("/usr/bin/setsid");
    command.args(["--ctty", "/bin/sh", "-c", &script]);
    let mut command = as_from_a_terminal(&command);
    command.current_dir(dir).stdin(terminal).stdout(Stdio::null()).stderr(Stdio::null());
    let mut running = Running(command.spawn().unwrap());
    drop(command);
    wait_until(|| stored("gaugelog.log/a") > 0);
    drop(master);
    fs::write(&file, source("a") + &source("b")).unwrap();
    running.signal(Signal::HUP);
    wait_until(|| stored("gaugelog.log/b") > 0);
    running.signal(Signal::TERM);
    assert_eq!(ended(&mut running.0).code(), Some(0));
}

/// The two ends of a terminal.
fn opened_terminal() -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (master, terminal)
}

fn ends_with_its_terminal(store: &str, arguments: impl FnOnce(&str) -> Vec<String>) {
    let bench = Bench::bare();
    let leaving = Leaving::new(bench.dir.path());
    let (master, terminal) = opened_terminal();
    let mut command = program("/usr/bin/setsid");
    command.args(["--ctty", TOOL, "collect"]).args(arguments(&leaving.spec));
    let mut command = as_from_a_terminal(&command);
    command.current_dir(bench.dir.path()).env("TERM", "xterm");
    command.stdin(terminal.try_clone().unwrap()).stdout(terminal.try_clone().unwrap());
    let mut running = Running(command.stderr(terminal).spawn().unwrap());
    drop(command);
    let pids = leaving.wait();
    drop(master);
    ended(&mut running.0);
    assert!(!pids.iter().any(|pid| lives(pid)), "{pids:?}");
    assert_eq!(status(bench.dir.path(), store)[0]["ended"], "stopped");
}

/// As many as come before it has ended.
fn signal_until_it_ends(running: &mut Running) -> Option<i32> {
    let mut signals = 0;
    wait_until(|| {
        let has_ended = running.0.try_wait().unwrap().is_some();
        if !has_ended {
            let signal = [Signal::TERM, Signal::INT, Signal::HUP][signals % 3];
            kill_process(Pid::from_child(&running.0), signal).unwrap();
            signals += 1;
        }
        has_ended
    });
    running.0.wait().unwrap().code()
}

#[test]
fn several_signals_lose_nothing_that_is_held_in_memory() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let leaving = Leaving::new(dir);
    let sources = ["draws=normal", &format!("run={}", leaving.spec), "--sync", "10m"];
    let mut running = collecting(dir, &sources);
    let pids = leaving.wait();
    assert_eq!(signal_until_it_ends(&mut running), Some(0));
    assert!(!pids.iter().any(|pid| lives(pid)), "{pids:?}");
    let seen = status(dir, "log");
    assert!(seen[0]["observations"].as_u64() >= Some(1), "{seen:?}");
    for source in [&seen[0], &seen[1]] {
        assert_eq!(source["observations"], source["stored"], "{source}");
        assert_eq!(source["ended"], "stopped", "{source}");
    }
}

/// Another program's append is waited for; if that takes too long, it is an error and not
/// a silent loss.
#[test]
fn several_signals_do_not_silence_that_something_was_not_stored() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    let arguments = ["collect", "normal", "--every", "10ms", "--quiet", "--log", "log"];
    let mut command =
        as_from_a_terminal(&tool(dir, &[&arguments[..], &["--sync", "10m"]].concat()));
    let mut running = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    wait_until(|| dir.join("log/manifest").exists());
    let lock = File::open(dir.join("log")).unwrap();
    lock.lock().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(signal_until_it_ends(&mut running), Some(1));
    let mut said = String::new();
    running.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(said.contains("were not stored") && said.contains("log"), "{said}");
}

/// A receiver that does not answer is waited for after the first signal.
#[test]
fn a_second_signal_ends_at_once_what_holds_nothing() {
    let bench = Bench::bare();
    let dir = bench.dir.path();
    assert!(tool(dir, &["add", "log", "5", "--create"]).status().unwrap().success());
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}/write", receiver.local_addr().unwrap());
    let mut command = as_from_a_terminal(&tool(dir, &["forward", "log", "--to", &to]));
    let mut running = Running(command.stderr(Stdio::null()).spawn().unwrap());
    let _request = receiver.accept().unwrap();
    assert_eq!(signal_until_it_ends(&mut running), Some(128 + Signal::INT.as_raw()));
}

/// A shell that has started something may become the collector.
#[test]
fn children_from_before_are_left_alone() {
    let bench = Bench::bare();
    let mut shell = as_from_a_terminal(&program("/bin/sh"));
    let script = format!(
        "sleep 1000 & echo $! > stranger; exec {TOOL} collect 'exec:/bin/echo 5' --every 10ms \
         --for 50ms --quiet"
    );
    shell.args(["-c", &script]).current_dir(bench.dir.path());
    assert!(shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    assert!(status(bench.dir.path(), "gaugelog.log")[0]["stored"].as_u64() >= Some(1));
    let pid = fs::read_to_string(bench.dir.path().join("stranger")).unwrap();
    assert!(lives(pid.trim()), "{pid}");
    kill_process(Pid::from_raw(pid.trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
}

#[test]
fn a_hangup_that_the_caller_has_ignored_stays_ignored() {
    let bench = Bench::bare();
    let mut shell = as_from_a_terminal(&program("/bin/sh"));
    let script = format!("trap '' HUP; exec {TOOL} collect normal --every 10ms --quiet");
    shell.args(["-c", &script]).current_dir(bench.dir.path());
    let mut running = Running::of(shell);
    let stored = || {
        let mut command = tool(bench.dir.path(), &["status", "--json"]);
        let ran = command.stderr(Stdio::null()).output().unwrap();
        let seen = serde_json::from_slice(&ran.stdout).unwrap_or(serde_json::Value::Null);
        seen["stored"].as_u64().unwrap_or(0)
    };
    wait_until(|| stored() > 0);
    running.signal(Signal::HUP);
    let before = stored();
    wait_until(|| stored() > before + 10);
    running.signal(Signal::TERM);
    assert_eq!(ended(&mut running.0).code(), Some(0));
}

/// A daemon that is stopped at the end, also of a test that fails.
struct Daemon(Bench);

impl Daemon {
    fn start(&self, arguments: &[&str]) {
        let mut command = as_from_a_terminal(&self.0.command(CONTROL, &["--start"]));
        let started = command.args(arguments).stdout(Stdio::piped()).output().unwrap();
        assert!(started.status.success(), "{started:?}");
    }

    fn pid(&self) -> Pid {
        let text = fs::read_to_string(self.0.store.join("simulate_observations.lock")).unwrap();
        let line = text.lines().next().unwrap().strip_prefix("pid ").unwrap();
        Pid::from_raw(line.parse().unwrap()).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.0.control(&["--stop"]);
    }
}

#[test]
fn a_hangup_means_nothing_to_the_daemon() {
    let daemon = Daemon(Bench::new());
    daemon.start(&["--every", "10ms"]);
    kill_process(daemon.pid(), Signal::HUP).unwrap();
    let before = daemon.0.size();
    wait_until(|| daemon.0.size() > before + 10);
    daemon.0.control(&["--stop"]).succeeds();
    // In the foreground there is a terminal.
    let mut command = as_from_a_terminal(&daemon.0.command(DAEMON, &["--every", "10ms"]));
    let mut running = Running(command.stdout(Stdio::null()).spawn().unwrap());
    let size = daemon.0.size();
    wait_until(|| daemon.0.size() > size);
    running.signal(Signal::HUP);
    assert_eq!(ended(&mut running.0).code(), Some(0));
}

#[test]
fn what_the_daemon_has_started_ends_with_it() {
    for signal in [Signal::TERM, Signal::QUIT] {
        let daemon = Daemon(Bench::new());
        let leaving = Leaving::new(daemon.0.dir.path());
        daemon.start(&["--every", "10ms", "--source", &leaving.spec]);
        let pids = leaving.wait();
        kill_process(daemon.pid(), signal).unwrap();
        let pid = daemon.pid().to_string();
        wait_until(|| !lives(&pid));
        assert!(!pids.iter().any(|pid| lives(pid)), "{signal:?}: {pids:?}");
        assert_eq!(daemon.0.size(), 1);
    }
}

/// The children of a process.
fn children(pid: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn process_1_reaps_orphans() {
    let allowed = Command::new("unshare").args(["--pid", "--fork", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("NOT RUN: a PID namespace takes root, which this is not");
        assert!(std::env::var_os("GAUGELOG_NOT_RUN").is_none_or(|then| then != "fail"));
        return;
    }
    let bench = Bench::bare();
    let mut command = program("/usr/bin/unshare");
    // A poll is over before what it leaves has ended.
    let spec = "exec:/bin/sh -c 'setsid sleep 0.3 & sleep 0.05; echo 1'";
    command.args(["--pid", "--fork", "--kill-child", TOOL, "collect", spec]);
    command.args(["--every", "10ms", "--quiet", "--log"]).arg(&bench.store);
    let running = Running::of(as_from_a_terminal(&command));
    let unshare = running.0.id().to_string();
    wait_until(|| bench.serve(&["--stats"]).stdout.contains("size") && bench.size() >= 20);
    let collector = children(&unshare).remove(0);
    assert!(fs::read_link(format!("/proc/{collector}/exe")).unwrap().ends_with("gaugelog"));
    let left = || {
        let tasks = fs::read_dir(format!("/proc/{collector}/task")).unwrap();
        let tasks = tasks.map(|task| task.unwrap().path().join("children"));
        let pids = tasks.flat_map(|path| {
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect::<Vec<String>>()
        });
        pids.filter(|pid| !lives(pid)).count()
    };
    wait_until(|| left() == 0);
    assert!(bench.size() >= 20);
}
