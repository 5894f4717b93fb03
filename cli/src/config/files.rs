//! The files of a configuration, and those that it names.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The files that are named; a directory stands for each `*.toml` in it, in order of the
/// names.
pub(super) fn listed(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let cannot = |error| format!("{}: cannot be read: {error}", path.display());
        let mut found = Vec::new();
        for entry in fs::read_dir(path).map_err(cannot)? {
            let file = entry.map_err(cannot)?.path();
            let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
            let is_toml = file.extension().is_some_and(|extension| extension == "toml");
            if is_toml && !file.file_name().is_some_and(is_hidden) {
                found.push(file);
            }
        }
        if found.is_empty() {
            return Err(format!("{}: there is no *.toml in this directory", path.display()));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// All of a regular file; a FIFO in its place would hold the program up.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file: File = opened.map_err(|error| error.to_string())?;
    if !file.metadata().map_err(|error| error.to_string())?.is_file() {
        return Err("it is not a regular file; name another".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it has more than {bytes_max} bytes; name another"));
    }
    Ok(bytes)
}

/// Whether a name may be that of a credential which only the service gets: there is no such
/// file, and systemd has handed over nothing.
pub(super) fn may_be_credential(name: &str, directory: &Path) -> bool {
    let is_given_none = env::var_os("CREDENTIALS_DIRECTORY").is_none();
    is_given_none && !name.contains('/') && !directory.join(name).exists()
}

/// Where a file is that a configuration in `directory` names: a bare name may be that of a
/// credential which systemd hands over.
pub(super) fn found(name: &str, directory: &Path) -> PathBuf {
    let credentials = env::var_os("CREDENTIALS_DIRECTORY").filter(|_| !name.contains('/'));
    let credential = credentials.map(|credentials| Path::new(&credentials).join(name));
    credential.filter(|path| path.exists()).unwrap_or_else(|| directory.join(name))
}
