//! Ended children, handled as by the runtime's init. SIGCHLD comes through a signalfd,
//! and each signal that is read reaps the one child that it names. A signal that arrives
//! while another one waits to be read is dropped, and its child stays a zombie. From the
//! runtime's own `init.c` (ya-runtime-vm 0.5.2), `handle_sigchld`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions, WaitStatus, waitid, waitpid};

pub(crate) struct Reaper {
    signals: SignalFd,
}

impl Reaper {
    /// From now on, ended children wait to be reaped here. The process has one thread.
    pub(crate) fn begin() -> io::Result<Self> {
        let mut children = SigSet::empty();
        children.add(Signal::SIGCHLD);
        children.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { signals: SignalFd::with_flags(&children, flags)? })
    }

    /// Reads one signal and reaps the child that it names.
    pub(crate) fn reap(&self) -> io::Result<Option<(Pid, WaitStatus)>> {
        let Some(signal) = self.signals.read_signal()? else { return Ok(None) };
        let child = i32::try_from(signal.ssi_pid).ok().and_then(Pid::from_raw);
        // A child that could not be started is reaped by the code that tried.
        Ok(waitpid(child, WaitOptions::NOHANG).unwrap_or_default())
    }

    /// Whether the end of `child` will never be read: it has ended, and no signal waits.
    pub(crate) fn has_missed(&self, child: Pid) -> io::Result<bool> {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(child), look)?.is_some();
        let mut waiting = [PollFd::new(&self.signals, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(ended && poll(&mut waiting, Some(&now))? == 0)
    }
}

impl AsFd for Reaper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }
}
