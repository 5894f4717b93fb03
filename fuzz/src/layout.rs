//! Where the records are in the files of a store, damaged ones included, so that they can
//! be changed field by field and signed again.

use std::ops::Range;

use crate::chunk_parts::{Parts, places};
use crate::signing::{
    BLOCK, RECORD, UNIT, frame_bytes, next_place, sign, sign_frame, u16_at, u64_at,
};

/// A record: its kind and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    kind: Kind,
    pub(crate) bytes: Range<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A record of the manifest, or the header of a log.
    Record,
    Frame,
    Header,
    /// A summary, a page or the sketch of a chunk.
    Part,
}

/// The records in the file `name`.
pub(crate) fn records(name: &str, bytes: &[u8]) -> Vec<Record> {
    let record = |kind, bytes| Record { kind, bytes };
    match name.split('.').nth(1) {
        None if name == "manifest" => (0..bytes.len() / RECORD)
            .map(|copy| record(Kind::Record, copy * RECORD..(copy + 1) * RECORD))
            .collect(),
        Some("log") => log(bytes),
        Some("chunk") => {
            let Some(places) = places(bytes) else { return Vec::new() };
            let headers = [0..places.header, places.second];
            let headers = headers.map(|bytes| record(Kind::Header, bytes));
            let parts = places.parts.into_iter().map(|bytes| record(Kind::Part, bytes));
            headers.into_iter().chain(parts).collect()
        }
        _ => Vec::new(),
    }
}

fn log(bytes: &[u8]) -> Vec<Record> {
    let mut found = vec![Record { kind: Kind::Record, bytes: 0..bytes.len().min(RECORD) }];
    let mut at = RECORD;
    while at + UNIT <= bytes.len() && matches!(u16_at(bytes, at + 6), 1..=5) {
        let end = at + frame_bytes(&bytes[at..]);
        if end > bytes.len() || end > at - at % BLOCK + BLOCK {
            break;
        }
        found.push(Record { kind: Kind::Frame, bytes: at..end });
        if matches!(u16_at(bytes, at + 6), 2 | 3) {
            break;
        }
        at = next_place(end);
    }
    found
}

/// Corrects the checksum of `record` in a file of these bytes. With `both`, the other
/// copy of the record becomes the same.
pub(crate) fn sign_again(bytes: &mut Vec<u8>, record: &Record, both: bool) {
    let log = u64_at(bytes, 32);
    let (start, end) = (record.bytes.start, record.bytes.end.min(bytes.len()));
    if start >= end {
        return;
    }
    match record.kind {
        Kind::Record => sign(&mut bytes[start..end]),
        Kind::Frame => sign_frame(log, start, &mut bytes[start..end]),
        Kind::Header => sign(&mut bytes[start..end]),
        Kind::Part => {
            if let Some(parts) = Parts::of(bytes) {
                *bytes = parts.assemble();
            }
            return;
        }
    }
    let length = end - start;
    let other = if start == 0 { bytes.len() - length } else { 0 };
    let is_double = match record.kind {
        Kind::Record => bytes.len() == 2 * RECORD,
        Kind::Header => other >= end || end > other + length,
        Kind::Frame | Kind::Part => false,
    };
    if both && is_double {
        bytes.copy_within(start..end, other);
    }
}
