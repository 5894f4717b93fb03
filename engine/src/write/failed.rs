//! What was reported as failed and may be in the store nevertheless: it could neither be
//! taken back nor cut off by a void. A retry must not store it twice, whichever thread
//! makes it, and in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::append::{Appending, Stays};
use crate::chunk::reader::{Page, Wanted};
use crate::error::{ErrorKind, Result};
use crate::format::{CHUNK, LEAF};
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
        let found = stored_at(&appending.directory, stays.kept.sequence, tried.len() + 1)?;
        if found.len() <= tried.len() && found.iter().zip(tried).all(is_same) {
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
        let stored = match stored_at(&appending.directory, first, tried.len()) {
            // Another process had kept them, and then they were lost or removed.
            Err(error) if matches!(error.kind(), ErrorKind::Removed | ErrorKind::Damaged) => {
                Vec::new()
            }
            read => read?,
        };
        if self.taken_over.len() + stored.len() > TAKEN_OVER_MAX {
            self.taken_over.clear();
        }
        let same = stored.iter().zip(tried).take_while(|pair| is_same(*pair));
        let found = same.zip(first..).map(|((row, _), number)| key(row, number));
        self.taken_over.extend(found);
        self.stays = None;
        Ok(())
    }

    /// Takes those of `rows` that another process has kept: their places in `rows`, and their
    /// sequence numbers.
    pub(super) fn claim(&mut self, rows: &[Observation]) -> BTreeMap<usize, u64> {
        let mut claimed = BTreeMap::new();
        if self.taken_over.is_empty() {
            return claimed;
        }
        for (at, row) in rows.iter().enumerate() {
            let equal = key(row, 0)..=key(row, u64::MAX);
            if let Some(found) = self.taken_over.range(equal).next().copied() {
                self.taken_over.remove(&found);
                claimed.insert(at, found.2);
            }
        }
        claimed
    }

    /// Gives back what was claimed for `rows` that are not stored as a whole.
    pub(super) fn give_back(&mut self, rows: &[Observation], claimed: &BTreeMap<usize, u64>) {
        let found = claimed.iter().map(|(at, number)| key(&rows[*at], *number));
        self.taken_over.extend(found);
    }
}

fn key(row: &Observation, number: u64) -> Found {
    (row.timestamp_ns, row.value.to_bits(), number)
}

fn is_same((one, other): (&Observation, &Observation)) -> bool {
    one.has_same_bits(other)
}

/// Up to `count` observations from `sequence` on, as far as they can be read.
fn stored_at(directory: &Arc<Directory>, sequence: u64, count: usize) -> Result<Vec<Observation>> {
    let view = View::take(directory, true)?;
    let end = sequence.saturating_add(count as u64).min(view.end_sequence());
    let (mut found, mut page) = (Vec::new(), Page::default());
    let mut next = sequence;
    while next < end.min(view.sealed_end_sequence()) {
        let Ok(number) = u32::try_from(next / CHUNK) else { break };
        view.chunk(number)?.read_page(next % CHUNK / LEAF, Wanted::ROWS, &mut page)?;
        let skip = usize::try_from(next % LEAF).expect("less than a leaf");
        found.extend(page.rows().skip(skip));
        next = next - next % LEAF + LEAF;
    }
    if let Some(log) = view.log() {
        log.read(next..end, &mut |piece| {
            if let Piece::Rows { rows, .. } = piece {
                found.extend_from_slice(rows);
            }
            Ok(())
        })?;
    }
    found.truncate(count);
    Ok(found)
}
