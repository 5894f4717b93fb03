//! Trying any kind of damage on a store, and what may result from it.

use std::ops::Range;
use std::path::Path;

use tempfile::TempDir;

use super::super::contents::{Contents, contents_of};
use super::super::{open, scratch};
use super::parts::What;
use super::specimen::Specimen;
use crate::error::{Error, ErrorKind};
use crate::observation::Observation;
use crate::options::Options;
use crate::store::Store;
use crate::view::View;

/// A range of bytes of one file.
pub(super) type Stretch = (usize, Range<u64>);

/// What was done to a store.
#[derive(Clone, Debug, Default)]
pub(super) struct Tampering {
    /// Bytes that are not as written.
    pub(super) touched: Vec<Stretch>,
    /// Files that need not be readable any more.
    pub(super) misplaced: Vec<usize>,
}

/// A copy of a store that is tampered with again and again.
pub(super) struct Bench<'s> {
    pub(super) specimen: &'s Specimen,
    guard: TempDir,
    turn: u64,
    /// Whether every operation is tried each time.
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

    /// Applies `change` to a fresh copy and checks what is read from it.
    pub(super) fn try_out(&mut self, tampering: &Tampering, change: impl FnOnce(&Path)) {
        self.specimen.write_to(self.path());
        change(self.path());
        self.turn += 1;
        let positioned = !self.turn.is_multiple_of(4);
        self.judge(tampering, positioned);
        if self.thorough && self.turn.is_multiple_of(2) {
            // Once more, with the repair first: above, appending came before it.
            self.turn += 1;
        }
    }

    /// Checks what is read from the store as it is.
    pub(super) fn judge(&self, tampering: &Tampering, positioned: bool) {
        let judge = Judge { specimen: self.specimen, tampering };
        let path = self.path();
        let opened = Options::new().positioned_reads(positioned).open(path);
        let view = View::take(&open(path), positioned);
        let (store, view) = match (opened, view) {
            (Ok(store), Ok(view)) => (store, view),
            (Err(error), Err(_)) => return judge.refusal(path, &error),
            other => panic!("one way to the store is closed: {other:?}"),
        };
        let contents = contents_of(&view).expect("read");
        let end = view.end_sequence();
        assert_eq!(store.recovery().observations, end);
        judge.loss(&contents, end);
        if self.thorough || self.turn.is_multiple_of(4) {
            judge.verifying(path, &contents);
        }
        match self.turn % 8 {
            0 => judge.appending(path, &contents, end),
            4 => judge.repairing(path, &contents),
            _ if self.thorough => {
                judge.appending(path, &contents, end);
                judge.repairing(path, &contents);
            }
            _ => {}
        }
    }
}

/// Checks the result.
struct Judge<'t> {
    specimen: &'t Specimen,
    tampering: &'t Tampering,
}

impl Judge<'_> {
    /// Only a store whose manifest cannot be read, or whose two copies differ, is
    /// refused, and a repair mends that.
    fn refusal(&self, path: &Path, error: &Error) {
        use ErrorKind::{Damaged, Io, NotAStore, Version};
        let manifest = self.specimen.manifest();
        let touched = self.specimen.files[manifest]
            .parts
            .iter()
            .any(|part| self.is_touched(manifest, &part.bytes));
        let refused = matches!(error.kind(), NotAStore | Damaged | Io | Version);
        assert!(touched && refused, "{error}");
        match Store::repair(path) {
            Ok(repair) => {
                assert!(repair.is_manifest_rebuilt);
                let view = View::take(&open(path), true).expect("repaired");
                let contents = contents_of(&view).expect("read");
                self.loss(&contents, view.end_sequence());
                assert!(contents.damage.is_empty(), "{:?}", contents.damage);
                let verified = Store::open(path).expect("opened").verify().expect("verified");
                assert!(verified.is_sound(), "{verified:?}");
            }
            Err(error) => {
                // Only a log holds another record.
                let log = self.specimen.log();
                let header = &self.specimen.files[log].parts[0].bytes;
                let kind = matches!(error.kind(), NotAStore | Damaged | Io);
                let gone =
                    self.is_touched(log, header) || self.tampering.misplaced.contains(&manifest);
                assert!(kind && gone, "{error}");
            }
        }
    }

    fn is_touched(&self, file: usize, bytes: &Range<u64>) -> bool {
        let overlaps =
            |stretch: &Range<u64>| stretch.start < bytes.end && bytes.start < stretch.end;
        self.tampering.touched.iter().any(|(touched, at)| *touched == file && overlaps(at))
            || self.tampering.misplaced.contains(&file)
    }

    /// Nothing is lost silently, and nothing except what was touched.
    fn loss(&self, contents: &Contents, end: u64) {
        for (sequence, row) in &contents.rows {
            let at = usize::try_from(*sequence).expect("small");
            let stored = self.specimen.observations.get(at).expect("no more than was stored");
            let same = row.timestamp_ns == stored.timestamp_ns
                && row.value.to_bits() == stored.value.to_bits();
            assert!(same, "{row:?} instead of {stored:?} as {sequence}");
        }
        let served = contents.served();
        let is_served = |n: u64| served.iter().any(|range| range.contains(&n));
        let covered = |n: u64| {
            contents.damage.iter().any(|damage| damage.lost.contains(&n))
                || contents.absent.iter().any(|absent| absent.contains(&n))
        };
        let missing = |n: &u64| !is_served(*n);
        let silent = (0..end).filter(missing).find(|n| !covered(*n));
        assert_eq!(silent, None, "lost silently: {contents:?}");
        let excused = self.excused();
        for n in self.specimen.served.iter().cloned().flatten().filter(missing) {
            let allowed = excused.iter().any(|range| range.contains(&n));
            assert!(allowed, "{n} is lost, and was not touched: {:?}", contents.damage);
        }
    }

    /// The sequence numbers that may be lost.
    fn excused(&self) -> Vec<Range<u64>> {
        let mut excused = Vec::new();
        if self.tampering.misplaced.contains(&self.specimen.manifest()) {
            // With the record of another store, what it lists is missing, and that is
            // reported.
            excused.push(0..u64::MAX);
        }
        for (file, stored) in self.specimen.files.iter().enumerate() {
            for (part, sequences) in stored.holding() {
                if self.is_touched(file, &part.bytes) {
                    excused.push(sequences.clone());
                }
            }
            let headers = stored.parts.iter().filter(|part| part.what == What::ChunkHeader);
            let mut headers = headers.peekable();
            if headers.peek().is_some() && headers.all(|part| self.is_touched(file, &part.bytes)) {
                excused.extend(stored.holding().map(|(_, sequences)| sequences.clone()));
            }
        }
        excused.push(self.first_unproved()..u64::MAX);
        excused
    }

    /// The first touched observation of the log that no untouched frame states as
    /// durable.
    fn first_unproved(&self) -> u64 {
        let log = self.specimen.log();
        let parts = &self.specimen.files[log].parts;
        let proved = |at: u64| {
            at < self.specimen.record.made_bytes
                || parts.iter().any(|part| match part.what {
                    What::Frame { synced_to, .. } | What::Mark { synced_to } => {
                        part.bytes.start > at
                            && synced_to > at
                            && !self.is_touched(log, &part.bytes)
                    }
                    _ => false,
                })
        };
        let touched = self.specimen.files[log]
            .holding()
            .filter(|(part, _)| self.is_touched(log, &part.bytes) && !proved(part.bytes.start));
        touched.map(|(_, sequences)| sequences.start).min().unwrap_or(u64::MAX)
    }

    /// `verify` lists all that reading reports, and what it counts as readable can be
    /// read.
    fn verifying(&self, path: &Path, contents: &Contents) {
        let found = Store::open_read_only(path).expect("opened").verify();
        let found = found.unwrap_or_else(|error| panic!("{error}"));
        for damage in &contents.damage {
            let listed =
                found.damage.iter().any(|it| it.path == damage.path && it.offset == damage.offset);
            let known = self.specimen.reported.iter().any(|it| it.lost == damage.lost);
            assert!(listed || known, "{damage:?} is not listed: {found:?}");
        }
        assert_eq!(found.readable, contents.rows.len() as u64, "{found:?}");
    }

    /// Appending loses nothing that could be read, or is refused with the name of the
    /// file.
    fn appending(&self, path: &Path, before: &Contents, end: u64) {
        let new = Observation::new(7, 7.0);
        let mut expected = before.rows.clone();
        match Store::open(path).expect("opened").append(new) {
            Ok(sequence) => {
                assert_eq!(sequence, end);
                expected.push((sequence, new));
            }
            Err(error) => {
                let named = error.path().starts_with(path) && error.path() != path;
                let kind = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io);
                assert!(named && kind, "{error}");
            }
        }
        let now = contents_of(&View::take(&open(path), true).expect("opened again")).expect("read");
        assert!(now.rows == expected, "{} rows, {} expected", now.rows.len(), expected.len());
    }

    /// A repair accepts what is lost, and loses nothing more.
    fn repairing(&self, path: &Path, before: &Contents) {
        let repair = Store::repair(path).expect("repaired");
        let store = Store::open(path).expect("opened");
        assert!(store.recovery().damage.is_empty(), "{:?}", store.recovery());
        let now = contents_of(&View::take(&open(path), true).expect("opened again")).expect("read");
        assert!(now.damage.is_empty(), "{:?}", now.damage);
        let kept =
            before.rows.iter().all(|row| now.rows.binary_search_by_key(&row.0, |it| it.0).is_ok());
        assert!(
            kept,
            "{repair:?} lost {} of {}",
            before.rows.len() - now.rows.len(),
            before.rows.len()
        );
        let verified = store.verify().expect("verified");
        assert!(verified.is_sound(), "{repair:?}: {verified:?}");
        let new = Observation::new(8, 8.0);
        let end = store.append(new).expect("appended");
        assert_eq!(end, verified.observations);
    }
}
