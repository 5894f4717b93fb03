//! The purpose of each byte of a store's files.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::super::{FIRST_FRAME, open, record};
use crate::format::CHUNK_LEAVES;
use crate::format::chunk::{Column, Header, LEAF_BYTES, Section};
use crate::format::frame::{Kind, UNIT, next_place};
use crate::format::names::{Name, classify, log_name};
use crate::format::record::RECORD_BYTES;
use crate::log::blocks::Blocks;
use crate::log::walk::walk;
use crate::log::{Head, Place};

/// What a part of a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// One of the manifest's two records.
    Record,
    /// One of a chunk's two headers.
    ChunkHeader,
    /// The summary of a leaf.
    Summary,
    /// One of a leaf's two pages.
    Page {
        sequences: Range<u64>,
    },
    Sketch,
    LogHeader,
    /// Rows, or lost observations.
    Frame {
        sequences: Range<u64>,
        synced_to: u64,
    },
    Mark {
        synced_to: u64,
    },
    /// Zeros written ahead of the end of the log.
    Ahead,
    /// Space between frames, and files that nothing reads.
    Unread,
}

/// A part of a file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) bytes: Range<u64>,
    pub(super) what: What,
}

/// The parts of the file `name` of the store in `path`, from its first byte to its last.
pub(super) fn parts_of(path: &Path, name: &str, bytes: &[u8]) -> Vec<Part> {
    let length = bytes.len() as u64;
    match classify(name) {
        Name::Manifest => {
            let record =
                |n| Part { bytes: n * length / 2..(n + 1) * length / 2, what: What::Record };
            vec![record(0), record(1)]
        }
        Name::Chunk(number) => chunk_parts(number, bytes),
        Name::Log(id) if id == record(path).log => log_parts(path, length),
        _ => vec![Part { bytes: 0..length, what: What::Unread }],
    }
}

fn chunk_parts(number: u32, bytes: &[u8]) -> Vec<Part> {
    let length = Header::stated_bytes(bytes).expect("a header");
    let header = Header::decode(&bytes[..length]).expect("a whole header");
    assert_eq!(header.place.number, number);
    let section = |section: Section, what| Part {
        bytes: section.offset..section.offset + u64::from(section.bytes),
        what,
    };
    let mut parts = vec![Part { bytes: 0..length as u64, what: What::ChunkHeader }];
    for leaf in 0..CHUNK_LEAVES {
        let start = header.leaf_offset(leaf);
        parts.push(Part { bytes: start..start + LEAF_BYTES as u64, what: What::Summary });
    }
    for leaf in 0..CHUNK_LEAVES {
        let sequences = header.place.leaf_sequences(leaf);
        for column in [Column::Times, Column::Values] {
            let what = What::Page { sequences: sequences.clone() };
            parts.push(section(header.page(column, leaf), what));
        }
    }
    parts.push(section(header.sketch, What::Sketch));
    let second = header.second_offset()..header.file_bytes.into();
    parts.push(Part { bytes: second, what: What::ChunkHeader });
    parts.retain(|part| !part.bytes.is_empty());
    let mut next = 0;
    for part in &parts {
        assert_eq!(part.bytes.start, next, "no byte belongs to nothing");
        next = part.bytes.end;
    }
    assert_eq!(next, bytes.len() as u64);
    parts
}

/// Header, frames, a mark, and what lies between and after them.
fn log_parts(path: &Path, length: u64) -> Vec<Part> {
    let record = record(path);
    let head = Head::of(&record);
    let file = open(path).open_file(&log_name(record.log)).expect("the log");
    let mut blocks = Blocks::new(Arc::new(file));
    let start = Place { offset: FIRST_FRAME, sequence: head.first_sequence };
    let mut parts = vec![Part { bytes: 0..RECORD_BYTES as u64, what: What::LogHeader }];
    walk(&mut blocks, &head, start, |frame, _| {
        let synced_to = u64::from(frame.header.synced_to);
        let what = match frame.header.kind {
            Kind::Mark | Kind::Void => What::Mark { synced_to },
            _ => What::Frame { sequences: frame.place.sequence..frame.end().sequence, synced_to },
        };
        let (before, from) = (parts.last().expect("the header").bytes.end, frame.place.offset);
        if before < from {
            assert_eq!(next_place(before), from, "only the end of a block is left empty");
            parts.push(Part { bytes: before..from, what: What::Unread });
        }
        parts.push(Part { bytes: from..from + frame.header.frame_bytes(), what });
    })
    .expect("read");
    let end = parts.last().expect("the header").bytes.end;
    assert_eq!(end % UNIT, 0);
    parts.push(Part { bytes: end..length, what: What::Ahead });
    parts.retain(|part| !part.bytes.is_empty());
    parts
}
