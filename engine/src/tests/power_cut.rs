//! Promises 1, 2, 3 and 5 under power cuts and kills at random moments.
//!
//! A campaign is eight lives of one store. In each a process appends batches
//! until it dies at a random operation on the disk; then it was either killed,
//! and everything written is still seen, or the power was cut. Of what was not
//! synced a power cut leaves 512-byte sectors at random, and of the names in an
//! unsynced directory any: a hole is zeros, and later bytes may be there where
//! earlier ones are not. A sync may fail, and then drops its pages as clean: they
//! are seen as before, and no later sync takes them to the disk, nor what is
//! written to the same place again while the machine runs.
//!
//! Everything random comes from the seed that a failing campaign names.
//! `GAUGELOG_SEED` says with which to begin, `GAUGELOG_CAMPAIGNS` how many to run:
//!
//! ```text
//! GAUGELOG_SEED=17 GAUGELOG_CAMPAIGNS=1 cargo test -p gaugelog power_cut
//! ```

mod simulated_disk;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use self::simulated_disk::{FailingSyncs, SimulatedDisk};
use super::{arrivals, assert_holds, observations, small, summary_of};
use crate::checkpoint;
use crate::disk::watch;
use crate::error::Error;
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::snapshot::Snapshot;
use crate::store::Store;

const LIVES: u32 = 8;
const OPERATIONS_MAX: u32 = 160;
const CAMPAIGNS: u64 = 40;

/// How many observations an append has at most, each as likely: a process either
/// stores single ones, whose frames come to stand where those of an earlier such
/// process stood, or batches too.
const SINGLE: &[u64] = &[1];
const BATCHES: &[u64] = &[1, 1, 60, 3_000];

/// What the processes of a campaign do and suffer.
#[derive(Clone, Copy, Debug)]
struct Workload {
    policy: SyncPolicy,
    failing: FailingSyncs,
    /// Whether the checkpoint is removed now and then, between two processes.
    loses_checkpoint: bool,
}

impl Workload {
    fn new(policy: SyncPolicy) -> Self {
        Self { policy, failing: FailingSyncs::default(), loses_checkpoint: false }
    }

    fn failing(self, of_files: u32, of_directories: u32) -> Self {
        Self { failing: FailingSyncs { of_files, of_directories }, ..self }
    }

    fn losing_the_checkpoint(self) -> Self {
        Self { loses_checkpoint: true, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    Kill,
    PowerCut,
}

/// A store, its disk, and what must and may be found there.
struct Campaign {
    /// Removes the store at the end.
    _guard: TempDir,
    path: PathBuf,
    options: Options,
    workload: Workload,
    random: StdRng,
    disk: Rc<RefCell<SimulatedDisk>>,
    /// Everything stored, as the calls returned and as it was found.
    stored: Vec<Observation>,
    /// How many of `stored` are on the disk for good.
    durable: usize,
    /// What was being appended when the process died: any prefix may be found.
    in_flight: Vec<Observation>,
    /// Observations are numbered through, so that one that failed is known again.
    next_number: u64,
}

impl Campaign {
    fn new(workload: Workload, seed: u64) -> Self {
        let (guard, path) = place_in_memory();
        let options = small(workload.policy);
        options.create(&path).expect("created");
        let disk = SimulatedDisk::holding(&path, seed, workload.failing);
        Self {
            _guard: guard,
            path,
            options,
            workload,
            random: StdRng::seed_from_u64(!seed),
            disk: Rc::new(RefCell::new(disk)),
            stored: Vec::new(),
            durable: 0,
            in_flight: Vec::new(),
            next_number: 0,
        }
    }

    fn run(&mut self) {
        for _ in 0..LIVES {
            self.live();
            let death = self.die();
            self.look(death);
        }
        // By every way to it, with and without what is derived.
        assert_holds(&self.path, &self.stored);
    }

    fn tell(&self, line: String) {
        self.disk.borrow_mut().tell(line);
    }

    /// One process, which appends until it is dead.
    fn live(&mut self) {
        let operations = self.random.random_range(1..=OPERATIONS_MAX);
        self.tell(format!("A process of {operations} operations"));
        self.disk.borrow_mut().start_process(operations);
        let disk = Rc::clone(&self.disk);
        watch::with(
            move |path, operation, _| disk.borrow_mut().operate(path, operation),
            || {
                let store = self.options.open(&self.path).expect("opened");
                let sizes = if self.random.random() { SINGLE } else { BATCHES };
                let syncs: bool = self.random.random();
                while !self.disk.borrow().process_is_dead() {
                    self.append(&store, sizes);
                    if syncs && self.random.random_ratio(1, 8) {
                        self.sync(&store);
                    }
                }
            },
        );
    }

    fn append(&mut self, store: &Store, sizes: &[u64]) {
        let count_max = sizes[self.random.random_range(0..sizes.len())];
        let count = self.random.random_range(1..=count_max);
        let batch = observations(self.next_number..self.next_number + count);
        self.next_number += count;
        self.tell(format!("append {count} at {}", self.stored.len()));
        let refused = self.disk.borrow().refused();
        match store.append_batch(&batch) {
            Ok(range) => {
                assert_eq!(range.start, self.stored.len() as u64, "behind all that is stored");
                self.stored.extend(batch);
                self.acknowledge();
            }
            Err(_) if self.disk.borrow().process_is_dead() => self.in_flight = batch,
            Err(error) => {
                assert!(self.disk.borrow().refused() > refused, "the disk did not fail: {error}");
                self.take_stored_part(&batch, &error);
            }
        }
    }

    /// What a failed append says that it stored is there, and nothing else of it.
    fn take_stored_part(&mut self, batch: &[Observation], error: &Error) {
        self.tell(format!("stored {} of it: {error}", error.stored()));
        self.stored.extend(&batch[..error.stored()]);
        if error.stored() > 0 {
            self.acknowledge();
        }
    }

    fn acknowledge(&mut self) {
        if self.workload.policy == SyncPolicy::Always {
            self.durable = self.stored.len();
        }
    }

    /// Under any policy, what has been synced is durable.
    fn sync(&mut self, store: &Store) {
        self.tell("sync".to_owned());
        if store.sync().is_ok() {
            self.durable = self.stored.len();
        }
    }

    fn die(&mut self) -> Death {
        let death = if self.random.random_ratio(1, 3) { Death::Kill } else { Death::PowerCut };
        self.tell(format!("{death:?}"));
        if death == Death::PowerCut {
            self.disk.borrow_mut().cut_power();
        }
        if self.workload.loses_checkpoint && self.random.random() {
            self.disk.borrow_mut().remove(checkpoint::NAME);
        }
        death
    }

    /// Opens the store and compares what is found with what must be there.
    fn look(&mut self, death: Death) {
        let store = self.options.open(&self.path).expect("opened");
        assert!(store.found().damage.is_empty(), "{:?}", store.found());
        let found = arrivals(&store);
        let least = if death == Death::Kill { self.stored.len() } else { self.durable };
        assert!(found.len() >= least, "LOST: {} found of {least}, {death:?}", found.len());
        self.stored.append(&mut self.in_flight);
        let differing =
            found.iter().enumerate().position(|(at, it)| self.stored.get(at) != Some(it));
        assert_eq!(differing, None, "not what was appended there, {death:?}");
        assert_statistics(&store.snapshot().expect("a snapshot"), &found);
        if death == Death::PowerCut {
            // Nothing is seen any more but what is on the disk.
            self.durable = found.len();
        }
        self.stored = found;
    }
}

/// Promise 5: the statistics are those of the observations found.
fn assert_statistics(snapshot: &Snapshot, found: &[Observation]) {
    let summary = snapshot.summary().expect("read");
    assert_eq!(summary, summary_of(found));
    assert_eq!(snapshot.summary_of(..).expect("read"), summary);
    let mut values: Vec<f64> = found.iter().map(|observation| observation.value).collect();
    values.sort_by(f64::total_cmp);
    let middle = |values: &[f64]| {
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        f64::midpoint(low, high)
    };
    let expected = (!values.is_empty()).then(|| middle(&values));
    assert_eq!(snapshot.median().expect("read"), expected);
}

/// A place for a store, in memory where there is such a place: thousands of
/// syncs would else wait for a disk, of which nothing is asked here.
fn place_in_memory() -> (TempDir, PathBuf) {
    let memory = Path::new("/dev/shm");
    let guard = tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir());
    let guard = guard.expect("a temporary directory");
    let path = guard.path().join("store");
    (guard, path)
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |value| value.parse().expect("a number"))
}

fn run_campaigns(workload: Workload) {
    let first = from_environment("GAUGELOG_SEED", 1);
    for seed in first..first + from_environment("GAUGELOG_CAMPAIGNS", CAMPAIGNS) {
        let mut campaign = Campaign::new(workload, seed);
        let Err(cause) = catch_unwind(AssertUnwindSafe(|| campaign.run())) else { continue };
        let cause = cause.downcast_ref::<String>().map_or("a panic without words", |it| it);
        let told = campaign.disk.borrow().last_told();
        panic!("GAUGELOG_SEED={seed}, {workload:?}: {cause}\nwhat came before:\n{told}");
    }
}

#[test]
fn acknowledged_survives_power_cuts() {
    run_campaigns(Workload::new(SyncPolicy::Always));
}

#[test]
fn acknowledged_survives_power_cuts_without_a_checkpoint() {
    run_campaigns(Workload::new(SyncPolicy::Always).losing_the_checkpoint());
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_syncs() {
    run_campaigns(Workload::new(SyncPolicy::Always).failing(8, 0));
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_directory_syncs() {
    run_campaigns(Workload::new(SyncPolicy::Always).failing(8, 4));
}

#[test]
fn unsynced_appends_survive_kills_and_leave_a_prefix_after_power_cuts() {
    run_campaigns(Workload::new(SyncPolicy::Never).losing_the_checkpoint());
}

#[test]
fn unsynced_appends_survive_kills_and_failing_syncs() {
    run_campaigns(Workload::new(SyncPolicy::Never).failing(8, 0));
}
