//! Repairing a damaged store: what cannot be read is given up.

use std::path::PathBuf;
use std::sync::Arc;

use rustix::io::Errno;

use super::Store;
use super::rebuild::rebuild;
use crate::chunk::reader::Chunk;
use crate::chunk::writer::{encode, summarised};
use crate::error::{ErrorKind, Result};
use crate::format::chunk::Place;
use crate::format::names::{ASIDE, MANIFEST, Name, chunk_name, classify, log_name};
use crate::format::record::Record;
use crate::format::summary::has_same_bits;
use crate::format::{CHUNK, CHUNK_LEAVES, CHUNK_LEVEL, Lost};
use crate::log::Head;
use crate::log::reader::{Log, Piece};
use crate::manifest;
use crate::options::Options;
use crate::os::disk::Directory;
use crate::os::lock::Lock;
use crate::stats::tree::{Edge, Node};
use crate::view::{MANIFEST_AWAY, check_chunks};
use crate::write::held::{Held, Losses};
use crate::write::rotate::{draw_identity, make_log, seal_and_make_log};

/// What [`Store::repair`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// Whether the manifest was made again from the headers of the other files.
    pub is_manifest_rebuilt: bool,
    /// How many observations this repair has accepted as lost.
    pub lost: u64,
    /// Whether an unknown number is lost besides: the log was missing, bytes that may have
    /// held its end could not be read, or the manifest was lost and a log cannot be used.
    pub is_loss_unknown: bool,
    /// Files that were rewritten.
    pub rewritten: Vec<PathBuf>,
    /// Files with names like a store's that do not belong to it, as from a copy that was
    /// cut off or an old backup beside newer files. They are left alone.
    pub orphans: Vec<PathBuf>,
}

impl Store {
    /// Repairs the store at `path`: makes the manifest again if it is corrupt or missing,
    /// and rewrites damaged files without what cannot be read. That is accepted as
    /// lost permanently. Afterwards the store verifies clean. First make a copy of the
    /// directory if other means may still read the lost observations from the disk.
    ///
    /// An undamaged store is not changed.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// # gaugelog::Store::create(&path)?;
    /// let repair = gaugelog::Store::repair(&path)?;
    /// assert_eq!((repair.lost, repair.is_manifest_rebuilt), (0, false));
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]; [`ErrorKind::NotAStore`] if no manifest, log or chunk can be
    /// read; [`ErrorKind::Locked`] while a writer is held;
    /// [`ErrorKind::Io`] if the file system refuses.
    pub fn repair(path: impl AsRef<std::path::Path>) -> Result<Repair> {
        Options::new().repair(path)
    }
}

impl Options {
    /// As [`Store::repair`], with these options' wait for the lock.
    ///
    /// # Errors
    /// As [`Store::repair`].
    pub fn repair(&self, path: impl AsRef<std::path::Path>) -> Result<Repair> {
        let directory = super::create::open_directory(path.as_ref())?;
        let lock = Lock::take(&directory, self.lock_wait)?;
        let mut repairing = Repairing::begin(&directory, &lock)?;
        let way_out = match repairing.repair.is_manifest_rebuilt {
            true => "move the chunks of the lowest numbers away",
            false => MANIFEST_AWAY,
        };
        check_chunks(&directory, &repairing.record, way_out)?;
        if repairing.record.log != 0 {
            repairing.chunks()?;
            repairing.log()?;
        }
        repairing.finish()
    }
}

struct Repairing<'a> {
    directory: &'a Arc<Directory>,
    lock: &'a Lock,
    record: Record,
    /// Whether the manifest must be replaced.
    is_changed: bool,
    /// The id of the old log, if it is replaced.
    replaced_log: Option<u64>,
    repair: Repair,
}

impl<'a> Repairing<'a> {
    fn begin(directory: &'a Arc<Directory>, lock: &'a Lock) -> Result<Self> {
        let mut repair = Repair::default();
        let (record, is_changed) = match manifest::read(directory) {
            Ok(manifest) => (manifest.record, manifest.damage.is_some()),
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::NotAStore) => {
                repair.is_manifest_rebuilt = true;
                let (record, has_unusable) = rebuild(directory)?;
                repair.is_loss_unknown = has_unusable;
                (record, true)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { directory, lock, record, is_changed, replaced_log: None, repair })
    }

    /// Rewrites damaged chunks, and those whose nodes count what is lost.
    fn chunks(&mut self) -> Result<()> {
        let numbers = self.record.first_chunk..self.record.sealed_end;
        let mut edge = Edge::starting_at(u64::from(numbers.start) * CHUNK_LEAVES);
        let mut before = None;
        for number in numbers {
            before = Some(match self.open(number) {
                Ok(chunk) => {
                    self.chunk(&chunk)?;
                    self.join(number, before, &mut edge)?
                }
                Err(error) if error.damage().is_some() || error.is_not_found() => {
                    self.fill_hole(number, before, &mut edge)?
                }
                Err(error) => return Err(error),
            });
        }
        let same = |(a, b): (&Node, &Node)| has_same_bits(&a.summary, &b.summary);
        if !edge.nodes().iter().zip(self.record.edge.nodes()).all(same) {
            self.is_changed = true;
        }
        self.record.edge = edge;
        if let Some(seal) = before.filter(|seal| *seal != self.record.last_seal) {
            self.record.last_seal = seal;
            self.is_changed = true;
        }
        Ok(())
    }

    fn open(&self, number: u32) -> Result<Chunk> {
        Chunk::open(self.directory, self.record.store, number, true)
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<()> {
        let mut is_sound = true;
        chunk.verify(&mut |_| is_sound = false)?;
        let unaccepted = chunk.header.count_of_lost(false);
        if is_sound && unaccepted == 0 {
            return Ok(());
        }
        let place = chunk.header.place;
        let repaired = chunk.repaired(place.predecessor, chunk.header.nodes.clone())?;
        self.repair.lost += repaired.lost + unaccepted;
        self.write(place.number, &repaired.bytes)
    }

    fn write(&mut self, number: u32, bytes: &[u8]) -> Result<()> {
        let name = chunk_name(number);
        self.directory.replace_file(&name, bytes)?;
        self.lock.sync_directory()?;
        let path = self.directory.file_path(&name);
        if !self.repair.rewritten.contains(&path) {
            self.repair.rewritten.push(path);
        }
        Ok(())
    }

    /// Puts a chunk without observations in the place of a missing one, and adds its leaves
    /// to `edge`. Its seal number is the one that the next chunk, or the manifest, states.
    /// Returns that.
    fn fill_hole(&mut self, number: u32, before: Option<u64>, edge: &mut Edge) -> Result<u64> {
        let name = chunk_name(number);
        let next = number + 1;
        let stated = if next == self.record.sealed_end {
            Some(self.record.last_seal)
        } else {
            self.open(next).ok().map(|chunk| chunk.header.place.predecessor)
        };
        let seal = match stated.filter(|seal| *seal != 0) {
            Some(seal) => seal,
            None => draw_identity(self.directory)?,
        };
        let place = Place {
            store: self.record.store,
            number,
            source_log: self.record.log,
            seal,
            predecessor: before.unwrap_or(0),
        };
        let lost = vec![Lost { sequences: place.sequences(), is_accepted: true }];
        let bytes = encode(&summarised(place, Vec::new(), lost, edge));
        if self.directory.identity(&name)?.is_some() {
            self.directory.set_aside(&name, ASIDE)?;
            self.lock.sync_directory()?;
        }
        self.repair.lost += CHUNK;
        self.write(number, &bytes)?;
        Ok(seal)
    }

    /// Adds a chunk's leaves to `edge`. Rewrites the chunk if it lacks a node that they
    /// complete, if one is not their merge, or if it does not state the seal number
    /// `before`. Returns its own seal number.
    fn join(&mut self, number: u32, before: Option<u64>, edge: &mut Edge) -> Result<u64> {
        let chunk = self.open(number)?;
        let place = chunk.header.place;
        let predecessor = before.unwrap_or(place.predecessor);
        let mut nodes = chunk.header.nodes.clone();
        let mut differs = predecessor != place.predecessor;
        for leaf in 0..CHUNK_LEAVES {
            edge.push(chunk.leaf(leaf)?.clone(), |node| {
                // Each is the parent of the one before it, in both.
                let above = node.level.checked_sub(CHUNK_LEVEL).map(|above| above as usize);
                match above.map(|above| nodes.get_mut(above)) {
                    None => return,
                    Some(Some(stored)) if has_same_bits(&stored.summary, &node.summary) => return,
                    Some(Some(stored)) => *stored = node.clone(),
                    Some(None) => nodes.push(node.clone()),
                }
                differs = true;
            });
        }
        if differs {
            let bytes = chunk.repaired(predecessor, nodes)?.bytes;
            self.write(number, &bytes)?;
        }
        Ok(place.seal)
    }

    /// Makes a new log if the listed one is damaged or missing.
    fn log(&mut self) -> Result<()> {
        let head = Head::of(&self.record);
        let mut record = self.record.with_log(draw_identity(self.directory)?);
        match Log::open(self.directory, head) {
            Ok(log) => {
                let unaccepted = unaccepted(&log)?;
                if unaccepted == 0
                    && log.has_header_of(&self.record)?
                    && log.tail().unreadable.is_none()
                {
                    return Ok(());
                }
                self.repair.lost += unaccepted;
                self.repair.is_loss_unknown |= log.tail().unreadable.is_some();
                let ends = (log.end_sequence(), log.end_sequence());
                let losses = Losses::Accepted;
                seal_and_make_log(self.directory, self.lock, &log, ends, losses, &mut record)?;
            }
            Err(error) if error.damage().is_some() || error.is_not_found() => {
                let gone = head.first_sequence..head.made.sequence;
                self.repair.lost += gone.end - gone.start;
                self.repair.is_loss_unknown = true;
                let lost = [Lost { sequences: gone, is_accepted: true }].into_iter();
                let lost = lost.filter(|it| !it.sequences.is_empty()).collect();
                make_log(self.directory, &mut record, &Held { lost, ..Held::default() })?;
            }
            Err(error) => return Err(error),
        }
        self.repair.rewritten.push(self.directory.file_path(&log_name(record.log)));
        self.record = record;
        self.replaced_log = Some(head.id);
        self.is_changed = true;
        Ok(())
    }

    fn finish(mut self) -> Result<Repair> {
        if self.is_changed {
            if self.replaced_log.is_none() {
                self.record.generation = self.record.next_generation();
            }
            let (directory, lock) = (self.directory, self.lock);
            manifest::with_ballast(directory, || manifest::replace(directory, lock, &self.record))?;
            self.repair.rewritten.push(directory.file_path(MANIFEST));
        }
        // Synced even if nothing is changed: an earlier repair may have been cut off.
        self.lock.sync_directory()?;
        let has_all = !(self.repair.is_manifest_rebuilt && self.repair.is_loss_unknown);
        for name in self.directory.names()? {
            let record = &self.record;
            match classify(&name) {
                // It may hold what a log held that cannot be used.
                Name::Damaged(_) if !has_all => self.orphan(&name),
                Name::Damaged(_) | Name::Temporary => match self.directory.remove(&name) {
                    // It is not a file, and so not one of the store's.
                    Err(error) if error.errno() == Some(Errno::ISDIR) => self.orphan(&name),
                    removed => removed?,
                },
                Name::Log(id) if self.replaced_log == Some(id) => self.remove_log(&name)?,
                Name::Log(id) if id != record.log => self.orphan(&name),
                Name::Chunk(number)
                    if !(record.first_chunk..record.sealed_end).contains(&number) =>
                {
                    self.orphan(&name);
                }
                Name::Aside => self.orphan(&name),
                _ => {}
            }
        }
        Ok(self.repair)
    }

    /// If the log's name leads to something that is not a file, it is kept under another
    /// name.
    fn remove_log(&mut self, name: &str) -> Result<()> {
        match self.directory.open_file(name) {
            Err(error) if error.damage().is_some() => {
                self.directory.set_aside(name, ASIDE)?;
                self.orphan(&format!("{name}{ASIDE}"));
                Ok(())
            }
            _ => self.directory.remove(name),
        }
    }

    fn orphan(&mut self, name: &str) {
        self.repair.orphans.push(self.directory.file_path(name));
    }
}

/// How many observations the log has lost that no repair has accepted.
fn unaccepted(log: &Log) -> Result<u64> {
    let mut unaccepted = 0;
    log.read(0..u64::MAX, &mut |piece| {
        if let Piece::Lost(damage, _) = piece {
            unaccepted += damage.lost.end - damage.lost.start;
        }
        Ok(())
    })?;
    Ok(unaccepted)
}
