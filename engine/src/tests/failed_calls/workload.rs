//! What programs do with a store, call by call.

use std::path::Path;
use std::time::Duration;

use super::super::disk_watch::{io_error, no_space};
use super::super::{append_each, edit, flip, log_path, observation, observations};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::{Operation, watch};
use crate::store::Store;

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A new handle.
    Open,
    /// One observation, or a batch of this many.
    Append(u64),
    /// The same on a disk that is full and failing.
    AppendBroken(u64),
    /// Another process appends.
    AppendBeside(u64),
    /// One observation, while another process has the lock.
    AppendLocked,
    Sync,
    Writer(&'static [Use]),
    /// Every question to a store.
    Read,
    Seal,
    /// Removes those before the time of the observation of this number.
    RemoveBefore(u64),
    CopyTo,
    Drop,
}

/// What is done with a held writer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Use {
    Push(u64),
    Flush,
    Sync,
    SyncIfDue,
    Seal,
    /// Without it the writer is dropped.
    Close,
}

pub(super) struct Workload {
    pub(super) name: &'static str,
    pub(super) options: Options,
    /// Makes the state before calls fail, and returns what it holds.
    pub(super) prepare: fn(&Path) -> Vec<Observation>,
    pub(super) steps: Vec<Step>,
    /// Whether some observations cannot be read from the start.
    pub(super) is_damaged: bool,
}

impl Workload {
    /// Whether nothing is ever written to the store.
    pub(super) fn reads_only(&self) -> bool {
        self.steps
            .iter()
            .all(|step| matches!(step, Step::Open | Step::Read | Step::Drop | Step::CopyTo))
    }
}

/// Limits far below the allowed ones, so that a held writer seals early too. Nothing
/// waits for the lock.
pub(super) fn options(policy: SyncPolicy) -> Options {
    let options = Options::new().sync(policy).lock_wait(Duration::ZERO);
    Options { log_bytes_max: 4_096, ..options }
}

pub(super) const AT_ONCE: SyncPolicy = SyncPolicy::Every(Duration::ZERO);
pub(super) const LATER: SyncPolicy = SyncPolicy::Every(Duration::from_secs(3_600));

/// Not even a directory.
pub(super) fn nothing(_: &Path) -> Vec<Observation> {
    Vec::new()
}

/// What an interrupted creation has left.
pub(super) fn cut_off(path: &Path) -> Vec<Observation> {
    std::fs::create_dir(path).expect("a directory");
    std::fs::write(path.join("manifest.tmp"), "gaug").expect("written");
    Vec::new()
}

pub(super) fn empty(path: &Path) -> Vec<Observation> {
    Store::create(path).expect("created");
    Vec::new()
}

/// A store of two chunks and a log, all durable.
pub(super) fn sound(path: &Path) -> Vec<Observation> {
    let store = create(path, SyncPolicy::Always);
    let all = observations(0..5_300);
    for batch in all.chunks(700) {
        store.append_batch(batch).expect("appended");
    }
    all
}

fn create(path: &Path, policy: SyncPolicy) -> Store {
    options(policy).create(path).expect("created")
}

/// Small batches. The last ones were never synced.
fn unconfirmed(path: &Path, synced: u64, all: u64) -> Vec<Observation> {
    let store = create(path, SyncPolicy::Never);
    append_each(&store, 0..synced);
    store.sync().expect("synced");
    for batch in observations(synced..all).chunks(33) {
        store.append_batch(batch).expect("appended");
    }
    observations(0..all)
}

pub(super) fn few_unconfirmed(path: &Path) -> Vec<Observation> {
    unconfirmed(path, 20, 60)
}

/// Nearly a chunk, so that the next appends seal it.
pub(super) fn a_chunk_unconfirmed(path: &Path) -> Vec<Observation> {
    unconfirmed(path, 7, 2_040)
}

/// After a power cut: sectors in the middle of a tail never reached the disk.
pub(super) fn torn(path: &Path) -> Vec<Observation> {
    unconfirmed(path, 20, 600);
    edit(&log_path(path), |bytes| bytes[12_288..14_336].fill(0));
    let kept = Store::open(path).expect("opened").recovery().observations;
    assert!((21..600).contains(&kept), "{kept} before the hole");
    observations(0..kept)
}

/// Another process could neither sync nor make a new log.
pub(super) fn abandoned(path: &Path) -> Vec<Observation> {
    let store = create(path, SyncPolicy::Always);
    append_each(&store, 0..30);
    let refuse = |_: &Path, operation: Operation, _: &[u8]| match operation {
        Operation::Sync => Err(io_error()),
        Operation::Create => Err(no_space()),
        _ => Ok(()),
    };
    watch::with(refuse, || store.append_batch(&observations(900..930)).expect_err("broken"));
    observations(0..30)
}

/// A new log was made and not listed; a chunk was sealed and not listed.
pub(super) fn never_listed(path: &Path) -> Vec<Observation> {
    let store = create(path, SyncPolicy::Always);
    let all = observations(0..2_047);
    store.append_batch(&all).expect("appended");
    let mut syncs = 0;
    let cut = move |_: &Path, operation: Operation, _: &[u8]| {
        syncs += u32::from(operation == Operation::SyncDirectory);
        // From there on everything fails, as if the process was killed.
        if syncs > 0 { Err(io_error()) } else { Ok(()) }
    };
    watch::with(cut, || store.append(observation(2_047)).expect("appended; sealing fails"));
    assert_eq!(super::super::count_files(path, ".chunk"), 1);
    observations(0..2_048)
}

/// One chunk and one frame of the log are corrupt.
pub(super) fn damaged(path: &Path) -> Vec<Observation> {
    let all = sound(path);
    let chunk = super::super::chunk_path(path, 0);
    flip(&chunk, std::fs::metadata(&chunk).expect("there").len() / 2);
    all
}
