//! Reading everything that a store holds: every checksum is checked, and every stored
//! statistic is computed again and compared bit by bit. It takes no lock and runs beside
//! writers.

use std::ops::Range;

use super::Store;
use crate::chunk::reader::Chunk;
use crate::error::{Damage, ErrorKind, Result};
use crate::format::names::{MANIFEST, chunk_name, log_name};
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK_LEAVES, CHUNK_LEVEL};
use crate::log::reader::Piece;
use crate::stats::tree::{self, Edge};
use crate::view::View;

/// What [`Store::verify`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// How many observations there are, lost ones included.
    pub observations: u64,
    /// How many of them can be read.
    pub readable: u64,
    /// How many were lost earlier and accepted as lost by [`Store::repair`].
    pub accepted: u64,
    /// The number of chunk files.
    pub chunks: u64,
    /// As [`Recovery::dropped_bytes`](crate::Recovery::dropped_bytes). It is no damage:
    /// an append that was never acknowledged left these bytes.
    pub dropped_bytes: u64,
    /// The places that are not as written: the first 1,000.
    pub damage: Vec<Damage>,
    /// How many further such places there are. They are not listed.
    pub damage_unlisted: u64,
}

/// The most places that are listed.
const DAMAGE_LISTED_MAX: usize = 1000;

impl Verification {
    /// Whether every byte under a checksum is as written, and every stored statistic is
    /// that of the observations.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }

    fn add(&mut self, damage: Damage) {
        // The offset first: a hostile log has millions of places.
        if self.damage.iter().any(|listed| listed.offset == damage.offset && *listed == damage) {
            return;
        }
        if self.damage.len() < DAMAGE_LISTED_MAX {
            self.damage.push(damage);
        } else {
            self.damage_unlisted += 1;
        }
    }
}

/// How often a verification begins again because a failed append was taken back meanwhile.
const ATTEMPTS_MAX: usize = 10;

impl Store {
    /// Reads the whole store, checks every checksum and recomputes every statistic. It
    /// takes as long as reading everything. Its memory does not grow with the store, and
    /// it takes no lock.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// # let store = gaugelog::Store::create(&path)?;
    /// let verification = store.verify()?;
    /// for damage in &verification.damage {
    ///     eprintln!("{damage}");
    /// }
    /// assert!(verification.is_sound());
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] if both copies of the manifest are corrupt,
    /// [`ErrorKind::Removed`] if appends that failed were taken back each of ten times,
    /// [`ErrorKind::Io`] if the file system refuses. Other damage is no error here but a
    /// result.
    pub fn verify(&self) -> Result<Verification> {
        let mut attempts = 0;
        loop {
            let view = View::take(self.shared.directory(), true)?;
            let mut verifying = Verifying::new(&view);
            verifying.chunks()?;
            attempts += 1;
            match verifying.log() {
                // An append that failed was taken back meanwhile.
                Err(error) if error.kind() == ErrorKind::Removed && attempts < ATTEMPTS_MAX => {}
                read => return read.map(|()| verifying.verification),
            }
        }
    }
}

struct Verifying<'a> {
    view: &'a View,
    verification: Verification,
    /// The tree, as computed from the chunks' leaves.
    edge: Edge,
    /// The seal number of the chunk before, if it is known.
    seal: Option<u64>,
}

impl<'a> Verifying<'a> {
    fn new(view: &'a View) -> Self {
        let record = view.record();
        let mut verification = Verification {
            observations: view.end_sequence() - view.first_sequence(),
            chunks: (record.sealed_end - record.first_chunk).into(),
            ..Verification::default()
        };
        view.damage().iter().for_each(|damage| verification.add(damage.clone()));
        let edge = Edge::starting_at(u64::from(record.first_chunk) * CHUNK_LEAVES);
        Self { view, verification, edge, seal: None }
    }

    fn chunks(&mut self) -> Result<()> {
        let record = self.view.record();
        for number in record.first_chunk..record.sealed_end {
            match self.view.chunk(number) {
                Ok(chunk) => self.chunk(&chunk)?,
                Err(error) => {
                    // Retention may run meanwhile. What it removes is no damage.
                    if error.kind() != ErrorKind::Removed {
                        self.verification.add(error.damage().ok_or(error)?);
                    }
                    self.edge = Edge::starting_at((u64::from(number) + 1) * CHUNK_LEAVES);
                    self.seal = None;
                }
            }
        }
        if self.seal.is_some_and(|seal| seal != record.last_seal) {
            let detail = "the last chunk is not the one that the manifest lists";
            self.mismatch(&chunk_name(record.sealed_end - 1), detail);
        }
        self.compare_with_manifest();
        Ok(())
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let number = chunk.header.place.number;
        let mut lost = 0;
        chunk.verify(&mut |damage| {
            lost += rows_within(chunk, &damage.lost);
            self.verification.add(damage);
        })?;
        self.verification.readable += chunk.header.rows() - lost;
        self.verification.accepted += chunk.header.count_of_lost(true);
        chunk.unaccepted().for_each(|damage| self.verification.add(damage));
        let place = chunk.header.place;
        if self.seal.is_some_and(|seal| seal != place.predecessor) {
            self.mismatch(&chunk_name(number), "the chunk does not follow the one before it");
        }
        self.seal = Some(place.seal);
        self.nodes(chunk)
    }

    /// Compares the nodes of a chunk with those that its leaves complete.
    fn nodes(&mut self, chunk: &Chunk) -> Result<()> {
        let number = chunk.header.place.number;
        let mut differs = false;
        for leaf in 0..CHUNK_LEAVES {
            let Some(summary) = chunk.leaf_or_damaged(leaf)? else {
                // Reported with the leaf. Nodes above it cannot be compared.
                self.edge = Edge::starting_at((u64::from(number) + 1) * CHUNK_LEAVES);
                return Ok(());
            };
            self.edge.push(summary.clone(), |node| {
                let stored = tree::find(&chunk.header.nodes, node.level, node.index);
                differs |= node.level >= CHUNK_LEVEL
                    && stored.is_none_or(|stored| !has_same_bits(&stored.summary, &node.summary));
            });
        }
        if differs {
            self.mismatch(&chunk_name(number), "a node is not the merge of what it covers");
        }
        Ok(())
    }

    fn compare_with_manifest(&mut self) {
        let stored = self.view.record().edge.nodes();
        let differs = self.edge.nodes().iter().any(|node| {
            let stored = tree::find(stored, node.level, node.index);
            stored.is_some_and(|stored| !has_same_bits(&stored.summary, &node.summary))
        });
        if differs {
            self.mismatch(MANIFEST, "a node is not the merge of what it covers");
        }
    }

    fn mismatch(&mut self, name: &str, detail: &str) {
        let path = self.view.directory().file_path(name);
        self.verification.add(Damage { path, offset: 0, lost: 0..0, detail: detail.into() });
    }

    fn log(&mut self) -> Result<()> {
        let Some(log) = self.view.log() else { return Ok(()) };
        self.verification.dropped_bytes = log.tail().dropped_bytes;
        let record = self.view.record();
        if !log.has_header_of(record)? {
            let detail = "the log's header is corrupt, or not that of the listed log";
            self.mismatch(&log_name(record.log), detail);
        }
        let verification = &mut self.verification;
        log.read(0..u64::MAX, &mut |piece| {
            match piece {
                Piece::Rows { rows, .. } => verification.readable += rows.len() as u64,
                Piece::Absent(absent) => verification.accepted += absent.end - absent.start,
                Piece::Lost(damage, _) => verification.add(damage),
            }
            Ok(())
        })
    }
}

/// How many rows a chunk has in `sequences`. The others were lost earlier.
fn rows_within(chunk: &Chunk, sequences: &Range<u64>) -> u64 {
    let within = |run: Range<u64>| {
        let (start, end) = (run.start.max(sequences.start), run.end.min(sequences.end));
        end.saturating_sub(start)
    };
    (0..CHUNK_LEAVES).flat_map(|leaf| chunk.header.leaf_runs(leaf)).map(within).sum()
}
