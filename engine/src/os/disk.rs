//! Every operation on the file system goes through these few functions, so that
//! the order of writes and syncs can be read in one place. [`call`] announces
//! each of them before it is made: a test can record it and make it fail.
//!
//! Files are opened relative to the directory's descriptor, without following
//! links and without waiting, and only regular files are opened. A link or a
//! FIFO with one of our names is an error.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, SeekFrom, StatxFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// What is about to be done to which file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateDirectory,
    Create,
    Write {
        offset: u64,
        length: usize,
    },
    Sync,
    /// Of `NAME.tmp` to `NAME`; the path is that of `NAME`.
    Rename,
    /// To the name with `.damaged` or `.aside` added; the path is the old one.
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
    /// Whether the disk may be another one afterwards.
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

/// A store's directory, held open. It needs no permission to list it.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    identity: Identity,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || Ok(rustix::fs::open(path, flags, Mode::empty())?);
        let descriptor = call(path, Operation::Open, open)
            .map_err(|error| Error::io(path, "open the directory", error))?;
        let identity = call(path, Operation::Look, || identity_of(&descriptor))
            .map_err(|error| Error::io(path, "look at the directory", error))?;
        Ok(Self { descriptor, path: path.to_owned(), identity })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether the path still leads to the directory that is open.
    pub(crate) fn is_named(&self) -> Result<bool> {
        let look = || {
            let found =
                rustix::fs::statx(rustix::fs::CWD, &self.path, AtFlags::empty(), StatxFlags::INO)?;
            Ok(identity(&found))
        };
        match call(&self.path, Operation::Look, look) {
            Ok(found) => Ok(found == self.identity),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(&self.path, "look at the directory", error)),
        }
    }

    /// Which file the name leads to; `None` where there is none.
    pub(crate) fn identity(&self, name: &str) -> Result<Option<Identity>> {
        Ok(self.look(name)?.map(|(identity, _)| identity))
    }

    /// Whether the name, and no other one, leads to that file.
    pub(crate) fn is_only_name(&self, name: &str, identity: Identity) -> Result<bool> {
        Ok(self.look(name)? == Some((identity, 1)))
    }

    fn look(&self, name: &str) -> Result<Option<(Identity, u32)>> {
        let path = self.file_path(name);
        let look = || {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let mask = StatxFlags::INO | StatxFlags::NLINK;
            let found = rustix::fs::statx(&self.descriptor, name, flags, mask)?;
            Ok((identity(&found), found.stx_nlink))
        };
        match call(&path, Operation::Look, look) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&path, "look for the file", error)),
        }
    }

    /// Opens a file for reading.
    pub(crate) fn open_file(&self, name: &str) -> Result<DiskFile> {
        self.open_as(name, OFlags::RDONLY, Operation::Open, "open the file")
    }

    /// Opens a file for reading and writing. Fails where the file has several names:
    /// what is written to it would show in the other place too.
    pub(crate) fn open_file_for_writing(&self, name: &str) -> Result<DiskFile> {
        self.open_as(name, OFlags::RDWR, Operation::OpenForWriting, "open the file for writing")
    }

    fn open_as(
        &self,
        name: &str,
        access: OFlags,
        operation: Operation,
        doing: &str,
    ) -> Result<DiskFile> {
        let path = self.file_path(name);
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let open = || Ok(rustix::fs::openat(&self.descriptor, name, flags, Mode::empty())?);
        let opened = call(&path, operation, open);
        let descriptor = match opened {
            Ok(descriptor) => descriptor,
            // A link, a socket, a directory that is to be written.
            Err(error)
                if [Errno::LOOP, Errno::NXIO, Errno::ISDIR]
                    .iter()
                    .any(|errno| error.raw_os_error() == Some(errno.raw_os_error())) =>
            {
                return Err(not_a_file(&path));
            }
            Err(error) => return Err(Error::io(&path, doing, error)),
        };
        let look = || {
            let mask = StatxFlags::TYPE | StatxFlags::SIZE | StatxFlags::INO | StatxFlags::NLINK;
            Ok(rustix::fs::statx(&descriptor, "", AtFlags::EMPTY_PATH, mask)?)
        };
        let found = call(&path, Operation::Size, look)
            .map_err(|error| Error::io(&path, "look at the file", error))?;
        if FileType::from_raw_mode(found.stx_mode.into()) != FileType::RegularFile {
            return Err(not_a_file(&path));
        }
        Ok(DiskFile {
            file: File::from(descriptor),
            path,
            identity: identity(&found),
            opened_with: found.stx_size,
            links: found.stx_nlink,
        })
    }

    /// Creates a file that must not be there yet.
    pub(crate) fn create_file(&self, name: &str) -> Result<DiskFile> {
        let path = self.file_path(name);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || {
            let mode = Mode::from_raw_mode(0o666);
            Ok(rustix::fs::openat(&self.descriptor, name, flags, mode)?)
        };
        let descriptor = call(&path, Operation::Create, open)
            .map_err(|error| Error::io(&path, "create the file", error))?;
        let identity = call(&path, Operation::Look, || identity_of(&descriptor))
            .map_err(|error| Error::io(&path, "look at the file", error))?;
        Ok(DiskFile { file: File::from(descriptor), path, identity, opened_with: 0, links: 1 })
    }

    /// Creates `name` whole: a reader, or the machine after a power cut, finds all of
    /// `content` under that name or what was there before. The name itself is durable
    /// only after [`Lock::sync_directory`](super::lock::Lock::sync_directory).
    pub(crate) fn replace_file(&self, name: &str, content: &[u8]) -> Result<DiskFile> {
        let temporary = format!("{name}.tmp");
        let written = self.write_new(&temporary, content).and_then(|file| {
            self.rename(name)?;
            Ok(DiskFile { path: self.file_path(name), ..file })
        });
        if written.is_err() {
            // The error to report is the first one; the next attempt removes a rest.
            drop(self.remove(&temporary));
        }
        written
    }

    /// Creates the file `name`, replacing a rest of an earlier attempt, and syncs it.
    pub(crate) fn write_new(&self, name: &str, content: &[u8]) -> Result<DiskFile> {
        let file = match self.create_file(name) {
            // Left by a process that was killed, perhaps after a sync of it had
            // failed: what is written there again may never reach the disk.
            Err(error) if error.is_already_there() => {
                self.remove(name)?;
                self.create_file(name)
            }
            created => created,
        }?;
        file.write(0, content)?;
        file.sync()?;
        Ok(file)
    }

    /// Renames `NAME.tmp` to `NAME`.
    pub(crate) fn rename(&self, name: &str) -> Result<()> {
        let (path, temporary) = (self.file_path(name), format!("{name}.tmp"));
        let rename = || {
            let directory = &self.descriptor;
            Ok(rustix::fs::renameat(directory, &temporary, directory, name)?)
        };
        call(&path, Operation::Rename, rename)
            .map_err(|error| Error::io(&path, "rename a new file to this name", error))
    }

    /// Renames a file to its name with a suffix; the file is kept, and no longer used.
    pub(crate) fn set_aside(&self, name: &str, suffix: &str) -> Result<()> {
        let (path, aside) = (self.file_path(name), format!("{name}{suffix}"));
        let rename = || {
            let directory = &self.descriptor;
            Ok(rustix::fs::renameat(directory, name, directory, &aside)?)
        };
        call(&path, Operation::SetAside, rename)
            .map_err(|error| Error::io(&path, "rename the file", error))
    }

    /// Removes a file that nothing refers to any more.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.file_path(name);
        let remove = || Ok(rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty())?);
        call(&path, Operation::Remove, remove)
            .map_err(|error| Error::io(&path, "remove the file", error))
    }

    /// The names in the directory, sorted. Needs the permission to list it.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let list = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let listed = rustix::fs::openat(&self.descriptor, ".", flags, Mode::empty())?;
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::new(listed)? {
                // A name that is not UTF-8 is none of ours.
                if let Ok(name) = entry?.file_name().to_str()
                    && !matches!(name, "." | "..")
                {
                    names.push(name.to_owned());
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        call(&self.path, Operation::List, list)
            .map_err(|error| Error::io(&self.path, "list the directory", error))
    }

    /// The directory, opened so that it can be locked and synced.
    pub(super) fn open_itself(&self) -> Result<File> {
        let open = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(rustix::fs::openat(&self.descriptor, ".", flags, Mode::empty())?)
        };
        call(&self.path, Operation::Open, open)
            .map(File::from)
            .map_err(|error| Error::io(&self.path, "open the directory", error))
    }
}

/// A file of a store, opened.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    path: PathBuf,
    identity: Identity,
    opened_with: u64,
    links: u32,
}

impl DiskFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The file's length in bytes when it was opened.
    pub(crate) fn opened_with(&self) -> u64 {
        self.opened_with
    }

    /// Whether the file has more than one name.
    pub(crate) fn has_other_names(&self) -> bool {
        self.links > 1
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The file's length in bytes now. Only the length is asked for: asking for the
    /// time of change makes the next sync dearer on kernels with multigrain
    /// timestamps, because the next write then changes the inode.
    pub(crate) fn len(&self) -> Result<u64> {
        let look = || {
            let flags = AtFlags::EMPTY_PATH;
            Ok(rustix::fs::statx(&self.file, "", flags, StatxFlags::SIZE)?.stx_size)
        };
        call(&self.path, Operation::Size, look)
            .map_err(|error| Error::io(&self.path, "read the size", error))
    }

    /// Writes all of `bytes` at `offset`, or fails after having written a part.
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

    /// Fills `into` from `offset`; fewer bytes only at the end of the file.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < into.len() {
            let at = offset.saturating_add(filled as u64);
            let read = || {
                refuse_unreadable(&self.path, at, into.len() - filled)?;
                self.file.read_at(&mut into[filled..], at)
            };
            match call(&self.path, Operation::Read, read) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) => return Err(Error::io(&self.path, "read", error).at(at)),
            }
        }
        Ok(filled)
    }

    /// Where the first byte at or after `offset` lies that is not in a hole of the
    /// file; `None` where there is none. A file system without holes has none.
    pub(crate) fn next_data(&self, offset: u64) -> Option<u64> {
        let seek = || Ok(rustix::fs::seek(&self.file, SeekFrom::Data(offset))?);
        match call(&self.path, Operation::Seek, seek) {
            Ok(at) => Some(at.max(offset)),
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => None,
            Err(_) => Some(offset),
        }
    }
}

/// Makes a directory, whose name is not durable yet.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    call(path, Operation::CreateDirectory, || std::fs::create_dir(path))
}

/// Forces the names in the directory at `path`, a store's parent, to the disk.
pub(crate) fn sync_directory_at(path: &Path) -> Result<()> {
    call(path, Operation::SyncDirectory, || File::open(path)?.sync_all())
        .map_err(|error| Error::io(path, "sync the directory to disk", error))
}

fn not_a_file(path: &Path) -> Error {
    Error::damaged(path, 0, "not a regular file; move it away")
}

fn identity_of(descriptor: impl AsFd) -> io::Result<Identity> {
    Ok(identity(&rustix::fs::statx(descriptor, "", AtFlags::EMPTY_PATH, StatxFlags::INO)?))
}

fn identity(found: &rustix::fs::Statx) -> Identity {
    Identity { device: (found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino }
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

#[cfg(not(test))]
#[inline]
fn refuse_unreadable(_path: &Path, _offset: u64, _length: usize) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use watch::announce;
#[cfg(test)]
use watch::{announce_write, refuse_unreadable};

/// How a test sees each operation before it happens, and may make it fail.
#[cfg(test)]
pub(crate) mod watch {
    use super::Operation;
    use std::cell::{Cell, RefCell};
    use std::io;
    use std::ops::Range;
    use std::path::{Path, PathBuf};

    /// Sees a file, what is to be done to it, and the bytes to be written.
    type Watcher = Box<dyn FnMut(&Path, Operation, &[u8]) -> io::Result<()>>;

    thread_local! {
        static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
        static IDENTITY: Cell<Option<u64>> = const { Cell::new(None) };
        static UNREADABLE: RefCell<Vec<(PathBuf, Range<u64>)>> = const { RefCell::new(Vec::new()) };
    }

    /// From here on this thread gets an I/O error for these bytes of files, where it
    /// reads by position.
    pub(crate) fn set_unreadable(places: Vec<(PathBuf, Range<u64>)>) {
        UNREADABLE.set(places);
    }

    pub(super) fn refuse_unreadable(path: &Path, offset: u64, length: usize) -> io::Result<()> {
        let end = offset + length as u64;
        let meets = |(file, bytes): &(PathBuf, Range<u64>)| {
            file == path && bytes.start < end && offset < bytes.end
        };
        if UNREADABLE.with_borrow(|places| places.iter().any(meets)) {
            return Err(io::Error::from_raw_os_error(5));
        }
        Ok(())
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

    /// Runs `work` with `watcher` seeing every operation of this thread.
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
