//! What is seen of a store that was tampered with, and what may be.

use std::ops::Range;
use std::path::Path;

use super::parts::What;
use super::specimen::{COPIED, Specimen};
use crate::damage::Damage;
use crate::error::Result;
use crate::observation::Observation;
use crate::scan::{Run, Scan};
use crate::segment::format::FRAME_BYTES_MIN;
use crate::segment::names::rows_name;
use crate::snapshot::Snapshot;
use crate::stats::summary::Summary;
use crate::store::{Found, look};
use crate::view::View;

/// A damage, by the index of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) offset: u64,
    pub(super) lost: Range<u64>,
}

/// What opening a store and reading all of it shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sight {
    pub(super) observations: u64,
    pub(super) dropped_bytes: u64,
    /// What opening tells of.
    pub(super) found: Vec<Place>,
    /// What reading tells of.
    pub(super) told: Vec<Place>,
    /// Sequence numbers of the observations served, in order and joined.
    pub(super) served: Vec<Range<u64>>,
}

/// Opens the store in `path` and reads all of it. Panics where an observation is
/// served that is not the one in `stored` with that sequence number.
pub(super) fn sight(
    path: &Path,
    specimen: &Specimen,
    stored: &[Observation],
    positioned_reads: bool,
) -> Result<(Sight, Snapshot)> {
    let (found, view) = look(path, positioned_reads)?;
    sight_of(found, view, specimen, stored)
}

/// As [`sight`], of what was found.
pub(super) fn sight_of(
    found: Found,
    view: View,
    specimen: &Specimen,
    stored: &[Observation],
) -> Result<(Sight, Snapshot)> {
    let mut sight = Sight {
        observations: found.observations,
        dropped_bytes: found.dropped_bytes,
        found: found.damage.iter().map(|damage| place(specimen, damage)).collect(),
        ..Sight::default()
    };
    let mut scan = Scan::new(&view, 0..u64::MAX);
    let mut run = Vec::new();
    while let Some(next) = scan.next(&mut run)? {
        match next {
            Run::Damaged(damage) => sight.told.push(place(specimen, &damage)),
            Run::Observations { first } => {
                assert_as_stored(stored, first, &run);
                let end = first + run.len() as u64;
                match sight.served.last_mut() {
                    Some(last) if last.end == first => last.end = end,
                    last => {
                        assert!(last.is_none_or(|last| last.end < first), "served in order");
                        sight.served.push(first..end);
                    }
                }
            }
        }
    }
    Ok((sight, Snapshot::new(view)))
}

fn assert_as_stored(stored: &[Observation], first: u64, run: &[Observation]) {
    let first = usize::try_from(first).expect("a small number");
    let expected = stored.get(first..first + run.len()).expect("no more than was stored");
    let same = |(a, b): (&Observation, &Observation)| {
        a.timestamp_ns == b.timestamp_ns && a.value.to_bits() == b.value.to_bits()
    };
    assert!(run.iter().zip(expected).all(same), "a wrong value, of {} from {first} on", run.len());
}

fn place(specimen: &Specimen, damage: &Damage) -> Place {
    let name = damage.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // A file that is told of and that the store never had has no index.
    let file = specimen.index_of(name).unwrap_or(usize::MAX);
    Place { file, offset: damage.offset, lost: damage.lost.clone() }
}

/// What one changed byte is to show.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) sight: Sight,
    pub(super) summary: Summary,
    /// Bytes of this file are dropped, from here to the last one that is not zero.
    pub(super) dropped_from: Option<(usize, u64)>,
    /// What `verify` tells of.
    pub(super) verified: Option<Place>,
}

impl Specimen {
    /// What is to be seen where a byte of this part has changed.
    pub(super) fn expected(&self, file: usize, part: usize) -> Expected {
        let what = self.files[file].parts[part].what.clone();
        let start = self.files[file].parts[part].bytes.start;
        let bookkeeping = Place { file, offset: start, lost: 0..0 };
        let is_last = file == self.last();
        let mut expected = self.untouched();
        match what {
            What::Unread => {}
            What::Derived => expected.verified = Some(bookkeeping),
            What::Ahead => expected.dropped_from = Some((file, start)),
            What::Marker => expected.sight.found.push(bookkeeping),
            What::SegmentHeader if is_last && self.checkpoint.is_none() => {
                return self.without_last(bookkeeping);
            }
            What::SegmentHeader | What::BlockHeader => {
                let at = self.files[file].frame_behind(start);
                let place = Place { lost: at..at, ..bookkeeping };
                if is_last && (start == 0 || !self.knows_synced(start)) {
                    expected.sight.found.push(place.clone());
                }
                expected.sight.told.push(place);
            }
            What::Frame { sequences, .. } if is_last && !self.has_rotted(start) => {
                expected.sight.observations = sequences.start;
                expected.sight.served = std::iter::once(0..sequences.start).collect();
                expected.summary = self.summary(&(0..0), sequences.start);
                expected.dropped_from = Some((file, start));
            }
            What::Frame { sequences, .. } => {
                expected.summary = self.summary(&sequences, self.len());
                expected.sight.served = vec![0..sequences.start, sequences.end..self.len()];
                expected.sight.served.retain(|range| !range.is_empty());
                let place = Place { file, offset: start, lost: sequences };
                if is_last && !self.knows_synced(start) {
                    expected.sight.found.push(place.clone());
                }
                expected.sight.told.push(place);
            }
        }
        let told = expected.sight.found.iter().chain(&expected.sight.told).next();
        expected.verified = told.cloned().or(expected.verified);
        expected
    }

    fn untouched(&self) -> Expected {
        let sight = Sight {
            observations: self.len(),
            served: std::iter::once(0..self.len()).collect(),
            ..Sight::default()
        };
        let summary = self.summary(&(0..0), self.len());
        Expected { sight, summary, dropped_from: None, verified: None }
    }

    /// The last segment cannot be read, and nobody states what it holds. The one
    /// before is the last then: what lies behind its end is met again, and is
    /// what was copied from there.
    fn without_last(&self, unreadable: Place) -> Expected {
        let before = self.index_of(&rows_name(self.segments() - 1)).expect("a segment before");
        let (bytes, sequences, _) = self.files[before].frames().last().expect("frames");
        let again = if self.files[before].bytes.len() as u64 > bytes.end { COPIED } else { 0 };
        let end = sequences.end + again;
        let sight = Sight {
            observations: end,
            found: vec![unreadable.clone()],
            served: std::iter::once(0..end).collect(),
            ..Sight::default()
        };
        Expected {
            sight,
            summary: self.summary(&(0..0), end),
            dropped_from: Some((before, bytes.end + again * FRAME_BYTES_MIN as u64)),
            verified: Some(unreadable),
        }
    }

    /// How many bytes are dropped from the given place on, where bytes of `file`
    /// are changed.
    pub(super) fn dropped_bytes(
        &self,
        (dropped_in, from): (usize, u64),
        file: usize,
        changes: &[(u64, u8)],
    ) -> u64 {
        let stored = &self.files[dropped_in];
        let now = |offset: u64| {
            let changed = changes.iter().find(|(at, _)| file == dropped_in && *at == offset);
            stored.byte(offset) ^ changed.map_or(0, |(_, change)| *change)
        };
        let last = (from..stored.bytes.len() as u64).rev().find(|offset| now(*offset) != 0);
        last.map_or(0, |last| last + 1 - from)
    }

    /// Whether the checkpoint says that the last segment was synced beyond `offset`,
    /// so that opening it does not look there.
    fn knows_synced(&self, offset: u64) -> bool {
        self.checkpoint.as_ref().is_some_and(|it| offset < it.durable.offset)
    }

    /// Whether what stands at `offset` of the last segment is known to have been
    /// synced though the frame there does not hold: from the checkpoint, or from
    /// an oath behind it.
    fn has_rotted(&self, offset: u64) -> bool {
        let mut behind = self.files[self.last()].frames().filter(|(at, ..)| at.start > offset);
        self.knows_synced(offset) || behind.any(|(_, _, oath)| oath > offset)
    }
}
