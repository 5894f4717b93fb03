//! Where things are: the store of the service, and where its pictures go.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Exit;

/// The environment variable that names the store where `--log` does not.
const STORE_VARIABLE: &str = "SIMPLE_SERVICE_LOG";
/// The store's name beside the executable, where neither names it.
const STORE_NAME: &str = "service.log";
/// The volume from which the agent of the Golem VM fetches files.
const OUT_VOLUME: &str = "/golem/out";

/// The directory of the service's store, absolute: the one given, else the one that
/// the environment names, else `service.log` beside the executable.
pub(crate) fn store(given: Option<PathBuf>) -> Result<PathBuf, Exit> {
    let from_environment =
        || env::var_os(STORE_VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from);
    match given.or_else(from_environment) {
        Some(path) => absolute(&path),
        None => beside_executable(),
    }
}

fn beside_executable() -> Result<PathBuf, Exit> {
    let executable = env::current_exe().map_err(|error| {
        Exit::Error(format!(
            "cannot tell where this program lies: {error}; name the store with --log DIR"
        ))
    })?;
    Ok(executable.with_file_name(STORE_NAME))
}

/// The directory that pictures are written to, absolute: the one given, else the
/// agent's volume where there is one, else the current directory.
pub(crate) fn pictures(given: Option<PathBuf>) -> Result<PathBuf, Exit> {
    match given {
        Some(path) => absolute(&path),
        None if Path::new(OUT_VOLUME).is_dir() => Ok(PathBuf::from(OUT_VOLUME)),
        None => absolute(Path::new(".")),
    }
}

/// The same path from the root, without asking whether it exists.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Exit> {
    std::path::absolute(path).map_err(|error: io::Error| {
        Exit::Error(format!("cannot tell the current directory: {error}; name {path:?} in full"))
    })
}
