//! Everything that a store holds, read in order of arrival.

use std::ops::Range;
use std::path::Path;

use crate::chunk::reader::{Chunk, Page, Wanted};
use crate::error::{Damage, Result};
use crate::format::Lost;
use crate::format::names::chunk_name;
use crate::log::reader::{Log, Piece};
use crate::observation::Observation;
use crate::view::View;

/// What can be read of a store, and what is reported about the rest.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// With their sequence numbers, in order.
    pub(super) rows: Vec<(u64, Observation)>,
    pub(super) damage: Vec<Damage>,
    /// Accepted as lost by a repair.
    pub(super) absent: Vec<Range<u64>>,
}

impl Contents {
    /// All rows of a store that has lost none and from which none was removed.
    pub(super) fn all(self) -> Vec<Observation> {
        assert!(self.damage.is_empty() && self.absent.is_empty(), "{:?}", self.damage);
        for (at, (sequence, _)) in self.rows.iter().enumerate() {
            assert_eq!(*sequence, at as u64, "no gap and no double");
        }
        self.rows.into_iter().map(|(_, row)| row).collect()
    }

    /// The sequence numbers that are read, as joined ranges.
    pub(super) fn served(&self) -> Vec<Range<u64>> {
        let mut served: Vec<Range<u64>> = Vec::new();
        for (sequence, _) in &self.rows {
            match served.last_mut() {
                Some(last) if last.end == *sequence => last.end += 1,
                last => {
                    assert!(last.is_none_or(|last| last.end < *sequence), "served in order");
                    served.push(*sequence..*sequence + 1);
                }
            }
        }
        served
    }

    /// Adds what a chunk holds.
    pub(super) fn add_chunk(&mut self, chunk: &Chunk, path: &Path, page: &mut Page) -> Result<()> {
        for Lost { sequences: lost, is_accepted } in chunk.header.lost() {
            if is_accepted {
                self.absent.push(lost);
            } else {
                let detail = "lost before the chunk was made".into();
                let path = path.to_owned();
                self.damage.push(Damage { path, offset: 0, lost, detail });
            }
        }
        for leaf in 0..super::CHUNK_LEAVES {
            match chunk.read_page(leaf, Wanted::ROWS, page) {
                Ok(()) => self.rows.extend(chunk.header.leaf_runs(leaf).flatten().zip(page.rows())),
                Err(error) => self.damage.push(error.damage().ok_or(error)?),
            }
        }
        Ok(())
    }

    /// Adds what a log holds.
    pub(super) fn add_log(&mut self, log: &Log) -> Result<()> {
        log.read(0..u64::MAX, &mut |piece| {
            match piece {
                Piece::Rows { first_sequence, rows } => {
                    self.rows.extend((first_sequence..).zip(rows.iter().copied()));
                }
                Piece::Lost(damage, _) => self.damage.push(damage),
                Piece::Absent(absent) => self.absent.push(absent),
            }
            Ok(())
        })
    }
}

/// Reads all of a view.
pub(super) fn contents_of(view: &View) -> Result<Contents> {
    let (mut contents, mut page) = (Contents::default(), Page::default());
    let path = |number| view.directory().file_path(&chunk_name(number));
    for number in view.record().first_chunk..view.record().sealed_end {
        match view.chunk(number) {
            Ok(chunk) => contents.add_chunk(&chunk, &path(number), &mut page)?,
            Err(error) => contents.damage.push(error.damage().ok_or(error)?),
        }
    }
    contents.damage.extend(view.missing_log().cloned());
    if let Some(log) = view.log() {
        contents.add_log(log)?;
    }
    Ok(contents)
}
