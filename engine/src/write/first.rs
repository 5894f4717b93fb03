//! The first append to a store: it gets its identity and its first log.

use std::sync::Arc;

use super::append::Appending;
use super::held::Held;
use super::orphans::remove_orphans;
use super::rotate::{draw_identity, list, make_log};
use crate::error::Result;
use crate::format::record::Record;
use crate::log::Head;
use crate::log::writer::LogWriter;
use crate::manifest;
use crate::os::disk::Directory;
use crate::os::lock::Lock;

impl Appending {
    /// Makes the first log of a store to which nothing was ever appended.
    pub(crate) fn first(directory: &Arc<Directory>, lock: &Lock) -> Result<Self> {
        remove_orphans(directory, lock, &Record::empty())?;
        let (manifest, file) = manifest::with_ballast(directory, || {
            let mut record = Record {
                generation: 2,
                store: draw_identity(directory)?,
                log: draw_identity(directory)?,
                ..Record::empty()
            };
            let none = Held { is_accepted: true, ..Held::default() };
            let file = make_log(directory, &mut record, &none)?;
            Ok((list(directory, lock, &record)?, file))
        })?;
        let mut log = LogWriter::begin(Arc::new(file), Head::of(&manifest.record));
        // If this fails, the append tries again before it writes.
        let is_listing_durable = lock.sync_directory().is_ok();
        if is_listing_durable {
            log.mark();
        }
        Ok(Self {
            directory: Arc::clone(directory),
            manifest,
            kept: log.end(),
            log,
            is_listing_durable,
            has_unconfirmed: false,
            is_not_continuable: false,
            seal_error: None,
        })
    }
}
