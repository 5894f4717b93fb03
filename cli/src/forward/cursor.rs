//! How far a store was sent to a destination, in a file beside the store's own.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use gaugelog_sources::{Access, open_own};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::output::shown;

const NAME_CHARS_MAX: usize = 120;
/// A cursor takes a few hundred.
const BYTES_MAX: u64 = 64 * 1024;

/// What was sent of a store, and what became of the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The store's id, 16 hexadecimal digits.
    pub(super) store: String,
    /// Where to, without what is secret in the address.
    pub(super) destination: String,
    /// The first sequence number that is still to be sent.
    pub(super) next: u64,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// Counts of observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Samples that the receiver took.
    pub(super) sent: u64,
    /// Those that another one of their millisecond replaced, or moved on.
    pub(super) collided: u64,
    /// Those that were not taken.
    pub(super) refused: u64,
    /// Those that damage has made unreadable.
    pub(super) unreadable: u64,
    /// Those that retention removed before they were sent.
    pub(super) removed: u64,
}

impl Counts {
    pub(super) fn add(&mut self, more: Self) {
        self.sent += more.sent;
        self.collided += more.collided;
        self.refused += more.refused;
        self.unreadable += more.unreadable;
        self.removed += more.removed;
    }
}

/// The line in the file: a cursor and the CRC-32 of its own text.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    cursor: Cursor,
    crc: String,
}

/// What was found in the place of a cursor.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    None,
    /// Why it cannot be believed.
    Corrupt(String),
    Cursor(Cursor),
}

/// The files of a cursor, which one process has at a time.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Released when the process ends, however it does.
    _lock: File,
}

/// A name for the cursor of a destination, such as `localhost-9090-api-v1-write`. That two
/// destinations have one name is noticed when the cursor is read.
pub(super) fn name_of(destination: &str) -> String {
    let rest = destination.split_once("://").map_or(destination, |(_, rest)| rest);
    let mut name = String::new();
    for c in rest.chars().take(NAME_CHARS_MAX) {
        match c.is_ascii_alphanumeric() || c == '.' {
            true => name.push(c),
            false if !name.ends_with('-') => name.push('-'),
            false => {}
        }
    }
    name.trim_matches(['-', '.']).to_owned()
}

/// Reads a name that the command line gives.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("letters a to z, digits, - and _ are possible".to_owned()),
    }
}

impl Place {
    /// Takes the place of a cursor in a store's directory.
    pub(super) fn take(store: &Path, name: &str) -> Result<Self, Exit> {
        let at = |ending: &str| store.join(format!("forward-{name}.{ending}"));
        let lock = open_own(at("lock"), Access::Write).map_err(|error| refused(&error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: at("json"), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Exit::Error(format!(
                "{}: another process forwards this store to this destination; end it, or name \
                 another cursor with --cursor NAME",
                shown(&at("lock"))
            ))),
            Err(TryLockError::Error(error)) => {
                Err(Exit::Error(format!("{}: cannot lock it: {error}", shown(&at("lock")))))
            }
        }
    }

    /// The file of what was not taken.
    pub(super) fn refused_path(&self) -> PathBuf {
        self.path.with_extension("refused.jsonl")
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn load(&self) -> Result<Found, Exit> {
        let file = match open_own(&self.path, Access::Read) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::None),
            opened => opened.map_err(|error| refused(&error))?,
        };
        let mut bytes = Vec::new();
        file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|error| {
            Exit::Error(format!("{}: cannot read the cursor: {error}", shown(&self.path)))
        })?;
        Ok(decode(&bytes).map_or_else(Found::Corrupt, Found::Cursor))
    }

    /// Puts a cursor in the place of the one before, so that a power cut leaves one of them.
    pub(super) fn save(&self, cursor: &Cursor) -> Result<(), Exit> {
        self.replace(encode(cursor).as_bytes()).map_err(|error| {
            let way_out = way_out_of_io(&error).map_or(String::new(), |it| format!("; {it}"));
            Exit::Error(format!("{}: cannot write the cursor: {error}{way_out}", shown(&self.path)))
        })
    }

    fn replace(&self, line: &[u8]) -> io::Result<()> {
        // Not `*.tmp`, which is the engine's ending.
        let making = self.path.with_extension("json.new");
        if let Err(error) = fs::remove_file(&making)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = File::create_new(&making)?;
        file.write_all(line)?;
        file.sync_all()?;
        fs::rename(&making, &self.path)?;
        let directory = self.path.parent().unwrap_or(Path::new("."));
        File::open(directory)?.sync_all()
    }
}

fn refused(error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map_or(String::new(), |it| format!("; {it}"));
    Exit::Error(format!("{error}{way_out}"))
}

/// A store's id as cursors have it.
pub(super) fn id_text(store_id: u64) -> String {
    format!("{store_id:016x}")
}

fn encode(cursor: &Cursor) -> String {
    let line = Line { crc: crc(cursor), cursor: cursor.clone() };
    // Strings and integers always serialise.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

fn decode(bytes: &[u8]) -> Result<Cursor, String> {
    let line: Line = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match line.crc == crc(&line.cursor) {
        true => Ok(line.cursor),
        false => Err("its checksum does not match".to_owned()),
    }
}

fn crc(cursor: &Cursor) -> String {
    let text = serde_json::to_vec(cursor).unwrap_or_default();
    format!("{:08x}", crc32fast::hash(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor {
            store: id_text(0x8f3a),
            destination: "http://h:9090/api/v1/write".to_owned(),
            next: 123_456,
            counts: Counts { sent: 123_000, refused: 456, ..Counts::default() },
        }
    }

    #[test]
    fn a_cursor_is_found_again_and_one_process_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::take(dir.path(), "h").unwrap();
        assert_eq!(place.load().unwrap(), Found::None);
        place.save(&cursor()).unwrap();
        place.save(&cursor()).unwrap();
        assert_eq!(place.load().unwrap(), Found::Cursor(cursor()));
        let Err(Exit::Error(said)) = Place::take(dir.path(), "h") else { panic!() };
        assert!(said.contains("forward-h.lock: another process"), "{said}");
        drop(place);
        Place::take(dir.path(), "h").unwrap();
    }

    /// Each byte flipped, and each length: corrupt, or the very same cursor (white space).
    #[test]
    fn a_changed_cursor_is_never_believed() {
        let text = encode(&cursor());
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                assert!(decode(&bytes).is_err() || at == text.len() - 1, "byte {at}, bit {bit}");
            }
            assert!(decode(&text.as_bytes()[..at]).is_err() || at == text.len() - 1);
        }
        assert_eq!(decode(text.as_bytes()), Ok(cursor()));
    }

    #[test]
    fn destinations_name_their_cursors() {
        for (destination, expected) in [
            ("http://localhost:9090/api/v1/write", "localhost-9090-api-v1-write"),
            ("https://[::1]/", "1"),
            ("https://a.example/../../etc", "a.example-..-..-etc"),
        ] {
            assert_eq!(name_of(destination), expected);
        }
        assert!(name_of(&format!("http://{}", "a".repeat(300))).len() <= NAME_CHARS_MAX);
        for text in ["", "a/b", "..", "a b"] {
            assert!(name(text).is_err(), "{text}");
        }
    }
}
