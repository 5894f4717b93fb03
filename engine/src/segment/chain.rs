//! The segments of a store, in order, as their headers chain them together.
//!
//! A segment's header states which segment it follows and where exactly that
//! one ends, so only the last one's end has to be found by looking. A header
//! that has rotted is made up for by its successor's, or by the checkpoint.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::checkpoint::Checkpoint;
use crate::damage::Damage;
use crate::disk;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_BYTES_USIZE, BLOCK_HEADER_BYTES, HeaderFault, Position, Predecessor,
    SEGMENT_HEADER_BYTES_MAX, SegmentHeader, decode_block_header, decode_segment_header,
    identify_block,
};
use crate::segment::map::Bytes;
use crate::segment::names::{ordinals, rows_name};
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

    /// A place at or before `sequence`, to walk from: the last block that
    /// begins at or before it, found by its header.
    pub(crate) fn seek(&self, bytes: &mut Bytes, limit: u64, sequence: u64) -> Result<Start> {
        let end = limit.min(bytes.len()?).min(FILE_BYTES_MAX);
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
        bytes: &mut Bytes,
        low: u64,
        middle: u64,
        high: u64,
    ) -> Result<Option<(u64, u64)>> {
        let mut header = [0; BLOCK_HEADER_BYTES];
        for block in (low + 1..=middle).rev().chain(middle + 1..high) {
            let offset = block * BLOCK_BYTES;
            let read = bytes.read(offset, &mut header)?;
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
}

/// A file named as a segment; its header is read when it is first wanted.
#[derive(Debug)]
struct Link {
    ordinal: u64,
    header: OnceLock<Box<std::result::Result<Segment, Damage>>>,
}

/// What others than a segment's own header say of it.
struct Stated {
    identity: u64,
    first_sequence: u64,
    origin: Option<u64>,
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

    /// What the file at `index` says of itself, or why it cannot be read.
    pub(crate) fn header(&self, index: usize) -> Result<&std::result::Result<Segment, Damage>> {
        let Link { ordinal, header } = &self.links[index];
        if let Some(known) = header.get() {
            return Ok(known);
        }
        let path = self.directory.join(rows_name(*ordinal));
        let read = match self.read_segment(index, &path) {
            Err(error) if error.is_device_failure() => {
                self.refused.store(true, Ordering::Relaxed);
                let detail = "the device does not give the segment's header (input/output error)";
                Err(Damage { path, offset: 0, lost: 0..0, detail: detail.into() })
            }
            Err(error) if error.kind() == ErrorKind::Damaged => {
                Err(Damage { path, offset: 0, lost: 0..0, detail: error.detail().into() })
            }
            // Not gone, or it would not be listed.
            Err(error) if error.leads_nowhere() && disk::is_link(&path) => {
                Err(Damage { path, offset: 0, lost: 0..0, detail: "a link to nothing".into() })
            }
            other => Ok(other?),
        };
        Ok(header.get_or_init(|| Box::new(read)))
    }

    fn read_segment(&self, index: usize, path: &Path) -> Result<Segment> {
        let ordinal = self.links[index].ordinal;
        let bytes = Bytes::open(path, true)?;
        match read_header(&bytes, ordinal)? {
            Ok((header, length)) => Ok(Segment {
                path: path.to_owned(),
                ordinal,
                identity: header.identity,
                origin: Some(header.origin),
                first_sequence: header.first_sequence,
                frames_start: length,
                predecessor: header.predecessor,
                // Wanted of the last alone; a long chain shall not gather them.
                edge: if index + 1 == self.len() { header.edge } else { Vec::new() },
                damage: None,
            }),
            Err(HeaderFault::Version(version)) => Err(Error::new(
                ErrorKind::Version,
                path,
                format!("format {version} is not one that this version reads"),
            )),
            Err(HeaderFault::Damaged) => self.without_header(index, path, &bytes),
        }
    }

    /// The edge that the header at `index` states, read again; `None` if it was lost
    /// with the header.
    pub(crate) fn edge_of(&self, index: usize) -> Result<Option<Vec<Summary>>> {
        let ordinal = self.links[index].ordinal;
        let bytes = Bytes::open(&self.directory.join(rows_name(ordinal)), true)?;
        Ok(read_header(&bytes, ordinal)?.ok().map(|(header, _)| header.edge))
    }

    /// Makes up for a rotted header from what others state of the segment.
    fn without_header(&self, index: usize, path: &Path, bytes: &Bytes) -> Result<Segment> {
        let detail = "the segment's header does not match its checksum";
        let Some(Stated { identity, first_sequence, origin }) =
            self.stated_by_others(index, bytes)?
        else {
            return Err(Error::damaged(path, 0, detail));
        };
        Ok(Segment {
            path: path.to_owned(),
            ordinal: self.links[index].ordinal,
            identity,
            origin,
            first_sequence,
            frames_start: 0,
            predecessor: None,
            edge: Vec::new(),
            damage: Some(Damage {
                path: path.to_owned(),
                offset: 0,
                lost: first_sequence..first_sequence,
                detail: detail.into(),
            }),
        })
    }

    /// What is stated of a segment by its successor's header, the checkpoint, or,
    /// for the first, its second block.
    fn stated_by_others(&self, index: usize, bytes: &Bytes) -> Result<Option<Stated>> {
        let ordinal = self.links[index].ordinal;
        if self.links.get(index + 1).is_some_and(|next| next.ordinal == ordinal + 1) {
            // Its own bytes: one that is itself made up for states nothing, and
            // asking it would go on through any number of rotted files.
            let next = Bytes::open(&self.directory.join(rows_name(ordinal + 1)), true)?;
            let header = read_header(&next, ordinal + 1)?.ok();
            return Ok(header.and_then(|(header, _)| {
                let Predecessor { identity, first_sequence, .. } = header.predecessor?;
                Some(Stated { identity, first_sequence, origin: Some(header.origin) })
            }));
        }
        if let Some(checkpoint) = self.checkpoint.as_ref().filter(|it| it.ordinal == ordinal) {
            let Checkpoint { identity, segment_first: first_sequence, .. } = *checkpoint;
            // Whether the checkpoint is of this store is what others are asked.
            return Ok(Some(Stated { identity, first_sequence, origin: None }));
        }
        if ordinal == 1 {
            let mut header = [0; BLOCK_HEADER_BYTES];
            let read = bytes.read_by_position(BLOCK_BYTES, &mut header)?;
            return Ok(identify_block(BLOCK_BYTES, &header[..read]).map(|(identity, _)| Stated {
                identity,
                first_sequence: 0,
                origin: Some(identity),
            }));
        }
        Ok(None)
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

/// Reads and checks the header of the file that is named as segment `ordinal`.
fn read_header(
    bytes: &Bytes,
    ordinal: u64,
) -> Result<std::result::Result<(SegmentHeader, u64), HeaderFault>> {
    const _: () = assert!(SEGMENT_HEADER_BYTES_MAX <= BLOCK_BYTES_USIZE);
    let mut start = vec![0; SEGMENT_HEADER_BYTES_MAX];
    let read = bytes.read_by_position(0, &mut start)?;
    Ok(decode_segment_header(&start[..read]).and_then(|(header, length)| {
        let leaves = header.first_sequence / LEAF;
        let consistent =
            header.ordinal == ordinal && leaves.count_ones() as usize == header.edge.len();
        if consistent { Ok((header, length)) } else { Err(HeaderFault::Damaged) }
    }))
}
