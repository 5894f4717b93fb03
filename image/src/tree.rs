//! The files of an image, in the order of their paths.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::Result;

/// What is at a path. All of it belongs to root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A directory with these permissions.
    Directory(u16),
    /// A file with these permissions and bytes.
    File(u16, Vec<u8>),
}

/// Entries by path, relative to the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

impl Tree {
    /// Adds a directory, and those above it.
    pub fn directory(&mut self, path: impl AsRef<Path>, permissions: u16) {
        self.above(path.as_ref());
        self.0.insert(path.as_ref().to_owned(), Entry::Directory(permissions));
    }

    /// Adds a file, and the directories above it.
    pub fn file(&mut self, path: impl AsRef<Path>, permissions: u16, bytes: Vec<u8>) {
        self.above(path.as_ref());
        self.0.insert(path.as_ref().to_owned(), Entry::File(permissions, bytes));
    }

    fn above(&mut self, path: &Path) {
        for parent in path.ancestors().skip(1).filter(|parent| *parent != Path::new("")) {
            self.0.entry(parent.to_owned()).or_insert(Entry::Directory(0o755));
        }
    }

    /// Each directory comes before its content.
    pub fn entries(&self) -> impl Iterator<Item = (&Path, &Entry)> {
        self.0.iter().map(|(path, entry)| (path.as_path(), entry))
    }

    /// Writes the files under `root`, a directory that does not exist yet.
    ///
    /// # Errors
    ///
    /// If it exists, or the disk refuses.
    pub fn write_to(&self, root: &Path) -> Result<()> {
        let failed = |path: &Path, error: io::Error| format!("cannot write {path:?}: {error}");
        fs::create_dir(root).map_err(|error| failed(root, error))?;
        for (path, entry) in self.entries() {
            let path = root.join(path);
            let (done, permissions) = match entry {
                Entry::Directory(permissions) => (fs::create_dir(&path), permissions),
                Entry::File(permissions, bytes) => (fs::write(&path, bytes), permissions),
            };
            done.and_then(|()| {
                // Not reduced by the caller's umask.
                fs::set_permissions(&path, Permissions::from_mode(u32::from(*permissions)))
            })
            .map_err(|error| failed(&path, error))?;
        }
        Ok(())
    }
}
