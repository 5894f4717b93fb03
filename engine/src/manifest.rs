//! The manifest. Every reader and writer reads it first, and the holder of the lock
//! replaces it whole.

use crate::error::{Damage, Error, ErrorKind, Result};
use crate::format::names::{BALLAST, MANIFEST};
use crate::format::record::{Invalid, MANIFEST_BYTES, RECORD_BYTES, Record, VERSION};
use crate::os::disk::{Directory, DiskFile};
use crate::os::lock::Lock;

/// A manifest, as read.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) record: Record,
    /// Kept open so that its inode is not reused: a later manifest has another one.
    file: DiskFile,
    /// Damage if one of its two copies is corrupt, or if bytes follow them.
    pub(crate) damage: Option<Damage>,
}

impl Manifest {
    /// Whether it is still the store's manifest.
    pub(crate) fn is_current(&self, directory: &Directory) -> Result<bool> {
        Ok(directory.identity(MANIFEST)? == Some(self.file.identity()))
    }
}

/// Reads the manifest of the store in `directory`.
///
/// # Errors
/// [`ErrorKind::NotAStore`] if there is none, [`ErrorKind::Version`],
/// [`ErrorKind::Damaged`] if both copies are corrupt, [`ErrorKind::Io`].
pub(crate) fn read(directory: &Directory) -> Result<Manifest> {
    let file = directory.open_file(MANIFEST).map_err(|error| {
        if error.is_not_found() {
            let detail = "the directory holds no manifest, so it is not a store; \
                          if it was one, `gaugelog repair` makes the manifest again";
            Error::new(ErrorKind::NotAStore, directory.path(), detail)
        } else {
            error
        }
    })?;
    let copy = |offset: usize| file.readable(offset as u64, RECORD_BYTES);
    let (first, second) = (copy(0)?, copy(RECORD_BYTES)?);
    let decoded = decode(&first);
    let second = if first == second { decoded.clone() } else { decode(&second) };
    let (record, damage) = match (decoded, second) {
        (Ok(first), Ok(second)) if first == second => {
            let longer = file.opened_with() > MANIFEST_BYTES as u64;
            let detail = "bytes follow the manifest that are no part of it";
            (first, longer.then(|| damage(&file, MANIFEST_BYTES, detail.into())))
        }
        (Ok(_), Ok(_)) => {
            let detail = "the manifest's two copies differ; `gaugelog repair` makes it again";
            return Err(Error::damaged(file.path(), RECORD_BYTES as u64, detail));
        }
        (Ok(record), Err(invalid)) => {
            (record, Some(damage(&file, RECORD_BYTES, words(invalid, "second"))))
        }
        (Err(invalid), Ok(record)) => (record, Some(damage(&file, 0, words(invalid, "first")))),
        (Err(Invalid::Version(version)), Err(_)) | (Err(_), Err(Invalid::Version(version))) => {
            let detail = format!("format {version} is not one that this version reads ({VERSION})");
            return Err(Error::new(ErrorKind::Version, file.path(), detail));
        }
        (Err(_), Err(_)) => {
            let detail = "both copies of the manifest are corrupt; \
                          `gaugelog repair` makes it again from the other files";
            return Err(Error::damaged(file.path(), 0, detail));
        }
    };
    Ok(Manifest { record, file, damage })
}

/// Unreadable bytes count as corrupt.
fn decode(copy: &Option<Vec<u8>>) -> std::result::Result<Record, Invalid> {
    copy.as_deref().map_or(Err(Invalid::Checksum), Record::decode)
}

fn damage(file: &DiskFile, offset: usize, detail: String) -> Damage {
    Damage { path: file.path().to_owned(), offset: offset as u64, lost: 0..0, detail }
}

fn words(invalid: Invalid, which: &str) -> String {
    let what = match invalid {
        Invalid::Magic => "is missing",
        Invalid::Version(_) => "is of another version",
        Invalid::Checksum => "does not match its checksum",
        Invalid::Fields => "contradicts itself",
    };
    format!("the {which} copy of the manifest {what}; the other one is whole")
}

/// Replaces the manifest. All that `record` lists is synced already. When this returns,
/// the new manifest is found; it is durable after a sync of the directory. After an error
/// it is not found.
pub(crate) fn replace(directory: &Directory, lock: &Lock, record: &Record) -> Result<Manifest> {
    let mut bytes = record.encode();
    bytes.extend_from_within(..);
    let temporary = format!("{MANIFEST}.tmp");
    let written = directory.write_new(&temporary, &bytes).and_then(|file| {
        lock.sync_directory()?;
        // A network file system may report that a rename failed which it has done.
        if let Err(error) = directory.rename(MANIFEST)
            && directory.identity(MANIFEST).ok().flatten() != Some(file.identity())
        {
            return Err(error);
        }
        // Nothing after this may fail, since the new manifest is found already.
        Ok(Manifest { record: record.clone(), file, damage: None })
    });
    written.inspect_err(|_| drop(directory.remove(&temporary)))
}

/// Runs `work`, which writes files and replaces the manifest. If it lacks room for the
/// manifest or the log, the ballast is removed and `work` runs once more. The ballast is made
/// again also if that fails: `work` then removes what it wrote.
pub(crate) fn with_ballast<T>(
    directory: &Directory,
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    let result = match work() {
        Err(error) if lacks_room(&error) && gives_up_ballast(directory) => work(),
        result => result,
    };
    make_ballast(directory);
    result
}

/// Whether there is room now that there was not before.
fn gives_up_ballast(directory: &Directory) -> bool {
    matches!(directory.identity(BALLAST), Ok(Some(_))) && directory.remove(BALLAST).is_ok()
}

/// Not for a chunk: most are larger than the ballast, and sealing is tried again.
fn lacks_room(error: &Error) -> bool {
    let name = error.path().file_name().unwrap_or_default();
    error.is_lack_of_room() && !name.to_string_lossy().ends_with(".chunk.tmp")
}

/// The ballast's size in bytes.
const BALLAST_BYTES: usize = 64 * 1024;

/// Makes the ballast if there is none and the disk has room for it. If that fails, the
/// next replacement of the manifest tries again.
pub(crate) fn make_ballast(directory: &Directory) {
    if !matches!(directory.identity(BALLAST), Ok(None)) {
        return;
    }
    // Not zeros, for which some file systems use no space.
    let mut state = 1_u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_le_bytes()[3]
    };
    let bytes: Vec<u8> = (0..BALLAST_BYTES).map(|_| byte()).collect();
    drop(directory.replace_file(BALLAST, &bytes));
}
