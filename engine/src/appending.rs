//! What the holder of the writers' lock knows while appending goes well: the
//! store as it was found, the active segment, what is derived.
//!
//! Invariants: `view` reaches to what is durable, `kept` is where the segment
//! goes back to if what was written since fails; after any error the value is
//! thrown away, and the store is looked at afresh before the next write.

use std::path::Path;

use crate::checkpoint;
use crate::derived::Derived;
use crate::disk;
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::segment::active::{Active, Mark, Room};
use crate::segment::format::{Position, Predecessor, SegmentHeader};
use crate::segment::names::{SEGMENTS_MAX, rows_name};
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

/// What is left after a failure.
#[derive(Debug)]
pub(crate) struct TakenBack {
    /// Observations before this sequence number stay stored.
    pub(crate) kept: u64,
    pub(crate) sync_failed: bool,
    /// Where this failed too, what was written is in doubt for the next writer,
    /// as after a crash: it may come to be stored though it was reported as failed.
    pub(crate) undone: Result<()>,
}

impl Appending {
    /// Looks at the store in `directory`, under the lock (rule 1), and makes its
    /// tail one that can be continued; `None` where nothing was ever appended.
    /// After a failed sync, `give_up` says not to go on with the same segment.
    pub(crate) fn find(directory: &Path, give_up: bool) -> Result<Option<Self>> {
        let view = Self::look(directory)?;
        let derived = Derived::of(&view)?;
        if let Some((ordinal, predecessor)) = view.lost_last() {
            return Self::begin(&view, derived, ordinal + 1, Some(predecessor), &[]).map(Some);
        }
        let Some((segment, tail)) = view.active()? else { return Ok(None) };
        let continued = tail.may_be_continued() && segment.damage.is_none();
        let end = Mark { end: tail.end, block_first: tail.block_first };
        if !tail.appended_to && !view.is_named(segment) {
            // The file was synced before it got its name, but whoever made it may
            // have died before that was durable (rule 5). The file is not synced
            // again: if that failed, it would have to be given up.
            disk::sync_directory(directory)?;
        }
        let active = Active::resume(segment, tail)?;
        let kept = active.mark();
        let mut found = Self { view, derived, active, kept, sync_failed: give_up };
        if give_up || (!continued && found.active.has_doubts()) {
            found.give_up()?;
        } else if !continued {
            // Torn, or rotten where it would be written on: the segment ends here and a
            // new one is begun (rule 4).
            found = found.succeed(end, &[])?;
        }
        Ok(Some(found))
    }

    /// Whether the store is still as it was when this was let go of, so that
    /// appending can go on without looking at all of the tail again.
    pub(crate) fn is_current(&self, directory: &Path) -> Result<bool> {
        let checkpoint = checkpoint::find(directory)?;
        let next = directory.join(rows_name(self.active.ordinal() + 1));
        if checkpoint.map(|it| it.generation) != Some(self.derived.generation())
            || self.view.chain().is_refused()
            || disk::is_there(&next)?
        {
            return Ok(false);
        }
        let tail = self.active.tail_now()?;
        Ok(tail.end == self.active.end() && tail.may_be_continued())
    }

    /// A view whose last segment is the store's last.
    fn look(directory: &Path) -> Result<View> {
        let view = View::take(directory, true)?;
        match view.unreadable() {
            Some(damage) => Err(damage.clone().into()),
            None => Ok(view),
        }
    }

    /// Begins the first segment of an empty store.
    pub(crate) fn first(directory: &Path) -> Result<Self> {
        // Whoever made the store may have died before its marker's name was durable,
        // and a segment without the marker can neither be opened nor created anew.
        disk::sync_directory(directory)?;
        let view = Self::look(directory)?;
        let derived = Derived::of(&view)?;
        Self::begin(&view, derived, 1, None, &[])
    }

    /// Leaves a full segment and begins the next.
    pub(crate) fn leave(&mut self) -> Result<()> {
        let full = self.active.ordinal();
        self.sync()?;
        // To give it up was to leave it.
        if self.active.ordinal() == full {
            *self = self.succeed(self.active.mark(), &[])?;
        }
        Ok(())
    }

    /// Where the next observation goes.
    pub(crate) fn end(&self) -> Position {
        self.active.end()
    }

    pub(crate) fn is_full(&self, room: Room) -> bool {
        self.active.is_full(room)
    }

    /// Whether so many further observations may reach to where they are synced,
    /// asked or not.
    pub(crate) fn may_sync(&self, observations: usize, room: Room) -> bool {
        self.active.may_reach(observations, room.segment_bytes_max, UNSYNCED_BYTES_MAX)
    }

    pub(crate) fn has_doubts(&self) -> bool {
        self.active.has_doubts()
    }

    pub(crate) fn has_unsynced(&self) -> bool {
        self.active.unsynced_bytes() > 0
    }

    pub(crate) fn has_unsynced_too_many(&self) -> bool {
        self.active.unsynced_bytes() >= UNSYNCED_BYTES_MAX
    }

    /// Leaves a segment in which frames are in doubt: their writer may have been
    /// killed before its sync, or its sync may have failed and the kernel dropped
    /// the pages as clean. They are copied into a new segment. Writing the same
    /// bytes again in the same place is not enough: on ext4 (Linux 6.18, default
    /// options) the place may stay an unwritten extent, and a sync that returns 0
    /// leaves zeros on the disk.
    pub(crate) fn settle_doubts(&mut self) -> Result<()> {
        if self.active.has_doubts() { self.give_up() } else { Ok(()) }
    }

    /// Writes some of `observations` and returns how many.
    pub(crate) fn write(&mut self, observations: &[Observation], room: Room) -> Result<usize> {
        let written = self.active.write(observations, room);
        // A place that cannot be written would fail for ever.
        self.sync_failed |= written.as_ref().is_err_and(Error::is_device_failure);
        written
    }

    /// What was written counts as stored, though it may not be durable.
    pub(crate) fn keep(&mut self) {
        self.kept = self.active.mark();
    }

    /// Makes what was written durable, then part of what is derived. Where the
    /// sync fails, the segment is given up for a new one (rule 6).
    pub(crate) fn sync(&mut self) -> Result<()> {
        if self.active.has_doubts() {
            return self.give_up();
        }
        if let Err(error) = self.active.sync() {
            self.sync_failed = true;
            return self.give_up().map_err(|second| error.followed_by(&second));
        }
        self.settle();
        Ok(())
    }

    /// Takes what has become durable into what is derived.
    fn settle(&mut self) {
        self.keep();
        self.view.extend(self.active.end(), self.active.block_first());
        // The observations are safe; a derived file that cannot be written now
        // is made again later.
        drop(self.derived.advance(&self.view));
    }

    /// After a failure: takes back what is not to be found again.
    pub(crate) fn take_back(mut self) -> TakenBack {
        TakenBack {
            kept: self.kept.end.sequence,
            sync_failed: self.sync_failed,
            undone: self.active.undo(self.kept, self.sync_failed),
        }
    }

    /// Ends the segment at its last durable byte (rules 3 and 6). What lies behind it
    /// goes into a new one: what was acknowledged before comes with the file, so
    /// that it is there in one of the two at any moment; what was not is then
    /// appended like any other.
    fn give_up(&mut self) -> Result<()> {
        let (durable, beyond) = self.active.beyond_durable()?;
        let read_back = durable.end.sequence + beyond.len() as u64;
        if read_back != self.active.end().sequence {
            let last = self.active.end().sequence - 1;
            let detail = format!(
                "after a failed sync, observations {read_back} to {last} cannot be read back"
            );
            return Err(Error::new(ErrorKind::Io, self.view.chain().directory(), detail));
        }
        let kept = self.kept.end.sequence.saturating_sub(durable.end.sequence);
        let kept = usize::try_from(kept).unwrap_or(usize::MAX).min(beyond.len());
        let (kept, mut rest) = beyond.split_at(kept);
        *self = self.succeed(durable, kept)?;
        if rest.is_empty() {
            return Ok(());
        }
        let room = Room { ahead_bytes: 0, segment_bytes_max: u64::MAX };
        while !rest.is_empty() {
            let taken = self.active.write(rest, room)?;
            rest = &rest[taken..];
        }
        self.active.sync().inspect_err(|_| self.sync_failed = true)?;
        self.settle();
        Ok(())
    }

    /// Begins the segment after this one, which ends, durable, at `end`.
    fn succeed(&mut self, end: Mark, observations: &[Observation]) -> Result<Self> {
        self.view.extend(end.end, end.block_first);
        self.derived.finish(&self.view)?;
        let predecessor = Predecessor {
            identity: self.active.identity(),
            first_sequence: self.active.first_sequence(),
            end_offset: end.end.offset,
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
        if view.chain().len() >= SEGMENTS_MAX {
            let detail = format!(
                "the store has {SEGMENTS_MAX} segments, the most there may be; go on in a new \
                 store, with larger segments"
            );
            return Err(Error::new(ErrorKind::Invalid, directory, detail));
        }
        let identity = draw_identity(directory)?;
        let header = SegmentHeader {
            identity,
            origin: view.origin().unwrap_or(identity),
            ordinal,
            first_sequence: view.end_sequence(),
            predecessor,
            edge: derived.edge().nodes().to_vec(),
        };
        let active = Active::begin(directory, &header, observations)?;
        let view = Self::look(directory)?;
        // Synced this once: it stands in for the header, should that rot.
        drop(derived.advance(&view).and_then(|()| checkpoint::sync(directory)));
        let kept = active.mark();
        Ok(Self { view, derived, active, kept, sync_failed: false })
    }
}

/// Tells this segment's bytes from those of every other; never zero.
fn draw_identity(directory: &Path) -> Result<u64> {
    #[cfg(test)]
    if let Some(counted) = crate::disk::watch::next_identity() {
        return Ok(counted);
    }
    #[cfg(fuzzing)]
    if let Some(counted) = crate::fuzzing::next_identity() {
        return Ok(counted);
    }
    loop {
        let drawn = getrandom::u64().map_err(|error| {
            Error::io(directory, "draw a random identity", std::io::Error::other(error))
        })?;
        if drawn != 0 {
            return Ok(drawn);
        }
    }
}
