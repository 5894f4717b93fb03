//! The daemon is started once, stopped whole, and blocks nobody when it is killed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use program::{Bench, CONTROL, DAEMON, Ran, SERVICE, install, program};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

/// A store whose daemon is stopped at the end, also of a test that fails.
struct Watched(Bench);

impl Watched {
    fn new() -> Self {
        Self(Bench::new())
    }

    fn pid(&self) -> Pid {
        let text = fs::read_to_string(self.0.store.join("simulate_observations.lock")).unwrap();
        let line = text.lines().next().unwrap().strip_prefix("pid ").unwrap();
        Pid::from_raw(line.parse().unwrap()).unwrap()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.control(&["--stop"]);
    }
}

fn runs(pid: Pid) -> bool {
    // A process that has ended and that nobody waits for is still a number.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    test_kill_process(pid).is_ok() && !state.contains(") Z ")
}

#[test]
fn start_is_refused_twice_and_stop_too() {
    let watched = Watched::new();
    let bench = &watched.0;
    bench.control(&["--start"]).succeeds();
    let pid = watched.pid();
    assert!(runs(pid) && bench.size() >= 1, "begun means that there is an observation");
    bench.control(&["--start"]).fails_naming(&["already running", &pid.to_string(), "--stop"]);
    assert!(runs(pid));
    bench.control(&["--stop"]).succeeds();
    assert!(!runs(pid), "stop returns when it has ended");
    bench.control(&["--stop"]).fails_naming(&["not running", "service.log"]);
    let size = bench.size();
    bench.control(&["--start"]).succeeds();
    assert!(bench.size() > size);
}

#[test]
fn of_many_starts_at_once_one_succeeds() {
    let watched = Watched::new();
    let bench = &watched.0;
    let start = || {
        let mut command = bench.command(CONTROL, &["--start"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let starting: Vec<Child> = (0..8).map(|_| start()).collect();
    let ended = starting.into_iter().map(|child| child.wait_with_output().unwrap());
    let (begun, refused): (Vec<_>, Vec<_>) = ended.partition(|ended| ended.status.success());
    assert_eq!((begun.len(), refused.len()), (1, 7));
    for refusal in refused {
        let why = String::from_utf8(refusal.stderr).unwrap();
        assert!(why.contains("already running"), "{why}");
    }
}

#[test]
fn a_killed_daemon_blocks_nothing() {
    let watched = Watched::new();
    let bench = &watched.0;
    for _ in 0..5 {
        bench.control(&["--start"]).succeeds();
        kill_process(watched.pid(), Signal::KILL).unwrap();
        wait_until(|| !runs(watched.pid()));
        bench.control(&["--stop"]).fails_naming(&["not running"]);
    }
    bench.control(&["--start"]).succeeds();
    bench.control(&["--stop"]).succeeds();
}

#[track_caller]
fn wait_until(mut happened: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if happened() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("not within half a minute");
}

#[test]
fn one_shot_commands_work_while_it_runs() {
    let watched = Watched::new();
    let bench = &watched.0;
    bench.control(&["--start"]).succeeds();
    let before = bench.size();
    for _ in 0..10 {
        bench.serve(&["--add", "1000"]).succeeds();
    }
    wait_until(|| bench.size() >= before + 12);
    let ours = bench.dump().iter().filter(|row| row["val"] == 1000.0).count();
    assert_eq!(ours, 10);
}

#[test]
fn a_stranger_is_never_signalled() {
    let bench = Bench::new();
    let mut stranger = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
    let lock = bench.store.join("simulate_observations.lock");
    let text = format!("pid {}\nprogram \"x\"\nstarted long ago\n", stranger.id());
    fs::write(&lock, text).unwrap();
    bench.control(&["--stop"]).fails_naming(&["not running"]);
    // Also while the lock is held, by a process that the file does not name.
    let held = fs::File::open(&lock).unwrap();
    held.lock().unwrap();
    bench.control(&["--stop"]).fails_naming(&["not by a process"]);
    bench.control(&["--start"]).fails_naming(&["already running"]);
    assert!(stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn a_daemon_that_cannot_begin_is_told_by_start() {
    let bench = Bench::bare();
    bench.control(&["--start"]).fails_naming(&["service.log", "--init"]);
    assert!(bench.names().is_empty());
    bench.control(&["--stop"]).fails_naming(&["not running"]);
    fs::write(&bench.store, "mine").unwrap();
    bench.control(&["--start"]).fails_naming(&["service.log"]);
    assert_eq!(fs::read(&bench.store).unwrap(), b"mine");
}

#[test]
fn all_that_a_daemon_says_before_it_gives_up_is_passed_on() {
    let bench = Bench::new();
    let mut command = bench.command(CONTROL, &["--start"]);
    command.env("GAUGELOG_LOG", "loud");
    let ran = Ran::of(command);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!((ran.status, lines.len()), (Some(1), 2), "{ran:?}");
    assert!(lines[0].starts_with("usage: simulate_observations "), "{ran:?}");
    assert!(lines[1].starts_with("simulate_observations_ctl: error: GAUGELOG_LOG is "), "{ran:?}");
}

#[test]
fn it_leaves_the_descriptors_and_the_session_of_whoever_started_it() {
    let watched = Watched::new();
    watched.0.control(&["--start"]).succeeds();
    let pid = watched.pid();
    let target = |fd: u32| fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap();
    // A pipe of its own that nobody writes, and its journal.
    assert!(target(0).to_string_lossy().starts_with("pipe:"), "{:?}", target(0));
    for said in [1, 2].map(target) {
        assert!(said.ends_with("service.log/simulate_observations.log"), "{said:?}");
    }
    let session = rustix::process::getsid(Some(pid)).unwrap();
    assert_eq!(session, pid);
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
}

#[test]
fn it_keeps_nothing_open_that_its_caller_had_open() {
    let watched = Watched::new();
    let dir = watched.0.dir.path();
    let mut shell = program("/bin/sh");
    let store = watched.0.store.display();
    let script = format!("exec 3<. 9>held; exec {CONTROL} --start --log {store}");
    let started = shell.args(["-c", &script]).current_dir(dir).output().unwrap();
    assert!(started.status.success(), "{started:?}");
    let open = fs::read_dir(format!("/proc/{}/fd", watched.pid())).unwrap();
    let open: Vec<PathBuf> =
        open.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(open.iter().any(|path| path.ends_with("simulate_observations.lock")), "{open:?}");
    let callers = [dir.join("held"), dir.to_owned()];
    assert!(!open.iter().any(|path| callers.contains(path)), "{open:?}");
}

/// By hand, in the foreground: it says when it has begun.
fn by_hand(bench: &Bench) -> Child {
    let mut command = bench.command(DAEMON, &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
    assert!(line.starts_with("begun: "), "{line}");
    child
}

#[test]
fn signals_end_it_cleanly_in_the_foreground() {
    for signal in [Signal::TERM, Signal::INT] {
        let bench = Bench::new();
        let child = by_hand(&bench);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
        assert!(bench.size() >= 1);
    }
}

#[test]
fn the_control_knows_a_daemon_that_was_started_by_hand() {
    let bench = Bench::new();
    let mut child = by_hand(&bench);
    bench.control(&["--start"]).fails_naming(&["already running", &child.id().to_string()]);
    Ran::of(bench.command(DAEMON, &[])).fails_naming(&["already running"]);
    bench.control(&["--stop"]).succeeds();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// The programs under the names that the agent calls, in a directory like its image's.
#[test]
fn the_original_agent_is_served() {
    let bench = Bench::bare();
    let run = |name: &str, arguments: &[&str]| {
        let path: PathBuf = bench.dir.path().join(name);
        let mut command = program(path.to_str().unwrap());
        Ran::of({
            command.args(arguments).current_dir("/");
            command
        })
    };
    let (service, control) = ("simple_service.py", "simulate_observations_ctl.py");
    install(SERVICE, bench.dir.path().join(service));
    install(CONTROL, bench.dir.path().join(control));
    run(service, &["--init"]).succeeds();
    run(control, &["--start"]).succeeds();
    for _ in 0..3 {
        let stats = run(service, &["--stats"]).succeeds().json();
        assert!(stats["size"].as_u64().unwrap() >= 1);
        let out = bench.dir.path().to_str().unwrap();
        let printed = run(service, &["--plot", "dist", "--out", out]).succeeds().stdout;
        let path = printed.trim_matches(|c: char| c.is_whitespace() || c == '"');
        assert!(fs::read(path).unwrap().starts_with(b"\x89PNG"));
    }
    run(control, &["--stop"]).succeeds();
}
