//! What was reported as failed and may be in the store nevertheless: it could neither be
//! taken back nor cut off by a void. A retry must not store it twice, whichever thread
//! makes it, and in whatever order.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::append::{Appending, Stays};
use crate::chunk::reader::{Page, Wanted};
use crate::error::{ErrorKind, Result};
use crate::format::{CHUNK_LEAVES, LEAF};
use crate::log::reader::Piece;
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::view::View;

/// More are not remembered. This is as many as are unsynced at most.
const TAKEN_OVER_MAX: usize = 1 << 19;

/// Where an observation that was reported as failed is: its time, the bits of its value, and
/// its sequence number.
type Found = (i64, u64, u64);

/// Observations that were reported as failed and may be found.
#[derive(Debug, Default)]
pub(super) struct Failed {
    /// Those that are in the log, unless another process has replaced it.
    stays: Option<(Stays, Vec<Observation>)>,
    /// Those that another process has kept. Their retry finds them here.
    taken_over: BTreeSet<Found>,
}

impl Failed {
    /// Notes what stays of the rows of an append that failed.
    pub(super) fn note(&mut self, stays: Stays, rows: &[Observation]) {
        let rows = rows[..stays.rows.min(rows.len())].to_vec();
        self.stays = Some((stays, rows));
    }

    /// What was still in the log was dropped.
    pub(super) fn end_stay(&mut self) {
        self.stays = None;
    }

    /// Drops what is still in the log, unless another writer has appended after it.
    pub(super) fn drop_from(&mut self, appending: &mut Appending) -> Result<()> {
        let Some((stays, tried)) = &self.stays else { return Ok(()) };
        if appending.log.head().id != stays.log || appending.kept.offset < stays.kept.offset {
            return Ok(());
        }
        if appending.is_durable_after(stays.kept) {
            // A writer that synced it would have replaced the log, so others appended this.
            self.stays = None;
            return Ok(());
        }
        let first = stays.kept.sequence;
        let found = stored_at(&appending.directory, first..first + tried.len() as u64 + 1)?;
        if found.iter().all(|it| is_same(first, tried, it)) {
            appending.drop_after(stays.kept);
        }
        Ok(())
    }

    /// Finds what another process has kept of what was in the log. What stays after this is
    /// dropped when the log is replaced.
    pub(super) fn find(&mut self, appending: &Appending) -> Result<()> {
        let Some((stays, tried)) = &self.stays else { return Ok(()) };
        if (appending.log.head().id, appending.kept) == (stays.log, stays.kept) {
            return Ok(());
        }
        let first = stays.kept.sequence;
        let stored = stored_at(&appending.directory, first..first + tried.len() as u64)?;
        if self.taken_over.len() + stored.len() > TAKEN_OVER_MAX {
            self.taken_over.clear();
        }
        let same = stored.iter().take_while(|it| is_same(first, tried, it));
        self.taken_over.extend(same.map(|(number, row)| key(row, *number)));
        self.stays = None;
        Ok(())
    }

    /// Takes those of `rows` that another process has kept: their places in `rows`, which
    /// ascend, and their sequence numbers.
    pub(super) fn claim(&mut self, rows: &[Observation]) -> Vec<(usize, u64)> {
        let mut claimed = Vec::new();
        if self.taken_over.is_empty() {
            return claimed;
        }
        for (at, row) in rows.iter().enumerate() {
            let equal = key(row, 0)..=key(row, u64::MAX);
            if let Some(found) = self.taken_over.range(equal).next().copied() {
                self.taken_over.remove(&found);
                claimed.push((at, found.2));
            }
        }
        claimed
    }

    /// Gives back what was claimed for `rows` that are not stored as a whole.
    pub(super) fn give_back(&mut self, rows: &[Observation], claimed: &[(usize, u64)]) {
        let found = claimed.iter().map(|(at, number)| key(&rows[*at], *number));
        self.taken_over.extend(found);
    }
}

fn key(row: &Observation, number: u64) -> Found {
    (row.timestamp_ns, row.value.to_bits(), number)
}

/// Whether `tried`, which begins with the number `first`, has this observation at this
/// number.
fn is_same(first: u64, tried: &[Observation], (number, row): &(u64, Observation)) -> bool {
    let place = number.checked_sub(first).and_then(|place| usize::try_from(place).ok());
    place.and_then(|place| tried.get(place)).is_some_and(|tried| tried.has_same_bits(row))
}

/// The observations with these sequence numbers, as far as they can be read and are still
/// kept.
fn stored_at(directory: &Arc<Directory>, sequences: Range<u64>) -> Result<Vec<(u64, Observation)>> {
    let view = View::take(directory, true)?;
    let (mut found, mut page) = (Vec::new(), Page::default());
    let sealed = sequences.start..sequences.end.min(view.sealed_end_sequence());
    let leaves =
        if sealed.is_empty() { 0..0 } else { sealed.start / LEAF..sealed.end.div_ceil(LEAF) };
    for leaf in leaves {
        let Ok(number) = u32::try_from(leaf / CHUNK_LEAVES) else { break };
        let within = leaf % CHUNK_LEAVES;
        let chunk = view.chunk(number);
        match chunk.and_then(|it| it.read_page(within, Wanted::ROWS, &mut page).map(|()| it)) {
            Ok(chunk) => {
                let rows = chunk.header.leaf_runs(within).flatten().zip(page.rows());
                found.extend(rows.filter(|(number, _)| sealed.contains(number)));
            }
            // Another process had kept them, and then they were lost or removed.
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::Damaged) => {}
            Err(error) => return Err(error),
        }
    }
    if let Some(log) = view.log() {
        log.read(sequences, &mut |piece| {
            if let Piece::Rows { first_sequence, rows } = piece {
                found.extend((first_sequence..).zip(rows.iter().copied()));
            }
            Ok(())
        })?;
    }
    Ok(found)
}
