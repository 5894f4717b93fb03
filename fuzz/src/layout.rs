//! Which records stand where in the files of a store, damaged ones included, so
//! that they can be changed field by field and signed again.

use std::ops::Range;

use crate::scratch::Files;
use crate::signing::{frame_bytes, sign, sign_marker, sign_with, u16_at, u32_at, u64_at};

const BLOCK: usize = 32_768;
const NODE: usize = 96;
const SLOT: usize = 8_192;

/// A record: what it is, and its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    kind: Kind,
    pub(crate) bytes: Range<usize>,
}

#[derive(Clone, Debug)]
enum Kind {
    Marker,
    /// Signed over bytes 4 to its end.
    Plain,
    Frame {
        sequence: u64,
    },
    Node,
}

/// The records in the file `name`.
pub(crate) fn records(name: &str, bytes: &[u8]) -> Vec<Record> {
    let plain = |bytes| Record { kind: Kind::Plain, bytes };
    match name.rsplit('.').next() {
        Some("gaugelog") => vec![Record { kind: Kind::Marker, bytes: 0..bytes.len().min(16) }],
        Some("checkpoint") => (0..bytes.len().div_ceil(SLOT).min(2))
            .map(|slot| {
                let length = usize::try_from(u32_at(bytes, slot * SLOT + 4)).expect("32 bits");
                plain(slot * SLOT..(slot * SLOT + length.min(SLOT)).min(bytes.len()))
            })
            .collect(),
        Some("guide") => vec![plain(0..bytes.len())],
        Some("tree") => (0..bytes.len() / NODE)
            .map(|node| Record { kind: Kind::Node, bytes: node * NODE..(node + 1) * NODE })
            .collect(),
        Some("rows") => rows(bytes),
        _ => Vec::new(),
    }
}

fn rows(bytes: &[u8]) -> Vec<Record> {
    let header = usize::try_from(u32_at(bytes, 4)).expect("32 bits").clamp(88, 6000);
    let mut found = vec![Record { kind: Kind::Plain, bytes: 0..header.min(bytes.len()) }];
    for start in (0..bytes.len()).step_by(BLOCK) {
        let end = (start + BLOCK).min(bytes.len());
        let (mut at, first) = match start {
            0 => (header, u64_at(bytes, 40)),
            _ => (start + 40, u64_at(bytes, start + 24)),
        };
        if start > 0 && at <= end {
            found.push(Record { kind: Kind::Plain, bytes: start..at });
        }
        while at + 32 <= end && u16_at(bytes, at + 4) > 0 {
            let next = at + frame_bytes(&bytes[at..]);
            let sequence = first.wrapping_add(u64::from(u16_at(bytes, at + 6)));
            if next > end {
                break;
            }
            found.push(Record { kind: Kind::Frame { sequence }, bytes: at..next });
            at = next;
        }
    }
    found
}

/// Makes the checksum of `record`, in the file `name`, that of its bytes.
pub(crate) fn sign_again(files: &mut Files, name: &str, record: &Record) {
    let rows = name.strip_suffix(".tree").and_then(|stem| files.get(&format!("{stem}.rows")));
    let (owner, first) = rows.map_or((0, 0), |rows| (u64_at(rows, 24), u64_at(rows, 40)));
    let Some(bytes) = files.get_mut(name) else { return };
    let identity = u64_at(bytes, 24);
    let Some(signed) = bytes.get_mut(record.bytes.clone()) else { return };
    match record.kind {
        Kind::Marker => sign_marker(signed),
        Kind::Plain => sign(signed),
        Kind::Frame { sequence } => {
            sign_with([identity, record.bytes.start as u64, sequence], signed);
        }
        Kind::Node => {
            let level = u32_at(signed, 4);
            let place = nodes_complete(first / 1024) + (record.bytes.start / NODE) as u64;
            sign_with([owner, u64::from(level), index_at(place, level)], signed);
        }
    }
}

fn nodes_complete(leaves: u64) -> u64 {
    2 * leaves - u64::from(leaves.count_ones())
}

/// The index of the node of `level` at `place` of all nodes; any, if there is none.
fn index_at(place: u64, level: u32) -> u64 {
    let before = place.saturating_sub(u64::from(level));
    let leaf = (before / 2..before / 2 + 64).find(|leaf| nodes_complete(*leaf) == before);
    let leaf = leaf.unwrap_or(before / 2);
    (leaf.saturating_add(1) >> level.min(63)).saturating_sub(1)
}
