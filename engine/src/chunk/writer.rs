//! Making the bytes of a chunk from observations.

use super::columns::{self, Encoded};
use crate::format::chunk::{
    Codec, Column, ColumnHeader, Header, LostRun, Part, Place, Section, encode_leaf,
};
use crate::format::{CHUNK, CHUNK_LEAVES, CHUNK_LEVEL, LEAF, Lost};
use crate::observation::Observation;
use crate::stats::sketch::{Sketch, Unit};
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, Node};

/// What goes into a chunk.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    pub(crate) place: Place,
    /// Those of the observations that are not lost, in order of sequence number.
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// Within the chunk, ascending and disjoint.
    pub(crate) lost: Vec<Lost>,
    /// The summary of each leaf. It never changes after sealing.
    pub(crate) leaves: Vec<Summary>,
    /// Completed by these leaves: the chunk's own node, then those above it.
    pub(crate) nodes: Vec<Node>,
}

/// A chunk whose leaves come right after those that `edge` covers. They are added to `edge`.
/// This takes a hundredth of the time of encoding.
pub(crate) fn summarised(
    place: Place,
    observations: Vec<Observation>,
    lost: Vec<Lost>,
    edge: &mut Edge,
) -> Contents {
    let first_leaf = u64::from(place.number) * CHUNK_LEAVES;
    assert_eq!(edge.end_leaf(), first_leaf, "chunks are sealed in their order");
    let columns = observations.into_iter().map(|row| (row.timestamp_ns, row.value));
    let (times, values) = columns.unzip();
    let (leaves, nodes) = (Vec::new(), Vec::new());
    let mut contents = Contents { place, times, values, lost, leaves, nodes };
    let (mut times, mut values) = (&contents.times[..], &contents.values[..]);
    for rows in rows_of_leaves(&lost_runs(&contents)) {
        let leaf = times.split_off(..rows).zip(values.split_off(..rows));
        let (times, values) = leaf.expect("observations and lost fill a chunk");
        let summary = Summary::of_columns(times, values);
        edge.push(summary.clone(), |node| {
            if node.level >= CHUNK_LEVEL {
                contents.nodes.push(node.clone());
            }
        });
        contents.leaves.push(summary);
    }
    contents
}

/// The bytes of a chunk.
pub(crate) fn encode(contents: &Contents) -> Vec<u8> {
    let place = &contents.place;
    let lost = lost_runs(contents);
    let rows = rows_of_leaves(&lost);
    let times = columns::encode_times(&contents.times, &rows);
    let values = columns::encode_values(&contents.values, &rows);
    let sketch = encode_sketch(&contents.values, values.codec);
    let header = Header {
        place: *place,
        nodes: contents.nodes.clone(),
        lost,
        times: column_header(place, Column::Times, &times),
        values: column_header(place, Column::Values, &values),
        sketch: section(place, Part::Sketch, &sketch),
        header_bytes: 0,
        file_bytes: 0,
    };
    let header = header.located().expect("no chunk is beyond the limits");
    let header_bytes = header.encode();
    let mut file = Vec::with_capacity(header.file_bytes as usize);
    file.extend_from_slice(&header_bytes);
    for (summary, leaf) in contents.leaves.iter().zip(0..) {
        encode_leaf(place, leaf, summary, &mut file);
    }
    for (times, values) in times.pages.iter().zip(&values.pages) {
        file.extend_from_slice(times);
        file.extend_from_slice(values);
    }
    file.extend_from_slice(&sketch);
    file.extend_from_slice(&header_bytes);
    debug_assert_eq!(file.len(), header.file_bytes as usize, "offsets are those of the parts");
    file
}

/// The sketch of a column in the unit of its codec.
pub(super) fn encode_sketch(values: &[f64], codec: Codec) -> Vec<u8> {
    let unit = match codec {
        Codec::Decimals { decimals, .. } => Unit::Decimal(decimals),
        Codec::Plain | Codec::Pco { .. } | Codec::Steps => Unit::Binary,
    };
    let mut bytes = Vec::new();
    Sketch::of(values, unit).encode(&mut bytes);
    bytes
}

fn column_header(place: &Place, column: Column, encoded: &Encoded) -> ColumnHeader {
    let pages = encoded.pages.iter().zip(0..);
    let pages = pages.map(|(page, leaf)| section(place, Part::Page(column, leaf), page)).collect();
    ColumnHeader { codec: encoded.codec, meta: encoded.meta.clone(), pages }
}

fn section(place: &Place, part: Part, bytes: &[u8]) -> Section {
    let checksum = place.checksum(part, bytes);
    Section { offset: 0, bytes: u32::try_from(bytes.len()).expect("a small part"), checksum }
}

/// The lost numbers as the fewest possible runs of each kind.
fn lost_runs(contents: &Contents) -> Vec<LostRun> {
    let first = contents.place.sequences().start;
    let within = |sequence: u64| {
        let within = sequence.checked_sub(first).filter(|within| *within < CHUNK);
        u16::try_from(within.expect("lost numbers lie within the chunk")).expect("below 65,536")
    };
    let mut runs: Vec<LostRun> = Vec::new();
    for Lost { sequences, is_accepted } in &contents.lost {
        if sequences.is_empty() {
            continue;
        }
        let (first, last) = (within(sequences.start), within(sequences.end - 1));
        let continues = |before: &&mut LostRun| {
            before.is_accepted == *is_accepted && u32::from(before.last) + 1 == u32::from(first)
        };
        match runs.last_mut().filter(continues) {
            Some(before) => before.last = last,
            None => runs.push(LostRun { first, last, is_accepted: *is_accepted }),
        }
    }
    runs
}

/// How many rows each leaf has.
fn rows_of_leaves(lost: &[LostRun]) -> Vec<usize> {
    let leaf = usize::try_from(LEAF).expect("1,024");
    let mut rows: Vec<usize> = (0..CHUNK_LEAVES).map(|_| leaf).collect();
    for number in lost.iter().flat_map(|run| run.first..=run.last) {
        rows[usize::from(number) / leaf] -= 1;
    }
    rows
}
