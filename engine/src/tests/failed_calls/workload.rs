//! What programs do to a store, call by call.

use std::path::Path;
use std::time::Duration;

use super::super::disk_watch::{io_error, no_space};
use super::super::{append_each, edit, observations, remove_derived, segment_path};
use crate::disk::{Operation, watch};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A new handle.
    Open,
    /// One observation, or a batch of so many.
    Append(u64),
    /// The same on a disk that is full and failing.
    AppendBroken(u64),
    /// Another process appends.
    AppendBeside(u64),
    /// One, while another process has the lock.
    AppendLocked,
    Sync,
    Writer(&'static [Use]),
    /// Every question there is.
    Read,
    Drop,
}

/// What is done with a writer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    Push(u64),
    Flush,
    Sync,
    SyncIfDue,
    /// Without it the writer is dropped.
    Close,
}

pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) options: Options,
    /// Makes what is there before calls fail, and returns what it holds.
    pub(super) prepare: fn(&Path) -> Vec<Observation>,
    pub(super) steps: Vec<Step>,
}

impl Workload {
    /// Whether nothing is ever written.
    pub(super) fn reads_only(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Open | Step::Read | Step::Drop))
    }
}

/// Segments of one leaf, which are left and begun all the time. (Far below what
/// may be asked for; but a header must fit.)
pub(super) fn leaf_segments(policy: SyncPolicy) -> Options {
    Options { segment_bytes_max: 4096, ..options(policy) }
}

/// No lock is waited for: whoever has it keeps it.
pub(super) fn options(policy: SyncPolicy) -> Options {
    Options::new().sync(policy).lock_wait(Duration::ZERO)
}

pub(super) const AT_ONCE: SyncPolicy = SyncPolicy::Every(Duration::ZERO);
pub(super) const LATER: SyncPolicy = SyncPolicy::Every(Duration::from_secs(3_600));

/// Not even a directory.
pub(super) fn nothing(_: &Path) -> Vec<Observation> {
    Vec::new()
}

/// What a creation that was cut off has left.
pub(super) fn cut_off(path: &Path) -> Vec<Observation> {
    std::fs::create_dir(path).expect("a directory");
    std::fs::write(path.join("lock"), "").expect("written");
    std::fs::write(path.join("gaugelog.tmp"), "GAUG").expect("written");
    Vec::new()
}

pub(super) fn empty(path: &Path) -> Vec<Observation> {
    Store::create(path).expect("created");
    Vec::new()
}

/// A store of two segments and a part of a third, durable to the last byte.
pub(super) fn sound(path: &Path) -> Vec<Observation> {
    let store = Store::create_with(path, leaf_segments(SyncPolicy::Always)).expect("created");
    let all = observations(0..2_300);
    for batch in all.chunks(700) {
        store.append_batch(batch).expect("appended");
    }
    all
}

/// The same, where nothing that is derived is left.
pub(super) fn without_derived(path: &Path) -> Vec<Observation> {
    let all = sound(path);
    remove_derived(path);
    all
}

/// Single observations, the last of which nobody has synced.
fn in_doubt(path: &Path, synced: u64, all: u64) -> Vec<Observation> {
    let store = Store::create_with(path, leaf_segments(SyncPolicy::Never)).expect("created");
    append_each(&store, 0..synced);
    store.sync().expect("synced");
    for batch in observations(synced..all).chunks(33) {
        store.append_batch(batch).expect("appended");
    }
    observations(0..all)
}

pub(super) fn few_in_doubt(path: &Path) -> Vec<Observation> {
    in_doubt(path, 20, 60)
}

/// All but full, so that the segment is left next.
pub(super) fn a_segment_in_doubt(path: &Path) -> Vec<Observation> {
    in_doubt(path, 7, 1_020)
}

pub(super) fn in_doubt_without_derived(path: &Path) -> Vec<Observation> {
    let all = in_doubt(path, 20, 60);
    remove_derived(path);
    all
}

/// After a power cut: sectors in the middle of a tail never reached the disk.
pub(super) fn torn(path: &Path) -> Vec<Observation> {
    in_doubt(path, 20, 400);
    let rows = segment_path(path, 1);
    edit(&rows, |bytes| bytes[2_048..4_096].fill(0));
    let kept = Store::open(path).expect("opened").found().observations;
    assert!((21..400).contains(&kept), "{kept} before the hole");
    observations(0..kept)
}

/// Another process could not sync, nor begin another segment.
pub(super) fn given_up(path: &Path) -> Vec<Observation> {
    let options = Options::new().sync(SyncPolicy::Always);
    let store = Store::create_with(path, options).expect("created");
    append_each(&store, 0..30);
    let refuse = |_: &Path, operation: Operation, _: &[u8]| match operation {
        Operation::Sync => Err(io_error()),
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    watch::with(refuse, || store.append_batch(&observations(900..930)).expect_err("broken"));
    observations(0..30)
}

/// A segment was begun, and nobody has written to it or named it.
pub(super) fn just_begun(path: &Path) -> Vec<Observation> {
    let store = Store::create_with(path, leaf_segments(SyncPolicy::Always)).expect("created");
    let all = observations(0..1_024);
    store.append_batch(&all).expect("appended");
    let refuse = |path: &Path, operation: Operation, _: &[u8]| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match operation {
            Operation::Write { .. } if name == "checkpoint" => Err(io_error()),
            Operation::SyncDirectory => Err(io_error()),
            _ => Ok(()),
        }
    };
    watch::with(refuse, || store.append_batch(&observations(900..930)).expect_err("broken"));
    all
}
