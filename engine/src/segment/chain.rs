//! The segments of a store, in order, as their headers chain them together.
//!
//! A segment's header states which segment it follows and where exactly that
//! one ends, so only the last one's end has to be found by looking. A header
//! that has rotted is made up for by its successor's, or by the checkpoint.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::checkpoint::Checkpoint;
use crate::damage::Damage;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_BYTES_USIZE, BLOCK_HEADER_BYTES, HeaderFault, Position, Predecessor,
    SEGMENT_HEADER_BYTES_MAX, SegmentHeader, decode_block_header, decode_segment_header,
    identify_block,
};
use crate::segment::map::Bytes;
use crate::segment::recover::Start;
use crate::segment::walk::Owner;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;

const ROWS: &str = "rows";

/// How often a directory is listed again where its listing shows a gap: a
/// listing that races a rename may show neither name.
const LISTINGS: usize = 4;

/// The file that holds segment `ordinal`.
pub(crate) fn rows_name(ordinal: u64) -> String {
    format!("{ordinal:010}.{ROWS}")
}

/// A file that belongs to segment `ordinal` and can be made again from it.
pub(crate) fn derived_name(ordinal: u64, kind: &str) -> String {
    format!("{ordinal:010}.{kind}")
}

/// What is known of one segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) ordinal: u64,
    pub(crate) identity: u64,
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
        let end = limit.min(bytes.len()?);
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
    links: Vec<(u64, OnceLock<Segment>)>,
}

impl Chain {
    /// Lists the segments in `directory`; their headers are read when wanted.
    pub(crate) fn list(
        directory: &Path,
        positioned_reads: bool,
        checkpoint: Option<Checkpoint>,
    ) -> Result<Self> {
        let ordinals = ordinals(directory)?;
        Ok(Self {
            directory: directory.to_owned(),
            positioned_reads,
            checkpoint,
            links: ordinals.into_iter().map(|ordinal| (ordinal, OnceLock::new())).collect(),
        })
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    pub(crate) fn checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoint.as_ref()
    }

    /// The last segment's ordinal.
    pub(crate) fn last_ordinal(&self) -> Option<u64> {
        self.links.last().map(|(ordinal, _)| *ordinal)
    }

    /// Sets the last file aside: it is not a segment of this store.
    pub(crate) fn drop_last(&mut self) {
        self.links.pop();
    }

    pub(crate) fn open(&self, segment: &Segment) -> Result<Bytes> {
        Bytes::open(&segment.path, self.positioned_reads)
    }

    /// What is known of the segment at `index` of the list.
    pub(crate) fn segment(&self, index: usize) -> Result<&Segment> {
        let (ordinal, known) = &self.links[index];
        if let Some(segment) = known.get() {
            return Ok(segment);
        }
        let path = self.directory.join(rows_name(*ordinal));
        let bytes = Bytes::open(&path, true)?;
        let segment = match read_header(&bytes, *ordinal)? {
            Ok((header, length)) => Segment {
                path,
                ordinal: *ordinal,
                identity: header.identity,
                first_sequence: header.first_sequence,
                frames_start: length,
                predecessor: header.predecessor,
                // Wanted of the last alone; a long chain shall not gather them.
                edge: if index + 1 == self.len() { header.edge } else { Vec::new() },
                damage: None,
            },
            Err(HeaderFault::Version(version)) => {
                return Err(Error::new(
                    ErrorKind::Version,
                    &path,
                    format!("format {version} is not one that this version reads"),
                ));
            }
            Err(HeaderFault::Damaged) => self.without_header(index, path, &bytes)?,
        };
        Ok(known.get_or_init(|| segment))
    }

    /// Makes up for a rotted header from what others state of the segment.
    fn without_header(&self, index: usize, path: PathBuf, bytes: &Bytes) -> Result<Segment> {
        let ordinal = self.links[index].0;
        let damage = Damage {
            path: path.clone(),
            offset: 0,
            lost: 0..0,
            detail: "the segment's header does not match its checksum".into(),
        };
        let (identity, first_sequence) = match self.stated_by_others(index, bytes)? {
            Some(stated) => stated,
            None => return Err(damage.into()),
        };
        Ok(Segment {
            path,
            ordinal,
            identity,
            first_sequence,
            frames_start: 0,
            predecessor: None,
            edge: Vec::new(),
            damage: Some(Damage { lost: first_sequence..first_sequence, ..damage }),
        })
    }

    /// The identity and first sequence number of a segment, from its
    /// successor's header, the checkpoint, or, for the first, its second block.
    fn stated_by_others(&self, index: usize, bytes: &Bytes) -> Result<Option<(u64, u64)>> {
        let ordinal = self.links[index].0;
        if self.links.get(index + 1).is_some_and(|next| next.0 == ordinal + 1) {
            let stated = self.segment(index + 1)?.predecessor;
            return Ok(stated.map(|segment| (segment.identity, segment.first_sequence)));
        }
        if let Some(checkpoint) = self.checkpoint.as_ref().filter(|it| it.ordinal == ordinal) {
            return Ok(Some((checkpoint.identity, checkpoint.segment_first)));
        }
        if ordinal == 1 {
            let mut header = [0; BLOCK_HEADER_BYTES];
            let read = bytes.read_by_position(BLOCK_BYTES, &mut header)?;
            return Ok(identify_block(BLOCK_BYTES, &header[..read]).map(|(found, _)| (found, 0)));
        }
        Ok(None)
    }

    /// Where the segment at `index`, which is not the last, ends. If the next
    /// one in the list does not follow it, what was between is gone.
    pub(crate) fn extent(&self, index: usize) -> Result<Extent> {
        let segment = self.segment(index)?;
        let next = self.segment(index + 1)?;
        let stated = next.predecessor.filter(|stated| {
            stated.identity == segment.identity && stated.first_sequence == segment.first_sequence
        });
        Ok(Extent {
            limit: stated.map_or(u64::MAX, |stated| stated.end_offset),
            end_sequence: next.first_sequence,
        })
    }

    /// The index of the last segment that begins at or before `sequence`.
    pub(crate) fn find(&self, sequence: u64) -> Result<usize> {
        let (mut low, mut high) = (0, self.len());
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.segment(middle)?.first_sequence <= sequence {
                low = middle;
            } else {
                high = middle;
            }
        }
        Ok(low)
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

/// The ordinals of the segment files in `directory`, in order.
fn ordinals(directory: &Path) -> Result<Vec<u64>> {
    let mut ordinals = list_once(directory)?;
    for _ in 1..LISTINGS {
        let whole = ordinals.first().is_none_or(|first| *first == 1)
            && ordinals.windows(2).all(|pair| pair[1] == pair[0] + 1);
        if whole {
            break;
        }
        ordinals = list_once(directory)?;
    }
    Ok(ordinals)
}

fn list_once(directory: &Path) -> Result<Vec<u64>> {
    let doing = "list the directory";
    let entries =
        std::fs::read_dir(directory).map_err(|error| Error::io(directory, doing, error))?;
    let mut ordinals = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| Error::io(directory, doing, error))?.file_name();
        ordinals.extend(name.to_str().and_then(ordinal_of));
    }
    ordinals.sort_unstable();
    Ok(ordinals)
}

/// The ordinal in a segment file's name; `None` for any other name.
fn ordinal_of(name: &str) -> Option<u64> {
    let ordinal = name.strip_suffix(ROWS)?.strip_suffix('.')?.parse().ok()?;
    // Only the one spelling counts, so that no two files claim an ordinal.
    (ordinal > 0 && rows_name(ordinal) == name).then_some(ordinal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_spelling_of_an_ordinal_is_a_segment() {
        assert_eq!(ordinal_of("0000000012.rows"), Some(12));
        assert_eq!(ordinal_of(&rows_name(u64::MAX)), Some(u64::MAX));
        for name in ["12.rows", "+000000012.rows", "0000000012.tree", "0000000000.rows", "rows"] {
            assert_eq!(ordinal_of(name), None, "{name}");
        }
    }
}
