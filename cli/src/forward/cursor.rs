//! How far a store was sent to a destination, in a file beside the store's own.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gaugelog::{Observation, Snapshot};
use gaugelog_sources::{Access, LastError, live_file, open_own};
use serde::{Deserialize, Serialize};

use super::batch::Run;
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::output::shown;

const NAME_CHARS_MAX: usize = 120;
/// A cursor takes a few hundred.
const BYTES_MAX: u64 = 64 * 1024;
/// `gaugelog status` holds the lock for some microseconds to see whether it is free.
const TRY_FOR: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(5);
const FILE_BEGINS: &str = "forward-";
const FILE_ENDS: &str = ".json";

/// What was sent of a store, and what became of the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The store's id, 16 hexadecimal digits.
    pub(super) store: String,
    /// Where to, without what is secret in the address.
    pub(super) destination: String,
    /// The first sequence number that is still to be sent.
    pub(super) next: u64,
    /// The observation before that: the bits of its time and of its value, 16 hexadecimal
    /// digits each. None where it was not read, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<String>,
    /// Where the last samples stand, with `--collisions spread`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) occupied: Vec<Run>,
    #[serde(flatten)]
    pub(super) counts: Counts,
    #[serde(flatten)]
    pub(super) reception: Reception,
}

impl Cursor {
    /// Moves on, after `last` if that was read.
    pub(super) fn advance(&mut self, next: u64, last: Option<Observation>) {
        self.next = next;
        self.last = last.map(bits_text);
    }

    /// Whether it says how far this store was sent.
    pub(super) fn is_of(&self, snapshot: &Snapshot) -> bool {
        self.store == id_text(snapshot.store_id()) && !self.is_contradicted_by(snapshot)
    }

    /// Whether the store has another observation where the last that was sent was: it is an
    /// older copy that has grown since, or a repair has lost some, and their numbers were
    /// used again. One that retention has removed, or damage, contradicts nothing.
    pub(super) fn is_contradicted_by(&self, snapshot: &Snapshot) -> bool {
        let (Some(last), Some(at)) = (&self.last, self.next.checked_sub(1)) else { return false };
        let found = snapshot.by_sequence(at..self.next).next();
        matches!(found, Some(Ok((_, observation))) if bits_text(observation) != *last)
    }

    /// Passes over what retention has removed before `first`, and returns the sequence
    /// numbers of that.
    pub(super) fn pass_removed(&mut self, first: u64) -> Option<Range<u64>> {
        let removed = self.next..first;
        if removed.is_empty() {
            return None;
        }
        self.advance(first, None);
        Some(removed)
    }
}

/// How the destination has answered, for `gaugelog status`. Times are nanoseconds since
/// the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reception {
    /// Since when it has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failing_since_ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_try_ns: Option<i64>,
    /// Kept when it answers again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_error: Option<LastError>,
    /// The file with the live state, which is newer than the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) live: Option<PathBuf>,
}

/// Counts of observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Samples that the receiver took.
    pub(crate) sent: u64,
    /// Those that another one of their millisecond replaced, or moved on.
    pub(crate) collided: u64,
    /// Those that were not taken.
    pub(crate) refused: u64,
    /// Those that damage has made unreadable.
    pub(crate) unreadable: u64,
    /// Those that retention removed before they were sent.
    pub(crate) removed: u64,
}

impl Reception {
    /// This, where something was known from an earlier run.
    pub(super) fn after(&self, earlier: &Self) -> Self {
        let since =
            |since_ns: i64| earlier.failing_since_ns.map_or(since_ns, |it| it.min(since_ns));
        Self {
            failing_since_ns: self.failing_since_ns.map(since),
            next_try_ns: self.next_try_ns,
            last_error: self.last_error.clone().or_else(|| earlier.last_error.clone()),
            live: earlier.live.clone(),
        }
    }
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
    Cursor(Box<Cursor>),
}

/// The files of a cursor, which one process has at a time.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// The store's. While it is open, no other directory gets its inode.
    directory: File,
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
pub(crate) fn name(text: &str) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    match !text.is_empty() && text.len() <= NAME_CHARS_MAX && text.chars().all(is_allowed) {
        true => Ok(text.to_owned()),
        false => Err("letters a to z, digits, - and _ are possible".to_owned()),
    }
}

impl Place {
    /// Takes the place of a cursor in a store's directory.
    pub(super) fn take(store: &Path, name: &str) -> Result<Self, Exit> {
        let at = |ending: &str| store.join(format!("{FILE_BEGINS}{name}.{ending}"));
        let directory = File::open(store)
            .map_err(|error| Exit::Error(format!("{}: cannot open it: {error}", shown(store))))?;
        let lock = open_own(at("lock"), Access::Write).map_err(|error| refused(&error))?;
        match lock_within(&lock, TRY_FOR) {
            Ok(()) => Ok(Self { path: at("json"), directory, _lock: lock }),
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
        load(&self.path).map_err(|error| refused(&error))
    }

    /// Whether another directory is where the store's was: the lock and the cursor are to be
    /// taken again.
    pub(super) fn is_replaced(&self) -> bool {
        let there = fs::metadata(self.path.parent().unwrap_or(Path::new(".")));
        match (self.directory.metadata(), there) {
            (Ok(taken), Ok(there)) => (taken.dev(), taken.ino()) != (there.dev(), there.ino()),
            _ => false,
        }
    }

    /// Puts a cursor in the place of the one before, so that a power cut leaves one of them.
    /// A directory that has replaced the store's gets none: it was not sent so far.
    pub(super) fn save(&self, cursor: &Cursor) -> Result<(), Exit> {
        if self.is_replaced() {
            return Ok(());
        }
        self.replace(encode(cursor).as_bytes()).map_err(|error| {
            let way_out = way_out_of_io(&error).map_or(String::new(), |it| format!("; {it}"));
            Exit::Error(format!("{}: cannot write the cursor: {error}{way_out}", shown(&self.path)))
        })
    }

    /// Says that now nothing waits: `gaugelog status` takes the age of the file for the time
    /// since a process last forwarded.
    pub(super) fn touch(&self) {
        if self.is_replaced() {
            return;
        }
        let touched = open_own(&self.path, Access::Read)
            .and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = touched {
            log::info!("{}: its time cannot be set: {error}", shown(&self.path));
        }
    }

    fn replace(&self, line: &[u8]) -> io::Result<()> {
        replace(&self.path, line, true)?;
        self.directory.sync_all()
    }
}

/// Where the live state of a store's cursor of this name is.
pub(super) fn live(store: &Path, name: &str) -> Option<PathBuf> {
    live_file(store, &format!("{FILE_BEGINS}{name}"))
}

/// Shows a cursor to `gaugelog status`, where writing wears nothing out.
pub(super) fn show(cursor: &Cursor) {
    if let Some(live) = &cursor.reception.live
        && let Err(error) = replace(live, encode(cursor).as_bytes(), false)
    {
        log::info!("{}: the live state cannot be written: {error}", live.display());
    }
}

/// Removes what was shown.
pub(super) fn hide(cursor: &Cursor) {
    if let Some(live) = &cursor.reception.live {
        // What stays is not believed when its process has gone.
        let _ = fs::remove_file(live);
    }
}

/// The live state of a process that has this cursor, where it can be read and is newer.
pub(super) fn shown_by_process(cursor: &Cursor) -> Option<Cursor> {
    let Found::Cursor(live) = load(cursor.reception.live.as_ref()?).ok()? else { return None };
    let is_same = live.store == cursor.store && live.destination == cursor.destination;
    (is_same && live.next >= cursor.next).then_some(*live)
}

fn replace(path: &Path, line: &[u8], is_synced: bool) -> io::Result<()> {
    // Not `*.tmp`, which is the engine's ending.
    let making = path.with_extension("json.new");
    if let Err(error) = fs::remove_file(&making)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = File::create_new(&making)?;
    file.write_all(line)?;
    if is_synced {
        file.sync_all()?;
    }
    fs::rename(&making, path)
}

fn lock_within(lock: &File, time: Duration) -> Result<(), TryLockError> {
    let begun = Instant::now();
    loop {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) if begun.elapsed() < time => thread::sleep(PAUSE),
            tried => return tried,
        }
    }
}

/// The cursor in a file.
pub(super) fn load(path: &Path) -> io::Result<Found> {
    let file = match open_own(path, Access::Read) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(|error| {
        io::Error::new(error.kind(), format!("{}: cannot read it: {error}", path.display()))
    })?;
    Ok(decode(&bytes).map_or_else(Found::Corrupt, |it| Found::Cursor(Box::new(it))))
}

/// The files of the cursors of a store.
pub(super) fn files(store: &Path) -> Vec<PathBuf> {
    let is_cursor = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(FILE_BEGINS) && name.ends_with(FILE_ENDS)
    };
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_cursor).collect();
    files.sort();
    files
}

/// Whether a process has this cursor and forwards.
pub(super) fn is_taken(file: &Path) -> bool {
    let lock = open_own(file.with_extension("lock"), Access::Read);
    lock.is_ok_and(|lock| matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn refused(error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map_or(String::new(), |it| format!("; {it}"));
    Exit::Error(format!("{error}{way_out}"))
}

/// A store's id as cursors have it.
pub(super) fn id_text(store_id: u64) -> String {
    format!("{store_id:016x}")
}

fn bits_text(Observation { timestamp_ns, value }: Observation) -> String {
    format!("{timestamp_ns:016x}{:016x}", value.to_bits())
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
mod tests;
