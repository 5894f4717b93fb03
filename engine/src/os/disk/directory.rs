//! A store's directory.
//!
//! Files are opened relative to its descriptor, without following links and without
//! waiting. Only regular files are opened: a link or a FIFO with one of our names is an
//! error.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::file::DiskFile;
use super::{Identity, Operation, call};
use crate::error::{Error, Result};

/// A store's directory, held open. No permission to list it is needed.
#[derive(Debug)]
pub(crate) struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    /// The working directory in which a relative path was opened.
    base: Option<OwnedFd>,
    identity: Identity,
}

impl Directory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || Ok(rustix::fs::open(path, flags, Mode::empty())?);
        let descriptor = call(path, Operation::Open, "open the directory", open)?;
        let look = || Identity::of(&descriptor);
        let identity = call(path, Operation::Look, "look at the directory", look)?;
        let open = || Ok(rustix::fs::open(".", flags, Mode::empty())?);
        let open = || call(path, Operation::Open, "open the working directory", open);
        let base = path.is_relative().then(open).transpose()?;
        Ok(Self { descriptor, path: path.to_owned(), base, identity })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether both are the same directory, under any name.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Whether the path still leads to the directory that is open.
    pub(crate) fn is_named(&self) -> Result<bool> {
        let look = || {
            let base = self.base.as_ref().map_or(rustix::fs::CWD, AsFd::as_fd);
            let found = rustix::fs::statx(base, &self.path, AtFlags::empty(), StatxFlags::INO)?;
            Ok(Identity::found(&found))
        };
        match call(&self.path, Operation::Look, "look at the directory", look) {
            Err(error) if error.is_not_found() => Ok(false),
            found => Ok(found? == self.identity),
        }
    }

    /// The file that the name leads to; `None` if there is none.
    pub(crate) fn identity(&self, name: &str) -> Result<Option<Identity>> {
        Ok(self.look(name)?.map(|(identity, _)| identity))
    }

    /// Whether the name leads to that file and is its only name.
    pub(crate) fn is_only_name(&self, name: &str, identity: Identity) -> Result<bool> {
        Ok(self.look(name)? == Some((identity, 1)))
    }

    fn look(&self, name: &str) -> Result<Option<(Identity, u32)>> {
        let path = self.file_path(name);
        let look = || {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let mask = StatxFlags::INO | StatxFlags::NLINK;
            let found = rustix::fs::statx(&self.descriptor, name, flags, mask)?;
            Ok((Identity::found(&found), found.stx_nlink))
        };
        match call(&path, Operation::Look, "look for the file", look) {
            Err(error) if error.is_not_found() => Ok(None),
            found => found.map(Some),
        }
    }

    /// Opens a file for reading.
    pub(crate) fn open_file(&self, name: &str) -> Result<DiskFile> {
        self.open_as(name, OFlags::RDONLY, Operation::Open, "open the file")
    }

    /// Opens a file for reading and writing.
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
        let descriptor =
            call(&path, operation, doing, open).map_err(|error| match error.errno() {
                // A link, a socket, or a directory in place of a file to be written.
                Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => not_a_file(&path),
                _ => error,
            })?;
        let look = || {
            let mask = StatxFlags::TYPE | StatxFlags::SIZE | StatxFlags::INO | StatxFlags::NLINK;
            Ok(rustix::fs::statx(&descriptor, "", AtFlags::EMPTY_PATH, mask)?)
        };
        let found = call(&path, Operation::Size, "look at the file", look)?;
        if FileType::from_raw_mode(found.stx_mode.into()) != FileType::RegularFile {
            return Err(not_a_file(&path));
        }
        Ok(DiskFile {
            file: File::from(descriptor),
            path,
            identity: Identity::found(&found),
            opened_with: found.stx_size,
            links: found.stx_nlink,
        })
    }

    /// Creates a file that must not exist yet.
    pub(crate) fn create_file(&self, name: &str) -> Result<DiskFile> {
        let path = self.file_path(name);
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = || {
            let mode = Mode::from_raw_mode(0o666);
            Ok(rustix::fs::openat(&self.descriptor, name, flags, mode)?)
        };
        let descriptor = call(&path, Operation::Create, "create the file", open)?;
        let look = || Identity::of(&descriptor);
        let identity = call(&path, Operation::Look, "look at the file", look)?;
        Ok(DiskFile { file: File::from(descriptor), path, identity, opened_with: 0, links: 1 })
    }

    /// Creates the file `name` whole: a reader, or the machine after a power cut, finds
    /// either all of `content` under that name or what was there before. The name itself
    /// is durable only after
    /// [`Lock::sync_directory`](crate::os::lock::Lock::sync_directory).
    pub(crate) fn replace_file(&self, name: &str, content: &[u8]) -> Result<DiskFile> {
        let temporary = format!("{name}.tmp");
        let written = self.write_new(&temporary, content).and_then(|file| {
            self.rename(name)?;
            Ok(DiskFile { path: self.file_path(name), ..file })
        });
        // The first error is the one to report. The next attempt removes what is left.
        written.inspect_err(|_| drop(self.remove(&temporary)))
    }

    /// Creates and syncs the file `name`, replacing what an earlier attempt left.
    pub(crate) fn write_new(&self, name: &str, content: &[u8]) -> Result<DiskFile> {
        let file = self.write_unsynced(name, content)?;
        file.sync()?;
        Ok(file)
    }

    /// As [`write_new`](Self::write_new), without the sync.
    pub(crate) fn write_unsynced(&self, name: &str, content: &[u8]) -> Result<DiskFile> {
        let file = match self.create_file(name) {
            // Left by a process that was killed, perhaps after a sync of the file failed.
            // Bytes written to it again may never reach the disk.
            Err(error) if error.is_already_there() => {
                self.remove(name)?;
                self.create_file(name)
            }
            created => created,
        }?;
        file.write(0, content)?;
        Ok(file)
    }

    /// Renames `NAME.tmp` to `NAME`.
    pub(crate) fn rename(&self, name: &str) -> Result<()> {
        let (path, temporary) = (self.file_path(name), format!("{name}.tmp"));
        let rename = || {
            let directory = &self.descriptor;
            Ok(rustix::fs::renameat(directory, &temporary, directory, name)?)
        };
        call(&path, Operation::Rename, "rename a new file to this name", rename)
    }

    /// Adds a suffix to a file's name. The file is kept, and no longer used.
    pub(crate) fn set_aside(&self, name: &str, suffix: &str) -> Result<()> {
        let (path, mut aside) = (self.file_path(name), format!("{name}{suffix}"));
        // An earlier file is kept too.
        while self.identity(&aside)?.is_some() {
            aside.push_str(suffix);
        }
        let rename = || {
            let directory = &self.descriptor;
            Ok(rustix::fs::renameat(directory, name, directory, &aside)?)
        };
        call(&path, Operation::SetAside, "rename the file", rename)
    }

    /// Removes a file that is no longer needed, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.file_path(name);
        let remove = || Ok(rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty())?);
        match call(&path, Operation::Remove, "remove the file", remove) {
            Err(error) if error.is_not_found() => Ok(()),
            removed => removed,
        }
    }

    /// The names in the directory, sorted. Needs permission to list it.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let list = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let listed = rustix::fs::openat(&self.descriptor, ".", flags, Mode::empty())?;
            let mut names = Vec::new();
            for entry in rustix::fs::Dir::new(listed)? {
                // All of our names are UTF-8.
                if let Ok(name) = entry?.file_name().to_str()
                    && !matches!(name, "." | "..")
                {
                    names.push(name.to_owned());
                }
            }
            names.sort_unstable();
            Ok(names)
        };
        call(&self.path, Operation::List, "list the directory", list)
    }

    /// The directory, opened so that it can be locked and synced.
    pub(in crate::os) fn open_itself(&self) -> Result<File> {
        let open = || {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            Ok(rustix::fs::openat(&self.descriptor, ".", flags, Mode::empty())?)
        };
        call(&self.path, Operation::Open, "open the directory", open).map(File::from)
    }
}

fn not_a_file(path: &Path) -> Error {
    Error::damaged(path, 0, "not a regular file; move it away")
}
