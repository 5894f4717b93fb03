//! Which stores a command is about: each argument is a store, or a folder of stores.

use std::fs;
use std::path::{Path, PathBuf};

use gaugelog::{ErrorKind, Store};
use gaugelog_sources::{escaped, without_secrets};

use crate::exit::Exit;

/// A store and what it is called where there are several.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// The stores that the command line names, in that order; those of a folder in the order
/// of their names.
///
/// # Errors
/// [`Exit::Error`] for a path that leads to no store.
pub(crate) fn named(paths: &[PathBuf]) -> Result<Vec<Named>, Exit> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(at(path)?.into_iter().map(|path| Named { name: name(&path), path }));
    }
    Ok(all)
}

/// The stores that a path leads to: itself, or those in there.
///
/// # Errors
/// [`Exit::Error`] where there is none.
pub(crate) fn at(path: &Path) -> Result<Vec<PathBuf>, Exit> {
    within(path).map_err(|error| {
        // There may be a password in it.
        if let Some(address) = path.to_str().filter(|path| path.contains("://")) {
            let shown = without_secrets(address);
            return Exit::Error(format!(
                "{}: this is an address, and no store; name the directory of a store",
                escaped(&shown)
            ));
        }
        Exit::Error(format!(
            "{error}; name the directory of a store, or a folder with stores in it"
        ))
    })
}

/// The store at `path`, or the stores in there, in order of their names. A store that
/// cannot be read is one all the same.
///
/// # Errors
/// Where there is none.
pub(crate) fn within(path: &Path) -> gaugelog::Result<Vec<PathBuf>> {
    let Some(refused) = why_no_store(path) else { return Ok(vec![path.to_owned()]) };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let mut stores: Vec<PathBuf> = paths.filter(|path| why_no_store(path).is_none()).collect();
    stores.sort();
    if stores.is_empty() { Err(refused) } else { Ok(stores) }
}

fn why_no_store(path: &Path) -> Option<gaugelog::Error> {
    let is_none = |error: &gaugelog::Error| {
        matches!(error.kind(), ErrorKind::NotAStore | ErrorKind::NotFound)
    };
    Store::open_read_only(path).err().filter(is_none)
}

/// The series that a store is: the name of its directory, without `.log`.
pub(crate) fn series(name: &str) -> &str {
    name.strip_suffix(".log").filter(|series| !series.is_empty()).unwrap_or(name)
}

/// The last part of a path, also of `.`, as it may be printed.
pub(crate) fn name(path: &Path) -> String {
    let whole = path.file_name().is_none().then(|| fs::canonicalize(path).ok()).flatten();
    let path = whole.as_deref().unwrap_or(path);
    escaped(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).into_owned()
}
