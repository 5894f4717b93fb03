//! A fixed view of a store: its chain of segments and where the last one ends.
//! Both the writer, under the lock, and every reader, without it, begin here.

use std::ops::Range;
use std::path::Path;

use crate::checkpoint;
use crate::damage::Damage;
use crate::error::Result;
use crate::guide_file;
use crate::segment::chain::{Chain, Extent, Segment};
use crate::segment::format::{Position, Predecessor, observations_max};
use crate::segment::map::Bytes;
use crate::segment::names::rows_name;
use crate::segment::node_file;
use crate::segment::recover::{FILE_BYTES_MAX, Start, Tail, find_tail};
use crate::stats::tree::{Edge, LEAF};

/// A reader looks again when a new segment was begun while it looked. Each
/// time costs the writer a whole segment, so this many are never needed.
const LOOKS: usize = 64;

#[derive(Debug)]
pub(crate) struct View {
    chain: Chain,
    tail: Option<Tail>,
    end_sequence: u64,
    damage: Vec<Damage>,
    unreadable: Option<Damage>,
}

/// What a look found.
#[derive(Debug, Default)]
struct Found {
    tail: Option<Tail>,
    end_sequence: u64,
    damage: Vec<Damage>,
    unreadable: Option<Damage>,
}

impl View {
    /// Looks at the store in `directory` as it is now.
    pub(crate) fn take(directory: &Path, positioned_reads: bool) -> Result<Self> {
        let mut looks = 1;
        loop {
            // The checkpoint first: what it names is then there to be listed.
            let checkpoint = checkpoint::find(directory)?;
            let mut chain = Chain::list(directory, positioned_reads, checkpoint)?;
            let listed = chain.last_ordinal();
            let found = look(&mut chain);
            // A segment that has been given up shows bytes behind its end until
            // its successor, which says so, is seen; so look for one again.
            let now = Chain::list(directory, positioned_reads, None)?.last_ordinal();
            if now == listed || looks == LOOKS {
                let Found { tail, end_sequence, damage, unreadable } = found?;
                return Ok(Self { chain, tail, end_sequence, damage, unreadable });
            }
            looks += 1;
        }
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last segment and its end; `None` where nothing was appended yet.
    pub(crate) fn active(&self) -> Result<Option<(&Segment, &Tail)>> {
        let Some(tail) = &self.tail else { return Ok(None) };
        Ok(last(&self.chain)?.ok().map(|segment| (segment, tail)))
    }

    /// One more than the last observation's sequence number.
    pub(crate) fn end_sequence(&self) -> u64 {
        self.end_sequence
    }

    pub(crate) fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The identity of the store's first segment, where there is one.
    pub(crate) fn origin(&self) -> Option<u64> {
        self.chain.origin().ok().flatten()
    }

    /// Whether the checkpoint names `segment`.
    pub(crate) fn is_named(&self, segment: &Segment) -> bool {
        self.chain.checkpoint().is_some_and(|checkpoint| describes(checkpoint, segment))
    }

    /// A file in the place of the last segment that is none, or whose end the
    /// device does not give: nothing may be appended before somebody has looked
    /// at it.
    pub(crate) fn unreadable(&self) -> Option<&Damage> {
        self.unreadable.as_ref()
    }

    /// The last segment, by ordinal and as its successor would state it, where
    /// only the checkpoint still knows of it.
    pub(crate) fn lost_last(&self) -> Option<(u64, Predecessor)> {
        let checkpoint = self.chain.checkpoint()?;
        let end = self.tail.as_ref().map_or(0, |tail| tail.end.sequence);
        (self.end_sequence > end).then_some((
            checkpoint.ordinal,
            Predecessor {
                identity: checkpoint.identity,
                first_sequence: checkpoint.segment_first,
                end_offset: checkpoint.durable.offset,
            },
        ))
    }

    /// Moves the end of what is looked at, within the last segment.
    pub(crate) fn extend(&mut self, end: Position, block_first: u64) {
        self.end_sequence = end.sequence;
        if let Some(tail) = &mut self.tail {
            (tail.end, tail.block_first) = (end, block_first);
        }
    }

    /// Where the segment at `index` ends.
    pub(crate) fn extent(&self, index: usize, segment: &Segment) -> Result<Extent> {
        let followed = self.chain.extent(index, segment)?;
        let (limit, end_sequence) = match &self.tail {
            Some(tail) => (tail.end.offset, tail.end.sequence),
            None => (0, segment.first_sequence),
        };
        Ok(followed.unwrap_or(Extent { limit, end_sequence }))
    }

    /// Whether any file can hold observations with these numbers; if not, they
    /// are in a gap where files are missing.
    pub(crate) fn may_hold(&self, sequences: &Range<u64>) -> Result<bool> {
        let Some((index, segment)) = self.chain.find(sequences.start)? else { return Ok(false) };
        if segment.first_sequence > sequences.start {
            return Ok(segment.first_sequence < sequences.end);
        }
        if self.held_until(index, segment)? > sequences.start {
            return Ok(true);
        }
        let next = self.chain.known_behind(index)?;
        Ok(next.is_some_and(|(_, next)| sequences.contains(&next.first_sequence)))
    }

    /// The sequence number up to which a segment can hold observations: where it
    /// ends, or what its length allows.
    pub(crate) fn held_until(&self, index: usize, segment: &Segment) -> Result<u64> {
        let extent = self.extent(index, segment)?;
        let mut bytes = extent.limit;
        if bytes > FILE_BYTES_MAX {
            // Not stated, or by a header that claims anything.
            bytes = self.chain.open(segment)?.opened_with().min(FILE_BYTES_MAX);
        }
        let held = segment.first_sequence.saturating_add(observations_max(bytes));
        Ok(held.min(extent.end_sequence))
    }

    /// The tree's edge at the latest place where it is written down: from the
    /// checkpoint, or from the last segment's header. Where neither can be
    /// read, the tree is grown again from the first leaf.
    pub(crate) fn edge(&self) -> Result<Edge> {
        let active = self.active()?.map(|(segment, _)| segment);
        let (sequence, nodes) = match (self.chain.checkpoint(), active) {
            (Some(checkpoint), _) if self.lost_last().is_some() => {
                (checkpoint.durable.sequence, &checkpoint.edge)
            }
            (Some(checkpoint), Some(segment)) if describes(checkpoint, segment) => {
                (checkpoint.durable.sequence, &checkpoint.edge)
            }
            (_, Some(segment)) => (segment.first_sequence, &segment.edge),
            (_, None) => return Ok(Edge::empty()),
        };
        Ok(Edge::from_nodes(sequence / LEAF, nodes.clone()).unwrap_or(Edge::empty()))
    }
}

/// Finds the end of the last segment in `chain`, and what is wrong with it.
fn look(chain: &mut Chain) -> Result<Found> {
    let mut found = Found::default();
    if is_of_another_store(chain)? {
        chain.drop_checkpoint();
    }
    while chain.len() > 0 {
        let Err(foreign) = last_that_follows(chain)? else { break };
        let damage = Damage {
            detail: format!(
                "{}; nothing that states what it holds can be read; look at the file, and move \
                 it away if it does not belong here",
                foreign.detail
            ),
            ..foreign
        };
        found.unreadable = Some(damage.clone());
        found.damage.push(damage);
        chain.drop_last();
    }
    if chain.len() > 0
        && let Ok(segment) = last(chain)?
    {
        let start = start(chain, segment);
        let tail = tail(chain, segment, chain.open_last(segment)?, start)?;
        found.end_sequence = tail.end.sequence;
        found.damage.extend(segment.damage.clone());
        // A rotted header is met again as the first place that is no frame.
        let again = segment.damage.as_ref().map(|damage| damage.offset);
        let others = tail.damage.iter().filter(|damage| Some(damage.offset) != again);
        found.damage.extend(others.cloned());
        if tail.refused {
            found.unreadable = tail.damage.last().cloned();
        }
        found.damage.extend(cut_short(chain, segment, &tail)?);
        found.damage.extend(missing_first(chain)?);
        found.tail = Some(tail);
    }
    found.damage.extend(missing_last(chain, &mut found.end_sequence));
    Ok(found)
}

/// Whether the checkpoint names a store of which no segment is here.
fn is_of_another_store(chain: &Chain) -> Result<bool> {
    let Some(checkpoint) = chain.checkpoint() else { return Ok(false) };
    let mut other = false;
    for index in (0..chain.len()).rev().take(2) {
        match chain.header(index)?.as_ref().ok().and_then(|segment| segment.origin) {
            Some(origin) if origin == checkpoint.origin => return Ok(false),
            origin => other |= origin.is_some(),
        }
    }
    Ok(other)
}

/// The last segment, unless it follows another than the one before it. Which of
/// the two does not belong here is told by the checkpoint and the one before.
fn last_that_follows(chain: &Chain) -> Result<std::result::Result<(), Damage>> {
    let segment = match last(chain)? {
        Ok(segment) => segment,
        Err(damage) => return Ok(Err(damage)),
    };
    let named = chain.checkpoint().is_some_and(|checkpoint| describes(checkpoint, segment));
    let (Some(before), Some(stated)) = (chain.len().checked_sub(2), segment.predecessor) else {
        return Ok(Ok(()));
    };
    if named {
        return Ok(Ok(()));
    }
    Ok(match chain.header(before)? {
        Ok(foreign)
            if is_before_another(foreign, segment, stated)
                && !is_alone_of_another_store(chain, before, foreign, segment)? =>
        {
            Err(Damage {
                path: segment.path.clone(),
                offset: 0,
                lost: 0..0,
                detail: "it follows a segment of another store".into(),
            })
        }
        _ => Ok(()),
    })
}

/// Whether the segment at `index` is of another store than those on both sides of it.
fn is_alone_of_another_store(
    chain: &Chain,
    index: usize,
    segment: &Segment,
    behind: &Segment,
) -> Result<bool> {
    let Some(before) = index.checked_sub(1) else { return Ok(false) };
    let origin = chain.header(before)?.as_ref().ok().and_then(|before| before.origin);
    Ok(origin.is_some() && origin == behind.origin && origin != segment.origin)
}

/// Whether `before` cannot be of the store of `segment`, which states `stated`
/// of the one before it.
fn is_before_another(before: &Segment, segment: &Segment, stated: Predecessor) -> bool {
    let adjacent = before.ordinal + 1 == segment.ordinal;
    let origins = before.origin.zip(segment.origin);
    adjacent && before.identity != stated.identity
        || origins.is_some_and(|(one, other)| one != other)
}

fn last(chain: &Chain) -> Result<std::result::Result<&Segment, Damage>> {
    chain.segment(chain.len() - 1)
}

fn describes(checkpoint: &checkpoint::Checkpoint, segment: &Segment) -> bool {
    checkpoint.ordinal == segment.ordinal
        && checkpoint.identity == segment.identity
        && checkpoint.segment_first == segment.first_sequence
}

fn start(chain: &Chain, segment: &Segment) -> Start {
    match chain.checkpoint().filter(|it| describes(it, segment)) {
        Some(checkpoint) => {
            Start { durable: checkpoint.durable, block_first: checkpoint.block_first }
        }
        None => segment.start(),
    }
}

/// Looks for the end of a segment that no other one states.
pub(crate) fn tail(chain: &Chain, segment: &Segment, bytes: Bytes, start: Start) -> Result<Tail> {
    let counted = counted(chain, segment, start)?;
    let tail = find_tail(bytes, segment.owner(), start, counted)?;
    if !tail.lost_before_end {
        return Ok(tail);
    }
    // A writer may have appended it since the file was opened.
    find_tail(Bytes::open(&segment.path, true)?, segment.owner(), start, counted)
}

/// One more than the last observation that the derived files beside `segment` have
/// counted, in leaves behind those that were durable at `start`; 0 where there is none.
fn counted(chain: &Chain, segment: &Segment, start: Start) -> Result<u64> {
    let (directory, leaves) = (chain.directory(), start.durable.sequence / LEAF);
    let recorded = node_file::leaves_recorded(directory, segment, leaves);
    let counted = guide_file::leaves_counted(directory, segment, leaves);
    let mut most = 0;
    for known in [recorded, counted] {
        match known {
            Err(error) if error.is_lack() => return Err(error),
            known => most = known.ok().flatten().unwrap_or(0).max(most),
        }
    }
    Ok(most * LEAF)
}

/// A file that ends before what the checkpoint says was synced.
fn cut_short(chain: &Chain, segment: &Segment, tail: &Tail) -> Result<Option<Damage>> {
    let synced = tail.start.durable;
    if tail.file_bytes >= synced.offset {
        return Ok(None);
    }
    let bytes = chain.open(segment)?;
    let from = segment.seek(&bytes, tail.file_bytes, u64::MAX)?;
    let kept = find_tail(bytes, segment.owner(), from, 0)?.end;
    Ok(Some(Damage {
        path: segment.path.clone(),
        offset: kept.offset,
        lost: kept.sequence..synced.sequence.max(kept.sequence),
        detail: format!("the file was cut short; {} bytes were synced", synced.offset),
    }))
}

/// What is missing before the first segment that can be read.
fn missing_first(chain: &Chain) -> Result<Option<Damage>> {
    let Some((_, first)) = chain.find(0)? else { return Ok(None) };
    let lost = 0..first.first_sequence;
    if lost.is_empty() {
        return Ok(None);
    }
    Ok(Some(match chain.segment(0)? {
        Err(damage) => Damage { lost, ..damage },
        Ok(_) => missing(chain, 1, lost),
    }))
}

/// A segment that the checkpoint names and that is not there.
fn missing_last(chain: &Chain, end_sequence: &mut u64) -> Option<Damage> {
    let checkpoint = chain.checkpoint()?;
    if chain.last_ordinal().is_some_and(|last| last >= checkpoint.ordinal)
        || checkpoint.durable.sequence <= *end_sequence
    {
        return None;
    }
    let lost = *end_sequence..checkpoint.durable.sequence;
    *end_sequence = lost.end;
    Some(missing(chain, checkpoint.ordinal, lost))
}

pub(crate) fn missing(chain: &Chain, ordinal: u64, lost: Range<u64>) -> Damage {
    Damage {
        path: chain.directory().join(rows_name(ordinal)),
        offset: 0,
        lost,
        detail: "the file is missing, or cannot be read".into(),
    }
}
