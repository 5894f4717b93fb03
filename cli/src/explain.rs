//! What the engine's errors mean to the user of a program, and the way out.

use std::io;

use gaugelog::{Error, ErrorKind};
use gaugelog_sources::{Cause, CollectError};

use crate::exit::Exit;

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        Self::Error(explained(&error))
    }
}

/// The error in one line: file, what went wrong, what to do.
pub(crate) fn explained(error: &Error) -> String {
    match way_out(error) {
        Some(way_out) => format!("{error}; {way_out}"),
        None => error.to_string(),
    }
}

fn way_out(error: &Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::NotFound => {
            Some("create one with `simple_service --init`, or name another with --log DIR")
        }
        ErrorKind::NotAStore => Some("name another place with --log DIR"),
        ErrorKind::Version => Some("use a gaugelog of the version that wrote it"),
        ErrorKind::Damaged => {
            Some("`gaugelog verify DIR` lists all of it, `simple_service --dump` prints the rest")
        }
        ErrorKind::Io => error.io_error().and_then(way_out_of_io),
        // The engine says what to do about a lock; the rest has no way out but
        // another argument, which the text names.
        _ => None,
    }
}

/// The way out of what the file system refused.
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
