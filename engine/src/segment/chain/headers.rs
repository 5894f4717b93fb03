//! What each file of a chain says of itself, read when it is first wanted, and
//! what others say of one whose header has rotted.

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::{Chain, Link, Segment};
use crate::checkpoint::Checkpoint;
use crate::damage::Damage;
use crate::disk;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::format::{
    BLOCK_BYTES, BLOCK_BYTES_USIZE, BLOCK_HEADER_BYTES, HeaderFault, Predecessor,
    SEGMENT_HEADER_BYTES_MAX, SegmentHeader, decode_segment_header, identify_block,
};
use crate::segment::map::Bytes;
use crate::segment::names::rows_name;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;

/// What others than a segment's own header say of it.
struct Stated {
    identity: u64,
    first_sequence: u64,
    origin: Option<u64>,
}

impl Chain {
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
        let bytes = Bytes::open(path, self.positioned_reads)?;
        let segment = match read_header(&bytes, ordinal)? {
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
        };
        if index + 1 == self.len() {
            *self.last_opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        }
        segment
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

    /// What is stated of a segment by its successor's header, the checkpoint, or, for
    /// the first, its second block and the segment behind it, if that is another.
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
            let identity = match identify_block(BLOCK_BYTES, &header[..read]) {
                Some((identity, _)) => Some(identity),
                None => self.origin_behind(index)?,
            };
            let stated = |identity| Stated { identity, first_sequence: 0, origin: Some(identity) };
            return Ok(identity.map(stated));
        }
        Ok(None)
    }

    /// The identity of the store's first segment, as the file behind that at `index`
    /// states it.
    fn origin_behind(&self, index: usize) -> Result<Option<u64>> {
        let Some(Link { ordinal, .. }) = self.links.get(index + 1) else { return Ok(None) };
        let behind = Bytes::open(&self.directory.join(rows_name(*ordinal)), true)?;
        Ok(read_header(&behind, *ordinal)?.ok().map(|(header, _)| header.origin))
    }
}

/// Reads and checks the header of the file that is named as segment `ordinal`.
fn read_header(
    bytes: &Bytes,
    ordinal: u64,
) -> Result<std::result::Result<(SegmentHeader, u64), HeaderFault>> {
    const _: () = assert!(SEGMENT_HEADER_BYTES_MAX <= BLOCK_BYTES_USIZE);
    let start = bytes.read_all(SEGMENT_HEADER_BYTES_MAX)?;
    Ok(decode_segment_header(&start).and_then(|(header, length)| {
        let leaves = header.first_sequence / LEAF;
        let consistent =
            header.ordinal == ordinal && leaves.count_ones() as usize == header.edge.len();
        if consistent { Ok((header, length)) } else { Err(HeaderFault::Damaged) }
    }))
}
