//! The observations of a Parquet file, read around damage.

use std::ops::Range;

use gaugelog::{ErrorKind, Observation, Snapshot};

use crate::explain::explained;

/// Observations with their sequence numbers, and what could not be read.
pub(super) struct Rows {
    pub(super) found: Vec<(u64, Observation)>,
    pub(super) unreadable: u64,
    pub(super) damage: Vec<String>,
}

impl Rows {
    /// # Errors
    /// Those of the store but damage.
    pub(super) fn of(snapshot: &Snapshot, sequences: Range<u64>) -> gaugelog::Result<Self> {
        let mut read = Self { found: Vec::new(), unreadable: 0, damage: Vec::new() };
        for found in snapshot.by_sequence(sequences) {
            match found {
                Ok(row) => read.found.push(row),
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    let lost = error.lost();
                    read.unreadable += lost.end.saturating_sub(lost.start);
                    read.damage.push(explained(&error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}
