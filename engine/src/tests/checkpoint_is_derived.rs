//! The checkpoint costs time, never data: it may be gone, damaged, old or
//! another store's at any moment.

use std::path::Path;

use super::{
    assert_holds, copy_store, edit, observation, observations, options, place, small, summary_of,
};
use crate::checkpoint::{self, Checkpoint};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;

const SLOT: usize = 8 * 1024;

/// One append after the other: single ones and batches, over segments.
fn steps() -> Vec<Vec<Observation>> {
    let mut next = 0;
    let lengths = [1, 1, 3, 1_020, 1, 900, 1, 1, 2_300, 1, 1, 1_100, 700, 1, 4_000, 1, 1];
    lengths
        .iter()
        .map(|length| {
            next += length;
            observations(next - length..next)
        })
        .collect()
}

/// Runs the steps, with `spoil` between each two, and compares at each of them.
fn spoiled_at_every_step(options: &Options, mut spoil: impl FnMut(&Path, usize)) {
    let (_guard, path) = place();
    let store = options.create(&path).expect("created");
    let mut all = Vec::new();
    for (index, step) in steps().iter().enumerate() {
        // Through a handle that knows the tail, and through a fresh one.
        let fresh = options.open(&path).expect("opened");
        let writing = if index % 2 == 0 { &store } else { &fresh };
        writing.append_batch(step).expect("appended");
        all.extend_from_slice(step);
        spoil(&path, index);
        let opened = options.open(&path).expect("opened");
        assert_eq!(opened.found().observations, all.len() as u64, "step {index}");
        assert_eq!(opened.found().dropped_bytes, 0, "step {index}");
        assert!(opened.found().damage.is_empty(), "step {index}: {:?}", opened.found());
        let summary = opened.snapshot().expect("a snapshot").summary().expect("read");
        assert_eq!(summary, summary_of(&all), "step {index}");
    }
    drop(store);
    assert_holds(&path, &all);
}

fn under_every_policy(mut spoil: impl FnMut(&Path, usize)) {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        spoiled_at_every_step(&small(policy), &mut spoil);
        spoiled_at_every_step(&options(policy), &mut spoil);
    }
}

#[test]
fn it_may_be_deleted_at_every_step() {
    under_every_policy(|path, _| {
        // Where the policy never syncs, one is not made again at every step.
        drop(std::fs::remove_file(path.join(checkpoint::NAME)));
    });
}

#[test]
fn it_may_be_cut_short_at_every_step() {
    for length in [0, 1, 50, 87, 88, 120, SLOT - 1, SLOT, SLOT + 60] {
        under_every_policy(|path, _| edit(&path.join(checkpoint::NAME), |it| it.truncate(length)));
    }
}

#[test]
fn it_may_be_overwritten_at_every_step() {
    under_every_policy(|path, step| {
        edit(&path.join(checkpoint::NAME), |bytes| match step % 4 {
            0 => bytes.fill(0),
            1 => bytes.fill(0xFF),
            2 => bytes[..SLOT.min(60)].fill(0x33),
            _ => bytes.extend([7; 100_000]),
        });
    });
}

#[test]
fn it_may_be_replaced_by_an_older_one_at_every_step() {
    for age in [1, 2, 5] {
        let mut older: Vec<Vec<u8>> = Vec::new();
        under_every_policy(|path, step| {
            if step == 0 {
                older.clear();
            }
            let now = path.join(checkpoint::NAME);
            older.push(std::fs::read(&now).expect("a checkpoint"));
            if let Some(old) = step.checked_sub(age) {
                std::fs::write(now, &older[old]).expect("written");
            }
        });
    }
}

#[test]

fn it_may_be_a_directory() {
    under_every_policy(|path, step| {
        if step == 3 {
            std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
            std::fs::create_dir(path.join(checkpoint::NAME)).expect("created");
        }
    });
}

/// A store of so many observations, whose checkpoint another one will get.
fn anothers_checkpoint(options: &Options, count: u64) -> Vec<u8> {
    let (_guard, path) = place();
    let store = options.create(&path).expect("created");
    let all: Vec<_> = (0..count).map(|n| observation(n + 50_000)).collect();
    store.append_batch(&all).expect("appended");
    store.sync().expect("synced");
    std::fs::read(path.join(checkpoint::NAME)).expect("a checkpoint")
}

#[test]
fn it_may_be_another_stores_at_every_step() {
    let foreign =
        [1, 1_500, 9_000].map(|count| anothers_checkpoint(&options(SyncPolicy::Always), count));
    under_every_policy(|path, step| {
        std::fs::write(path.join(checkpoint::NAME), &foreign[step % 3]).expect("written");
    });
}

#[test]

fn it_may_be_that_of_another_store_with_more_segments_at_every_step() {
    let foreign = anothers_checkpoint(&small(SyncPolicy::Always), 40_000);
    under_every_policy(|path, _| {
        std::fs::write(path.join(checkpoint::NAME), &foreign).expect("written");
    });
}

#[test]
fn any_byte_of_it_may_be_damaged() {
    let (guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    for step in &steps()[..8] {
        store.append_batch(step).expect("appended");
    }
    let all: Vec<_> = steps()[..8].concat();
    let good = std::fs::read(path.join(checkpoint::NAME)).expect("a checkpoint");
    for at in (0..good.len()).filter(|at| at % SLOT < 300 || at % 97 == 0) {
        edit(&path.join(checkpoint::NAME), |bytes| {
            bytes.copy_from_slice(&good);
            bytes[at] ^= 1 << (at % 8);
        });
        let opened = Store::open(&path).expect("opened");
        assert_eq!(
            (opened.found().observations, opened.found().dropped_bytes),
            (all.len() as u64, 0)
        );
        let summary = opened.snapshot().expect("a snapshot").summary().expect("read");
        assert_eq!(summary, summary_of(&all), "byte {at}");
        if at % 50 == 0 {
            let copy = guard.path().join(format!("copy{at}"));
            copy_store(&path, &copy);
            let next = Store::open(&copy).expect("opened").append(observation(all.len() as u64));
            assert_eq!(next.expect("appended"), all.len() as u64, "byte {at}");
            let mut all = all.clone();
            all.push(observation(all.len() as u64));
            assert_holds(&copy, &all);
        }
    }
}

/// Appends in every way, and asserts that each is noted in the checkpoint.
fn assert_goes_on(path: &Path, mut all: Vec<Observation>) {
    let store = options(SyncPolicy::Always).open(path).expect("opened");
    let mut append = |count: u64, append: &dyn Fn(&[Observation])| {
        let next = all.len() as u64;
        append(&observations(next..next + count));
        all.extend(observations(next..next + count));
        let newest = checkpoint::read(path).expect("a checkpoint");
        assert_eq!(newest.durable.sequence, all.len() as u64, "{newest:?}");
    };
    for count in [1, 1, 1_500, 1] {
        append(count, &|batch| {
            store.append_batch(batch).expect("appended");
        });
        append(count, &|batch| {
            let fresh = Store::open(path).expect("opened");
            fresh.append_batch(batch).expect("appended");
        });
    }
    append(6, &|batch| {
        let mut writer = store.writer().expect("a writer");
        for observation in batch {
            writer.push(*observation).expect("pushed");
            writer.flush().expect("flushed");
        }
    });
    assert_holds(path, &all);
}

#[test]
fn its_generation_may_be_any_number() {
    let near = |middle: u64| (0..6).map(move |n| middle.wrapping_sub(3).wrapping_add(n));
    for generation in near(u64::MAX).chain(near(1 << 63)).chain([0, 5]) {
        for (in_its_place, beside) in [(true, true), (true, false), (false, true), (false, false)] {
            let (_guard, path) = place();
            let store = options(SyncPolicy::Always).create(&path).expect("created");
            store.append_batch(&observations(0..10)).expect("appended");
            store.append_batch(&observations(10..20)).expect("appended");
            drop(store);
            let claim = Checkpoint { generation, ..checkpoint::read(&path).expect("one") };
            let at = usize::from((generation % 2 == 0) ^ in_its_place) * SLOT;
            edit(&path.join(checkpoint::NAME), |bytes| {
                bytes.resize(2 * SLOT, 0);
                if !beside {
                    bytes.fill(0);
                }
                let slot = checkpoint::encode(&claim);
                bytes[at..at + SLOT].fill(0);
                bytes[at..at + slot.len()].copy_from_slice(&slot);
            });
            assert_goes_on(&path, observations(0..20));
        }
    }
}
