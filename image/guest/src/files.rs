//! Operations on files for the host, since there is no shell.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Writes zeros to a new file until no space is left.
pub(crate) fn fill(path: &Path) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let zeros = vec![0; 1 << 20];
    let mut bytes = zeros.len();
    while bytes > 0 {
        match file.write(&zeros[..bytes]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::StorageFull => bytes /= 2,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Copies a file, or a directory and the files in it.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
