//! Runs a program as the runtime's guest agent does: by its path, with an empty
//! environment, an empty standard input, and pipes for its output, of which 4 KiB at
//! a time are taken and handed to the host. What is in a pipe when the program is
//! reaped is lost: the agent may lose it, so here it always is.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::port::{Kind, Port};

const BUFFER_BYTES: usize = 4096;
/// What the agent reports of a program that cannot be begun.
const NOT_BEGUN: &str = "9 0";

/// Runs `program` to its end; returns its exit status (of a signal, the negative) and
/// how many nanoseconds it took.
pub(crate) fn run(
    port: &mut Port,
    nothing: &File,
    program: &str,
    arguments: &[&str],
) -> io::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(nothing.try_clone()?);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let Ok(mut child) = command.spawn() else { return Ok(NOT_BEGUN.to_owned()) };
    let mut pipes = Pipes { output: child.stdout.take(), error: child.stderr.take() };
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    while !pipes.relay(port, ended.as_fd())? {}
    let status = child.wait()?;
    Ok(format!("{} {}", number(status), begun.elapsed().as_nanos()))
}

fn number(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| -signal)).unwrap_or(i32::MIN)
}

/// The reading ends of a program's pipes, until their writers have gone.
struct Pipes {
    output: Option<ChildStdout>,
    error: Option<ChildStderr>,
}

impl Pipes {
    /// Waits for something, and hands over at most a buffer of each pipe; or finds
    /// that the program has ended, and touches them no more.
    fn relay(&mut self, port: &mut Port, ended: BorrowedFd<'_>) -> io::Result<bool> {
        let mut waiting = vec![PollFd::from_borrowed_fd(ended, PollFlags::IN)];
        let (output, error) = (self.output.as_ref(), self.error.as_ref());
        let pipes = [output.map(AsFd::as_fd), error.map(AsFd::as_fd)];
        for pipe in pipes.into_iter().flatten() {
            waiting.push(PollFd::from_borrowed_fd(pipe, PollFlags::IN));
        }
        poll(&mut waiting, None)?;
        let mut came = waiting.iter().map(|fd| !fd.revents().is_empty());
        let has_ended = came.next() == Some(true);
        let ready = pipes.map(|pipe| pipe.is_some() && came.next() == Some(true));
        if has_ended {
            return Ok(true);
        }
        if ready[0] {
            hand_over(&mut self.output, Kind::Output, port)?;
        }
        if ready[1] {
            hand_over(&mut self.error, Kind::Error, port)?;
        }
        Ok(false)
    }
}

/// Hands over what one reading of a pipe gives; at its end, closes it.
fn hand_over<P: Read>(pipe: &mut Option<P>, kind: Kind, port: &mut Port) -> io::Result<()> {
    let mut buffer = [0; BUFFER_BYTES];
    let Some(reader) = pipe else { return Ok(()) };
    match reader.read(&mut buffer)? {
        0 => *pipe = None,
        bytes => port.send(kind, &buffer[..bytes])?,
    }
    Ok(())
}
