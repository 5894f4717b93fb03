//! Every operation that changes the disk goes through these few functions, so
//! that the order of writes and syncs can be read in one place. Every call to
//! the file system, those that only read included, is made by [`call`], which
//! announces it before, so that a test can record it and make it fail.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What is about to be done to which file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateDirectory,
    Create,
    Write { offset: u64, length: usize },
    Sync,
    Rename,
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
    /// Whether the disk may be another one behind it.
    pub(crate) fn changes_the_disk(self) -> bool {
        use Operation::{Create, CreateDirectory, Remove, Rename, Sync, SyncDirectory, Write};
        matches!(
            self,
            CreateDirectory | Create | Write { .. } | Sync | Rename | Remove | SyncDirectory
        )
    }
}

/// A file opened for writing by position.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    path: PathBuf,
}

impl DiskFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let open = || OpenOptions::new().read(true).write(true).open(path);
        call(path, Operation::OpenForWriting, open)
            .map(|file| Self { file, path: path.to_owned() })
            .map_err(|error| Error::io(path, "open the file for writing", error))
    }

    /// Opens a derived file, which may not be there yet.
    pub(crate) fn open_derived(path: &Path) -> Result<Self> {
        let open =
            || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        call(path, Operation::Create, open)
            .map(|file| Self { file, path: path.to_owned() })
            .map_err(|error| Error::io(path, "open the file for writing", error))
    }

    /// Writes all of `bytes` at `offset`, or fails having written a part.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let write = || {
            announce_write(&self.path, offset, bytes)
                .and_then(|()| self.file.write_all_at(bytes, offset))
        };
        uninterrupted(write).map_err(|error| Error::io(&self.path, "write", error).at(offset))
    }

    /// Forces what was written, and the length, to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        call(&self.path, Operation::Sync, || self.file.sync_data())
            .map_err(|error| Error::io(&self.path, "sync to disk", error))
    }

    /// The file's length in bytes now.
    pub(crate) fn len(&self) -> Result<u64> {
        call(&self.path, Operation::Size, || self.file.metadata())
            .map(|metadata| metadata.len())
            .map_err(|error| Error::io(&self.path, "read the size", error))
    }
}

/// Creates `name` in `directory` whole: a reader, or a machine after a power
/// cut, finds all of `content` under that name or nothing. Replaces an older
/// file of the name. The writers' lock is held, so the temporary name is free.
/// After an error the file may be there, but nobody knows whether for good.
pub(crate) fn create_whole(directory: &Path, name: &str, content: &[u8]) -> Result<()> {
    replace(directory, name, content, true)?;
    sync_directory(directory)
}

/// As [`create_whole`], for a file that can be made again from others: nothing
/// waits for the disk.
pub(crate) fn replace_derived(directory: &Path, name: &str, content: &[u8]) -> Result<()> {
    replace(directory, name, content, false)
}

fn replace(directory: &Path, name: &str, content: &[u8], synced: bool) -> Result<()> {
    let target = directory.join(name);
    let temporary = directory.join(format!("{name}.tmp"));
    let written = write_new(&temporary, content, synced).and_then(|()| {
        call(&target, Operation::Rename, || std::fs::rename(&temporary, &target))
            .map_err(|error| Error::io(&target, "rename a new file to this name", error))
    });
    if written.is_err() {
        // The error to tell is the one that made us stop; a left-over temporary
        // file is removed by the next attempt.
        drop(remove(&temporary));
    }
    written
}

fn write_new(path: &Path, content: &[u8], synced: bool) -> Result<()> {
    let create = || {
        let open = || OpenOptions::new().read(true).write(true).create_new(true).open(path);
        call(path, Operation::Create, open)
    };
    let file = match create() {
        // Left over by a process that was killed, perhaps because a sync of it had
        // failed: what is written there again may never reach the disk (rule 3).
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            remove(path)?;
            create()
        }
        created => created,
    };
    let file = file.map_err(|error| Error::io(path, "create the file", error))?;
    let file = DiskFile { file, path: path.to_owned() };
    file.write(0, content)?;
    if synced { file.sync() } else { Ok(()) }
}

/// Removes a file that nothing refers to any more.
pub(crate) fn remove(path: &Path) -> Result<()> {
    call(path, Operation::Remove, || std::fs::remove_file(path))
        .map_err(|error| Error::io(path, "remove the file", error))
}

/// Forces the names in `directory` to the disk.
pub(crate) fn sync_directory(directory: &Path) -> Result<()> {
    call(directory, Operation::SyncDirectory, || File::open(directory)?.sync_all())
        .map_err(|error| Error::io(directory, "sync the directory to disk", error))
}

/// Whether the directory lists anything under this name.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    match call(path, Operation::Look, || path.symlink_metadata()) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(Error::io(path, "look for the file", error)),
    }
}

/// Whether the directory lists a link under this name.
pub(crate) fn is_link(path: &Path) -> bool {
    announce(path, Operation::Look).is_ok_and(|()| path.is_symlink())
}

/// Makes a directory, whose name is not durable yet.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    call(path, Operation::CreateDirectory, || std::fs::create_dir(path))
}

/// A call that a signal interrupts is made again; not without end, so that a
/// file system that answers nothing else is an error.
const INTERRUPTIONS_MAX: usize = 100;

/// Makes one call to the file system.
pub(crate) fn call<T>(
    path: &Path,
    operation: Operation,
    mut make: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    uninterrupted(|| announce(path, operation).and_then(|()| make()))
}

/// The standard library does so for some calls, and without end.
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

#[cfg(test)]
pub(crate) use watch::announce;
#[cfg(test)]
use watch::announce_write;

/// How a test sees each operation before it happens, and may make it fail.
#[cfg(test)]
pub(crate) mod watch {
    use super::Operation;
    use std::cell::{Cell, RefCell};
    use std::io;
    use std::path::Path;

    /// Is told of a file, what is to be done to it, and the bytes to be written.
    type Watcher = Box<dyn FnMut(&Path, Operation, &[u8]) -> io::Result<()>>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
        static IDENTITY: Cell<Option<u64>> = const { Cell::new(None) };
    }

    pub(crate) fn announce(path: &Path, operation: Operation) -> io::Result<()> {
        tell(path, operation, &[])
    }

    pub(super) fn announce_write(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        tell(path, Operation::Write { offset, length: bytes.len() }, bytes)
    }

    fn tell(path: &Path, operation: Operation, bytes: &[u8]) -> io::Result<()> {
        // Taken out while it runs, so that a watcher may itself use the disk.
        let Some(mut watcher) = WATCHER.take() else { return Ok(()) };
        let verdict = watcher(path, operation, bytes);
        WATCHER.set(Some(watcher));
        verdict
    }

    /// Runs `work` with `watcher` told of every operation of this thread.
    pub(crate) fn with<T>(
        watcher: impl FnMut(&Path, Operation, &[u8]) -> io::Result<()> + 'static,
        work: impl FnOnce() -> T,
    ) -> T {
        WATCHER.set(Some(Box::new(watcher)));
        let result = work();
        WATCHER.set(None);
        result
    }

    /// From here on, segments begun by this thread have identities that are
    /// counted on from this one, so that a run can be repeated byte for byte.
    pub(crate) fn count_identities_from(first: u64) {
        IDENTITY.set(Some(first));
    }

    pub(crate) fn next_identity() -> Option<u64> {
        let identity = IDENTITY.get()?;
        IDENTITY.set(Some(identity + 1));
        Some(identity)
    }
}
