//! Access for the fuzz targets (`fuzz/`), which are built with `--cfg fuzzing`: the
//! decoders, the log and a chunk by themselves, and limits that programs cannot set.
//!
//! A decoder takes any bytes, and returns the encoding of what it decoded; `None` if the
//! bytes do not decode.

use std::cell::Cell;
use std::ops::Range;
use std::path::Path;

use crate::chunk::reader::{Chunk, Page, Wanted};
use crate::chunk::writer::{encode, summarised};
use crate::error::{Damage, Result};
use crate::format::chunk::{Header, Place};
use crate::format::frame::{self, Kind, Seed};
use crate::format::names::{self, Name};
use crate::format::record::Record;
use crate::format::summary::{self, SUMMARY_BYTES};
use crate::format::{CHUNK_LEAVES, LEAF, Lost};
use crate::log::Head;
use crate::log::reader::{self, Piece};
use crate::manifest;
use crate::observation::Observation;
use crate::os::disk::Directory;
use crate::stats::sketch::Sketch;
use crate::stats::summary::Summary;
use crate::stats::tree::Edge;

/// Observations of a chunk, in this build.
pub const CHUNK: u64 = crate::format::CHUNK;

pub fn record(bytes: &[u8]) -> Option<Vec<u8>> {
    Record::decode(bytes).ok().map(|record| record.encode())
}

pub fn summary(bytes: &[u8]) -> Option<Vec<u8>> {
    let found = summary::decode(bytes.get(..SUMMARY_BYTES)?)?;
    let mut again = vec![0; SUMMARY_BYTES];
    summary::encode(&found, &mut again);
    Some(again)
}

/// A frame of the log `id`.
pub fn frame(id: u64, offset: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    let header = frame::Header::parse(bytes)?;
    let bytes = bytes.get(..usize::try_from(header.frame_bytes()).ok()?)?;
    let seed = Seed::of_log(id);
    if !seed.is_valid(offset, bytes) {
        return None;
    }
    if matches!(header.kind, Kind::Rows(_)) && !frame::is_finite(bytes) {
        return None;
    }
    let (mut rows, mut again) = (Vec::new(), Vec::new());
    frame::decode_rows(bytes, &mut rows);
    frame::encode(seed, offset, header, &rows, &mut again);
    Some(again)
}

pub fn chunk_header(bytes: &[u8]) -> Option<Vec<u8>> {
    let length = Header::stated_bytes(bytes).ok()?;
    Header::decode(bytes.get(..length)?).ok().map(|header| header.encode())
}

/// A sketch of `count` values. The same sketch can be encoded in more than one way.
pub fn sketch(bytes: &[u8], count: u64) -> Option<Vec<u8>> {
    let found = Sketch::decode(bytes, count)?;
    let mut again = Vec::new();
    found.encode(&mut again);
    Some(again)
}

/// The name that is made again from a log's, a chunk's or an old log's name.
pub fn name(name: &str) -> Option<String> {
    match names::classify(name) {
        Name::Log(id) => Some(names::log_name(id)),
        Name::Chunk(number) => Some(names::chunk_name(number)),
        Name::Damaged(id) => Some(names::log_name(id) + names::DAMAGED),
        _ => None,
    }
}

/// What the manifest in a directory states.
#[derive(Clone, Copy, Debug)]
pub struct Listed {
    pub first_chunk: u32,
    pub sealed_end: u32,
    pub log: u64,
}

pub fn listed(directory: &Path) -> Option<Listed> {
    let record = manifest::read(&Directory::open(directory).ok()?).ok()?.record;
    let Record { first_chunk, sealed_end, log, .. } = record;
    Some(Listed { first_chunk, sealed_end, log })
}

/// A log by itself.
#[derive(Debug)]
pub struct Log(reader::Log);

/// What a log holds, in order of sequence number.
#[derive(Clone, Debug)]
pub enum Part {
    Rows { first_sequence: u64, rows: Vec<Observation> },
    Lost(Damage),
    Absent(Range<u64>),
}

impl Log {
    /// Opens the log in `directory` that this record lists; `None` if the bytes are not a
    /// record.
    pub fn open(directory: &Path, record: &[u8]) -> Option<Result<Self>> {
        let head = Head::of(&Record::decode(record).ok()?);
        let open = || Ok(Self(reader::Log::open(&Directory::open(directory)?, head)?));
        Some(open())
    }

    /// The offset and the sequence number at which the log ends.
    pub fn end(&self) -> (u64, u64) {
        let end = self.0.tail().end;
        (end.offset, end.sequence)
    }

    /// The offset up to which the log states that it is durable.
    pub fn watermark(&self) -> u64 {
        self.0.tail().watermark.offset
    }

    pub fn durable_sequence(&self) -> Option<u64> {
        self.0.durable_sequence()
    }

    pub fn dropped_bytes(&self) -> u64 {
        self.0.tail().dropped_bytes
    }

    /// Whether the log may be continued.
    pub fn is_clean(&self) -> bool {
        self.0.tail().is_clean
    }

    pub fn damage(&self) -> Vec<Damage> {
        self.0.damage()
    }

    pub fn read(&self, sequences: Range<u64>) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        self.0.read(sequences, &mut |piece| {
            parts.push(match piece {
                Piece::Rows { first_sequence, rows } => {
                    Part::Rows { first_sequence, rows: rows.to_vec() }
                }
                Piece::Lost(damage, _) => Part::Lost(damage),
                Piece::Absent(sequences) => Part::Absent(sequences),
            });
            Ok(())
        })?;
        Ok(parts)
    }
}

/// The bytes of the chunk of this number; `observations` are those that are not lost. Every
/// second loss is one that a repair has accepted.
pub fn seal(
    [store, source_log, seal, predecessor]: [u64; 4],
    number: u32,
    observations: &[Observation],
    lost: &[Range<u64>],
) -> Vec<u8> {
    let place = Place { store, number, source_log, seal, predecessor };
    let mut edge = Edge::starting_at(u64::from(number) * CHUNK_LEAVES);
    let lost = lost.iter().cloned().zip([false, true].into_iter().cycle());
    let lost = lost.map(|(sequences, is_accepted)| Lost { sequences, is_accepted }).collect();
    encode(&summarised(place, observations.to_vec(), lost, &mut edge))
}

/// All that can be read from a chunk.
#[derive(Debug, Default)]
pub struct ChunkRead {
    /// The rows of the pages that can be read.
    pub rows: Vec<(u64, Observation)>,
    /// Errors from reading both columns, one column, the sketch and the leaves'
    /// summaries.
    pub errors: Vec<crate::Error>,
    /// The damage that verifying finds.
    pub damage: Vec<Damage>,
    /// The chunk, rewritten without its damage.
    pub repaired: Vec<u8>,
}

/// Reads all of a chunk.
pub fn read_chunk(
    directory: &Path,
    store: u64,
    number: u32,
    positioned_reads: bool,
) -> Result<ChunkRead> {
    let chunk = Chunk::open(&Directory::open(directory)?, store, number, positioned_reads)?;
    let (mut read, mut page) = (ChunkRead::default(), Page::default());
    for leaf in 0..CHUNK_LEAVES {
        for wanted in [Wanted { times: true, values: false }, Wanted::VALUES, Wanted::ROWS] {
            let found = chunk.read_page(leaf, wanted, &mut page);
            let most = usize::try_from(LEAF).expect("1,024");
            assert!(page.times.len() <= most && page.values.len() <= most, "a page is a leaf's");
            read.errors.extend(found.err());
        }
        let sequences: Vec<u64> = chunk.header.leaf_runs(leaf).flatten().collect();
        if !page.times.is_empty() {
            assert_eq!((page.times.len(), page.values.len()), (sequences.len(), sequences.len()));
            read.rows.extend(sequences.into_iter().zip(page.rows()));
        }
        read.errors.extend(chunk.leaf(leaf).err());
    }
    read.errors.extend(chunk.sketch().err());
    chunk.verify(&mut |damage| read.damage.push(damage))?;
    let header = &chunk.header;
    read.repaired = chunk.repaired(header.place.predecessor, header.nodes.clone())?.bytes;
    Ok(read)
}

/// The summary of a store that holds `all`, computed from the observations alone. The
/// first has the number `first_sequence`.
pub fn summary_of(first_sequence: u64, all: &[Observation]) -> Summary {
    let leaves = all.chunks_exact(usize::try_from(LEAF).expect("1,024"));
    let open = Summary::of(leaves.remainder());
    let mut edge = Edge::starting_at(first_sequence / LEAF);
    leaves.for_each(|leaf| edge.push(Summary::of(leaf), |_| {}));
    edge.total(&open)
}

thread_local! {
    static IDENTITY: Cell<Option<u64>> = const { Cell::new(None) };
}

/// From here on, this thread counts identities up from `first` and draws none, so that an
/// input does the same each time.
pub fn count_identities_from(first: u64) {
    IDENTITY.set(Some(first));
}

pub(crate) fn next_identity() -> Option<u64> {
    let identity = IDENTITY.get()?;
    IDENTITY.set(Some(identity + 1));
    Some(identity)
}
