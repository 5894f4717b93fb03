//! What the engine's errors mean to the user of a program, and the way out.

use std::borrow::Cow;
use std::io;
use std::path::Path;

use gaugelog::{Error, ErrorKind, Store};
use gaugelog_sources::{Cause, CollectError};
use rustix::fs::{Access, access};
use rustix::io::Errno;

use crate::exit::Exit;
use crate::output::shown;

const MAY_READ: &str = "run it as a user who may read there";

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        Self::Error(explained(&error))
    }
}

/// The error in one line: file, what went wrong, what to do.
pub(crate) fn explained(error: &Error) -> String {
    if let Some(text) = without_manifest(error) {
        return text;
    }
    if error.kind() == ErrorKind::Removed {
        let path = shown(error.path());
        return format!(
            "{path}: this part of the store was removed meanwhile, by retention or after an \
             append that failed; run it again"
        );
    }
    match way_out(error) {
        Some(way_out) => format!("{error}; {way_out}"),
        None => error.to_string(),
    }
}

/// The same of an append that nothing repeats with the same handle, which would find what
/// could not be taken back. `look` is the command that shows it.
pub(crate) fn of_single_append(error: &Error, look: &str) -> String {
    let text = explained(error);
    if error.uncertain().is_empty() {
        return text;
    }
    format!("{text}; `{look}` shows whether it is stored, before you add it again")
}

/// The same of a store that was there when the program began.
#[cfg(any(feature = "forward", feature = "serve"))]
pub(crate) fn explained_later(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotAStore if without_manifest(error).is_none() => {
            let path = shown(error.path());
            format!(
                "{path}: the store has gone since this began; bring it back, or begin without it"
            )
        }
        _ => explained(error),
    }
}

/// What to say of a store whose manifest is missing, if the error is about that.
pub(crate) fn without_manifest(error: &Error) -> Option<String> {
    let has_files = || Store::has_files(error.path()).is_ok_and(|has_files| has_files);
    let is_one = match error.kind() {
        ErrorKind::NotAStore => has_files(),
        // Of a store that was to be created there.
        ErrorKind::AlreadyExists => !error.path().join("manifest").exists() && has_files(),
        _ => false,
    };
    is_one.then(|| {
        let path = shown(error.path());
        format!(
            "{path}: the manifest of this store is missing; `gaugelog repair {path}` makes it \
             again. A copy that was cut off has none either: remove that, and copy again"
        )
    })
}

fn way_out(error: &Error) -> Option<Cow<'static, str>> {
    let way_out = match error.kind() {
        // The engine says what to do about the manifest, without which nothing can be read.
        ErrorKind::Damaged if error.path().ends_with("manifest") => None,
        ErrorKind::Damaged => {
            let store = shown(error.path().parent().unwrap_or(error.path()));
            return Some(Cow::Owned(format!(
                "`gaugelog verify {store}` lists all of it; `gaugelog export {store}`, or \
                 `simple_service --dump`, prints the rest"
            )));
        }
        ErrorKind::NotFound => {
            Some("create one with `simple_service --init`, or name another with --log DIR")
        }
        ErrorKind::NotAStore => Some("name another place with --log DIR"),
        ErrorKind::Version => Some("use a gaugelog of the version that wrote it"),
        ErrorKind::Io => error.io_error().and_then(|cause| match may_be_read(error.path()) {
            true => way_out_of_io(cause),
            false => way_out_of_reading(cause),
        }),
        // The engine says what to do about a lock; the rest has no way out but
        // another argument, which the text names.
        _ => None,
    };
    way_out.map(Cow::Borrowed)
}

fn may_be_read(path: &Path) -> bool {
    access(path, Access::READ_OK) != Err(Errno::ACCESS)
}

/// The way out where the file system refused to be read.
pub(crate) fn way_out_of_reading(error: &io::Error) -> Option<&'static str> {
    (error.kind() == io::ErrorKind::PermissionDenied).then_some(MAY_READ)
}

/// The way out of what the file system refused to write.
pub(crate) fn way_out_of_io(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("free some space and try again; what was acknowledged is safe")
        }
        io::ErrorKind::PermissionDenied => {
            Some("run it as a user who may write there, or name another place")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some("name a place that can be written"),
        io::ErrorKind::NotADirectory => Some("a part of the path is a file; name another place"),
        io::ErrorKind::NotFound => Some("create the directory above it first"),
        _ => None,
    }
}

/// Why a collector ended badly, in one line.
pub(crate) fn collecting(error: &CollectError) -> String {
    match &error.cause {
        Cause::Store(cause) => match way_out(cause) {
            Some(way_out) => format!("{error}; {way_out}"),
            None => error.to_string(),
        },
        _ => error.to_string(),
    }
}
