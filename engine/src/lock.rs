//! The writers' lock: one process at a time appends to a store.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::disk::{Operation, announce};
use crate::error::{Error, ErrorKind, Result};

/// The file that is locked. It is never removed: a lock on a file that has lost
/// its name excludes nobody.
pub(crate) const NAME: &str = "lock";

const PAUSE_FIRST: Duration = Duration::from_micros(50);
const PAUSE_MOST: Duration = Duration::from_millis(5);
/// What the holder writes of itself: a fixed width, so that no rest of a longer
/// name shows behind a shorter one.
const HOLDER_BYTES: usize = 64;

/// Held until dropped; the kernel lets go of it when the process dies. The
/// descriptor is not inherited by programs that this one starts.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the store in `directory`, waiting at most `wait`.
    pub(crate) fn take(directory: &Path, wait: Duration) -> Result<Self> {
        let path = directory.join(NAME);
        let begun = Instant::now();
        let mut pause = PAUSE_FIRST;
        loop {
            let file = announce(&path, Operation::OpenForWriting)
                .and_then(|()| {
                    OpenOptions::new()
                        .read(true)
                        .write(true)
                        .create(true)
                        .truncate(false)
                        .open(&path)
                })
                .map_err(|error| Error::io(&path, "open the writers' lock", error))?;
            let taken = announce(&path, Operation::Lock).map_err(TryLockError::Error);
            let doing = "take the writers' lock";
            match taken.and_then(|()| file.try_lock()) {
                Ok(()) => {
                    if is_named(&file, &path).map_err(|error| Error::io(&path, doing, error))? {
                        return Ok(Self { file });
                    }
                    // Somebody removed and made it again while we waited.
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(Error::io(&path, doing, error)),
            }
            if begun.elapsed() >= wait {
                return Err(locked(&file, &path, wait));
            }
            std::thread::sleep(pause.min(wait.saturating_sub(begun.elapsed())));
            pause = (pause * 2).min(PAUSE_MOST);
        }
    }
}

impl Lock {
    /// Notes who holds the lock, for the error that another process will show. A
    /// full disk must not stop an append here, so a failure is let go.
    pub(crate) fn sign(&self) {
        let program = std::env::current_exe().ok();
        let name = program.as_deref().and_then(Path::file_name).map_or("?".into(), |name| {
            let printable = name.to_string_lossy();
            printable.chars().filter(|c| !c.is_control()).take(24).collect::<String>()
        });
        let mut holder = format!("process {} ({name})", std::process::id()).into_bytes();
        holder.resize(HOLDER_BYTES - 1, b' ');
        holder.push(b'\n');
        drop(self.file.write_all_at(&holder, 0));
    }
}

/// Whether the file that is open is the one that the directory lists.
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    let held = announce(path, Operation::Size).and_then(|()| file.metadata())?;
    match announce(path, Operation::Look).and_then(|()| std::fs::metadata(path)) {
        Ok(named) => Ok(held.ino() == named.ino() && held.dev() == named.dev()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn locked(file: &File, path: &Path, wait: Duration) -> Error {
    let mut holder = [0; HOLDER_BYTES];
    let read = file.read_at(&mut holder, 0).unwrap_or(0);
    let text = String::from_utf8_lossy(&holder[..read]);
    let name = match text.trim() {
        "" => "another process",
        named => named,
    };
    Error::new(
        ErrorKind::Locked,
        path,
        format!(
            "the store is being written by {name}; waited {} s for it to finish; \
             try again, wait longer, or stop that process",
            wait.as_secs_f64()
        ),
    )
}
