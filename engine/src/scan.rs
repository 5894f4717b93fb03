//! Reading observations in the order of their sequence numbers, across
//! segments, and around damage.

use std::ops::Range;

use crate::damage::Damage;
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::segment::map::Bytes;
use crate::segment::walk::{Frame, Step, Walk};
use crate::stats::tree::LEAF;
use crate::view::{View, missing, tail};

/// What one step of a scan found.
#[derive(Debug)]
pub(crate) enum Run {
    /// The observations put into the buffer; the first has this number.
    Observations { first: u64 },
    /// A place that cannot be read; the scan goes on behind it.
    Damaged(Damage),
}

/// Observations gathered before they are handed on, so that single ones cost
/// no more than they must.
const RUN_OBSERVATIONS: usize = 4096;
/// So far ahead it is quicker to read on than to look for the block.
const NEAR_OBSERVATIONS: u64 = 4096;

#[derive(Debug)]
pub(crate) struct Scan<'v> {
    view: &'v View,
    /// The next sequence number to hand on, and the one to stop before.
    next: u64,
    end: u64,
    segment: Option<Open>,
    /// The file last read from, for when it is wanted again.
    closed: Option<(usize, Bytes)>,
    /// Found behind observations that are to be handed on first.
    pending: Option<Damage>,
    /// The device did not give a place that was reported as damaged.
    refused: bool,
}

#[derive(Debug)]
struct Open {
    index: usize,
    walk: Walk,
    end_sequence: u64,
}

impl<'v> Scan<'v> {
    pub(crate) fn new(view: &'v View, sequences: Range<u64>) -> Self {
        let end = sequences.end.min(view.end_sequence());
        Self {
            view,
            next: sequences.start,
            end,
            segment: None,
            closed: None,
            pending: None,
            refused: false,
        }
    }

    /// Goes on with other sequence numbers: quickly where they are the next ones.
    pub(crate) fn go_to(&mut self, sequences: Range<u64>) {
        self.next = sequences.start;
        self.end = sequences.end.min(self.view.end_sequence());
        self.pending = None;
        if let Some(mut open) = self.segment.take() {
            let at = open.walk.at().sequence;
            let ahead = at <= self.next && self.next - at <= NEAR_OBSERVATIONS;
            if self.next < open.end_sequence && (ahead || open.walk.step_back_to(self.next)) {
                self.segment = Some(open);
            } else {
                self.closed = Some((open.index, open.walk.into_bytes()));
            }
        }
    }

    /// Whether damage that was handed on may be what the device did not give.
    fn is_refused(&self) -> bool {
        self.refused || self.view.chain().is_refused()
    }

    /// Puts the next run into `into` (cleared first); `None` at the end.
    pub(crate) fn next(&mut self, into: &mut Vec<Observation>) -> Result<Option<Run>> {
        into.clear();
        let first = self.next;
        while into.len() < RUN_OBSERVATIONS && self.pending.is_none() {
            if self.next >= self.end {
                break;
            }
            match self.segment.take() {
                Some(mut open) => {
                    if self.step(&mut open, into)? {
                        self.segment = Some(open);
                    }
                }
                None => self.open_segment()?,
            }
        }
        if !into.is_empty() {
            return Ok(Some(Run::Observations { first }));
        }
        Ok(self.pending.take().map(Run::Damaged))
    }

    /// Takes one step in a segment; whether there is more to read in it.
    fn step(&mut self, open: &mut Open, into: &mut Vec<Observation>) -> Result<bool> {
        match open.walk.step()? {
            Step::Frame(frame) => {
                self.take(open, &frame, into);
                if open.walk.at().sequence < open.end_sequence {
                    return Ok(true);
                }
            }
            Step::BadBlock { offset } => {
                let at = open.walk.at().sequence;
                self.report(open, offset, "the block's header does not match its checksum", at..at);
                return Ok(true);
            }
            Step::BadFrame => {
                let bad = open.walk.at();
                let detail = open.walk.bad_frame();
                self.refused |= open.walk.is_refused();
                let found = open.walk.resume()?.map(|_| open.walk.at().sequence);
                let resumed = found.unwrap_or(u64::MAX).min(open.end_sequence);
                let more = resumed < open.end_sequence;
                self.report(open, bad.offset, detail, bad.sequence..resumed);
                if more {
                    return Ok(true);
                }
            }
            Step::End => {
                let at = open.walk.at();
                let lost = at.sequence..open.end_sequence;
                if !lost.is_empty() {
                    match self.missing_behind(open.index)? {
                        Some(ordinal) => self.gap(ordinal, lost.end),
                        None => self.report(open, at.offset, "what follows is missing", lost),
                    }
                }
            }
        }
        self.next = self.next.max(open.end_sequence.min(self.end));
        Ok(false)
    }

    /// Takes what is wanted of a frame. Behind the segment's end, where only the
    /// number is known that it ends before, there may be frames that were given up.
    fn take(&mut self, open: &Open, frame: &Frame, into: &mut Vec<Observation>) {
        let behind = frame.start.sequence.saturating_add(frame.count);
        let frame_end = behind.min(open.end_sequence);
        let Some(skip) = self.next.checked_sub(frame.start.sequence) else { return };
        if frame_end <= self.next {
            return;
        }
        let skip = usize::try_from(skip).unwrap_or(usize::MAX);
        let wanted = usize::try_from(frame_end.min(self.end) - self.next).unwrap_or(usize::MAX);
        into.extend(open.walk.observations(frame).skip(skip).take(wanted));
        self.next = frame_end.min(self.end);
    }

    /// Notes damage, and passes over the observations lost by it, so far as they
    /// are wanted at all.
    fn report(&mut self, open: &Open, offset: u64, detail: &str, lost: Range<u64>) {
        let wanted = lost.start.max(self.next)..lost.end.min(self.end);
        let reported = if lost.is_empty() { lost.start >= self.next } else { !wanted.is_empty() };
        if reported {
            self.next = self.next.max(wanted.end);
            self.pending = Some(Damage {
                path: open.walk.bytes().path().to_owned(),
                offset,
                lost: wanted,
                detail: detail.into(),
            });
        }
    }

    fn open_segment(&mut self) -> Result<()> {
        let view = self.view;
        let chain = view.chain();
        let Some((index, segment)) = chain.find(self.next)? else {
            self.gap(1, self.end);
            return Ok(());
        };
        if segment.first_sequence > self.next {
            self.gap(1, segment.first_sequence);
            return Ok(());
        }
        let mut extent = view.extent(index, segment)?;
        if extent.end_sequence <= self.next {
            let ordinal = chain.checkpoint().map_or(segment.ordinal + 1, |it| it.ordinal);
            self.gap(ordinal, self.end);
            return Ok(());
        }
        if extent.limit == u64::MAX && !chain.adjoins_rotted_header(index)? {
            // Nobody says where it ends. What lies behind that place is not data,
            // though its frames may be valid.
            let bytes = chain.open(segment)?;
            extent.limit = tail(chain, segment, bytes, segment.start())?.end.offset;
        }
        let bytes = match self.closed.take() {
            Some((closed, bytes)) if closed == index => bytes,
            _ => chain.open(segment)?,
        };
        let start = segment.seek(&bytes, extent.limit, self.next)?;
        let walk =
            Walk::new(bytes, segment.owner(), start.durable, start.block_first, extent.limit);
        self.segment = Some(Open { index, walk, end_sequence: extent.end_sequence });
        Ok(())
    }

    /// The ordinal behind that of the segment at `index`, if its file is not there.
    fn missing_behind(&self, index: usize) -> Result<Option<u64>> {
        let chain = self.view.chain();
        let (Some(segment), Some((_, next))) = (chain.known(index)?, chain.known_behind(index)?)
        else {
            return Ok(None);
        };
        Ok((next.ordinal != segment.ordinal + 1).then_some(segment.ordinal + 1))
    }

    /// Passes over observations whose file is not there.
    fn gap(&mut self, ordinal: u64, until: u64) {
        let until = until.min(self.end);
        self.pending = Some(missing(self.view.chain(), ordinal, self.next..until));
        self.next = until;
    }
}

/// Hands on each of `leaves`, by its index, with its observations; of a damaged
/// one those that are left, and none that has nothing left. What the device does
/// not give is an error: it may give it later.
pub(crate) fn read_leaves(
    view: &View,
    leaves: Range<u64>,
    each: impl FnMut(u64, &[Observation]),
) -> Result<()> {
    read_leaves_where(view, leaves, Refused::IsAnError, each)
}

/// What to do where the device does not give observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    IsAnError,
    /// As where they are damaged.
    IsLost,
}

/// As [`read_leaves`].
pub(crate) fn read_leaves_where(
    view: &View,
    leaves: Range<u64>,
    refused: Refused,
    mut each: impl FnMut(u64, &[Observation]),
) -> Result<()> {
    let mut scan = Scan::new(view, leaves.start * LEAF..leaves.end * LEAF);
    let mut run = Vec::new();
    let mut leaf = Vec::new();
    let mut current = leaves.start;
    while let Some(found) = scan.next(&mut run)? {
        let first = match found {
            Run::Observations { first } => first,
            Run::Damaged(damage) if refused == Refused::IsAnError && scan.is_refused() => {
                return Err(Error::refused(&damage.path, damage.offset));
            }
            // Reported to whoever reads the observations.
            Run::Damaged(_) => continue,
        };
        for (sequence, observation) in (first..).zip(&run) {
            if sequence / LEAF != current {
                if !leaf.is_empty() {
                    each(current, &leaf);
                    leaf.clear();
                }
                current = sequence / LEAF;
            }
            leaf.push(*observation);
        }
    }
    if !leaf.is_empty() {
        each(current, &leaf);
    }
    Ok(())
}
