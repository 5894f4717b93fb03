//! Places for stores, reused by each input. `fuzz/run` puts them into memory (by TMPDIR)
//! and removes them afterwards.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The files of a store, by name. A name that ends in a slash is a directory. A name that
/// ends in `@` is a link to the file that its bytes name.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

thread_local! {
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

/// A directory. Dropping it removes it with all that is in it.
pub(crate) struct Place(PathBuf);

impl Place {
    /// An unused name.
    pub(crate) fn new() -> Self {
        let number = NUMBER.get();
        NUMBER.set(number + 1);
        let name = format!("gaugelog-fuzz-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    /// A directory that holds `files`.
    pub(crate) fn with(files: &Files) -> Self {
        let place = Self::new();
        fs::create_dir(&place.0).expect("a place that is free");
        for (name, bytes) in files {
            // Only one of the two is made if a file and a directory have the same name.
            drop(match (name.strip_suffix('/'), name.strip_suffix('@')) {
                (Some(name), _) => fs::create_dir(place.0.join(name)),
                (_, Some(name)) => {
                    symlink(String::from_utf8_lossy(bytes).as_ref(), place.0.join(name))
                }
                _ => fs::write(place.0.join(name), bytes),
            });
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The current content of its files.
    pub(crate) fn files(&self) -> Files {
        let entries = fs::read_dir(&self.0).expect("a directory");
        entries
            .map(|entry| {
                let entry = entry.expect("an entry");
                let name = entry.file_name().into_string().expect("a plain name");
                // A directory and a dangling link count as empty.
                (name, fs::read(entry.path()).unwrap_or_default())
            })
            .collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
