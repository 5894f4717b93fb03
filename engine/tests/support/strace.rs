//! strace, attached to one thread of another process.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::processes::not_run;

/// Lets any process trace this one, and returns the thread to attach to.
pub fn traceable_thread() -> i32 {
    // SAFETY: takes and returns numbers only.
    #[allow(unsafe_code, reason = "there is no safe way to ask for either")]
    unsafe {
        libc::prctl(libc::PR_SET_PTRACER, libc::PR_SET_PTRACER_ANY);
        libc::gettid()
    }
}

/// Attaches strace with these arguments to a thread. It is attached when this returns. If
/// that fails, reports it and returns `None`.
pub fn attach(thread: &str, arguments: &[&str]) -> Option<Child> {
    let mut command = Command::new("strace");
    command.args(["-p", thread]).args(arguments).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut strace = match command.spawn() {
        Ok(started) => started,
        Err(error) => {
            not_run(&format!("strace cannot be started: {error}"));
            return None;
        }
    };
    let mut line = String::new();
    let mut out = BufReader::new(strace.stderr.take().expect("a pipe"));
    out.read_line(&mut line).expect("readable");
    if line.contains("attached") {
        // Later output must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        return Some(strace);
    }
    strace.wait().expect("waited for");
    not_run(&format!("strace cannot attach to a process: {}", line.trim()));
    None
}

/// The number of calls of each kind in a log of strace.
pub fn count_calls(log: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(log).expect("a log").lines() {
        let name = line.split('(').next().expect("a first part");
        if line.contains('(') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            *counts.entry(name.to_owned()).or_insert(0) += 1;
        }
    }
    counts
}
