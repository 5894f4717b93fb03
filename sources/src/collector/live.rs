//! The place of a run's live state: in memory, where writing wears out no disk.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The file for something that a process keeps of a store, the same in every run. It lies
/// in memory, where writing wears nothing out. `None` if the machine has no directory for
/// such files.
pub fn live_file(store: &Path, what: &str) -> Option<PathBuf> {
    let found = fs::metadata(store).ok()?;
    let name = format!("{:x}-{:x}-{what}.json", found.dev(), found.ino());
    Some(runtime_directory(|name| env::var_os(name))?.join(name))
}

/// The directory of the service, of the user or of the system: the first that can be
/// written.
fn runtime_directory(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let variable = |name| variable(name).filter(|text| !text.is_empty());
    // systemd may name several, separated by colons.
    let service = variable("RUNTIME_DIRECTORY")
        .and_then(|names| env::split_paths(&names).next())
        .filter(|path| path.is_absolute());
    let user = variable("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let ours = |directory: PathBuf| directory.join("gaugelog");
    let shared = user.into_iter().chain([PathBuf::from("/run")]).map(ours);
    service.into_iter().chain(shared).find(|directory| is_usable(directory))
}

fn is_usable(directory: &Path) -> bool {
    let parent_is_there = directory.parent().is_some_and(Path::is_dir);
    if parent_is_there && !directory.exists() {
        let _ = DirBuilder::new().mode(0o755).create(directory);
    }
    directory.is_dir() && access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_directory_that_can_be_written_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let [service, user] = ["service", "user"].map(|name| dir.path().join(name));
        for path in [&service, &user] {
            fs::create_dir(path).unwrap();
        }
        let chosen = |service: &str, user: &Path| {
            runtime_directory(|name| match name {
                "RUNTIME_DIRECTORY" => Some(service.into()),
                "XDG_RUNTIME_DIR" => Some(user.into()),
                _ => None,
            })
        };
        let two = format!("{}:/nowhere", service.display());
        assert_eq!(chosen(&two, &user), Some(service));
        assert_eq!(chosen("", &user), Some(user.join("gaugelog")));
        assert_eq!(chosen("/nowhere/at/all", &user), Some(user.join("gaugelog")));
        assert_eq!(chosen("relative", &user), Some(user.join("gaugelog")));
        let system = chosen("", Path::new("/nowhere"));
        assert!(system.is_none_or(|path| path == Path::new("/run/gaugelog")));
    }
}
