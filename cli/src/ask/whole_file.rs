//! A file that appears whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::Builder;

use crate::exit::Exit;
use crate::explain::way_out_of_io;

/// Writes a file beside its place and moves it there when it is whole and on the disk. What
/// a link leads to is replaced, and not the link; a file that is replaced hands its
/// permissions on. A device or a pipe is written to.
/// `write` gets the file, and what makes an error of writing to it into words.
///
/// # Errors
/// Those of `write` and of the file system.
pub(super) fn write(
    path: &Path,
    write: impl FnOnce(&mut File, &dyn Fn(&io::Error) -> Exit) -> Result<(), Exit>,
) -> Result<(), Exit> {
    let refused = |error: &io::Error| {
        let way_out = way_out_of_io(error).unwrap_or("name another file with --output FILE");
        Exit::Error(format!("{}: cannot write the file: {error}; {way_out}", path.display()))
    };
    if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        let mut file = File::options().write(true).open(path).map_err(|error| refused(&error))?;
        return write(&mut file, &refused);
    }
    let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    let replaced = fs::metadata(&place).ok().map(|found| found.permissions());
    // A temporary file is its owner's alone by default.
    let mode = if replaced.is_some() { 0o600 } else { 0o666 };
    // Known by its name if the program is killed and it stays.
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    // A name has at most 255 bytes.
    let name: String = name.chars().take(50).collect();
    let file = Builder::new()
        .prefix(&format!(".{name}-"))
        .suffix(".part")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder.unwrap_or(Path::new(".")));
    let mut file = file.map_err(|error| refused(&error))?;
    write(file.as_file_mut(), &refused)?;
    if let Some(permissions) = replaced {
        file.as_file().set_permissions(permissions).map_err(|error| refused(&error))?;
    }
    file.as_file().sync_all().map_err(|error| refused(&error))?;
    file.persist(&place).map_err(|failure| refused(&failure.error))?;
    Ok(())
}
