//! The writers' lock: one process at a time appends to a store.
//!
//! It is an `flock` on the directory. A lock file could be removed by a user who thinks
//! that it was left over, and then there would be two writers. The kernel releases the
//! lock when its holder dies.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, StatxFlags, statx};

use super::disk::{Directory, Operation, announce, call};
use crate::error::{Error, ErrorKind, Result};

const PAUSE_FIRST: Duration = Duration::from_micros(50);
const PAUSE_MOST: Duration = Duration::from_millis(5);

/// The lock, held until dropped. Programs that this process starts do not inherit the
/// descriptor. A forked child does: the lock belongs to the open file, not to the
/// process.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: Arc<Directory>,
    opened: File,
    process: u32,
}

impl Lock {
    /// Takes the lock, waiting at most `wait`. Fails if the directory's path now leads
    /// somewhere else.
    pub(crate) fn take(directory: &Arc<Directory>, wait: Duration) -> Result<Self> {
        let opened = directory.open_itself()?;
        let begun = Instant::now();
        let mut pause = PAUSE_FIRST;
        let path = directory.path();
        loop {
            let taken = announce(path, Operation::Lock).map_err(TryLockError::Error);
            match taken.and_then(|()| opened.try_lock()) {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(Error::io(path, "take the writers' lock", error));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() >= wait => {
                    return Err(timed_out(directory, &opened, wait));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            std::thread::sleep(pause.min(wait.saturating_sub(begun.elapsed())));
            pause = (pause * 2).min(PAUSE_MOST);
        }
        let lock = Self { directory: Arc::clone(directory), opened, process: std::process::id() };
        if directory.is_named()? { Ok(lock) } else { Err(lock.replaced()) }
    }

    /// The error if the directory's path leads somewhere else.
    pub(crate) fn replaced(&self) -> Error {
        let detail = "the store was moved away or replaced while it was open; open it again";
        Error::new(ErrorKind::Replaced, self.directory.path(), detail)
    }

    /// Forces the names in the store's directory to the disk.
    pub(crate) fn sync_directory(&self) -> Result<()> {
        let (path, doing) = (self.directory.path(), "sync the directory to disk");
        call(path, Operation::SyncDirectory, doing, || self.opened.sync_all())
    }

    /// The process that took it.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Whether this is the process that took it, and not a child forked from it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Lock {
    /// Releases the lock even if a forked child still has the file open. The child has no
    /// lock to release.
    fn drop(&mut self) {
        if self.is_of_this_process() {
            // Closing the file does the rest.
            drop(self.opened.unlock());
        }
    }
}

fn timed_out(directory: &Directory, opened: &File, wait: Duration) -> Error {
    let name = holder(opened).unwrap_or_else(|| "another process".into());
    let detail = format!(
        "the store is being written by {name}; waited {} s for it to finish; \
         try again, wait longer, or stop that process",
        wait.as_secs_f64()
    );
    Error::new(ErrorKind::Locked, directory.path(), detail)
}

/// How often the kernel's tables are looked at for the holder.
const LOOKS: usize = 10;

/// The process that holds the lock, from the kernel's table of locks.
fn holder(opened: &File) -> Option<String> {
    let locked = opened.metadata().ok()?;
    let own = format!("{}:{}", rustix::fs::major(locked.dev()), rustix::fs::minor(locked.dev()));
    // The kernel hands its tables out in parts, and mounts and locks that change meanwhile can
    // move a line out of them.
    let process = (0..LOOKS).find_map(|_| {
        let device = device_of_mount(opened).unwrap_or_else(|| own.clone());
        let table = std::fs::read_to_string("/proc/locks").ok()?;
        holder_in(&table, &device, locked.ino())
    })?;
    Some(match program(process) {
        Ok(program) => format!("process {process} ({program})"),
        Err(_) => format!("process {process}"),
    })
}

/// The device that the kernel's tables name. A subvolume of btrfs has another one of its own.
fn device_of_mount(opened: &File) -> Option<String> {
    let found = statx(opened, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).ok()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    // Lines are `36 35 98:0 / /mnt rw - ext4 /dev/root rw`.
    table.lines().find_map(|line| {
        let mut words = line.split(' ');
        let is_same = words.next()?.parse() == Ok(found.stx_mnt_id);
        if is_same { words.nth(1).map(str::to_owned) } else { None }
    })
}

/// Lines are `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`, with the device in hexadecimal
/// digits.
fn holder_in(table: &str, device: &str, inode: u64) -> Option<u32> {
    let (major, minor) = device.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    let file = format!("{major:02x}:{minor:02x}:{inode}");
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, _, process, place, ..] = words[..] else { return None };
        if place == file { process.parse().ok() } else { None }
    })
}

fn program(process: u32) -> io::Result<String> {
    let link = std::fs::read_link(Path::new("/proc").join(process.to_string()).join("exe"))?;
    let name = link.file_name().map(|name| name.to_string_lossy().into_owned());
    let printable = |name: String| name.chars().filter(|c| !c.is_control()).take(24).collect();
    Ok(name.map_or_else(|| "?".into(), printable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_in_the_table_of_locks() {
        let table = "1: POSIX  ADVISORY  READ 12 08:01:77 0 EOF\n\
                     2: -> FLOCK ADVISORY WRITE 13 08:01:77 0 EOF\n\
                     2: FLOCK  ADVISORY  WRITE 4711 08:01:77 0 EOF\n";
        assert_eq!(holder_in(table, "8:1", 77), Some(4711));
        assert_eq!(holder_in(table, "8:1", 78), None);
    }

    #[test]
    fn a_lock_that_is_held_names_its_holder() {
        let place = tempfile::tempdir().expect("a directory");
        let directory = Arc::new(Directory::open(place.path()).expect("opened"));
        let held = Lock::take(&directory, Duration::ZERO).expect("taken");
        let error = Lock::take(&directory, Duration::ZERO).expect_err("held");
        assert_eq!(error.kind(), ErrorKind::Locked);
        let process = format!("process {} (", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        drop(held);
        drop(Lock::take(&directory, Duration::ZERO).expect("free again"));
    }
}
