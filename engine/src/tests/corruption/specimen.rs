//! Stores with every kind of file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use super::super::contents::contents_of;
use super::super::{edit, log_path, names, record, scratch, view};
use super::parts::{Part, What, parts_of};
use crate::format::names::{BALLAST, DAMAGED, MANIFEST, Name, classify, log_name};
use crate::format::record::Record;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::watch;
use crate::store::Store;

/// The kind of store to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One chunk, and a log of single frames that ends with a mark.
    Small,
    /// Two chunks, one of decimals; a log of two blocks whose last frames were never
    /// synced.
    Large,
    /// A store that has lost observations. In one chunk a repair has accepted that; in
    /// another one and in the log it has not.
    Mended,
}

pub(super) const KINDS: [Kind; 3] = [Kind::Small, Kind::Large, Kind::Mended];

#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// In order, from the first byte to the last.
    pub(super) parts: Vec<Part>,
}

/// A reported place in a file, and what is lost because of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) lost: Range<u64>,
}

/// The files of a store, and what was appended to it.
#[derive(Clone, Debug)]
pub(super) struct Specimen {
    pub(super) kind: Kind,
    pub(super) files: Vec<StoredFile>,
    /// What was appended, even if it was lost later.
    pub(super) observations: Vec<Observation>,
    pub(super) record: Record,
    /// The sequence numbers that can be read.
    pub(super) served: Vec<Range<u64>>,
    /// What is reported about the others.
    pub(super) reported: Vec<Reported>,
}

/// The `n`-th of a series of observations that all differ: decimals first.
pub(super) fn observation(n: u64) -> Observation {
    let small = u32::try_from(n).expect("a small number");
    let value = if n % 1_000_000 < 2_048 {
        f64::from(small) / 10.0
    } else {
        14.0 + f64::from(small * 7 % 40) / 8.0 + f64::from(small) * 1e-9
    };
    Observation::new(1_000_000_007 * i64::from(small), value)
}

pub(super) fn observations(numbers: Range<u64>) -> Vec<Observation> {
    numbers.map(observation).collect()
}

impl Specimen {
    /// Makes the same bytes in each run.
    pub(super) fn make(kind: Kind) -> Self {
        Self::holding(kind, 0)
    }

    /// A store made in the same way with other observations.
    pub(super) fn another(kind: Kind) -> Self {
        Self::holding(kind, 1_000_000)
    }

    fn holding(kind: Kind, base: u64) -> Self {
        watch::count_identities_from(0x5EED_0000_0000_0001 + base);
        let guard = scratch();
        let path = guard.path().join("store");
        let count = match kind {
            Kind::Small => fill_small(&path, base),
            Kind::Large => fill_large(&path, base),
            Kind::Mended => fill_mended(&path, base),
        };
        let is_read = |name: &String| name != BALLAST && !name.ends_with(DAMAGED);
        let files = names(&path).into_iter().filter(is_read).map(|name| {
            let bytes = std::fs::read(path.join(&name)).expect("a file");
            let parts = parts_of(&path, &name, &bytes);
            StoredFile { name, bytes, parts }
        });
        let contents = contents_of(&view(&path).expect("a view")).expect("read");
        let reported = contents.damage.iter().map(Reported::from).collect();
        let specimen = Self {
            kind,
            files: files.collect(),
            observations: observations(base..base + count),
            record: record(&path),
            served: contents.served(),
            reported,
        };
        assert_eq!(specimen.reported.is_empty(), kind != Kind::Mended);
        specimen
    }

    /// Writes the files into `directory`, and removes everything else there.
    pub(super) fn write_to(&self, directory: &Path) {
        std::fs::create_dir_all(directory).expect("a directory");
        for entry in std::fs::read_dir(directory).expect("listed") {
            let entry = entry.expect("an entry");
            let kind = entry.file_type().expect("a kind");
            let known = entry.file_name().to_str().and_then(|name| self.index_of(name)).is_some();
            if kind.is_dir() {
                std::fs::remove_dir_all(entry.path()).expect("removed");
            } else if !known || !kind.is_file() {
                std::fs::remove_file(entry.path()).expect("removed");
            }
        }
        for file in &self.files {
            std::fs::write(directory.join(&file.name), &file.bytes).expect("written");
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }

    pub(super) fn len(&self) -> u64 {
        self.observations.len() as u64
    }

    /// The index of the file of that name.
    pub(super) fn index_of(&self, name: &str) -> Option<usize> {
        self.files.iter().position(|file| file.name == name)
    }

    pub(super) fn manifest(&self) -> usize {
        self.index_of(MANIFEST).expect("a manifest")
    }

    pub(super) fn log(&self) -> usize {
        self.index_of(&log_name(self.record.log)).expect("a log")
    }

    pub(super) fn name_of(&self, file: usize) -> Name {
        classify(&self.files[file].name)
    }

    /// The file of this byte, which is counted over all files, and its offset there.
    pub(super) fn locate(&self, byte: u64) -> (usize, u64) {
        let mut offset = byte;
        for (index, file) in self.files.iter().enumerate() {
            let length = file.bytes.len() as u64;
            if offset < length {
                return (index, offset);
            }
            offset -= length;
        }
        panic!("there are fewer bytes");
    }

    /// Which bytes of `file` are changed, and their parts.
    pub(super) fn describe(&self, file: usize, changes: &[(u64, u8)]) -> String {
        let file = &self.files[file];
        let parts = file.parts.iter().filter(|part| part.bytes.contains(&changes[0].0));
        let parts: Vec<_> = parts.collect();
        format!("{}, bytes {changes:x?} of {parts:?}", file.name)
    }
}

impl fmt::Display for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes in {} files", self.kind, self.bytes(), self.files.len())
    }
}

impl From<&crate::Damage> for Reported {
    fn from(damage: &crate::Damage) -> Self {
        let name = damage.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { file: name, offset: damage.offset, lost: damage.lost.clone() }
    }
}

impl StoredFile {
    pub(super) fn part_at(&self, offset: u64) -> &Part {
        let at = self.parts.partition_point(|part| part.bytes.end <= offset);
        &self.parts[at]
    }

    /// The parts that hold sequence numbers.
    pub(super) fn holding(&self) -> impl Iterator<Item = (&Part, &Range<u64>)> + '_ {
        self.parts.iter().filter_map(|part| match &part.what {
            What::Frame { sequences, .. } | What::Page { sequences } => Some((part, sequences)),
            _ => None,
        })
    }
}

fn with(policy: SyncPolicy, path: &Path) -> Store {
    Options::new().sync(policy).open_or_create(path).expect("opened")
}

/// Appends the observations of these sequence numbers in one batch.
fn batch(store: &Store, base: u64, numbers: Range<u64>) {
    let all = observations(base + numbers.start..base + numbers.end);
    assert_eq!(store.append_batch(&all).expect("appended"), numbers);
}

fn singles(store: &Store, base: u64, numbers: Range<u64>) {
    for n in numbers {
        assert_eq!(store.append(observation(base + n)).expect("appended"), n);
    }
}

fn fill_small(path: &Path, base: u64) -> u64 {
    let store = with(SyncPolicy::Always, path);
    batch(&store, base, 0..2_100);
    singles(&store, base, 2_100..2_106);
    batch(&store, base, 2_106..2_130);
    cut_zeros(&log_path(path));
    2_130
}

fn fill_large(path: &Path, base: u64) -> u64 {
    let store = with(SyncPolicy::Always, path);
    batch(&store, base, 0..5_000);
    singles(&store, base, 5_000..5_004);
    batch(&store, base, 5_004..6_050);
    singles(&store, base, 6_050..6_053);
    drop(store);
    singles(&with(SyncPolicy::Never, path), base, 6_053..6_056);
    cut_zeros(&log_path(path));
    6_056
}

fn fill_mended(path: &Path, base: u64) -> u64 {
    let lose = |n: u64| {
        let view = view(path).expect("a view");
        let frame = parts_of(
            path,
            &log_name(record(path).log),
            &std::fs::read(log_path(path)).expect("a log"),
        );
        drop(view);
        let hit = frame.iter().find(
            |part| matches!(&part.what, What::Frame { sequences, .. } if sequences.contains(&n)),
        );
        let at = hit.expect("a frame").bytes.start;
        super::super::flip(&log_path(path), at + 5);
    };
    let store = with(SyncPolicy::Always, path);
    singles(&store, base, 0..10);
    batch(&store, base, 10..1_500);
    lose(3);
    batch(&store, base, 1_500..2_048);
    assert_eq!(record(path).sealed_end, 1);
    Store::repair(path).expect("repaired");
    let store = with(SyncPolicy::Always, path);
    singles(&store, base, 2_048..2_060);
    lose(2_050);
    batch(&store, base, 2_060..4_100);
    assert_eq!(record(path).sealed_end, 2);
    singles(&store, base, 4_100..4_110);
    lose(4_105);
    // After these bytes the log is replaced, and the new one states what was lost.
    edit(&log_path(path), |bytes| bytes.extend_from_slice(b"torn"));
    singles(&store, base, 4_110..4_112);
    cut_zeros(&log_path(path));
    4_112
}

/// Cuts off most of the zeros written ahead: testing one costs as much as testing a byte
/// with content.
fn cut_zeros(path: &Path) {
    edit(path, |bytes| {
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("a frame") + 1;
        bytes.truncate(end.next_multiple_of(16) + 208);
    });
}
