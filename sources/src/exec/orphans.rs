//! Processes that programs leave behind: those whose parents have ended.
//!
//! The process that adopts them (a child subreaper, or process 1) becomes their parent.
//! It reaps those that have ended, and kills the others at its own end. A program that a
//! poll waits for is reaped by that poll, which needs its status.

use std::collections::HashSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::wait::{Id, WaitPidFlag};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper};

use super::descendants::Process;

const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_MOST: Duration = Duration::from_millis(20);

static FAMILY: LazyLock<Mutex<Family>> = LazyLock::new(Mutex::default);

/// The children of this process.
#[derive(Debug, Default)]
struct Family {
    /// Whether this process adopts orphans.
    adopts: bool,
    /// How many programs are being started. Their ids are not known yet.
    starting: usize,
    /// The programs that a poll waits for.
    started: HashSet<Pid>,
    /// Earlier children: a shell that started some may have become this program by exec.
    strangers: HashSet<Pid>,
}

fn family() -> MutexGuard<'static, Family> {
    FAMILY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A program that was started, until it is reaped.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) child: Child,
}

impl Started {
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        family().starting += 1;
        // Not under the lock: a program may be on a disk that hangs.
        let spawned = command.spawn();
        let mut family = family();
        family.starting -= 1;
        let child = spawned?;
        family.started.insert(Pid::from_child(&child));
        Ok(Self { child })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        family().started.remove(&Pid::from_child(&self.child));
        // Orphans that ended meanwhile may have waited for this.
        reap();
    }
}

/// From now on, what programs leave behind becomes a child of this process.
pub(super) fn adopt() -> io::Result<()> {
    let mut family = family();
    if !family.adopts {
        set_child_subreaper(Some(getpid()))?;
        family.strangers = Process::all().filter(Process::is_child).map(|it| it.pid).collect();
        family.adopts = true;
    }
    Ok(())
}

/// Reaps the orphans that have ended.
pub(super) fn reap() {
    let mut family = family();
    // A program that ends while it is being started could be taken for an orphan.
    if !family.adopts || family.starting > 0 {
        return;
    }
    while let Some(pid) = first_ended(&family.started) {
        if family.started.contains(&pid) {
            return;
        }
        if !matches!(rustix::process::waitpid(Some(pid), WaitOptions::NOHANG), Ok(Some(_))) {
            return;
        }
        family.strangers.remove(&pid);
    }
}

/// A child that has ended and is not reaped.
fn first_ended(started: &HashSet<Pid>) -> Option<Pid> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    match nix::sys::wait::waitid(Id::All, flags) {
        Ok(status) => status.pid().and_then(|pid| Pid::from_raw(pid.as_raw())),
        // It was ended by a signal that the library does not know.
        Err(nix::errno::Errno::EINVAL) => {
            let mut ended = Process::all().filter(|it| it.is_child() && it.has_ended);
            ended.find(|it| !started.contains(&it.pid)).map(|it| it.pid)
        }
        Err(_) => None,
    }
}

/// Kills the orphans, and those that become orphans by that, for at most this time.
pub(super) fn end(within: Duration) {
    let begun = Instant::now();
    let mut pause = PAUSE_FIRST;
    while kill_living() && begun.elapsed() < within {
        thread::sleep(pause);
        reap();
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

/// Kills living orphans. Returns whether there were any.
fn kill_living() -> bool {
    // Locked all the time: a child's id is not reused until it is reaped.
    let family = family();
    if !family.adopts {
        return false;
    }
    let is_orphan = |it: &Process| {
        it.is_child()
            && !it.has_ended
            && !family.started.contains(&it.pid)
            && !family.strangers.contains(&it.pid)
    };
    // A program that is being started belongs to its poll.
    let orphans: Vec<Process> =
        Process::all().filter(|it| family.starting == 0 && is_orphan(it)).collect();
    for orphan in &orphans {
        // It may have ended already.
        let _ = kill_process(orphan.pid, Signal::KILL);
    }
    !orphans.is_empty()
}
