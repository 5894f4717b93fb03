//! An open chunk. Its summaries are in memory; its pages are read one at a time.

use std::sync::{Arc, OnceLock};

use super::columns::{Decoder, Scratch};
use super::get_or_try;
use super::parts;
use crate::error::{Damage, Error, Result};
use crate::format::chunk::{Column, Header, LEAF_BYTES, Part, Section, decode_leaf};
use crate::format::names::chunk_name;
use crate::format::{CHUNK, LEAVES, Lost};
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::os::map::Bytes;
use crate::stats::sketch::Sketch;
use crate::stats::summary::Summary;

/// Which columns of a page are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) times: bool,
    pub(crate) values: bool,
}

impl Wanted {
    pub(crate) const ROWS: Self = Self { times: true, values: true };
    pub(crate) const VALUES: Self = Self { times: false, values: true };
}

/// The columns of one leaf. The memory is used again for the next leaf.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Empty if they were not wanted.
    pub(crate) times: Vec<i64>,
    /// Empty if they were not wanted.
    pub(crate) values: Vec<f64>,
    bytes: Vec<u8>,
    scratch: Scratch,
}

impl Page {
    /// Its rows, if both columns were wanted.
    pub(crate) fn rows(&self) -> impl Iterator<Item = Observation> + '_ {
        let rows = self.times.iter().zip(&self.values);
        rows.map(|(time, value)| Observation::new(*time, *value))
    }

    /// The summary of its rows.
    pub(super) fn summary(&self) -> Summary {
        Summary::of_columns(&self.times, &self.values)
    }
}

/// A chunk's file, opened for reading. Any number of threads read it at once.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(super) bytes: Bytes,
    pub(crate) header: Header,
    /// `None` if neither the summary nor its page can be read.
    leaves: OnceLock<Vec<Option<Summary>>>,
    /// The nodes above them.
    pub(super) merged: OnceLock<Vec<Option<Summary>>>,
    /// Of times, and of values; `None` if what it needs is not there.
    decoders: [OnceLock<Option<Decoder>>; 2],
}

impl Chunk {
    /// Opens the chunk of this number, which belongs to `store`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if both copies of its header are
    /// damaged, or if it belongs to another store or has another number;
    /// [`ErrorKind::Version`](crate::ErrorKind::Version) if a later version of this
    /// program wrote it.
    pub(crate) fn open(
        directory: &Directory,
        store: u64,
        number: u32,
        positioned_reads: bool,
    ) -> Result<Self> {
        let chunk = Self::open_of_any_store(directory, number, positioned_reads)?;
        let place = chunk.header.place;
        if place.store != store {
            let detail = "the chunk belongs to another store";
            return Err(Error::damaged(chunk.bytes.path(), 0, detail).losing(place.sequences()));
        }
        Ok(chunk)
    }

    /// As [`open`](Self::open), whatever store it belongs to.
    pub(crate) fn open_of_any_store(
        directory: &Directory,
        number: u32,
        positioned_reads: bool,
    ) -> Result<Self> {
        let first = u64::from(number) * CHUNK;
        let open = || {
            let file = directory.open_file(&chunk_name(number));
            let file = file.map_err(|error| parts::as_damage(error, 0))?;
            let bytes = Bytes::new(Arc::new(file), positioned_reads);
            let header = parts::header(&bytes)?;
            let stated = header.place.number;
            if stated != number {
                let detail = format!("the chunk states that its number is {stated}");
                return Err(Error::damaged(bytes.path(), 0, detail));
            }
            Ok((bytes, header))
        };
        let (bytes, header) = open().map_err(|error| error.losing(first..first + CHUNK))?;
        let (leaves, merged) = (OnceLock::new(), OnceLock::new());
        Ok(Self { bytes, header, leaves, merged, decoders: Default::default() })
    }

    /// Gives back the chunk's memory map. The chunk stays open.
    pub(crate) fn unmap(&self) {
        self.bytes.unmap();
    }

    /// The summary that a leaf had when the chunk was sealed. Leaves are counted from
    /// the chunk's first.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if both the summary and a page
    /// of the leaf are damaged.
    pub(crate) fn leaf(&self, leaf: u64) -> Result<&Summary> {
        self.leaf_or_damaged(leaf)?.ok_or_else(|| {
            let detail = "a leaf's summary and its page are damaged";
            self.damaged(self.header.leaf_offset(leaf), detail)
                .losing(self.header.place.leaf_sequences(leaf))
        })
    }

    /// As [`leaf`](Self::leaf); `None` if it is damaged.
    pub(crate) fn leaf_or_damaged(&self, leaf: u64) -> Result<Option<&Summary>> {
        let leaves = get_or_try(&self.leaves, || self.read_leaves())?;
        Ok(usize::try_from(leaf).ok().and_then(|leaf| leaves.get(leaf)?.as_ref()))
    }

    /// The losses that count as damage.
    pub(crate) fn unaccepted(&self) -> impl Iterator<Item = Damage> + '_ {
        let counted = self.header.lost().filter(|lost| !lost.is_accepted);
        counted.map(|Lost { sequences: lost, .. }| {
            let detail = "lost before the chunk was sealed; `gaugelog repair` accepts that";
            Damage { path: self.bytes.path().to_owned(), offset: 0, lost, detail: detail.into() }
        })
    }

    /// Reads the columns of a leaf.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if one cannot be read. Then all
    /// sequence numbers of the leaf are lost.
    pub(crate) fn read_page(&self, leaf: u64, wanted: Wanted, into: &mut Page) -> Result<()> {
        let mut read = Ok(());
        // What is decoded overwrites what was there: nothing needs to be cleared for it.
        if wanted.times {
            read = self.read_column(Column::Times, leaf, into);
        } else {
            into.times.clear();
        }
        if wanted.values {
            read = read.and_then(|()| self.read_column(Column::Values, leaf, into));
        } else {
            into.values.clear();
        }
        if read.is_err() {
            into.times.clear();
            into.values.clear();
        }
        read.map_err(|error| error.losing(self.header.place.leaf_sequences(leaf)))
    }

    /// The sketch of the values.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if it is damaged. No observation
    /// is lost then.
    pub(crate) fn sketch(&self) -> Result<Sketch> {
        let sketch = Sketch::decode(&self.sketch_bytes()?, self.header.rows());
        let contradicts = "the sketch contradicts itself";
        sketch.ok_or_else(|| self.damaged(self.header.sketch.offset, contradicts))
    }

    pub(super) fn sketch_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_part(Part::Sketch, self.header.sketch, &mut bytes)?;
        Ok(bytes)
    }

    fn read_column(&self, column: Column, leaf: u64, into: &mut Page) -> Result<()> {
        let Page { times, values, bytes, scratch } = into;
        let page = self.header.page(column, leaf);
        let bytes = self.read_part(Part::Page(column, leaf), page, bytes)?;
        let rows = usize::try_from(self.header.leaf_rows(leaf)).expect("at most 1,024");
        let header = self.header.column(column);
        let new = || Decoder::new(column, header.codec, &header.meta);
        let decoder = self.decoders[column as usize].get_or_init(new).as_ref();
        let decoded = match column {
            Column::Times => {
                times.resize(rows, 0);
                decoder.and_then(|decoder| decoder.times(leaf, bytes, times, scratch))
            }
            Column::Values => {
                values.resize(rows, 0.0);
                decoder.and_then(|decoder| decoder.values(leaf, bytes, values, scratch))
            }
        };
        decoded.ok_or_else(|| self.damaged(page.offset, "the page cannot be decoded"))
    }

    /// Reads a part. It is at the beginning of `memory`, which only grows: a page of values
    /// is long where one of times is short, and clearing memory takes time.
    fn read_part<'m>(
        &self,
        part: Part,
        section: Section,
        memory: &'m mut Vec<u8>,
    ) -> Result<&'m [u8]> {
        let length = section.bytes as usize;
        if memory.len() < length {
            memory.resize(length, 0);
        }
        let into = &mut memory[..length];
        parts::read(&self.bytes, section.offset, into, |bytes| {
            let matches = self.header.place.checksum(part, bytes) == section.checksum;
            if matches { Ok(()) } else { Err(self.fails_its_checksum(part, section.offset)) }
        })?;
        Ok(into)
    }

    /// The summaries of all leaves. A damaged one is computed again from the rows.
    fn read_leaves(&self) -> Result<Vec<Option<Summary>>> {
        let header = &self.header;
        let mut table = [0; LEAVES * LEAF_BYTES];
        // What this read misses is read again leaf by leaf.
        drop(self.bytes.read(header.leaf_offset(0), &mut table));
        let mut leaves = Vec::with_capacity(LEAVES);
        let before = header.place.checksum_of_summaries();
        for (bytes, leaf) in table.chunks_exact(LEAF_BYTES).zip(0..) {
            let whole = decode_leaf(before, leaf, header.leaf_rows(leaf), bytes);
            leaves.push(match whole.map_or_else(|| self.stored_leaf(leaf), Ok) {
                Ok(summary) => Some(summary),
                Err(error) if error.damage().is_some() => self.computed_leaf(leaf)?,
                Err(error) => return Err(error),
            });
        }
        Ok(leaves)
    }

    /// The summary of a leaf as stored in the file.
    pub(super) fn stored_leaf(&self, leaf: u64) -> Result<Summary> {
        let (header, rows) = (&self.header, self.header.leaf_rows(leaf));
        let offset = header.leaf_offset(leaf);
        parts::read(&self.bytes, offset, &mut [0; LEAF_BYTES], |bytes| {
            decode_leaf(header.place.checksum_of_summaries(), leaf, rows, bytes)
                .ok_or_else(|| self.fails_its_checksum(Part::Summary(leaf), offset))
        })
    }

    /// The summary of a leaf's rows; `None` if its page is damaged.
    fn computed_leaf(&self, leaf: u64) -> Result<Option<Summary>> {
        let mut page = Page::default();
        match self.read_page(leaf, Wanted::ROWS, &mut page) {
            Ok(()) => Ok(Some(page.summary())),
            Err(error) if error.damage().is_some() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn fails_its_checksum(&self, part: Part, offset: u64) -> Error {
        self.damaged(offset, format!("{part} fails the checksum"))
    }

    pub(super) fn damaged(&self, offset: u64, detail: impl Into<String>) -> Error {
        Error::damaged(self.bytes.path(), offset, detail)
    }
}
