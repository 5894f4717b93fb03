//! Waits, before a program exits, until what it wrote was read.
//!
//! The guest agent of the Golem VM reads stdout and stderr through a 4 KiB buffer
//! and drops what is still in the pipe when the process is reaped: 11 to 21 of 60
//! runs of a program that printed 50 bytes came back with nothing. A program that
//! leaves only when its pipes are empty loses nothing.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, fstat};
use rustix::io::ioctl_fionread;

/// A reader that takes nothing for so long is not waited for any longer.
const IDLE_MOST: Duration = Duration::from_secs(10);
/// However slowly it reads, the program ends after this time.
const WAIT_MOST: Duration = Duration::from_secs(60);

const PAUSE_FIRST: Duration = Duration::from_micros(200);
const PAUSE_MOST: Duration = Duration::from_millis(10);

/// Returns once stdout and stderr are empty, where they are pipes, or their readers
/// have gone, or have stopped reading.
pub(crate) fn until_heard() {
    until_heard_within(WAIT_MOST);
}

/// The same, and gives up what is unread after this time.
pub(crate) fn until_heard_within(patience: Duration) {
    let begun = Instant::now();
    for pipe in [rustix::stdio::stdout(), rustix::stdio::stderr()] {
        until_empty(pipe, begun, patience);
    }
}

fn until_empty(pipe: BorrowedFd<'_>, begun: Instant, patience: Duration) {
    if !is_pipe(pipe) {
        return;
    }
    let mut pause = PAUSE_FIRST;
    let mut left = u64::MAX;
    let mut changed = Instant::now();
    while begun.elapsed() < patience {
        match ioctl_fionread(pipe) {
            Ok(0) | Err(_) => return,
            Ok(bytes) if bytes != left => (left, changed) = (bytes, Instant::now()),
            Ok(_) if changed.elapsed() >= IDLE_MOST => return,
            Ok(_) => {}
        }
        if reader_gone_within(pipe, pause) {
            return;
        }
        pause = (pause * 2).min(PAUSE_MOST);
    }
}

fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    fstat(fd).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo)
}

/// Sleeps, unless the last reader closes its end meanwhile: that is the one event
/// that is reported unasked on the writing end.
fn reader_gone_within(pipe: BorrowedFd<'_>, pause: Duration) -> bool {
    let Ok(timeout) = Timespec::try_from(pause) else { return true };
    let mut waiting = [PollFd::from_borrowed_fd(pipe, PollFlags::empty())];
    match poll(&mut waiting, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => false,
        Ok(_) | Err(_) => true,
    }
}
