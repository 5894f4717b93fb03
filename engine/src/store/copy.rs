//! Copying a store while writers go on; the copy is consistent.

use std::path::Path;
use std::sync::Arc;

use super::Store;
use super::create::{make_directory, parent};
use crate::error::{Error, ErrorKind, Result};
use crate::format::names::{MANIFEST, Name, chunk_name, classify};
use crate::format::record::Record;
use crate::log::Head;
use crate::log::writer::LogWriter;
use crate::manifest;
use crate::os::disk::{Directory, remove_directory};
use crate::os::lock::Lock;
use crate::view::View;
use crate::write::held::Losses;
use crate::write::rotate::{draw_identity, seal_and_make_log};

/// More than any chunk has. The rest of a damaged file that is longer is left out.
const CHUNK_BYTES_MAX: usize = 16 << 20;
/// What is copied may be removed meanwhile, but not this often.
const ATTEMPTS_MAX: usize = 10;

impl Store {
    /// Copies everything appended so far to a new store at `path`, which must not exist
    /// or be an empty directory. The copy is durable when this returns. Writers of this
    /// store go on meanwhile. Returns how many observations the copy has, with those that are
    /// lost by damage.
    ///
    /// The copy has the same store identity and a log of its own. So both can go on
    /// separately, and files of one are not taken for the other's.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let (path, backup) = (dir.path().join("store"), dir.path().join("backup"));
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append(Observation::new(0, 14.25))?;
    /// assert_eq!(store.copy_to(&backup)?, 1);
    /// assert_eq!(Store::open(&backup)?.snapshot()?.len(), 1);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] if something is at `path`, [`ErrorKind::Invalid`] if
    /// that is in the store itself, [`ErrorKind::Damaged`] if the log is missing or its end
    /// cannot be read; other damage is copied as it is. [`ErrorKind::Removed`] if what is
    /// copied was removed each time. [`ErrorKind::Io`] if a file system refuses, or the
    /// device does not give back a part of a chunk, which may be intact. After an error the
    /// copy is removed; what cannot be removed has no manifest, so it is not a store.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<u64> {
        let path = path.as_ref();
        let parent = Directory::open(parent(path));
        if parent.is_ok_and(|parent| parent.is(self.shared.directory())) {
            let detail = "this is in the store that is copied; choose a place outside it";
            return Err(Error::new(ErrorKind::Invalid, path, detail));
        }
        let (copy, lock, is_new) = make_directory(path, self.shared.options().lock_wait)?;
        let mut attempts = 0;
        let copied = loop {
            let view = View::take(self.shared.directory(), true);
            let copied = view.and_then(|view| copy_view(&view, &copy, &lock));
            let copied = copied.inspect_err(|_| remove_copied(&copy, &lock));
            attempts += 1;
            match copied {
                Err(error) if error.kind() == ErrorKind::Removed && attempts < ATTEMPTS_MAX => {}
                copied => break copied,
            }
        };
        if copied.is_err() && is_new {
            // Unless something in it could not be removed.
            drop(remove_directory(path));
        }
        copied
    }
}

/// Removes all files of a store, so that the copy can be made again. What cannot be removed
/// now stays.
fn remove_copied(copy: &Directory, lock: &Lock) {
    // Durable before what it lists goes.
    if copy.remove(MANIFEST).and_then(|()| lock.sync_directory()).is_err() {
        return;
    }
    for name in copy.names().unwrap_or_default() {
        if classify(&name) != Name::Other {
            drop(copy.remove(&name));
        }
    }
}

fn copy_view(view: &View, copy: &Directory, lock: &Lock) -> Result<u64> {
    if let Some(missing) = view.missing_log() {
        return Err(missing.clone().into());
    }
    let Some(log) = view.log() else {
        manifest::replace(copy, lock, &Record::empty())?;
        lock.sync_directory()?;
        return Ok(0);
    };
    if let Some(unreadable) = log.unreadable_end() {
        return Err(unreadable.into());
    }
    for number in view.record().first_chunk..view.record().sealed_end {
        copy_chunk(view, copy, number)?;
    }
    let record = view.record().with_log(draw_identity(copy)?);
    let mut record = Record { previous_log: 0, ..record };
    let ends = (log.end_sequence(), log.end_sequence());
    let (file, _) = seal_and_make_log(copy, lock, log, ends, Losses::Reported, &mut record)?;
    manifest::replace(copy, lock, &record)?;
    lock.sync_directory()?;
    // The mark states that all of the copy is durable.
    LogWriter::begin(Arc::new(file), Head::of(&record)).mark();
    Ok(view.end_sequence() - view.first_sequence())
}

fn copy_chunk(view: &View, copy: &Directory, number: u32) -> Result<()> {
    let name = chunk_name(number);
    let source = match view.directory().open_file(&name) {
        // Retention has removed the chunk, or it is missing and the copy is without it too.
        Err(error) if error.is_not_found() => {
            return match view.chunk(number) {
                Err(missing) if missing.kind() == ErrorKind::Damaged => Ok(()),
                other => other.and(Err(error)),
            };
        }
        // Something else has its name.
        Err(error) if error.damage().is_some() => return Ok(()),
        opened => opened?,
    };
    let length = usize::try_from(source.opened_with()).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length.min(CHUNK_BYTES_MAX)];
    let read = source.read(0, &mut bytes)?;
    bytes.truncate(read);
    copy.replace_file(&name, &bytes).map(drop)
}
