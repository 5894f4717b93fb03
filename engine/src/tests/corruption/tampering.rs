//! Trying any kind of damage on a store: what may come of it, whatever it is.

use std::ops::Range;
use std::path::Path;

use tempfile::TempDir;

use super::parts::What;
use super::specimen::{Specimen, scratch};
use super::verdict::{Place, Sight, sight};
use crate::error::{Error, ErrorKind};
use crate::observation::Observation;
use crate::store::Store;

/// Bytes of one file.
pub(super) type Stretch = (usize, Range<u64>);

/// What was done to a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Tampering {
    /// Bytes that are not as they were.
    pub(super) touched: Vec<Stretch>,
    /// Files of which nothing needs to be read any more: whatever they hold, it is
    /// not known to be theirs.
    pub(super) misplaced: Vec<usize>,
    /// Files that do not belong to the store were added.
    pub(super) added: bool,
}

/// A copy of a store, to be tampered with again and again.
pub(super) struct Bench<'s> {
    pub(super) specimen: &'s Specimen,
    guard: TempDir,
    turn: u64,
    /// Everything that a store is for is tried each time.
    thorough: bool,
}

impl<'s> Bench<'s> {
    pub(super) fn new(specimen: &'s Specimen) -> Self {
        Self { specimen, guard: scratch(), turn: 0, thorough: false }
    }

    pub(super) fn thorough(specimen: &'s Specimen) -> Self {
        Self { thorough: true, ..Self::new(specimen) }
    }

    pub(super) fn path(&self) -> &Path {
        self.guard.path()
    }

    /// Changes a fresh copy by `change` and judges what is seen of it.
    pub(super) fn try_out(&mut self, tampering: &Tampering, change: impl FnOnce(&Path)) {
        self.specimen.write_to(self.path());
        change(self.path());
        self.turn += 1;
        let judge = Judge { specimen: self.specimen, tampering };
        let positioned = !self.turn.is_multiple_of(4);
        match sight(self.path(), self.specimen, &self.specimen.observations, positioned) {
            Err(error) => judge.refusal(&error),
            Ok((seen, snapshot)) => {
                judge.loss(&seen);
                if let Err(error) = snapshot.summary() {
                    judge.error(&error);
                }
                if self.thorough || self.turn.is_multiple_of(4) {
                    judge.verifying(self.path(), &seen);
                }
                if self.thorough || self.turn.is_multiple_of(8) {
                    if let Err(error) = snapshot.median() {
                        judge.error(&error);
                    }
                    judge.appending(self.path(), &seen);
                }
            }
        }
    }
}

/// Judges what came of it.
struct Judge<'t> {
    specimen: &'t Specimen,
    tampering: &'t Tampering,
}

impl Judge<'_> {
    /// Only a store whose marker is not there, or that holds nothing else, is refused.
    fn refusal(&self, error: &Error) {
        use ErrorKind::{Damaged, Io, NotAStore};
        let marker = self.specimen.index_of("gaugelog").expect("a marker");
        let all = self.specimen.files.iter().enumerate();
        let mut rows = all.filter(|(_, file)| file.name.ends_with(".rows"));
        let touched = self.touches(marker) || rows.all(|(file, _)| self.touches(file));
        let refused = matches!(error.kind(), NotAStore | Damaged | Io);
        assert!(touched && refused, "{error}");
    }

    fn error(&self, error: &Error) {
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    }

    fn touches(&self, file: usize) -> bool {
        self.tampering.touched.iter().any(|(touched, _)| *touched == file)
            || self.tampering.misplaced.contains(&file)
    }

    fn is_touched(&self, file: usize, bytes: &Range<u64>) -> bool {
        let overlaps =
            |stretch: &Range<u64>| stretch.start < bytes.end && bytes.start < stretch.end;
        self.tampering.touched.iter().any(|(touched, at)| *touched == file && overlaps(at))
            || self.tampering.misplaced.contains(&file)
    }

    /// Nothing is lost silently, and nothing but what was touched.
    fn loss(&self, seen: &Sight) {
        let told: Vec<&Place> = seen.found.iter().chain(&seen.told).collect();
        for n in 0..seen.observations {
            let covered = served(seen, n) || told.iter().any(|place| place.lost.contains(&n));
            assert!(covered, "{n} is lost and not told: {seen:?}");
        }
        let evident = self.evident_end();
        if seen.observations < evident {
            let told = seen.dropped_bytes > 0 || !seen.found.is_empty();
            assert!(told, "the end is lost and not told: {seen:?}");
        }
        for (file, sequences) in self.to_be_read() {
            for n in [sequences.start, sequences.end - 1] {
                assert!(
                    served(seen, n),
                    "{n} of {}, which was not touched, is lost: {seen:?}",
                    self.specimen.files[file].name
                );
            }
        }
        for place in told {
            let known = place.file < self.specimen.files.len();
            assert!(
                if known { self.touches(place.file) } else { self.tampering.added },
                "told of a file that was not touched: {place:?}"
            );
        }
    }

    /// The sequence number up to which what was left untouched says that there are
    /// observations: behind it frames were never synced, and may go unseen.
    fn evident_end(&self) -> u64 {
        let checkpoint = self.specimen.checkpoint.as_ref();
        let named = checkpoint.filter(|_| self.stands_in_for_header());
        let mut end = named.map_or(0, |checkpoint| checkpoint.durable.sequence);
        for (index, file) in self.specimen.files.iter().enumerate() {
            let Some(header) = file.parts.first() else { continue };
            if header.what != What::SegmentHeader || self.is_touched(index, &header.bytes) {
                continue;
            }
            let sworn = file.frames().filter(|(bytes, ..)| !self.is_touched(index, bytes));
            let sworn = sworn.map(|(_, _, oath)| oath).max().unwrap_or(0);
            for (bytes, sequences, _) in file.frames() {
                // A segment is begun where everything before it was synced.
                let synced = if bytes.end <= sworn { sequences.end } else { 0 };
                end = end.max(synced).max(if bytes.start == header.bytes.end {
                    sequences.start
                } else {
                    0
                });
            }
        }
        end
    }

    /// Frames that nothing was done to, and that nothing makes the end of the store
    /// come before them.
    fn to_be_read(&self) -> Vec<(usize, Range<u64>)> {
        let mut all = Vec::new();
        let last = self.specimen.last();
        for (index, file) in self.specimen.files.iter().enumerate() {
            let header = file.parts.first().filter(|part| part.what == What::SegmentHeader);
            let Some(header) = header else { continue };
            let header_lost = self.is_touched(index, &header.bytes);
            if index == last && header_lost && !self.stands_in_for_header() {
                continue;
            }
            let cut = if index == last { self.first_unsworn() } else { u64::MAX };
            for (bytes, sequences, _) in file.frames() {
                if !self.is_touched(index, &bytes) && bytes.start < cut {
                    all.push((index, sequences));
                }
            }
        }
        all
    }

    /// Whether the checkpoint can state what the last segment's header did.
    fn stands_in_for_header(&self) -> bool {
        let slot = self.specimen.index_of(crate::checkpoint::NAME);
        slot.is_some_and(|slot| !self.touches(slot))
    }

    /// The first place of the last segment that was touched and of which nothing
    /// that was not swears that it was synced.
    fn first_unsworn(&self) -> u64 {
        let last = self.specimen.last();
        let durable = if self.stands_in_for_header() {
            self.specimen.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.durable.offset)
        } else {
            0
        };
        let frames: Vec<_> = self.specimen.files[last].frames().collect();
        let sworn = |at: u64| {
            at < durable
                || frames.iter().any(|(bytes, _, oath)| {
                    bytes.start > at && *oath > at && !self.is_touched(last, bytes)
                })
        };
        let touched = frames.iter().filter(|(bytes, ..)| self.is_touched(last, bytes));
        let unsworn = touched.map(|(bytes, ..)| bytes.start).find(|at| !sworn(*at));
        unsworn.unwrap_or(u64::MAX)
    }

    /// `verify` lists all that reading tells of, and what it says can be read can.
    fn verifying(&self, path: &Path, seen: &Sight) {
        let found = Store::open_read_only(path).expect("opened").verify();
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        for place in seen.found.iter().chain(&seen.told) {
            let listed = found.damage.iter().any(|damage| {
                let within =
                    damage.lost.start <= place.lost.start && place.lost.end <= damage.lost.end;
                let file = self.specimen.files.get(place.file);
                damage.offset == place.offset
                    && (place.lost.is_empty() || within)
                    && file.is_none_or(|file| damage.path.ends_with(&file.name))
            });
            assert!(listed, "{place:?} is not listed: {found:?}");
        }
        let count: u64 = seen.served.iter().map(|range| range.end - range.start).sum();
        assert_eq!(found.readable, count, "{found:?}");
    }

    /// Appending loses nothing that could be read, or is refused and says of what file.
    fn appending(&self, path: &Path, seen: &Sight) {
        let new = Observation::new(7, 7.0);
        let store = Store::open(path).expect("opened");
        let mut stored = self.specimen.observations.clone();
        let mut expected = seen.served.clone();
        assert_eq!(store.path(), path);
        match store.append(new) {
            Ok(sequence) => {
                assert_eq!(sequence, seen.observations);
                stored.truncate(usize::try_from(sequence).expect("small"));
                stored.push(new);
                match expected.last_mut() {
                    Some(last) if last.end == sequence => last.end += 1,
                    _ => expected.push(sequence..sequence + 1),
                }
            }
            Err(error) => {
                let named = error.path().starts_with(path) && error.path() != path;
                let kind = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io);
                assert!(named && kind, "{error}");
            }
        }
        drop(store);
        let (now, _) = sight(path, self.specimen, &stored, true).expect("opened again");
        assert_eq!(now.served, expected);
    }
}

fn served(seen: &Sight, n: u64) -> bool {
    seen.served.iter().any(|range| range.contains(&n))
}
