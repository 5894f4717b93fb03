//! One daemon a store: the lock that it holds for its life, and who holds it.
//!
//! The lock is the kernel's, on a file in the store's directory that the engine does
//! not know, and dies with its holder: what the file says is believed only while it
//! is held. It has nothing to do with the writers' lock, so other programs add to the
//! store meanwhile. The file is never removed, because a lock on a file that has lost
//! its name excludes nobody.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use gaugelog_sources::{Access, open_own};
use jiff::Timestamp;
use rustix::process::Pid;

/// The file's name in the directory of the store.
pub(crate) const NAME: &str = "simulate_observations.lock";

/// A program that only looks whether there is a daemon holds the lock, shared, for some
/// microseconds; a daemon that begins at that moment tries for so long.
const TRY_FOR: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(5);
/// What is read of the file at most: a holder writes three lines.
const TEXT_BYTES_MAX: u64 = 8 * 1024;

/// Held until dropped, or until the process dies. Programs that it starts do not
/// inherit it.
#[derive(Debug)]
pub(crate) struct Instance {
    file: File,
}

/// The daemon that holds the lock.
#[derive(Debug)]
pub(crate) struct Holder {
    /// `None` for the moment between taking the lock and writing who took it.
    pub(crate) pid: Option<Pid>,
    /// The lock's file, to tell its holder from a stranger by.
    pub(crate) file: File,
    /// When it began, as it wrote it.
    started: String,
}

impl Holder {
    /// `process 4711, since 2021-06-01 12:00:00 UTC`, as far as that is known.
    pub(crate) fn description(&self) -> String {
        match self.pid {
            Some(pid) => format!("process {pid}, since {}", self.started),
            None => "a process that has just begun".to_owned(),
        }
    }
}

/// Why there is no lock to hold.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Another daemon holds it.
    Running(Holder),
    /// The file system refused.
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Instance {
    /// Takes the lock of the store in `directory`, and writes there who took it.
    pub(crate) fn claim(directory: &Path) -> Result<Self, Refused> {
        let mut file = open_own(directory.join(NAME), Access::Write)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < TRY_FOR => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(Refused::Running(Holder::read(file)?));
                }
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        file.set_len(0)?;
        file.write_all(introduction().as_bytes())?;
        Ok(Self { file })
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // For the reader of the file only: that the lock is free is what counts.
        let _ = self.file.set_len(0);
    }
}

impl Holder {
    fn read(mut file: File) -> io::Result<Self> {
        let mut bytes = Vec::new();
        Read::by_ref(&mut file).take(TEXT_BYTES_MAX).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        // A last line without its end is still being written.
        let field = |name: &str| {
            let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
            lines.filter_map(|line| line.strip_prefix(name)).next().map(str::trim)
        };
        // A negative number is a group's, and none that we would signal.
        let pid = field("pid ").and_then(|pid| pid.parse().ok()).filter(|pid: &i32| *pid > 0);
        let pid = pid.and_then(Pid::from_raw);
        let started = field("started ").unwrap_or("just now").to_owned();
        Ok(Self { pid: pid.filter(|_| text.contains("started ")), file, started })
    }
}

/// The daemon of the store in `directory`, if one runs.
pub(crate) fn running(directory: &Path) -> io::Result<Option<Holder>> {
    let file = match open_own(directory.join(NAME), Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Holder::read(file).map(Some),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn introduction() -> String {
    let program = std::env::current_exe().unwrap_or_default();
    let started = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    let pid = std::process::id();
    format!("pid {pid}\nprogram {:?}\nstarted {started}\n", program.as_os_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_the_second_learns_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        assert!(running(dir.path()).unwrap().is_none());
        let first = Instance::claim(dir.path()).unwrap();
        let Err(Refused::Running(holder)) = Instance::claim(dir.path()) else { panic!("two") };
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(holder.pid.map(Pid::as_raw_pid), Some(own));
        assert!(running(dir.path()).unwrap().is_some());
        drop((first, holder));
        assert!(running(dir.path()).unwrap().is_none());
        drop(Instance::claim(dir.path()).unwrap());
    }

    #[test]
    fn what_a_killed_holder_left_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(NAME), "pid 1\nprogram \"x\"\nstarted long ago\n").unwrap();
        assert!(running(dir.path()).unwrap().is_none());
        let _instance = Instance::claim(dir.path()).unwrap();
        let holder = running(dir.path()).unwrap().unwrap();
        assert_ne!(holder.pid, Pid::from_raw(1));
    }

    #[test]
    fn any_bytes_in_the_file_are_harmless() {
        let dir = tempfile::tempdir().unwrap();
        for bytes in [&b""[..], b"pid ", b"pid x\nstarted ", b"pid -4\nstarted \n", b"\xff\xfe\n"] {
            let path = dir.path().join(NAME);
            std::fs::write(&path, bytes).unwrap();
            let held = File::open(&path).unwrap();
            held.lock().unwrap();
            let holder = running(dir.path()).unwrap().unwrap();
            assert_eq!(holder.pid, None, "{bytes:?}");
        }
    }
}
