//! Other processes: this test program, run again to play a part.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const PATH: &str = "GAUGELOG_TEST_PATH";
const WORDS: &str = "GAUGELOG_TEST_WORDS";

/// The command that runs the test `part` of this program in a process of its own, which
/// gets `path` and `words` from [`called`]. Besides the thread of the test, it has only
/// that of the test harness, which waits.
pub fn again(part: &str, path: &Path, words: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .args(["--exact", part, "--nocapture", "--test-threads=1"])
        .env(PATH, path)
        .env(WORDS, words);
    command
}

/// Copies this program with a separate process. If this process wrote the copy, a child
/// of another test could keep it open between its fork and its exec, and a program that
/// is open for writing cannot run.
pub fn copy_program(to: &Path) {
    let from = std::env::current_exe().expect("this program");
    let status = Command::new("cp").arg(from).arg(to).status().expect("cp starts");
    assert!(status.success(), "{status}");
}

/// The path and the words that this process was started with; `None` if it runs the
/// tests.
pub fn called() -> Option<(PathBuf, String)> {
    let path = PathBuf::from(std::env::var_os(PATH)?);
    Some((path, std::env::var(WORDS).expect("words for the part")))
}

/// Writes a line for the parent process, in one write, so that lines of the test harness
/// do not come between.
pub fn report(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).expect("written");
    out.flush().expect("flushed");
}

/// Waits until the parent process sends a line.
pub fn wait_for_go() {
    let read = std::io::stdin().lock().read_line(&mut String::new()).expect("read");
    assert!(read > 0, "the other end is there");
}

/// A process that plays a part. It is killed when dropped, so that a failed test leaves
/// none behind.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    pub fn start(command: &mut Command) -> Self {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().expect("started");
        let stdin = child.stdin.take().expect("a pipe");
        let out = child.stdout.take().expect("a pipe");
        Self { child, stdin, lines: BufReader::new(out).lines() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The rest of the process's next line that begins with `word`; `None` after its end.
    pub fn line_with(&mut self, word: &str) -> Option<String> {
        let line = |line: std::io::Result<String>| {
            Some(line.expect("readable").strip_prefix(word)?.trim().to_owned())
        };
        self.lines.find_map(line)
    }

    /// As [`Process::line_with`], for a process that must still be running.
    pub fn expect_line(&mut self, word: &str) -> String {
        self.line_with(word).unwrap_or_else(|| panic!("it ended before the line: {word}"))
    }

    /// Lets it return from [`wait_for_go`], unless it has been killed there.
    pub fn go_on(&mut self) {
        drop(self.stdin.write_all(b"go on\n"));
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(id, signal).expect("a child that was not waited for");
    }

    /// Stops the process, and waits until it is stopped.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
        let status = format!("/proc/{}/stat", self.id());
        let is_stopped = || {
            let line = std::fs::read_to_string(&status).expect("its status");
            // After the name, which may hold any characters.
            line.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
        };
        while !is_stopped() {
            std::thread::yield_now();
        }
    }

    /// Waits until it ends.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("waited for")
    }

    /// Kills it, and waits until it is gone. Its lines can still be read.
    pub fn kill(&mut self) {
        self.child.kill().expect("killed");
        self.wait();
    }

    /// Waits until it ends, which must be with success.
    pub fn succeeds(mut self) {
        while self.lines.next().is_some() {}
        let status = self.wait();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How much to do: as the environment says, or a little.
pub fn amount(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |asked| asked.parse().expect("a number"))
}

/// Reports that a test cannot run here. If all tests must run, that is a failure.
pub fn not_run(why: &str) {
    eprintln!("NOT RUN: {why}");
    let must_run = std::env::var("GAUGELOG_NOT_RUN").is_ok_and(|asked| asked == "fail");
    assert!(!must_run, "{why}");
}
