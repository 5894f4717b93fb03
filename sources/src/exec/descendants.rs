//! Processes as `/proc` lists them, and those that descend from a program.

use std::collections::HashSet;
use std::fs;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal};

/// A process, as it was when `/proc` was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: Pid,
    parent: Option<Pid>,
    /// Ticks since the machine started. Together with the process id it identifies a
    /// process.
    started: u64,
    /// Whether it waits to be reaped.
    pub(super) has_ended: bool,
}

impl Process {
    /// All visible processes; none if `/proc` uses other process ids.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let own = fs::read_link("/proc/self").ok();
        let is_ours = own.is_some_and(|own| own.as_os_str() == getpid().to_string().as_str());
        let entries = is_ours.then(|| fs::read_dir("/proc").ok()).flatten();
        entries.into_iter().flatten().flatten().filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            Self::look(Pid::from_raw(pid)?)
        })
    }

    fn look(pid: Pid) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(pid: Pid, stat: &str) -> Option<Self> {
        // The name may hold any characters. It ends at the last parenthesis.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let has_ended = matches!(fields.next()?, "Z" | "X");
        let parent = Pid::from_raw(fields.next()?.parse().ok()?);
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { pid, parent, started, has_ended })
    }

    pub(super) fn is_child(&self) -> bool {
        self.parent == Some(getpid())
    }

    /// Opens a pidfd, so that no signal reaches another process.
    fn pinned(&self) -> Option<OwnedFd> {
        let pinned = pidfd_open(self.pid, PidfdFlags::empty()).ok()?;
        let now = Self::look(self.pid)?;
        (now.started == self.started).then_some(pinned)
    }
}

/// Processes that have left a program's process group and still descend from it.
#[derive(Debug)]
pub(super) struct Descendants(Vec<OwnedFd>);

impl Descendants {
    /// Finds them. This must be done while their parents live: the parent of an orphan is
    /// no longer known.
    pub(super) fn of(program: Pid) -> Self {
        let all: Vec<Process> = Process::all().collect();
        let mut found = HashSet::from([program]);
        loop {
            let before = found.len();
            let is_found = |it: &&Process| it.parent.is_some_and(|it| found.contains(&it));
            let children: Vec<Pid> = all.iter().filter(is_found).map(|it| it.pid).collect();
            found.extend(children);
            if found.len() == before {
                break;
            }
        }
        found.remove(&program);
        Self(all.iter().filter(|it| found.contains(&it.pid)).filter_map(Process::pinned).collect())
    }

    pub(super) fn kill(self) {
        for pinned in self.0 {
            // It may have ended already.
            let _ = pidfd_send_signal(pinned, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let pid = Pid::from_raw(7).unwrap();
        let rest = "S 4 7 7 0 -1 4194560 100 0 0 0 0 0 0 0 20 0 1 0 12345 1000 2";
        for name in ["sh", "a b", ") Z 1 (", "((", "\n"] {
            let found = Process::parse(pid, &format!("7 ({name}) {rest}")).unwrap();
            let parent = Pid::from_raw(4);
            assert_eq!(found, Process { pid, parent, started: 12_345, has_ended: false });
        }
        assert_eq!(Process::parse(pid, "7 (sh) S 4 7"), None);
        assert_eq!(Process::parse(pid, ""), None);
    }

    #[test]
    fn this_process_is_seen() {
        let own = Process::all().find(|it| it.pid == getpid()).unwrap();
        assert!(!own.has_ended && own.started > 0 && !own.is_child());
    }
}
