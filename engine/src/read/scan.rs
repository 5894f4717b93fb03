//! Reading the rows of one leaf after the other: pages from chunks and rows from the log,
//! both as columns.

use std::ops::Range;
use std::sync::Arc;

use super::nodes::Tree;
use super::times::Times;
use crate::chunk::reader::{Chunk, Page, Wanted};
use crate::error::{Damage, Result};
use crate::format::{CHUNK_LEAVES, LEAF};
use crate::log::reader::{Log, Piece};
use crate::observation::Observation;

/// How many leaves of the log are read at once if they are wanted one after the other:
/// finding the first takes several block reads.
const LOG_LEAVES: u64 = 64;

/// The rows of a leaf.
#[derive(Debug, Default)]
pub(super) struct Leaf {
    page: Page,
    sequences: Vec<u64>,
    /// What of the leaf cannot be read.
    lost: Vec<Damage>,
}

impl Leaf {
    fn clear(&mut self) {
        self.page.times.clear();
        self.page.values.clear();
        self.sequences.clear();
    }
}

/// Reads leaves. The memory of one is used again for the next.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// The chunk that was read last.
    chunk: Option<Arc<Chunk>>,
    /// What was read last of the log.
    rows: LogRows,
    leaf: Leaf,
}

/// Columns of equal length.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    pub(crate) times: Vec<i64>,
    pub(crate) values: Vec<f64>,
}

impl Columns {
    pub(crate) fn clear(&mut self) {
        self.times.clear();
        self.values.clear();
    }
}

impl Scan {
    /// Reads a leaf. Unreadable rows are listed as [`lost`](Self::take_lost) and are no
    /// error.
    pub(crate) fn read(&mut self, tree: &Tree, leaf: u64, wanted: Wanted) -> Result<()> {
        self.leaf.lost.clear();
        self.leaf.sequences.clear();
        tree.check_wanted()?;
        if leaf * LEAF < tree.view().sealed_end_sequence() {
            self.read_page(tree, leaf, wanted)
        } else {
            self.read_rows(tree, leaf)
        }
    }

    /// Takes the rows out of here, and puts those of another leaf in their place.
    pub(super) fn replace(&mut self, leaf: Leaf) -> Leaf {
        std::mem::replace(&mut self.leaf, leaf)
    }

    /// The times of the rows; empty if they were not wanted.
    pub(crate) fn times(&self) -> &[i64] {
        &self.leaf.page.times
    }

    /// The values of the rows. Those of the log are there even if they were not wanted.
    pub(crate) fn values(&self) -> &[f64] {
        &self.leaf.page.values
    }

    /// The sequence numbers of the rows.
    pub(crate) fn sequences(&self) -> &[u64] {
        &self.leaf.sequences
    }

    /// The unreadable parts of the leaf, in the order of sequence numbers.
    pub(crate) fn take_lost(&mut self) -> std::vec::Drain<'_, Damage> {
        self.leaf.lost.drain(..)
    }

    /// Times and values of the rows within `times`. They are put into `copy` unless the rows
    /// are in order of time. Both columns were wanted.
    pub(crate) fn within<'r>(
        &'r self,
        times: &Times,
        copy: &'r mut Columns,
    ) -> (&'r [i64], &'r [f64]) {
        let Page { times: all, values, .. } = &self.leaf.page;
        if all.is_sorted() {
            let start = all.partition_point(|time| *time < times.from);
            let rows = start..all.partition_point(|time| *time <= times.to).max(start);
            return (&all[rows.clone()], &values[rows]);
        }
        copy.clear();
        for (time, value) in all.iter().zip(values).filter(|(time, _)| times.contain(**time)) {
            copy.times.push(*time);
            copy.values.push(*value);
        }
        (&copy.times, &copy.values)
    }

    /// Takes the rows within `times` out of here. They are in order of time.
    pub(crate) fn take_within(&mut self, times: &Times, into: &mut Columns) {
        let is_inside = |time: Option<&i64>| time.is_some_and(|time| times.contain(*time));
        if is_inside(self.leaf.page.times.first()) && is_inside(self.leaf.page.times.last()) {
            std::mem::swap(&mut self.leaf.page.times, &mut into.times);
            std::mem::swap(&mut self.leaf.page.values, &mut into.values);
            return;
        }
        into.clear();
        let mut none = Columns::default();
        let (times, values) = self.within(times, &mut none);
        into.times.extend_from_slice(times);
        into.values.extend_from_slice(values);
    }

    fn read_page(&mut self, tree: &Tree, leaf: u64, wanted: Wanted) -> Result<()> {
        let number = u32::try_from(leaf / CHUNK_LEAVES).expect("a chunk that is sealed");
        let chunk = match self.chunk.take() {
            Some(chunk) if chunk.header.place.number == number => Ok(chunk),
            _ => tree.chunk(number),
        };
        let within = leaf % CHUNK_LEAVES;
        let read = chunk.and_then(|chunk| {
            self.leaf.lost.extend(chunk.losses(within..within + 1));
            let read = chunk.read_page(within, wanted, &mut self.leaf.page);
            chunk.header.leaf_runs(within).for_each(|run| self.leaf.sequences.extend(run));
            self.chunk = Some(chunk);
            read
        });
        if let Err(error) = read {
            // Those lost earlier are among these.
            self.leaf.lost.clear();
            self.leaf.lost.push(error.damage().ok_or(error)?);
            self.leaf.clear();
        }
        Ok(())
    }

    fn read_rows(&mut self, tree: &Tree, leaf: u64) -> Result<()> {
        self.leaf.clear();
        let Some(log) = tree.view().log() else {
            self.leaf.lost.extend(tree.view().missing_log().cloned());
            return Ok(());
        };
        self.rows.reach(log, leaf)?;
        self.rows.copy(leaf, &mut self.leaf);
        Ok(())
    }
}

/// Rows of some leaves of the log.
#[derive(Debug, Default)]
struct LogRows {
    leaves: Range<u64>,
    rows: Vec<Observation>,
    /// The sequence numbers of the rows.
    sequences: Vec<u64>,
    lost: Vec<Damage>,
}

impl LogRows {
    /// Reads the leaf if it is not in memory. If leaves are wanted in order, also the next.
    fn reach(&mut self, log: &Log, leaf: u64) -> Result<()> {
        if self.leaves.contains(&leaf) {
            return Ok(());
        }
        let count = if leaf == self.leaves.end { LOG_LEAVES } else { 1 };
        let leaves = leaf..leaf + count;
        let mut read = std::mem::take(self);
        read.rows.clear();
        read.sequences.clear();
        read.lost.clear();
        log.read(leaves.start * LEAF..leaves.end * LEAF, &mut |piece| {
            match piece {
                Piece::Rows { first_sequence, rows } => {
                    read.sequences.extend((first_sequence..).take(rows.len()));
                    read.rows.extend_from_slice(rows);
                }
                // An end that cannot be read belongs to no leaf.
                Piece::Lost(damage, _) if damage.lost.is_empty() => {}
                Piece::Lost(damage, _) => read.lost.push(damage),
                Piece::Absent(_) => {}
            }
            Ok(())
        })?;
        *self = Self { leaves, ..read };
        Ok(())
    }

    /// Copies a leaf that is in memory. Of what is lost, the leaf has what begins in it.
    fn copy(&self, leaf: u64, into: &mut Leaf) {
        let at = |leaf: u64| self.sequences.partition_point(|sequence| *sequence < leaf * LEAF);
        let wanted = at(leaf)..at(leaf + 1);
        let rows = &self.rows[wanted.clone()];
        into.page.times.extend(rows.iter().map(|row| row.timestamp_ns));
        into.page.values.extend(rows.iter().map(|row| row.value));
        into.sequences.extend_from_slice(&self.sequences[wanted]);
        let begins_here = |damage: &&Damage| damage.lost.start / LEAF == leaf;
        into.lost.extend(self.lost.iter().filter(begins_here).cloned());
    }
}
