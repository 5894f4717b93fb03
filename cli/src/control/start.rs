//! `--start`: starts the daemon and returns once it has begun.
//!
//! The daemon's stdout and stderr are one pipe until it has begun; it then lets go of
//! both. So the end of the pipe is the answer, whatever happens to the daemon, and
//! what it said last tells which.

use std::env;
use std::io::{self, PipeReader, Read, pipe};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};

use super::{PAUSE, REAPED_WITHIN, unknown};
use crate::exit::Exit;
use crate::simulate::Polled;
use crate::{instance, output, simulate};

/// Beside the first poll: longer than the daemon itself waits for the writers' lock.
const BEGIN_WITHIN: Duration = Duration::from_secs(20);
/// What is kept of what it says: an error is a line.
const TEXT_BYTES_MAX: usize = 64 * 1024;

pub(super) fn run(store: &Path, polled: &Polled) -> Result<(), Exit> {
    if let Some(holder) = instance::running(store).map_err(|error| unknown(store, &error))? {
        return Err(Exit::Error(simulate::already_running(store, &holder)));
    }
    let (mut daemon, mut heard) = spawn(store, polled)
        .map_err(|error| Exit::Error(format!("cannot start {}: {error}", simulate::NAME)))?;
    let within = polled.deadline().saturating_add(BEGIN_WITHIN);
    let text = match listen(&mut heard, Instant::now() + within) {
        Ok(Some(text)) => text,
        Ok(None) => {
            let why = format!("it had not begun after {} s", within.as_secs());
            return Err(give_up(&mut daemon, &why));
        }
        Err(error) => return Err(give_up(&mut daemon, &format!("cannot hear from it: {error}"))),
    };
    if let Some(at) = last_line(&text).filter(|&at| text[at..].starts_with(simulate::BEGUN)) {
        // Such as a first poll that failed.
        output::say_lines(&text[..at]);
        return Ok(());
    }
    Err(failed(&mut daemon, &text))
}

/// Where the last line begins.
fn last_line(text: &str) -> Option<usize> {
    let line = text.lines().next_back()?;
    text.rfind(line)
}

/// Starts this program again under the daemon's name.
fn spawn(store: &Path, polled: &Polled) -> io::Result<(Child, PipeReader)> {
    let (heard, said) = pipe()?;
    let mut command = Command::new(env::current_exe()?);
    command.arg0(simulate::NAME).arg("--background").arg("--log").arg(store);
    if let Some(source) = &polled.source {
        command.arg(format!("--source={source}"));
    }
    if let Some(every) = polled.every {
        command.arg(format!("--every={}ns", every.as_nanos()));
    }
    if polled.align {
        command.arg("--align");
    }
    if let Some(deadline) = polled.deadline {
        command.arg(format!("--deadline={}ns", deadline.as_nanos()));
    }
    if let Some(file) = &polled.ca_file {
        command.arg("--ca-file").arg(file);
    }
    // Nothing to read, without a /dev/null, which a VM need not have.
    let (empty, _) = pipe()?;
    let daemon = command.stdin(empty).stdout(said.try_clone()?).stderr(said).spawn()?;
    Ok((daemon, heard))
}

/// Everything that is said until the pipe is closed; `None` at the deadline.
fn listen(heard: &mut PipeReader, deadline: Instant) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(heard, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        match heard.read(&mut chunk)? {
            0 => return Ok(Some(String::from_utf8_lossy(&text).into_owned())),
            read => text.extend_from_slice(&chunk[..read]),
        }
        text.truncate(TEXT_BYTES_MAX);
    }
}

/// The daemon ended before it had begun; what it said is passed on.
fn failed(daemon: &mut Child, text: &str) -> Exit {
    let ended = daemon.wait();
    let prefix = format!("{}: error: ", simulate::NAME);
    let (earlier, text) = text.split_at(last_line(text).unwrap_or(0));
    output::say_lines(earlier);
    let text = text.trim();
    Exit::Error(match (text.strip_prefix(&prefix).unwrap_or(text), ended) {
        ("", Ok(status)) => format!("the daemon ended before it had begun: {status}"),
        ("", Err(error)) => format!("the daemon ended before it had begun: {error}"),
        (text, _) => text.to_owned(),
    })
}

/// A daemon that is not known to have begun must not begin later. It is reaped here if it
/// ends soon: init could miss the end of this command beside that of an orphan.
fn give_up(daemon: &mut Child, why: &str) -> Exit {
    let id = daemon.id();
    // The child has not been waited for, so its number is still its own.
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, Signal::TERM);
    }
    let deadline = Instant::now() + REAPED_WITHIN;
    while matches!(daemon.try_wait(), Ok(None)) && Instant::now() < deadline {
        thread::sleep(PAUSE);
    }
    Exit::Error(format!("the daemon, process {id}, was asked to end: {why}"))
}
