//! The segments of a store, in order, as their headers chain them together.
//!
//! A segment's header states which segment it follows and where exactly that
//! one ends, so only the last one's end has to be found by looking. A header
//! that has rotted is made up for by its successor's, or by the checkpoint.

mod headers;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::checkpoint::Checkpoint;
use crate::damage::Damage;
use crate::error::Result;
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_HEADER_BYTES, Position, Predecessor, decode_block_header, observations_max,
};
use crate::segment::map::Bytes;
use crate::segment::names::ordinals;
use crate::segment::recover::{FILE_BYTES_MAX, Start};
use crate::segment::walk::Owner;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;

/// What is known of one segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) ordinal: u64,
    pub(crate) identity: u64,
    /// The identity of the store's first segment; `None` if that was lost with
    /// the header.
    pub(crate) origin: Option<u64>,
    pub(crate) first_sequence: u64,
    /// Where its frames begin; 0 if that was lost with the header.
    pub(crate) frames_start: u64,
    pub(crate) predecessor: Option<Predecessor>,
    pub(crate) edge: Vec<Summary>,
    pub(crate) damage: Option<Damage>,
}

impl Segment {
    /// What tells its frames from others.
    pub(crate) fn owner(&self) -> Owner {
        Owner { identity: self.identity, first_sequence: self.first_sequence }
    }

    pub(crate) fn start(&self) -> Start {
        let durable = Position { offset: self.frames_start, sequence: self.first_sequence };
        Start { durable, block_first: self.first_sequence }
    }

    /// One more than the last leaf that can end in it, by number.
    pub(crate) fn leaves_end_max(&self) -> u64 {
        self.first_sequence.saturating_add(observations_max(FILE_BYTES_MAX)) / LEAF
    }

    /// A place at or before `sequence`, to walk from: the last block that
    /// begins at or before it, found by its header.
    pub(crate) fn seek(&self, bytes: &Bytes, limit: u64, sequence: u64) -> Result<Start> {
        let end = limit.min(bytes.opened_with()).min(FILE_BYTES_MAX);
        let mut found = self.start();
        let (mut low, mut high) = (0, end.div_ceil(BLOCK_BYTES));
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            let Some((block, first)) = self.readable_block(bytes, low, middle, high)? else {
                break;
            };
            if first <= sequence {
                let offset = block * BLOCK_BYTES + BLOCK_HEADER_BYTES as u64;
                found = Start { durable: Position { offset, sequence: first }, block_first: first };
                low = block;
            } else {
                high = block;
            }
        }
        Ok(found)
    }

    /// The block nearest to `middle`, strictly between `low` and `high`, whose
    /// header holds, and the sequence number it begins with.
    fn readable_block(
        &self,
        bytes: &Bytes,
        low: u64,
        middle: u64,
        high: u64,
    ) -> Result<Option<(u64, u64)>> {
        let mut header = [0; BLOCK_HEADER_BYTES];
        for block in (low + 1..=middle).rev().chain(middle + 1..high) {
            let offset = block * BLOCK_BYTES;
            let read = bytes.read_by_position(offset, &mut header)?;
            let decoded = decode_block_header(self.identity, offset, &header[..read]);
            if let Some(decoded) = decoded {
                return Ok(Some((block, decoded.first_sequence)));
            }
        }
        Ok(None)
    }
}

/// Where a segment ends: by its successor's word, or not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extent {
    pub(crate) limit: u64,
    pub(crate) end_sequence: u64,
}

#[derive(Debug)]
pub(crate) struct Chain {
    directory: PathBuf,
    positioned_reads: bool,
    checkpoint: Option<Checkpoint>,
    generation: u64,
    links: Vec<Link>,
    /// The identity of the store's first segment, once it has been looked for.
    origin: OnceLock<Option<u64>>,
    /// The device did not give a header: what counts as damaged may be whole.
    refused: AtomicBool,
    /// The last file, as it was opened for its header.
    last_opened: Mutex<Option<Bytes>>,
}

/// A file named as a segment; its header is read when it is first wanted.
#[derive(Debug)]
struct Link {
    ordinal: u64,
    header: OnceLock<Box<std::result::Result<Segment, Damage>>>,
}

impl Chain {
    /// Lists the segments in `directory`.
    pub(crate) fn list(
        directory: &Path,
        positioned_reads: bool,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self> {
        let ordinals = ordinals(directory)?;
        let links = ordinals.into_iter().map(|ordinal| Link { ordinal, header: OnceLock::new() });
        Ok(Self {
            directory: directory.to_owned(),
            positioned_reads,
            generation: checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.generation),
            checkpoint,
            links: links.collect(),
            origin: OnceLock::new(),
            refused: AtomicBool::new(false),
            last_opened: Mutex::default(),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// How many files there are, whether or not they can be read.
    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// That of the checkpoint found, be it of this store or not.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether the device did not give a header that was asked for.
    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// Does without the checkpoint: it is not of this store.
    pub(crate) fn drop_checkpoint(&mut self) {
        self.checkpoint = None;
        self.origin = OnceLock::new();
        // A header may have been made up for by its word.
        self.links.iter_mut().for_each(|link| link.header = OnceLock::new());
    }

    /// The last file's ordinal.
    pub(crate) fn last_ordinal(&self) -> Option<u64> {
        self.links.last().map(|link| link.ordinal)
    }

    /// Sets the last file aside: it is not a segment of this store.
    pub(crate) fn drop_last(&mut self) {
        self.origin = OnceLock::new();
        self.links.pop();
    }

    pub(crate) fn open(&self, segment: &Segment) -> Result<Bytes> {
        Bytes::open(&segment.path, self.positioned_reads)
    }

    /// As [`Chain::open`], of the last segment, whose header has just been read: once
    /// without opening it again.
    pub(crate) fn open_last(&self, segment: &Segment) -> Result<Bytes> {
        let opened = self.last_opened.lock().unwrap_or_else(PoisonError::into_inner).take();
        match opened.filter(|opened| opened.path() == segment.path) {
            Some(opened) => Ok(opened),
            None => self.open(segment),
        }
    }

    /// The segment at `index` of the list, or why there is none.
    pub(crate) fn segment(&self, index: usize) -> Result<std::result::Result<&Segment, Damage>> {
        let segment = match self.header(index)? {
            Ok(segment) => segment,
            Err(damage) => return Ok(Err(damage.clone())),
        };
        if self.is_foreign(index, segment)? {
            return Ok(Err(Damage {
                path: segment.path.clone(),
                offset: 0,
                lost: 0..0,
                detail: "a segment of another store, or another one of this, under this name"
                    .into(),
            }));
        }
        Ok(Ok(segment))
    }

    /// The segment at `index`, if there is one.
    pub(crate) fn known(&self, index: usize) -> Result<Option<&Segment>> {
        Ok(self.segment(index)?.ok())
    }

    /// The first segment behind `index`, and its own index.
    pub(crate) fn known_behind(&self, index: usize) -> Result<Option<(usize, &Segment)>> {
        for behind in index + 1..self.len() {
            if let Some(segment) = self.known(behind)? {
                return Ok(Some((behind, segment)));
            }
        }
        Ok(None)
    }

    /// The identity of the store's first segment, as the last file states it, or
    /// else the checkpoint, or else the last file that can be read.
    pub(crate) fn origin(&self) -> Result<Option<u64>> {
        if let Some(known) = self.origin.get() {
            return Ok(*known);
        }
        let found = self.find_origin()?;
        Ok(*self.origin.get_or_init(|| found))
    }

    fn find_origin(&self) -> Result<Option<u64>> {
        for index in (0..self.len()).rev() {
            if let Ok(Segment { origin: Some(stated), .. }) = self.header(index)? {
                return Ok(Some(*stated));
            }
            if let Some(checkpoint) = &self.checkpoint {
                return Ok(Some(checkpoint.origin));
            }
        }
        Ok(self.checkpoint.as_ref().map(|checkpoint| checkpoint.origin))
    }

    /// Whether the file at `index` has a header that is whole, but of another
    /// store, or the next one, which is itself vouched for, follows another.
    fn is_foreign(&self, index: usize, segment: &Segment) -> Result<bool> {
        if let (Some(stated), Some(origin)) = (segment.origin, self.origin()?)
            && stated != origin
        {
            return Ok(true);
        }
        let Some(next) = self.adjacent(index)? else { return Ok(false) };
        let vouched_for = match self.adjacent(index + 1)? {
            Some(after) => after.predecessor.is_none_or(|stated| stated.identity == next.identity),
            None => true,
        };
        let follows = next.predecessor.is_none_or(|stated| {
            stated.identity == segment.identity && stated.first_sequence == segment.first_sequence
        });
        Ok(vouched_for && !follows)
    }

    /// The header behind the one at `index`, if its ordinal is the next one.
    fn adjacent(&self, index: usize) -> Result<Option<&Segment>> {
        let here = self.links[index].ordinal;
        match self.links.get(index + 1) {
            Some(next) if next.ordinal == here + 1 => Ok(self.header(index + 1)?.as_ref().ok()),
            _ => Ok(None),
        }
    }

    /// Where the segment at `index`, which has one behind it, ends. If that one
    /// does not follow it, what was between is gone, and only the length of the
    /// file limits it.
    pub(crate) fn extent(&self, index: usize, segment: &Segment) -> Result<Option<Extent>> {
        let Some((behind, next)) = self.known_behind(index)? else { return Ok(None) };
        let stated = next.predecessor.filter(|stated| {
            behind == index + 1
                && stated.identity == segment.identity
                && stated.first_sequence == segment.first_sequence
        });
        Ok(Some(Extent {
            limit: stated.map_or(u64::MAX, |stated| stated.end_offset),
            end_sequence: next.first_sequence,
        }))
    }

    /// Whether the segment behind the one at `index` is known, though its header, which
    /// says where this one ends, has rotted. What lies behind that end has sequence
    /// numbers from the next one's first on.
    pub(crate) fn adjoins_rotted_header(&self, index: usize) -> Result<bool> {
        let ordinal = self.links[index].ordinal;
        Ok(self.known_behind(index)?.is_some_and(|(_, next)| {
            next.ordinal == ordinal + 1 && next.damage.is_some() && next.predecessor.is_none()
        }))
    }

    /// The last segment that begins at or before `sequence`, and its index; or
    /// the first one, if none does.
    pub(crate) fn find(&self, sequence: u64) -> Result<Option<(usize, &Segment)>> {
        let mut found: Option<(usize, &Segment)> = None;
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let near = (low..=middle).rev().chain(middle + 1..high);
            let mut known = None;
            for index in near {
                known = self.known(index)?.map(|segment| (index, segment));
                if known.is_some() {
                    break;
                }
            }
            let Some((index, segment)) = known else { break };
            if segment.first_sequence <= sequence {
                found = known;
                low = index + 1;
            } else {
                high = index;
            }
        }
        if found.is_none() { self.first_known() } else { Ok(found) }
    }

    fn first_known(&self) -> Result<Option<(usize, &Segment)>> {
        match self.len() {
            0 => Ok(None),
            _ => match self.known(0)? {
                Some(first) => Ok(Some((0, first))),
                None => self.known_behind(0),
            },
        }
    }
}
