//! Running a program until it ends or must be ended.
//!
//! The program leads a process group. The group is killed before its leader, dead or
//! alive, is reaped: until then its id is not reused. If the program must be ended early,
//! what has left the group is killed too.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionbio;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::descendants::Descendants;
use super::orphans::Started;

pub(super) const STDOUT_BYTES_MAX: usize = 4096;
/// Only the end of standard error is kept.
const STDERR_BYTES_MAX: usize = 4096;

/// How often the deadline and the stop flag are checked, and whether a program has ended
/// while another process still holds its output open.
const TICK: Duration = Duration::from_millis(20);
/// How long a killed program is waited for. A program that hangs in the kernel dies when
/// the kernel releases it.
const DYING: Duration = Duration::from_millis(200);

/// How many programs are running or about to be started.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Counts a program while it lives.
struct Counted;

impl Counted {
    fn new() -> Self {
        RUNNING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn any_runs() -> bool {
    RUNNING.load(Ordering::SeqCst) > 0
}

/// Why a program has ended.
#[derive(Debug)]
pub(super) enum Ended {
    ByItself(ExitStatus),
    Late,
    TooMuch,
    Stopped,
}

/// The output of a program.
#[derive(Debug, Default)]
pub(super) struct Printed {
    /// At most one byte more than allowed.
    pub(super) stdout: Vec<u8>,
    /// The end of it.
    pub(super) stderr: Vec<u8>,
}

/// Runs a program, and kills what is left of its process group.
pub(super) fn run(
    program: &str,
    arguments: &[String],
    deadline: Duration,
    stop: &AtomicBool,
) -> io::Result<(Ended, Printed)> {
    let started = Instant::now();
    let _counted = Counted::new();
    // A stop that is set after this check sees that the program is counted.
    if stop.load(Ordering::SeqCst) {
        return Ok((Ended::Stopped, Printed::default()));
    }
    let mut command = Command::new(program);
    // Only the collector may notify the service manager.
    command.env_remove("NOTIFY_SOCKET");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Started::spawn(command.process_group(0))?;
    let child = &mut running.child;
    let followed = follow(child, || {
        if stop.load(Ordering::Relaxed) {
            Some(Ended::Stopped)
        } else {
            (started.elapsed() >= deadline).then_some(Ended::Late)
        }
    });
    let has_ended = matches!(followed, Ok((None, _)));
    // After it has ended, what it has started can no longer be found.
    let descendants = (!has_ended).then(|| Descendants::of(Pid::from_child(child)));
    kill_group(child);
    if let Some(descendants) = descendants {
        descendants.kill();
    }
    let status = reap(running);
    let (over, printed) = followed?;
    let ended = match over {
        Some(ended) => ended,
        None => Ended::ByItself(status.ok_or_else(|| io::Error::other("its status is lost"))?),
    };
    Ok((ended, printed))
}

/// Reads the output of the program until it has ended, which is `None`, or must be ended.
fn follow(
    child: &mut Child,
    is_over: impl Fn() -> Option<Ended>,
) -> io::Result<(Option<Ended>, Printed)> {
    let mut printed = Printed::default();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    for pipe in fds(stdout.as_ref(), stderr.as_ref()) {
        ioctl_fionbio(pipe, true)?;
    }
    loop {
        // When its end is seen, all that it wrote is in the pipes.
        let has_ended = has_ended(child)?;
        read_waiting(&mut stdout, |bytes| {
            let room = (STDOUT_BYTES_MAX + 1).saturating_sub(printed.stdout.len());
            printed.stdout.extend_from_slice(&bytes[..bytes.len().min(room)]);
            printed.stdout.len() <= STDOUT_BYTES_MAX
        })?;
        read_waiting(&mut stderr, |bytes| {
            printed.stderr.extend_from_slice(bytes);
            let excess = printed.stderr.len().saturating_sub(STDERR_BYTES_MAX);
            printed.stderr.drain(..excess);
            // Endless output on standard error must not block here.
            is_over().is_none()
        })?;
        if printed.stdout.len() > STDOUT_BYTES_MAX {
            return Ok((Some(Ended::TooMuch), printed));
        }
        if has_ended {
            return Ok((None, printed));
        }
        if let Some(ended) = is_over() {
            return Ok((Some(ended), printed));
        }
        wait_for_output(&fds(stdout.as_ref(), stderr.as_ref()))?;
    }
}

fn fds<'a, A: AsFd, B: AsFd>(one: Option<&'a A>, other: Option<&'a B>) -> Vec<BorrowedFd<'a>> {
    one.map(AsFd::as_fd).into_iter().chain(other.map(AsFd::as_fd)).collect()
}

/// Reads what is waiting in a pipe until `take` has enough, and drops the pipe at its
/// end.
fn read_waiting(
    pipe: &mut Option<impl Read>,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<()> {
    let mut buffer = [0; 4096];
    while let Some(reader) = pipe {
        match reader.read(&mut buffer) {
            Ok(0) => *pipe = None,
            Ok(length) if take(&buffer[..length]) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Waits a moment for output or, if both pipes are closed, for the end.
fn wait_for_output(pipes: &[BorrowedFd<'_>]) -> io::Result<()> {
    if pipes.is_empty() {
        thread::sleep(TICK / 10);
        return Ok(());
    }
    let mut polled: Vec<PollFd<'_>> =
        pipes.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
    let tick = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
    match poll(&mut polled, Some(&tick)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the program has ended, without reaping it.
fn has_ended(child: &Child) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(Pid::from_child(child)), options)?.is_some())
}

fn kill_group(child: &Child) {
    // There may be no process left to kill.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

/// The status of a program that has ended or is about to.
fn reap(mut program: Started) -> Option<ExitStatus> {
    let killed = Instant::now();
    while killed.elapsed() < DYING {
        match program.child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) => thread::sleep(Duration::from_millis(1)),
            Err(_) => return None,
        }
    }
    // Otherwise it would stay a zombie when it dies at last.
    thread::spawn(move || program.child.wait());
    None
}
