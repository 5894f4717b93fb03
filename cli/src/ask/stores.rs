//! Which stores a command is about: each argument is a store, or a folder of stores.

use std::collections::{HashMap, HashSet};
use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use gaugelog::{ErrorKind, Store};
use gaugelog_sources::{escaped, without_secrets};

use crate::exit::Exit;
use crate::explain;
use crate::output::shown;

/// A store and what it is called where there are several.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

impl Named {
    fn of(path: PathBuf) -> Self {
        Self { name: name(&path), path }
    }
}

/// Why a path leads to no store.
#[derive(Debug)]
pub(crate) enum Absent {
    /// There is none.
    NoStore(gaugelog::Error),
    /// It is a folder that cannot be listed.
    Unlisted(PathBuf, io::Error),
}

impl Absent {
    /// In words; `name_another` says which path would do.
    pub(crate) fn explained(self, name_another: &str) -> Exit {
        match self {
            Self::NoStore(error) => Exit::Error(format!("{error}; {name_another}")),
            Self::Unlisted(folder, error) => {
                let way_out = explain::way_out_of_reading(&error);
                let way_out = way_out.map(|it| format!("; {it}")).unwrap_or_default();
                let folder = shown(&folder);
                Exit::Error(format!("{folder}: cannot list the folder: {error}{way_out}"))
            }
        }
    }
}

/// The stores that the command line names, in that order; those of a folder in the order
/// of their names. No two have the same name.
///
/// # Errors
/// [`Exit::Error`] for a path that leads to no store.
pub(crate) fn named(paths: &[PathBuf]) -> Result<Vec<Named>, Exit> {
    let mut all = as_directories(paths)?;
    tell_apart(&mut all);
    Ok(all)
}

/// The stores that there are now in a folder, which may have none yet.
///
/// # Errors
/// For a folder that cannot be listed, or is not there any more.
#[cfg(feature = "serve")]
pub(crate) fn now_in(folder: &Path) -> Result<Vec<Named>, Absent> {
    let paths = match within(folder) {
        Err(Absent::NoStore(_)) if folder.is_dir() => Vec::new(),
        found => found?,
    };
    let mut all: Vec<Named> = paths.into_iter().map(Named::of).collect();
    tell_apart(&mut all);
    Ok(all)
}

/// As [`named`], each with the name of its directory, whatever the others are.
///
/// # Errors
/// [`Exit::Error`] for a path that leads to no store.
pub(crate) fn as_directories(paths: &[PathBuf]) -> Result<Vec<Named>, Exit> {
    let mut all = Vec::new();
    for path in paths {
        all.extend(at(path)?.into_iter().map(Named::of));
    }
    Ok(all)
}

/// The stores that a path leads to: itself, or those in there.
///
/// # Errors
/// [`Exit::Error`] where there is none.
pub(crate) fn at(path: &Path) -> Result<Vec<PathBuf>, Exit> {
    within(path).map_err(|absent| {
        // There may be a password in it.
        if let Some(address) = path.to_str().filter(|path| path.contains("://")) {
            let shown = without_secrets(address);
            return Exit::Error(format!(
                "{}: this is an address, and no store; name the directory of a store",
                escaped(&shown)
            ));
        }
        absent.explained("name the directory of a store, or a folder with stores in it")
    })
}

/// The store at `path`, or the stores in there, in order of their names. A store that
/// cannot be read is one all the same, also without its manifest.
///
/// # Errors
/// Where there is none, or the folder cannot be listed.
pub(crate) fn within(path: &Path) -> Result<Vec<PathBuf>, Absent> {
    let Some(refused) = why_no_store(path) else { return Ok(vec![path.to_owned()]) };
    let stores = match fs::read_dir(path) {
        Ok(entries) => stores_among(entries),
        Err(error) if is_no_folder(&error) => return Err(Absent::NoStore(refused)),
        Err(error) => Err(error),
    };
    let mut stores = stores.map_err(|error| Absent::Unlisted(path.to_owned(), error))?;
    stores.sort();
    match stores.is_empty() {
        false => Ok(stores),
        true if has_files_of_one(path) => Ok(vec![path.to_owned()]),
        true => Err(Absent::NoStore(refused)),
    }
}

fn stores_among(entries: ReadDir) -> io::Result<Vec<PathBuf>> {
    let mut stores = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A file system's own, which only root may look into.
        if entry.file_name() == "lost+found" {
            continue;
        }
        let path = entry.path();
        if why_no_store(&path).is_none() || has_files_of_one(&path) {
            stores.push(path);
        }
    }
    Ok(stores)
}

fn why_no_store(path: &Path) -> Option<gaugelog::Error> {
    let is_none = |error: &gaugelog::Error| {
        matches!(error.kind(), ErrorKind::NotAStore | ErrorKind::NotFound)
    };
    Store::open_read_only(path).err().filter(is_none)
}

/// Whether something in a directory without a manifest belongs to a store, as far as it can
/// be listed.
fn has_files_of_one(path: &Path) -> bool {
    Store::has_files(path).is_ok_and(|has_files| has_files)
}

fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Puts the name of the folder before names that several stores of different folders have,
/// and a number behind those that are still the same.
fn tell_apart(all: &mut [Named]) {
    let mut folders: HashMap<String, HashSet<String>> = HashMap::new();
    for store in &*all {
        folders.entry(store.name.clone()).or_default().insert(folder(&store.path));
    }
    let mut taken = HashSet::new();
    for Named { name, path } in all {
        if folders.get(name).is_some_and(|its| its.len() > 1) {
            *name = format!("{}/{name}", folder(path));
        }
        let wanted = name.clone();
        let mut number = 1;
        while !taken.insert(name.clone()) {
            number += 1;
            *name = format!("{wanted} ({number})");
        }
    }
}

/// The name of the folder that a store is in.
fn folder(store: &Path) -> String {
    let whole = store.file_name().is_none().then(|| fs::canonicalize(store).ok()).flatten();
    let store = whole.as_deref().unwrap_or(store);
    let above = store.parent().filter(|above| !above.as_os_str().is_empty());
    name(above.unwrap_or(Path::new(".")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_of_one_name_are_told_apart() {
        let told_apart = |paths: &[&str]| {
            let mut all: Vec<Named> = paths.iter().map(|path| Named::of(path.into())).collect();
            tell_apart(&mut all);
            all.into_iter().map(|store| store.name).collect::<Vec<_>>()
        };
        assert_eq!(told_apart(&["a/temp", "b/hall"]), ["temp", "hall"]);
        assert_eq!(told_apart(&["a/temp", "b/hall", "b/temp"]), ["a/temp", "hall", "b/temp"]);
        assert_eq!(told_apart(&["a/temp", "c/a/temp"]), ["temp", "temp (2)"]);
        let three = ["a/temp", "b/temp", "c/a/temp"];
        assert_eq!(told_apart(&three), ["a/temp", "b/temp", "a/temp (2)"]);
        let taken = ["a/temp", "a/temp (2)", "a/temp"];
        assert_eq!(told_apart(&taken), ["temp", "temp (2)", "temp (3)"]);
    }

    #[test]
    fn a_path_without_a_name_is_in_the_folder_that_holds_it() {
        let here = fs::canonicalize(".").unwrap();
        assert_eq!(folder(Path::new(".")), name(here.parent().unwrap()));
    }
}
