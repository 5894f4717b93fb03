//! What the holder of the writers' lock knows while appending goes well: the
//! store as it was found, the active segment, what is derived.
//!
//! Invariants: `view` reaches to what is durable, `kept` is where the segment
//! goes back to if what was written since fails; after any error the value is
//! thrown away, and the store is looked at afresh before the next write.

use std::path::Path;

use crate::checkpoint;
use crate::derived::Derived;
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::segment::active::{Active, Mark, Room};
use crate::segment::chain::Chain;
use crate::segment::format::{Position, Predecessor, SegmentHeader};
use crate::segment::recover::UNSYNCED_BYTES_MAX;
use crate::view::View;

#[derive(Debug)]
pub(crate) struct Appending {
    view: View,
    derived: Derived,
    active: Active,
    kept: Mark,
    sync_failed: bool,
}

impl Appending {
    /// Looks at the store in `directory`, under the lock (rule 1), and makes its
    /// tail one that can be continued; `None` where nothing was ever appended.
    /// After a failed sync, `give_up` says not to go on with the same segment.
    pub(crate) fn find(directory: &Path, give_up: bool) -> Result<Option<Self>> {
        let view = View::take(directory, true)?;
        if let Some(damage) = view.unreadable() {
            return Err(damage.clone().into());
        }
        let derived = Derived::of(&view)?;
        if let Some((ordinal, predecessor)) = view.lost_last() {
            return Self::begin(&view, derived, ordinal + 1, Some(predecessor), &[]).map(Some);
        }
        let Some((segment, tail)) = view.active()? else { return Ok(None) };
        let (continued, end) = (tail.may_be_continued(), tail.end);
        let cut_short = tail.file_bytes < tail.end.offset;
        let active = Active::resume(directory, segment, tail)?;
        let kept = active.mark();
        let mut found = Self { view, derived, active, kept, sync_failed: false };
        if give_up {
            return found.give_up().map(Some);
        }
        if continued {
            return Ok(Some(found));
        }
        // Torn: the segment ends here, durable, and a new one is begun (rule 4).
        // Nothing can be made durable of a file that a stranger cut short.
        if !cut_short {
            found.active.sync()?;
        }
        found.succeed(end, &[]).map(Some)
    }

    /// Whether the store is still as it was when this was let go of, so that
    /// appending can go on without looking at all of the tail again.
    pub(crate) fn is_current(&self, directory: &Path) -> Result<bool> {
        let checkpoint = checkpoint::read(directory);
        let chain = Chain::list(directory, true, None)?;
        if chain.last_ordinal() != Some(self.active.ordinal())
            || checkpoint.map(|it| it.generation) != Some(self.derived.generation())
        {
            return Ok(false);
        }
        let tail = self.active.tail_now()?;
        Ok(tail.end == self.active.end() && tail.may_be_continued())
    }

    /// Begins the first segment of an empty store.
    pub(crate) fn first(directory: &Path) -> Result<Self> {
        let view = View::take(directory, true)?;
        let derived = Derived::of(&view)?;
        Self::begin(&view, derived, 1, None, &[])
    }

    /// Leaves a full segment and begins the next.
    pub(crate) fn leave(&mut self) -> Result<()> {
        self.sync()?;
        *self = self.succeed(self.active.end(), &[])?;
        Ok(())
    }

    /// Where the next observation goes.
    pub(crate) fn end(&self) -> Position {
        self.active.end()
    }

    pub(crate) fn is_full(&self, room: Room) -> bool {
        self.active.is_full(room)
    }

    pub(crate) fn has_unsynced(&self) -> bool {
        self.active.unsynced_bytes() > 0
    }

    pub(crate) fn has_unsynced_too_many(&self) -> bool {
        self.active.unsynced_bytes() >= UNSYNCED_BYTES_MAX
    }

    pub(crate) fn rewrite_doubtful(&mut self) -> Result<()> {
        self.active.rewrite_doubtful()
    }

    /// Writes some of `observations` and returns how many.
    pub(crate) fn write(&mut self, observations: &[Observation], room: Room) -> Result<usize> {
        self.active.write(observations, room)
    }

    /// What was written counts as stored, though it may not be durable.
    pub(crate) fn keep(&mut self) {
        self.kept = self.active.mark();
    }

    /// Makes what was written durable, then part of what is derived. Where the
    /// sync fails, the segment is given up for a new one (rule 6).
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let Err(error) = self.active.sync() {
            self.sync_failed = true;
            *self = self.give_up().map_err(|_| error)?;
            return Ok(());
        }
        self.keep();
        self.view.extend(self.active.end(), self.active.block_first());
        // The observations are safe; a derived file that cannot be written now
        // is made again later.
        drop(self.derived.advance(&self.view));
        Ok(())
    }

    /// After a failure: takes back what is not to be found again. Returns the
    /// sequence number up to which observations stay stored, and whether a sync
    /// had failed.
    pub(crate) fn take_back(mut self) -> (u64, bool) {
        // If even this fails, what was written is in doubt for the next writer,
        // as after a crash: it may come to be stored though it was reported as failed.
        drop(self.active.undo(self.kept));
        (self.kept.end.sequence, self.sync_failed)
    }

    /// Ends the segment at its last durable byte (rule 6). What lies behind it
    /// is copied into the new one, which appears with all of it or not at all.
    fn give_up(&mut self) -> Result<Self> {
        let (durable, beyond) = self.active.beyond_durable()?;
        let read_back = durable.sequence + beyond.len() as u64;
        if read_back != self.active.end().sequence {
            let last = self.active.end().sequence - 1;
            let detail = format!(
                "after a failed sync, observations {read_back} to {last} cannot be read back"
            );
            return Err(Error::new(ErrorKind::Io, self.view.chain().directory(), detail));
        }
        self.succeed(durable, &beyond)
    }

    /// Begins the segment after this one, which ends, durable, at `end`.
    fn succeed(&mut self, end: Position, observations: &[Observation]) -> Result<Self> {
        self.view.extend(end, self.active.block_first());
        self.derived.finish(&self.view)?;
        let predecessor = Predecessor {
            identity: self.active.identity(),
            first_sequence: self.active.first_sequence(),
            end_offset: end.offset,
        };
        let ordinal = self.active.ordinal() + 1;
        Self::begin(&self.view, self.derived.clone(), ordinal, Some(predecessor), observations)
    }

    /// Begins segment `ordinal` behind all of `view`, with `observations` in it.
    fn begin(
        view: &View,
        mut derived: Derived,
        ordinal: u64,
        predecessor: Option<Predecessor>,
        observations: &[Observation],
    ) -> Result<Self> {
        let directory = view.chain().directory();
        let header = SegmentHeader {
            identity: draw_identity(directory)?,
            ordinal,
            first_sequence: view.end_sequence(),
            predecessor,
            edge: derived.edge().nodes().to_vec(),
        };
        let active = Active::begin(directory, &header, observations)?;
        let view = View::take(directory, true)?;
        drop(derived.advance(&view));
        let kept = active.mark();
        Ok(Self { view, derived, active, kept, sync_failed: false })
    }
}

/// Tells this segment's bytes from those of every other; never zero.
fn draw_identity(directory: &Path) -> Result<u64> {
    loop {
        let drawn = getrandom::u64().map_err(|error| {
            Error::io(directory, "draw a random identity", std::io::Error::other(error))
        })?;
        if drawn != 0 {
            return Ok(drawn);
        }
    }
}
