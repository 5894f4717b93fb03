//! A picture becomes a file: under a new name, whole or not at all.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tempfile::{Builder, NamedTempFile};

/// Names that are tried before giving up.
const NAMES_MAX: u32 = 10_000;

/// The name of a picture drawn at a time, without its ending:
/// `time-20210601T120000Z`.
#[must_use]
pub fn stem(kind: &str, drawn_at: Timestamp) -> String {
    format!("{kind}-{}", drawn_at.strftime("%Y%m%dT%H%M%SZ"))
}

/// Writes a picture to a new file in `dir`: `stem.png`, or `stem-2.png` and so
/// on where names are taken. Readable by all that the umask allows.
///
/// The bytes are on disk before the name appears, no file is ever overwritten
/// (however many processes write at once), and after an error nothing is left.
///
/// # Errors
///
/// What the file system answered: no such directory, no permission, disk full.
pub fn write_new(dir: &Path, stem: &str, png: &[u8]) -> io::Result<PathBuf> {
    // A temporary file is its owner's alone by default.
    let readable = Permissions::from_mode(0o644);
    let mut file = Builder::new()
        .prefix(".plot-")
        .suffix(".png.part")
        .permissions(readable)
        .tempfile_in(dir)?;
    file.write_all(png)?;
    file.as_file().sync_all()?;
    for number in 1..=NAMES_MAX {
        let name = match number {
            1 => format!("{stem}.png"),
            n => format!("{stem}-{n}.png"),
        };
        let path = dir.join(&name);
        match publish(file, dir, &name) {
            Ok(()) => return Ok(path),
            Err((error, unpublished)) if error.kind() == ErrorKind::AlreadyExists => {
                file = unpublished;
            }
            Err((error, _)) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("all names {stem}-N.png are taken")))
}

type Unpublished = (io::Error, NamedTempFile);

/// Gives the file its name unless that is taken.
fn publish(file: NamedTempFile, dir: &Path, name: &str) -> Result<(), Unpublished> {
    match file.persist_noclobber(dir.join(name)) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
            Err((failed.error, failed.file))
        }
        // 9p knows neither a rename that refuses to replace nor, from some
        // servers, hard links.
        Err(failed) => publish_claimed(failed.file, dir, name),
    }
}

/// The same with nothing but exclusive creation and a plain rename: whoever
/// holds the claim on a name may take it. A claim that a killed process left
/// behind costs one name.
fn publish_claimed(file: NamedTempFile, dir: &Path, name: &str) -> Result<(), Unpublished> {
    let claim =
        Builder::new().prefix(&format!(".{name}")).suffix(".claim").rand_bytes(0).tempfile_in(dir);
    let _claim = match claim {
        Ok(claim) => claim,
        Err(error) => return Err((error, file)),
    };
    match dir.join(name).symlink_metadata() {
        Ok(_) => Err((ErrorKind::AlreadyExists.into(), file)),
        Err(error) if error.kind() == ErrorKind::NotFound => match file.persist(dir.join(name)) {
            Ok(_) => Ok(()),
            Err(failed) => Err((failed.error, failed.file)),
        },
        Err(error) => Err((error, file)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn names(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).expect("listed");
        entries.map(|e| e.expect("entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_picture_is_named_by_the_second_it_was_drawn() {
        let noon = Timestamp::from_second(1_622_548_800).expect("a time");
        assert_eq!(stem("time", noon), "time-20210601T120000Z");
    }

    #[test]
    fn every_picture_has_a_new_name() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("dist-2.png"), "a stranger's").expect("written");
        for (content, name) in [("a", "dist.png"), ("b", "dist-3.png"), ("c", "dist-4.png")] {
            let path = write_new(dir.path(), "dist", content.as_bytes()).expect("written");
            assert_eq!(path, dir.path().join(name));
            assert_eq!(fs::read_to_string(path).expect("read"), content);
        }
        let stranger = fs::read_to_string(dir.path().join("dist-2.png")).expect("read");
        assert_eq!((stranger.as_str(), names(dir.path()).len()), ("a stranger's", 4));
    }

    #[test]
    fn many_writers_at_once_never_share_a_name() {
        let dir = tempfile::tempdir().expect("a directory");
        let writer = |i: u8| write_new(dir.path(), "time", &[i; 1000]).expect("written");
        let paths: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16).map(|i| scope.spawn(move || (i, writer(i)))).collect();
            threads.into_iter().map(|t| t.join().expect("joined")).collect()
        });
        for (i, path) in &paths {
            assert_eq!(fs::read(path).expect("read"), [*i; 1000]);
        }
        assert_eq!(names(dir.path()).len(), 16);
    }

    #[test]
    fn claims_work_where_links_and_careful_renames_do_not() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = |content: &str| {
            let mut file = NamedTempFile::new_in(dir.path()).expect("a file");
            file.write_all(content.as_bytes()).expect("written");
            file
        };
        assert!(publish_claimed(file("first"), dir.path(), "p.png").is_ok());
        let (error, _) = publish_claimed(file("second"), dir.path(), "p.png").expect_err("taken");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        fs::write(dir.path().join(".q.png.claim"), "").expect("a claim of another process");
        let (error, _) = publish_claimed(file("third"), dir.path(), "q.png").expect_err("claimed");
        assert_eq!(error.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(dir.path().join("p.png")).expect("read"), "first");
        let left: Vec<_> = names(dir.path()).into_iter().collect();
        assert_eq!(left, [".q.png.claim", "p.png"]);
    }

    #[test]
    fn others_may_read_a_picture() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = write_new(dir.path(), "time", b"png").expect("written");
        let plain = dir.path().join("plain");
        fs::write(&plain, "").expect("written");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        // What any program's new file gets: 0666 less the umask.
        assert_eq!(mode(&path), mode(&plain) & 0o644);
    }

    #[test]
    fn an_error_leaves_nothing_behind() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = dir.path().join("missing");
        let error = write_new(&missing, "time", b"png").expect_err("no such directory");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let long = "x".repeat(300);
        write_new(dir.path(), &long, b"png").expect_err("a name too long");
        assert!(names(dir.path()).is_empty());
    }
}
