//! The writers' lock: one process at a time appends to a store.
//!
//! What is locked is the store's directory. A file in it could be removed by
//! somebody who thinks it left over: whoever then made it again would lock
//! another one, and there would be two writers.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::disk::{Operation, announce};
use crate::error::{Error, ErrorKind, Result};

/// The file in which the holder notes its name.
pub(crate) const NAME: &str = "lock";

const PAUSE_FIRST: Duration = Duration::from_micros(50);
const PAUSE_MOST: Duration = Duration::from_millis(5);
/// What the holder writes of itself: a fixed width, so that no rest of a longer
/// name shows behind a shorter one.
const HOLDER_BYTES: usize = 64;

/// The name of this program, asked for once: every append signs.
static PROGRAM: OnceLock<String> = OnceLock::new();

/// Held until dropped; the kernel lets go of it when the process dies. The
/// descriptor is not inherited by programs that this one starts, but by a child
/// that is forked and starts none: the lock is of the open file, not the process.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: File,
    holder: File,
    process: u32,
    signed: bool,
}

impl Lock {
    /// Takes the lock of the store in `directory`, waiting at most `wait`.
    pub(crate) fn take(directory: &Path, wait: Duration) -> Result<Self> {
        let begun = Instant::now();
        let mut pause = PAUSE_FIRST;
        loop {
            if let Some(locked) = try_lock(directory)? {
                // Dropped where this fails, and so unlocked.
                let holder = open_holder(directory)?;
                let process = std::process::id();
                return Ok(Self { directory: locked, holder, process, signed: false });
            }
            if begun.elapsed() >= wait {
                return Err(locked(directory, wait));
            }
            std::thread::sleep(pause.min(wait.saturating_sub(begun.elapsed())));
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }

    /// Notes who holds the lock, for the error that another process will show. A
    /// full disk must not stop an append here, so a failure is let go.
    pub(crate) fn sign(&mut self) {
        let name = PROGRAM.get_or_init(program);
        self.note(&format!("process {} ({name})", self.process));
        self.signed = true;
    }

    fn note(&self, name: &str) {
        let width = HOLDER_BYTES - 1;
        drop(self.holder.write_all_at(format!("{name:width$}\n").as_bytes(), 0));
    }

    /// The process that took it.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Whether this is the process that took it, and not a child forked from it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }
}

impl Drop for Lock {
    /// Lets go of the lock also where a child has been forked meanwhile and has
    /// the file still open. That child has nothing to let go of.
    fn drop(&mut self) {
        if self.is_of_this_process() {
            if self.signed {
                // The next holder may be stopped before it signs.
                self.note("");
            }
            // Closing the file does the rest.
            drop(self.directory.unlock());
        }
    }
}

fn program() -> String {
    let program = std::env::current_exe().ok();
    program.as_deref().and_then(Path::file_name).map_or("?".into(), |name| {
        let printable = name.to_string_lossy();
        printable.chars().filter(|c| !c.is_control()).take(24).collect()
    })
}

/// `None` where another has the lock.
fn try_lock(path: &Path) -> Result<Option<File>> {
    let doing = "take the writers' lock";
    let opened = announce(path, Operation::Open).and_then(|()| File::open(path));
    let directory = opened.map_err(|error| Error::io(path, doing, error))?;
    let taken = announce(path, Operation::Lock).map_err(TryLockError::Error);
    match taken.and_then(|()| directory.try_lock()) {
        // Or somebody has removed the store and made another since it was opened.
        Ok(()) => is_named(&directory, path)
            .map(|named| named.then_some(directory))
            .map_err(|error| Error::io(path, doing, error)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Error::io(path, doing, error)),
    }
}

fn open_holder(directory: &Path) -> Result<File> {
    let path = directory.join(NAME);
    announce(&path, Operation::OpenForWriting)
        .and_then(|()| {
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)
        })
        .map_err(|error| Error::io(&path, "open the file in which writers note their name", error))
}

/// Whether the directory that is open is the one of that name.
fn is_named(directory: &File, path: &Path) -> io::Result<bool> {
    let held = announce(path, Operation::Size).and_then(|()| directory.metadata())?;
    match announce(path, Operation::Look).and_then(|()| std::fs::metadata(path)) {
        Ok(named) => Ok(held.ino() == named.ino() && held.dev() == named.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn locked(directory: &Path, wait: Duration) -> Error {
    let mut holder = [0; HOLDER_BYTES];
    let note = open_holder(directory).ok();
    let read = note.and_then(|file| file.read_at(&mut holder, 0).ok()).unwrap_or(0);
    let text = String::from_utf8_lossy(&holder[..read]);
    let name = match text.trim() {
        "" => "another process",
        named => named,
    };
    Error::new(
        ErrorKind::Locked,
        &directory.join(NAME),
        format!(
            "the store is being written by {name}; waited {} s for it to finish; \
             try again, wait longer, or stop that process",
            wait.as_secs_f64()
        ),
    )
}
