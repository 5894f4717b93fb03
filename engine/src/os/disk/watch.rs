//! Lets a test see each operation before it happens, and make it fail.

use super::Operation;
use std::cell::{Cell, RefCell};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Gets a file, the operation, and the bytes to be written.
type Watcher = Box<dyn FnMut(&Path, Operation, &[u8]) -> io::Result<()>>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
    static IDENTITY: Cell<Option<u64>> = const { Cell::new(None) };
    static UNREADABLE: RefCell<Vec<(PathBuf, Range<u64>)>> = const { RefCell::new(Vec::new()) };
}

/// From here on, reads by position on this thread get an I/O error for these bytes.
pub(crate) fn set_unreadable(places: Vec<(PathBuf, Range<u64>)>) {
    UNREADABLE.set(places);
}

pub(super) fn refuse_unreadable(path: &Path, offset: u64, length: usize) -> io::Result<()> {
    let end = offset + length as u64;
    let meets = |(file, bytes): &(PathBuf, Range<u64>)| {
        file == path && bytes.start < end && offset < bytes.end
    };
    if UNREADABLE.with_borrow(|places| places.iter().any(meets)) {
        return Err(io::Error::from_raw_os_error(5));
    }
    Ok(())
}

pub(crate) fn announce(path: &Path, operation: Operation) -> io::Result<()> {
    tell(path, operation, &[])
}

pub(super) fn announce_write(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    tell(path, Operation::Write { offset, length: bytes.len() }, bytes)
}

fn tell(path: &Path, operation: Operation, bytes: &[u8]) -> io::Result<()> {
    // Taken out while it runs, so that a watcher may itself use the disk.
    let Some(mut watcher) = WATCHER.take() else { return Ok(()) };
    let verdict = watcher(path, operation, bytes);
    WATCHER.set(Some(watcher));
    verdict
}

/// Runs `work` with `watcher` seeing every operation of this thread.
pub(crate) fn with<T>(
    watcher: impl FnMut(&Path, Operation, &[u8]) -> io::Result<()> + 'static,
    work: impl FnOnce() -> T,
) -> T {
    WATCHER.set(Some(Box::new(watcher)));
    let result = work();
    WATCHER.set(None);
    result
}

/// From here on, this thread counts the identities of new files up from `first`, so that
/// a run can be repeated byte for byte.
pub(crate) fn count_identities_from(first: u64) {
    IDENTITY.set(Some(first));
}

pub(crate) fn next_identity() -> Option<u64> {
    let identity = IDENTITY.get()?;
    IDENTITY.set(Some(identity + 1));
    Some(identity)
}
