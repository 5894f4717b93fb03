//! Runs a program as the runtime's guest agent does: by its path, with an empty
//! environment, an empty standard input, and pipes for its output. At most 4 KiB are read
//! from them at a time and sent to the host. What is in a pipe when the program is reaped
//! is lost: the agent may lose it, so here it is always lost.

use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::{self, PipeReader, Read, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Instant;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

use crate::port::{Kind, Port};
use crate::reaper::Reaper;

const BUFFER_BYTES: usize = 4096;
/// What the agent reports about a program that cannot be started.
const NOT_BEGUN: &str = "9 0";
/// The runtime's agent never reports anything then. Here the host is informed.
const UNREPORTED: &str = "unreported";
/// How often a silent program is checked.
const LOOK_EVERY: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Runs `program` to its end. Returns its exit status (negative for a signal) and how
/// many nanoseconds it took.
pub(crate) fn run(
    port: &mut Port,
    reaper: &Reaper,
    nothing: &File,
    program: &str,
    arguments: &[&str],
) -> io::Result<String> {
    let (output, output_end) = pipe()?;
    let (error, error_end) = pipe()?;
    let begun = Instant::now();
    let standard = [nothing.as_raw_fd(), output_end.as_raw_fd(), error_end.as_raw_fd()];
    let Some(child) = spawn(program, arguments, standard)? else {
        return Ok(NOT_BEGUN.to_owned());
    };
    drop((output_end, error_end));
    let mut pipes = Pipes { output: Some(output), error: Some(error) };
    loop {
        match pipes.relay(port, reaper, child)? {
            Happened::Ended(status) => {
                return Ok(format!("{} {}", number(status), begun.elapsed().as_nanos()));
            }
            Happened::Nothing if reaper.has_missed(child)? => {
                waitpid(Some(child), WaitOptions::empty())?;
                return Ok(UNREPORTED.to_owned());
            }
            Happened::Nothing | Happened::Something => {}
        }
    }
}

/// Starts a program with these standard descriptors, and with no signal blocked or
/// ignored.
fn spawn(program: &str, arguments: &[&str], standard: [i32; 3]) -> io::Result<Option<Pid>> {
    let words: Result<Vec<_>, NulError> =
        std::iter::once(&program).chain(arguments).map(|word| CString::new(*word)).collect();
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_sigmask(&SigSet::empty())?;
    // Rust's runtime ignores it, and children inherit that.
    attributes.set_sigdefault(&SigSet::from_iter([Signal::SIGPIPE]))?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    let mut descriptors = PosixSpawnFileActions::init()?;
    for (place, descriptor) in (0..).zip(standard) {
        descriptors.add_dup2(descriptor, place)?;
    }
    let environment: [CString; 0] = [];
    let begun = posix_spawn(program, &descriptors, &attributes, &words?, &environment);
    Ok(begun.ok().and_then(|child| Pid::from_raw(child.as_raw())))
}

fn number(status: WaitStatus) -> i32 {
    status.exit_status().or(status.terminating_signal().map(|signal| -signal)).unwrap_or(i32::MIN)
}

/// What ended a wait.
enum Happened {
    Ended(WaitStatus),
    Something,
    Nothing,
}

/// The reading ends of a program's pipes, until their writers have gone.
struct Pipes {
    output: Option<PipeReader>,
    error: Option<PipeReader>,
}

impl Pipes {
    /// Waits for an event, and sends at most a buffer of each pipe. If the program has
    /// ended, the pipes are not read any more.
    fn relay(&mut self, port: &mut Port, reaper: &Reaper, child: Pid) -> io::Result<Happened> {
        let mut waiting = vec![PollFd::new(reaper, PollFlags::IN)];
        let (output, error) = (self.output.as_ref(), self.error.as_ref());
        let pipes = [output.map(AsFd::as_fd), error.map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            waiting.push(PollFd::from_borrowed_fd(pipe, PollFlags::IN));
        }
        if poll(&mut waiting, Some(&LOOK_EVERY))? == 0 {
            return Ok(Happened::Nothing);
        }
        let mut came = waiting.iter().map(|fd| !fd.revents().is_empty());
        let has_signal = came.next() == Some(true);
        let ready = pipes.map(|pipe| pipe.is_some() && came.next() == Some(true));
        if has_signal
            && let Some((ended, status)) = reaper.reap()?
            && ended == child
        {
            return Ok(Happened::Ended(status));
        }
        if ready[0] {
            hand_over(&mut self.output, Kind::Output, port)?;
        }
        if ready[1] {
            hand_over(&mut self.error, Kind::Error, port)?;
        }
        Ok(Happened::Something)
    }
}

/// Sends what one read of a pipe gives. At its end, closes it.
fn hand_over(pipe: &mut Option<PipeReader>, kind: Kind, port: &mut Port) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    let Some(reader) = pipe else { return Ok(()) };
    match reader.read(&mut buffer)? {
        0 => *pipe = None,
        bytes => port.send(kind, &buffer[..bytes])?,
    }
    Ok(())
}
