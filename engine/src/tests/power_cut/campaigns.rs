//! Random histories of one store, with eight processes each. A process appends batches,
//! seals and removes until it dies at a random operation on the disk, possibly within a
//! write: it was killed, or the power was cut. Syncs fail at random.
//!
//! Everything random comes from the seed that a failing campaign names. `GAUGELOG_SEED`
//! is the first seed, `GAUGELOG_CAMPAIGNS` the number of campaigns:
//!
//! ```text
//! GAUGELOG_SEED=17 GAUGELOG_CAMPAIGNS=1 cargo test -p gaugelog campaigns
//! ```

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::super::{assert_holds_from, observations};
use super::choices::Choices;
use super::from_environment;
use super::look::look;
use super::observer::{INPUT_OUTPUT, NO_SPACE, Observer, Verdict, observed};
use super::place::Place;
use super::reported::{Death, Reported};
use super::simulated_disk::SimulatedDisk;
use crate::options::{Options, SyncPolicy};
use crate::os::disk::{Operation, watch};
use crate::store::Store;

const LIVES: u32 = 8;
const OPERATIONS_MAX: u32 = 160;
const CAMPAIGNS: u64 = 20;

/// The sizes of appends, all equally likely. A process stores either only single
/// observations, whose frames then come to the places of frames of an earlier such
/// process, or batches too.
const SINGLE: &[u64] = &[1];
const BATCHES: &[u64] = &[1, 1, 60, 3_000];

/// What the processes of a campaign do, and what fails.
#[derive(Clone, Copy, Debug)]
struct Circumstances {
    policy: SyncPolicy,
    /// One in this many syncs, or other calls, fails; 0 for none.
    failing_syncs: u32,
    failing_directory_syncs: u32,
    failing_writes: u32,
    /// Whether the oldest chunks are removed now and then.
    removes: bool,
}

const ALWAYS: Circumstances = Circumstances {
    policy: SyncPolicy::Always,
    failing_syncs: 0,
    failing_directory_syncs: 0,
    failing_writes: 0,
    removes: false,
};
const NEVER: Circumstances = Circumstances { policy: SyncPolicy::Never, ..ALWAYS };

/// The verdict on each operation of a process, until it dies.
fn verdicts(
    circumstances: Circumstances,
    mut random: StdRng,
) -> impl FnMut(&str, Operation) -> Verdict {
    let mut operations_left = random.random_range(1..=OPERATIONS_MAX);
    move |_, operation| {
        operations_left -= 1;
        let (one_in, number) = match operation {
            _ if operations_left == 0 => return Verdict::Die(random.random_range(0..40_000)),
            Operation::Sync => (circumstances.failing_syncs, INPUT_OUTPUT),
            Operation::SyncDirectory => (circumstances.failing_directory_syncs, INPUT_OUTPUT),
            Operation::Write { .. } | Operation::Create => (circumstances.failing_writes, NO_SPACE),
            _ => (0, 0),
        };
        match one_in > 0 && random.random_ratio(1, one_in) {
            true => Verdict::Fail(number),
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
    reported: Reported,
    /// Observations are numbered, so that a failed one can be recognised.
    next_number: u64,
    seed: u64,
}

impl Campaign {
    fn new(circumstances: Circumstances, seed: u64) -> Self {
        let mut place = Place::new();
        let options = Options::new().sync(circumstances.policy);
        let disk = SimulatedDisk::default();
        let observer = Observer::new(place.path(), disk, Reported::default());
        let observer = Rc::new(RefCell::new(observer));
        watch::count_identities_from(seed << 32 | 1);
        observed(&observer, || options.create(place.path()).expect("created"));
        let disk = observer.borrow().disk.clone();
        place.changed_to(disk.seen());
        Self {
            place,
            options,
            circumstances,
            random: StdRng::seed_from_u64(seed),
            disk,
            reported: Reported::of_empty_store(),
            next_number: 0,
            seed,
        }
    }

    fn run(&mut self) {
        for _ in 0..LIVES {
            self.live();
            self.die();
        }
        let first = self.reported.first() as u64;
        assert_holds_from(self.place.path(), first, self.reported.kept());
    }

    /// One process, which appends until it dies.
    fn live(&mut self) {
        let random = StdRng::seed_from_u64(self.random.random());
        let verdicts = verdicts(self.circumstances, random);
        let (disk, reported) = (std::mem::take(&mut self.disk), std::mem::take(&mut self.reported));
        let observer = Observer::new(self.place.path(), disk, reported).judged_by(verdicts);
        let observer = Rc::new(RefCell::new(observer));
        observed(&observer, || {
            let store = self.options.open(self.place.path()).expect("opened");
            let sizes = if self.random.random() { SINGLE } else { BATCHES };
            let syncs: bool = self.random.random();
            while !observer.borrow().is_dead() {
                self.append(&store, &observer, sizes);
                if syncs && self.random.random_ratio(1, 8) && store.sync().is_ok() {
                    // Under any policy, what has been synced is durable.
                    observer.borrow_mut().report(Reported::sync);
                }
                if self.circumstances.removes && self.random.random_ratio(1, 6) {
                    remove(&store, &observer);
                }
            }
        });
        let observer = observer.borrow();
        (self.disk, self.reported) = (observer.disk.clone(), observer.reported.clone());
        self.place.changed_to(self.disk.seen());
        self.place.assert_shows(&self.disk.seen());
    }

    fn append(&mut self, store: &Store, observer: &RefCell<Observer>, sizes: &[u64]) {
        let count_max = sizes[self.random.random_range(0..sizes.len())];
        let count = self.random.random_range(1..=count_max);
        let batch = observations(self.next_number..self.next_number + count);
        self.next_number += count;
        observer.borrow_mut().report(|reported| reported.begin(&batch));
        let refused = observer.borrow().refused();
        let appended = store.append_batch(&batch);
        let mut observer = observer.borrow_mut();
        let durable = self.circumstances.policy == SyncPolicy::Always;
        match appended {
            Ok(range) => {
                let start = usize::try_from(range.start).expect("in memory");
                observer.report(|reported| reported.acknowledge_at(start, durable));
            }
            // Nothing was reported: any prefix of it may be found.
            Err(_) if observer.is_dead() => {}
            Err(error) => {
                assert!(observer.refused() > refused, "the disk did not fail: {error}");
                let rest = observer.rest_of(&error);
                observer.report(|reported| reported.fail(error.stored(), durable, rest));
            }
        }
    }

    /// Kills the process or cuts the power, and checks what that has left.
    fn die(&mut self) {
        let death = if self.random.random_ratio(1, 3) { Death::Kill } else { Death::PowerCut };
        if death == Death::PowerCut {
            let state = Choices::of(&self.disk).drawn_state(self.random.random());
            self.place.show(&state);
            self.disk = SimulatedDisk::holding(state.as_ref());
        }
        let seen = self.disk.seen();
        let found = look(&mut self.place, &seen, &self.reported, death, &self.options);
        self.place.show(&seen);
        self.reported = self.reported.of_next_process(&found, death);
    }
}

/// Removes all that is sealed.
fn remove(store: &Store, observer: &RefCell<Observer>) {
    observer.borrow_mut().report(|reported| reported.begin_to_remove(usize::MAX));
    if let Ok(count) = store.remove_before(i64::MAX) {
        let mut observer = observer.borrow_mut();
        observer.report(|_| {});
        let first = observer.first_seen();
        observer.report(|reported| reported.remove(count, first));
    }
}

fn run_campaigns(circumstances: Circumstances) {
    let first = from_environment("GAUGELOG_SEED", 1);
    for seed in first..first + from_environment("GAUGELOG_CAMPAIGNS", CAMPAIGNS) {
        let mut campaign = Campaign::new(circumstances, seed);
        let Err(cause) = catch_unwind(AssertUnwindSafe(|| campaign.run())) else { continue };
        let cause = cause.downcast_ref::<String>().map_or("a panic without a message", |it| it);
        panic!("GAUGELOG_SEED={}, {circumstances:?}: {cause}", campaign.seed);
    }
}

#[test]
fn acknowledged_survives_power_cuts() {
    run_campaigns(ALWAYS);
}

#[test]
fn acknowledged_survives_power_cuts_while_chunks_are_removed() {
    run_campaigns(Circumstances { removes: true, ..ALWAYS });
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_syncs() {
    run_campaigns(Circumstances { failing_syncs: 8, ..ALWAYS });
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_directory_syncs() {
    let failing = Circumstances { failing_syncs: 8, failing_directory_syncs: 4, ..ALWAYS };
    run_campaigns(Circumstances { removes: true, ..failing });
}

#[test]
fn acknowledged_survives_power_cuts_and_failing_writes() {
    run_campaigns(Circumstances { failing_syncs: 8, failing_writes: 8, removes: true, ..ALWAYS });
}

#[test]
fn unsynced_appends_survive_kills_and_leave_a_prefix_after_power_cuts() {
    run_campaigns(Circumstances { removes: true, ..NEVER });
}

#[test]
fn unsynced_appends_survive_kills_and_failing_syncs() {
    run_campaigns(Circumstances { failing_syncs: 8, failing_writes: 12, ..NEVER });
}
