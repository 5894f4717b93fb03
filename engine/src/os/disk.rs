//! Every operation on the file system goes through these few functions, so that the order
//! of writes and syncs can be read in one place. [`call`] announces each of them before
//! it is made, so that a test can record it or make it fail.

mod directory;
mod file;
#[cfg(test)]
pub(crate) mod watch;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, StatxFlags};

pub(crate) use self::directory::Directory;
pub(crate) use self::file::{DiskFile, SECTOR};
#[cfg(test)]
pub(crate) use self::watch::announce;
#[cfg(test)]
use self::watch::{announce_write, refuse_unreadable};
use crate::error::{Error, Result};

/// An operation on a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateDirectory,
    Create,
    Write {
        offset: u64,
        length: usize,
    },
    StartWriteOut,
    Sync,
    /// Renames `NAME.tmp` to `NAME`; the path is that of `NAME`.
    Rename,
    /// Renames a file to its name with `.damaged` or `.aside` added; the path is the old
    /// one.
    SetAside,
    Remove,
    SyncDirectory,
    OpenForWriting,
    Lock,
    Open,
    Look,
    Size,
    Read,
    Seek,
    Map,
    List,
}

#[cfg(test)]
impl Operation {
    /// Whether the operation may change the disk.
    pub(crate) fn changes_the_disk(self) -> bool {
        use Operation::{
            Create, CreateDirectory, Remove, Rename, SetAside, Sync, SyncDirectory, Write,
        };
        matches!(
            self,
            CreateDirectory
                | Create
                | Write { .. }
                | Sync
                | Rename
                | SetAside
                | Remove
                | SyncDirectory
        )
    }
}

/// Which file an open descriptor or a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    device: (u32, u32),
    inode: u64,
}

impl Identity {
    fn of(descriptor: impl AsFd) -> io::Result<Self> {
        Ok(Self::found(&rustix::fs::statx(descriptor, "", AtFlags::EMPTY_PATH, StatxFlags::INO)?))
    }

    fn found(found: &rustix::fs::Statx) -> Self {
        Self { device: (found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino }
    }
}

/// Makes a directory. Its name is not durable yet.
pub(crate) fn create_directory(path: &Path) -> Result<()> {
    let doing = "create the directory of the store";
    call(path, Operation::CreateDirectory, doing, || std::fs::create_dir(path))
}

/// Removes an empty directory.
pub(crate) fn remove_directory(path: &Path) -> Result<()> {
    call(path, Operation::Remove, "remove the directory", || std::fs::remove_dir(path))
}

/// Forces the names in the directory at `path`, a store's parent, to the disk.
pub(crate) fn sync_directory_at(path: &Path) -> Result<()> {
    let sync = || File::open(path)?.sync_all();
    call(path, Operation::SyncDirectory, "sync the directory to disk", sync)
}

/// How often an interrupted call is made again. The limit makes a file system that
/// answers nothing else an error.
const INTERRUPTIONS_MAX: usize = 100;

/// Makes one call to the file system. `doing` is for its error, as in [`Error::io`].
pub(crate) fn call<T>(
    path: &Path,
    operation: Operation,
    doing: &str,
    mut make: impl FnMut() -> io::Result<T>,
) -> Result<T> {
    uninterrupted(|| announce(path, operation).and_then(|()| make()))
        .map_err(|error| Error::io(path, doing, error))
}

/// The standard library repeats some calls itself, without a limit.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..INTERRUPTIONS_MAX {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
    call()
}

#[cfg(not(test))]
#[inline]
pub(crate) fn announce(_path: &Path, _operation: Operation) -> io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
#[inline]
fn announce_write(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    announce(path, Operation::Write { offset, length: bytes.len() })
}

#[cfg(not(test))]
#[inline]
fn refuse_unreadable(_path: &Path, _offset: u64, _length: usize) -> io::Result<()> {
    Ok(())
}
