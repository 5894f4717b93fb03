//! A store that holds every kind of file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use tempfile::TempDir;

use super::super::{edit, names, segment_path, segments};
use super::parts::{Part, What, parts_of};
use crate::checkpoint::{self, Checkpoint};
use crate::disk::watch;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::segment::format::FRAME_BYTES_MIN;
use crate::segment::names::rows_name;
use crate::stats::summary::Summary;
use crate::stats::tree::{Edge, LEAF};
use crate::store::Store;

/// What kind of store to make. Both have every kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Two segments, of which the first ends with its first leaf: 28 KiB. Few
    /// files, since finding and opening them is most of what a look costs.
    Small,
    /// Three segments: of two leaves and two blocks; torn, with frames behind its
    /// stated end; and with copied frames, and another leaf: 64 KiB.
    Large,
}

/// Frames that come with the last segment of the large store.
pub(super) const COPIED: u64 = 4;

#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// One behind the other, from the first byte to the last.
    pub(super) parts: Vec<Part>,
}

/// The files of a store, and what was put into it.
#[derive(Clone, Debug)]
pub(super) struct Specimen {
    pub(super) files: Vec<StoredFile>,
    pub(super) observations: Vec<Observation>,
    pub(super) checkpoint: Option<Checkpoint>,
}

/// Options for segments that may be smaller than can be asked for.
pub(super) fn options(policy: SyncPolicy, segment_bytes_max: u64) -> Options {
    Options { segment_bytes_max, ..Options::new().sync(policy) }
}

/// The `n`-th of observations that are all different, with few values to three
/// digits, so that a guide is not the larger part of a store.
pub(super) fn observation(n: u64) -> Observation {
    let n = u32::try_from(n).expect("a small number");
    let value = 14.0 + f64::from(n * 7 % 40) / 8.0 + f64::from(n) * 1e-9;
    Observation::new(1_000_000_007 * i64::from(n), value)
}

pub(super) fn observations(numbers: Range<u64>) -> Vec<Observation> {
    numbers.map(observation).collect()
}

/// A directory in memory where there is one: no sync matters here.
pub(super) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
        .expect("a temporary directory")
}

/// Both kinds, with and without a checkpoint.
pub(super) fn every_specimen() -> [Specimen; 4] {
    let (small, large) = (Specimen::make(Kind::Small), Specimen::make(Kind::Large));
    [small.clone(), small.without_checkpoint(), large.clone(), large.without_checkpoint()]
}

impl Specimen {
    /// The same bytes each time, but for the holder's name in the lock.
    pub(super) fn make(kind: Kind) -> Self {
        Self::holding(kind, 0)
    }

    /// One that was made in the same way and holds other observations.
    pub(super) fn another(kind: Kind) -> Self {
        Self::holding(kind, 1_000_000)
    }

    fn holding(kind: Kind, first: u64) -> Self {
        watch::count_identities_from(0x5EED_0000_0000_0001 + first);
        let guard = scratch();
        let path = guard.path().join("store");
        let count = fill(&path, kind, first);
        let files = names(&path).into_iter().map(|name| {
            let bytes = std::fs::read(path.join(&name)).expect("a file");
            let parts = parts_of(&path, &name, &bytes);
            StoredFile { name, bytes, parts }
        });
        let checkpoint = checkpoint::read(&path).expect("a checkpoint");
        Self {
            files: files.collect(),
            observations: observations(first..first + count),
            checkpoint: Some(checkpoint),
        }
    }

    /// The same store without its checkpoint.
    pub(super) fn without_checkpoint(mut self) -> Self {
        self.files.retain(|file| file.name != checkpoint::NAME);
        self.checkpoint = None;
        self
    }

    /// Writes the files into `directory`, and nothing else is there then.
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

    /// The index of the last segment's file.
    pub(super) fn last(&self) -> usize {
        self.index_of(&rows_name(self.segments())).expect("a segment")
    }

    pub(super) fn segments(&self) -> u64 {
        self.files.iter().filter(|file| file.name.ends_with(".rows")).count() as u64
    }

    /// The file that the byte is in, counted over all files, and its offset there.
    pub(super) fn locate(&self, byte: u64) -> (usize, u64) {
        let mut offset = byte;
        for (index, file) in self.files.iter().enumerate() {
            let length = file.bytes.len() as u64;
            if offset < length {
                return (index, offset);
            }
            offset -= length;
        }
        panic!("there are not so many bytes");
    }

    /// Which bytes of `file` are changed, and what they are.
    pub(super) fn describe(&self, file: usize, changes: &[(u64, u8)]) -> String {
        let file = &self.files[file];
        let parts = file.parts.iter().filter(|part| part.bytes.contains(&changes[0].0));
        let parts: Vec<_> = parts.collect();
        format!("{}, bytes {changes:x?} of {parts:?}", file.name)
    }

    /// What the summary is of where the sequence numbers in `lost` and those from
    /// `end` on cannot be read: a leaf that was complete before keeps its own.
    pub(super) fn summary(&self, lost: &Range<u64>, end: u64) -> Summary {
        let mut edge = Edge::empty();
        let leaf = |leaf: u64, kept: bool| {
            let all = leaf * LEAF..((leaf + 1) * LEAF).min(end);
            let left = all.filter(|n| kept || !lost.contains(n));
            let stored = |n| self.observations[usize::try_from(n).expect("in memory")];
            Summary::of(&left.map(stored).collect::<Vec<_>>())
        };
        for index in 0..end / LEAF {
            edge.push(leaf(index, true), |_, _, _| {});
        }
        edge.total(&leaf(end / LEAF, false))
    }
}

impl fmt::Display for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.files.iter().map(|file| file.bytes.len()).sum();
        let without = if self.checkpoint.is_none() { " without a checkpoint" } else { "" };
        write!(f, "{bytes} bytes in {} segments{without}", self.segments())
    }
}

impl StoredFile {
    pub(super) fn byte(&self, offset: u64) -> u8 {
        self.bytes[usize::try_from(offset).expect("in memory")]
    }

    /// The sequence number that the first frame behind `offset` begins with.
    pub(super) fn frame_behind(&self, offset: u64) -> u64 {
        let behind = self.frames().find(|(bytes, ..)| bytes.start > offset);
        behind.expect("a frame").1.start
    }

    /// The frames: their bytes, sequence numbers and oaths.
    pub(super) fn frames(&self) -> impl Iterator<Item = (Range<u64>, Range<u64>, u64)> + '_ {
        self.parts.iter().filter_map(|part| match &part.what {
            What::Frame { sequences, oath } => Some((part.bytes.clone(), sequences.clone(), *oath)),
            _ => None,
        })
    }
}

/// Appends in every way there is, and leaves frames behind the checkpoint.
/// Returns how many observations there are; they are numbered from `base`.
fn fill(path: &Path, kind: Kind, base: u64) -> u64 {
    let observations = |numbers: Range<u64>| observations(base + numbers.start..base + numbers.end);
    let append_each = |store: &Store, numbers: Range<u64>| {
        for observation in observations(numbers) {
            store.append(observation).expect("appended");
        }
    };
    let (first_bytes_max, leaves, batch) = match kind {
        Kind::Small => (2_000, 1, 60),
        Kind::Large => (20_000, 2, 1_340),
    };
    let store = Store::create_with(path, options(SyncPolicy::Never, first_bytes_max));
    let store = store.expect("created");
    append_each(&store, 0..3);
    store.sync().expect("synced");
    append_each(&store, 3..8);
    store.append_batch(&observations(8..100)).expect("appended");
    store.sync().expect("synced");
    store.append_batch(&observations(100..leaves * LEAF)).expect("appended");
    append_each(&store, leaves * LEAF..leaves * LEAF + 6);
    store.sync().expect("synced");
    if kind == Kind::Large {
        // In doubt, and torn: they come to lie behind the end of this segment, and
        // are copied into the next.
        append_each(&store, leaves * LEAF + 6..leaves * LEAF + 6 + COPIED + 6);
        edit(&segment_path(path, 2), |bytes| {
            let torn = bytes.len() - 6 * FRAME_BYTES_MIN;
            bytes[torn..torn + 40].fill(0);
        });
    }
    drop(store);
    // The last: single frames with zeros written ahead, a batch, and frames that
    // nobody has synced.
    let whole = |policy| Store::open_with(path, options(policy, 1 << 20), false).expect("opened");
    let store = whole(SyncPolicy::Always);
    let next = store.found().observations;
    append_each(&store, next..next + 4);
    let end = next + 4 + batch;
    store.append_batch(&observations(next + 4..end)).expect("appended");
    append_each(&store, end..end + 2);
    drop(store);
    append_each(&whole(SyncPolicy::Never), end + 2..end + 5);
    let last = leaves + 1;
    assert_eq!(segments(path) as u64, last);
    cut_zeros(&segment_path(path, last));
    std::fs::write(path.join("0000000002.guide.tmp"), b"half a guide").expect("written");
    end + 5
}

/// Leaves a few of the zeros that were written ahead: each costs as much as a
/// byte that says something.
fn cut_zeros(path: &Path) {
    edit(path, |bytes| {
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("a frame") + 1;
        bytes.truncate(end.next_multiple_of(8) + 200);
    });
}
