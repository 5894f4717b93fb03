//! Random lives of one store, eight to a campaign. In each a process appends
//! batches until it dies at a random operation on the disk, be it in the midst
//! of a write; then it was killed, or the power was cut. Syncs fail at random,
//! and the checkpoint is lost now and then.
//!
//! Everything random comes from the seed that a failing campaign names.
//! `GAUGELOG_SEED` says with which to begin, `GAUGELOG_CAMPAIGNS` how many to run:
//!
//! ```text
//! GAUGELOG_SEED=17 GAUGELOG_CAMPAIGNS=1 cargo test -p gaugelog campaigns
//! ```

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::{assert_holds, observations, small};
use super::choices::Choices;
use super::from_environment;
use super::look::look;
use super::observer::{INPUT_OUTPUT, Observer, Verdict, observed};
use super::place::Place;
use super::simulated_disk::SimulatedDisk;
use super::told::{Death, Told};
use crate::checkpoint;
use crate::disk::Operation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;

const LIVES: u32 = 8;
const OPERATIONS_MAX: u32 = 160;
const CAMPAIGNS: u64 = 20;

/// How many observations an append has at most, each as likely: a process either
/// stores single ones, whose frames come to stand where those of an earlier such
/// process stood, or batches too.
const SINGLE: &[u64] = &[1];
const BATCHES: &[u64] = &[1, 1, 60, 3_000];

/// What the processes of a campaign do and suffer.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    policy: SyncPolicy,
    /// Of how many syncs one fails; 0 for none.
    failing_syncs: u32,
    failing_directory_syncs: u32,
    /// Whether the checkpoint is removed now and then, between two processes.
    loses_checkpoint: bool,
}

const ALWAYS: Circumstances = Circumstances {
    policy: SyncPolicy::Always,
    failing_syncs: 0,
    failing_directory_syncs: 0,
    loses_checkpoint: false,
};
const NEVER: Circumstances = Circumstances { policy: SyncPolicy::Never, ..ALWAYS };

/// What each operation of a process becomes, until it dies.
fn verdicts(
    circumstances: Circumstances,
    mut random: StdRng,
) -> impl FnMut(&str, Operation) -> Verdict {
    let mut operations_left = random.random_range(1..=OPERATIONS_MAX);
    move |_, operation| {
        operations_left -= 1;
        let one_in = match operation {
            _ if operations_left == 0 => return Verdict::Die(random.random_range(0..40_000)),
            Operation::Sync => circumstances.failing_syncs,
            Operation::SyncDirectory => circumstances.failing_directory_syncs,
            _ => 0,
        };
        match one_in > 0 && random.random_ratio(1, one_in) {
            true => Verdict::Fail(INPUT_OUTPUT),
            false => Verdict::Succeed,
        }
    }
}

/// A store, its disk, and what must and may be found there.
struct Campaign {
    place: Place,
    options: Options,
    circumstances: Circumstances,
    random: StdRng,
    disk: SimulatedDisk,
    told: Told,
    /// Observations are numbered through, so that one that failed is known again.
    next_number: u64,
    seed: u64,
}

impl Campaign {
    fn new(circumstances: Circumstances, seed: u64) -> Self {
        let mut place = Place::new();
        let options = small(circumstances.policy);
        let disk = SimulatedDisk::default();
        let observer = Observer::new(place.path(), disk, Told::default());
        let observer = Rc::new(RefCell::new(observer));
        observed(&observer, || options.create(place.path()).expect("created"));
        let disk = observer.borrow().disk.clone();
        place.changed_to(disk.seen());
        Self {
            place,
            options,
            circumstances,
            random: StdRng::seed_from_u64(seed),
            disk,
            told: Told::of_empty_store(),
            next_number: 0,
            seed,
        }
    }

    fn run(&mut self) {
        for _ in 0..LIVES {
            self.live();
            self.die();
        }
        // By every way to it, with and without what is derived.
        assert_holds(self.place.path(), self.told.stored());
    }

    /// One process, which appends until it is dead.
    fn live(&mut self) {
        let random = StdRng::seed_from_u64(self.random.random());
        let verdicts = verdicts(self.circumstances, random);
        let (disk, told) = (std::mem::take(&mut self.disk), std::mem::take(&mut self.told));
        let observer = Observer::new(self.place.path(), disk, told).judged_by(verdicts);
        let observer = Rc::new(RefCell::new(observer));
        observed(&observer, || {
            let store = self.options.open(self.place.path()).expect("opened");
            let sizes = if self.random.random() { SINGLE } else { BATCHES };
            let syncs: bool = self.random.random();
            while !observer.borrow().is_dead() {
                self.append(&store, &observer, sizes);
                if syncs && self.random.random_ratio(1, 8) && store.sync().is_ok() {
                    // Under any policy, what has been synced is durable.
                    observer.borrow_mut().told.sync();
                }
            }
        });
        let observer = observer.borrow();
        (self.disk, self.told) = (observer.disk.clone(), observer.told.clone());
        self.place.changed_to(self.disk.seen());
        self.place.assert_shows(&self.disk.seen());
    }

    fn append(&mut self, store: &Store, observer: &RefCell<Observer>, sizes: &[u64]) {
        let count_max = sizes[self.random.random_range(0..sizes.len())];
        let count = self.random.random_range(1..=count_max);
        let batch = observations(self.next_number..self.next_number + count);
        self.next_number += count;
        observer.borrow_mut().told.begin(&batch);
        let refused = observer.borrow().refused();
        let appended = store.append_batch(&batch);
        let mut observer = observer.borrow_mut();
        let durable = self.circumstances.policy == SyncPolicy::Always;
        match appended {
            Ok(range) => {
                let stored = observer.told.stored().len() as u64;
                assert_eq!(range.start, stored, "behind all that is stored");
                observer.told.acknowledge(durable);
            }
            // Nobody was told: any beginning of it may be found.
            Err(_) if observer.is_dead() => {}
            Err(error) => {
                assert!(observer.refused() > refused, "the disk did not fail: {error}");
                observer.told.fail(error.stored(), durable);
            }
        }
    }

    /// The process was killed, or the power is cut; looks at what that has left.
    fn die(&mut self) {
        let death = if self.random.random_ratio(1, 3) { Death::Kill } else { Death::PowerCut };
        if death == Death::PowerCut {
            let state = Choices::of(&self.disk).drawn_state(self.random.random());
            self.place.show(&state);
            self.disk = SimulatedDisk::holding(state.as_ref());
        }
        if self.circumstances.loses_checkpoint && self.random.random() {
            // A power cut may bring it back.
            self.disk.apply(checkpoint::NAME, Operation::Remove, &[]);
            self.place.remove(checkpoint::NAME);
        }
        let seen = self.disk.seen();
        let found = look(&mut self.place, &seen, &self.told, death, &self.options);
        self.place.show(&seen);
        self.told = self.told.of_next_process(found, death);
    }
}

fn run_campaigns(circumstances: Circumstances) {
    let first = from_environment("GAUGELOG_SEED", 1);
    for seed in first..first + from_environment("GAUGELOG_CAMPAIGNS", CAMPAIGNS) {
        let mut campaign = Campaign::new(circumstances, seed);
        let Err(cause) = catch_unwind(AssertUnwindSafe(|| campaign.run())) else { continue };
        let cause = cause.downcast_ref::<String>().map_or("a panic without words", |it| it);
        panic!("GAUGELOG_SEED={}, {circumstances:?}: {cause}", campaign.seed);
    }
}

#[test]
fn acknowledged_survives_power_cuts() {
    run_campaigns(ALWAYS);
}

#[test]
fn acknowledged_survives_power_cuts_without_a_checkpoint() {
    run_campaigns(Circumstances { loses_checkpoint: true, ..ALWAYS });
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_syncs() {
    run_campaigns(Circumstances { failing_syncs: 8, ..ALWAYS });
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_directory_syncs() {
    run_campaigns(Circumstances { failing_syncs: 8, failing_directory_syncs: 4, ..ALWAYS });
}

#[test]
fn unsynced_appends_survive_kills_and_leave_a_prefix_after_power_cuts() {
    run_campaigns(Circumstances { loses_checkpoint: true, ..NEVER });
}

#[test]
fn unsynced_appends_survive_kills_and_failing_syncs() {
    run_campaigns(Circumstances { failing_syncs: 8, ..NEVER });
}
