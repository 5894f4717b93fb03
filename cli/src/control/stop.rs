//! `--stop`: ends the daemon and returns once it has ended, and its parent has reaped it.
//!
//! The guest's init of the Golem VM reads SIGCHLD from a signalfd and reaps one child a
//! signal; signals that arrive together merge. The daemon is an orphan, which init reaps. If
//! this command ended at the same moment, init would not learn of its end, and the agent
//! would wait for ever.
//!
//! No stranger is ever signalled: the process that the lock's file names is pinned
//! first, then checked to have that very file open while the lock is held, and the
//! signal goes to the pinned process.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal, test_kill_process};

use super::{PAUSE, REAPED_WITHIN, unknown};
use crate::exit::Exit;
use crate::instance::{self, Holder};
use crate::simulate;

/// Longer than the daemon waits for the writers' lock, in which it hears no signal.
const END_WITHIN: Duration = Duration::from_secs(20);
/// How long the lock's file may go on naming a process that does not hold it.
const SETTLE_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn run(store: &Path) -> Result<(), Exit> {
    let begun = Instant::now();
    let (pid, daemon) = loop {
        let running = instance::running(store).map_err(|error| unknown(store, &error))?;
        let Some(holder) = running else {
            return Err(Exit::Error(format!(
                "{} is not running on {}",
                simulate::NAME,
                store.display()
            )));
        };
        match pin(&holder) {
            Ok(Some(pinned)) => break pinned,
            Ok(None) if begun.elapsed() < SETTLE_WITHIN => thread::sleep(PAUSE),
            Ok(None) => return Err(stranger(store, &holder)),
            Err(error) => {
                return Err(Exit::Error(format!("cannot stop {}: {error}", holder.description())));
            }
        }
    };
    match pidfd_send_signal(&daemon, Signal::TERM) {
        // It has ended by itself meanwhile.
        Ok(()) | Err(Errno::SRCH) => {}
        Err(error) => return Err(Exit::Error(format!("cannot stop process {pid}: {error}"))),
    }
    if ended_by(daemon.as_fd(), Instant::now() + END_WITHIN) {
        await_reaping(pid, Instant::now() + REAPED_WITHIN);
        return Ok(());
    }
    Err(Exit::Error(format!(
        "process {pid} was asked to end and still runs after {} s; it may be waiting for the disk: \
         try again, or end it with kill -9 {pid}, which loses nothing that was acknowledged",
        END_WITHIN.as_secs()
    )))
}

/// The holder's process, certain to be the holder's: one that has the lock's file
/// open. `None` where the file does not (or not yet) name such a process.
fn pin(holder: &Holder) -> io::Result<Option<(Pid, OwnedFd)>> {
    let Some(pid) = holder.pid else { return Ok(None) };
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // If the pinned process has ended and another got its number, that one is looked
    // at here; the signal then reaches nobody.
    Ok(has_open(pid, &holder.file)?.then_some((pid, process)))
}

fn has_open(pid: Pid, file: &fs::File) -> io::Result<bool> {
    let wanted = file.metadata()?;
    let descriptors = match fs::read_dir(format!("/proc/{pid}/fd")) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        listed => listed?,
    };
    let is_it = |found: fs::Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
    Ok(descriptors.flatten().any(|entry| fs::metadata(entry.path()).is_ok_and(is_it)))
}

fn stranger(store: &Path, holder: &Holder) -> Exit {
    let lock = store.join(instance::NAME);
    Exit::Error(format!(
        "{}: the lock is held, but not by a process that can be seen here ({} is named): \
         stop it where it was started",
        lock.display(),
        holder.description()
    ))
}

fn ended_by(process: impl AsFd, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}

/// Waits until the process's number is free: a process that has ended has let go of its
/// lock, but remains until its parent asks for it.
fn await_reaping(pid: Pid, deadline: Instant) {
    while test_kill_process(pid) != Err(Errno::SRCH) && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
}
