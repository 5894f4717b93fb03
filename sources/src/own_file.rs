//! Opening the files that programs keep in a store's directory next to the engine's.

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading. It must exist.
    Read,
    /// For reading, writing and locking. It is created if it does not exist.
    Write,
    /// For appending. It is created if it does not exist.
    Append,
}

/// Opens a file of a program. Anything may be at its path: a FIFO would block the
/// program, and writing through a link would change another file.
///
/// # Errors
/// The file system's, and [`io::ErrorKind::InvalidInput`] if the path leads to a link or
/// is not a regular file, or if a file to be written has a second name. The text names
/// the path.
pub fn open_own(path: impl AsRef<Path>, access: Access) -> io::Result<File> {
    let path = path.as_ref();
    let mut options = OpenOptions::new();
    match access {
        Access::Read => options.read(true),
        Access::Write => options.read(true).write(true).create(true).truncate(false),
        Access::Append => options.append(true).create(true),
    };
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match options.custom_flags(flags).open(path) {
        Err(error) if is_of_its_kind(&error) => {
            let found = fs::symlink_metadata(path).map_err(|_| named(path, &error))?;
            return Err(not_own(path, found.file_type()));
        }
        opened => opened.map_err(|error| named(path, &error))?,
    };
    let found = file.metadata().map_err(|error| named(path, &error))?;
    if !found.is_file() {
        return Err(not_own(path, found.file_type()));
    }
    if access != Access::Read && found.nlink() > 1 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{} has a second name (a hard link); remove it", path.display()),
        ));
    }
    Ok(file)
}

/// Refuses to replace anything that is not a file.
pub(crate) fn check_own(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => Err(not_own(path, found.file_type())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(path, &error)),
        _ => Ok(()),
    }
}

/// Whether it could not be opened because it is a link, a directory or a socket.
fn is_of_its_kind(error: &io::Error) -> bool {
    let kinds = [Errno::LOOP, Errno::ISDIR, Errno::NXIO];
    kinds.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

fn not_own(path: &Path, found: FileType) -> io::Error {
    let kind = match found {
        found if found.is_symlink() => "a symbolic link",
        found if found.is_dir() => "a directory",
        found if found.is_fifo() => "a FIFO",
        found if found.is_socket() => "a socket",
        _ => "a device",
    };
    let text = format!("{} is {kind}, not a regular file; remove or rename it", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

pub(crate) fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn only_a_regular_file_is_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("file"), "text").unwrap();
        symlink("file", at("link")).unwrap();
        symlink("none", at("dangling")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        mkfifoat(CWD, at("fifo"), Mode::from_raw_mode(0o600)).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for access in [Access::Read, Access::Write, Access::Append] {
            assert!(open_own(at("file"), access).is_ok());
            for (name, kind) in [
                ("link", "a symbolic link"),
                ("dangling", "a symbolic link"),
                ("directory", "a directory"),
                ("fifo", "a FIFO"),
                ("socket", "a socket"),
            ] {
                let error = open_own(at(name), access).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}");
                let text = error.to_string();
                assert!(text.contains(&format!("{name} is {kind}, not")), "{text}");
                assert!(check_own(&at(name)).is_err());
            }
        }
        assert!(check_own(&at("file")).is_ok() && check_own(&at("missing")).is_ok());
        assert!(!at("none").exists());
    }

    #[test]
    fn a_file_with_two_names_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("mine"), "text").unwrap();
        fs::hard_link(at("mine"), at("own")).unwrap();
        assert!(open_own(at("own"), Access::Read).is_ok());
        for access in [Access::Write, Access::Append] {
            let text = open_own(at("own"), access).unwrap_err().to_string();
            assert!(text.contains("own has a second name"), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_created_where_it_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        let error = open_own(&missing, Access::Read).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("missing: "), "{error}");
        open_own(&missing, Access::Append).unwrap();
        assert!(missing.is_file());
    }
}
