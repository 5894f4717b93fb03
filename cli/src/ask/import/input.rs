//! The bytes of an import, which a signal ends also where none come.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use gaugelog_sources::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long after a signal a read that waits for input ends.
const HEEDED_WITHIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A file or a pipe.
pub(super) struct Input {
    file: File,
    stop: Option<Stop>,
}

impl Input {
    /// Without `stop`, a signal ends the program.
    pub(super) fn new(file: File, stop: Option<Stop>) -> Self {
        Self { file, stop }
    }

    pub(super) fn stdin() -> io::Result<File> {
        Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
    }

    /// Waits until there is something to read.
    fn wait(&self, stop: &Stop) -> io::Result<()> {
        loop {
            if stop.is_set() {
                return Err(io::Error::other(Stopped));
            }
            match poll(&mut [PollFd::new(&self.file, PollFlags::IN)], Some(&HEEDED_WITHIN)) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(stop) = &self.stop {
            self.wait(stop)?;
        }
        let read = self.file.read(buffer)?;
        // The signal may have ended the program that writes the pipe, too.
        match &self.stop {
            Some(stop) if read == 0 && stop.is_set() => Err(io::Error::other(Stopped)),
            _ => Ok(read),
        }
    }
}

/// The error of a read that a signal has ended.
#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a signal ended the import")
    }
}

impl std::error::Error for Stopped {}

pub(super) fn is_stopped(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|cause| cause.is::<Stopped>())
}

/// What to say of a file that cannot be read to its end.
pub(super) fn explained(error: &io::Error) -> String {
    match is_stopped(error) {
        true => error.to_string(),
        false => format!("cannot read it to its end: {error}"),
    }
}
