//! Promise 6: what a reader has seen, a later one sees too, at any moment of an
//! append that goes well: also where a segment is left for what is in doubt in it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::disk_watch::{io_error, no_space};
use super::{
    append_each, arrivals, assert_holds, observation, observations, options, place, segment_path,
    segments, small,
};
use crate::disk::{Operation, watch};
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// Looks at the store at `path` before each change that `work` makes to the disk.
fn look_at_each_change<T>(path: &Path, work: impl FnOnce() -> T) -> T {
    let seen: Rc<RefCell<Vec<Observation>>> = Rc::default();
    let directory: PathBuf = path.to_owned();
    let watcher = move |_: &Path, operation: Operation, _: &[u8]| {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        let now = arrivals(&Store::open_read_only(&directory).expect("opened"));
        let mut seen = seen.borrow_mut();
        assert!(now.starts_with(&seen), "{} seen, now there are {}", seen.len(), now.len());
        *seen = now;
        Ok(())
    };
    watch::with(watcher, work)
}

/// Appends behind `before` observations that another has not synced.
fn append_behind_unsynced(policy: SyncPolicy, before: u64, batches: &[u64]) {
    let (_guard, path) = place();
    let other = small(SyncPolicy::Never).create(&path).expect("created");
    other.append_batch(&observations(0..before)).expect("appended");
    let store = small(policy).open(&path).expect("opened");
    let mut next = before;
    look_at_each_change(&path, || {
        for count in batches {
            store.append_batch(&observations(next..next + count)).expect("appended");
            next += count;
        }
        store.sync().expect("synced");
    });
    assert!(segments(&path) >= 2, "what was in doubt was copied");
    append_each(&other, next..next + 1);
    assert_holds(&path, &observations(0..next + 1));
}

#[test]
fn what_was_seen_stays_seen_where_each_append_is_synced() {
    append_behind_unsynced(SyncPolicy::Always, 5, &[1, 3, 1]);
}

#[test]
fn what_was_seen_stays_seen_where_a_sync_is_due() {
    append_behind_unsynced(SyncPolicy::Every(Duration::ZERO), 5, &[1, 3, 1]);
    // Due by the time that the first append is done, as likely as not.
    append_behind_unsynced(SyncPolicy::Every(Duration::from_micros(300)), 5, &[1, 3, 1, 1, 1]);
}

#[test]
fn what_was_seen_stays_seen_where_a_batch_reaches_over_the_end_of_a_segment() {
    append_behind_unsynced(SyncPolicy::Never, 4_000, &[5_000]);
    append_behind_unsynced(SyncPolicy::Never, 5_110, &[1, 8, 2, 1]);
}

/// A small generator of numbers, so that a failure can be repeated.
struct Draw(u64);

impl Draw {
    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(self.0 >> 33).expect("31 bits") % all.len();
        all[at]
    }
}

#[test]
fn what_was_seen_stays_seen_whatever_several_handles_do() {
    const POLICIES: [SyncPolicy; 5] = [
        SyncPolicy::Never,
        SyncPolicy::Never,
        SyncPolicy::Every(Duration::from_micros(300)),
        SyncPolicy::Every(Duration::ZERO),
        SyncPolicy::Always,
    ];
    for seed in 0..12 {
        let mut draw = Draw(seed);
        // Some of them among handles that never sync.
        let policies = if seed % 2 == 0 { &POLICIES[..1] } else { &POLICIES[..] };
        let (_guard, path) = place();
        drop(small(SyncPolicy::Never).create(&path).expect("created"));
        let open = |policy| small(policy).open(&path).expect("opened");
        let mut handles = [(); 3].map(|()| open(draw.of(policies)));
        let mut next = 0;
        look_at_each_change(&path, || {
            for _ in 0..16 {
                let at = draw.of(&[0, 1, 2]);
                let count = draw.of(&[1, 1, 2, 40, 700, 1_024, 2_500, 5_200]);
                match draw.of(&["batch", "batch", "batch", "writer", "sync", "open"]) {
                    "sync" => handles[at].sync().expect("synced"),
                    "open" => handles[at] = open(draw.of(policies)),
                    way => {
                        let all = observations(next..next + count);
                        next += count;
                        if way == "batch" {
                            handles[at].append_batch(&all).expect("appended");
                            continue;
                        }
                        let mut writer = handles[at].writer().expect("a writer");
                        all.iter().for_each(|it| writer.push(*it).expect("pushed"));
                        writer.close().expect("closed");
                    }
                }
            }
        });
        drop(handles);
        assert_holds(&path, &observations(0..next));
    }
}

#[test]
fn what_was_seen_stays_seen_where_one_more_makes_the_unsynced_too_many() {
    // So many that the next one leaves padding and begins a block: with those it
    // takes 96 bytes, and those are the last of 8 MiB.
    const BLOCK: u64 = 2_044;
    let (_guard, path) = place();
    let other = options(SyncPolicy::Never).create(&path).expect("created");
    other.append_batch(&observations(0..2_041)).expect("appended");
    append_each(&other, 2_041..2_042);
    other.sync().expect("synced");
    let all = 2_042 + 2_042 + 254 * BLOCK + BLOCK - 1;
    other.append_batch(&observations(2_042..all)).expect("appended");
    let length = std::fs::metadata(segment_path(&path, 1)).expect("a segment").len();
    assert_eq!(length, 257 * 32 * 1024 - 24);

    let store = options(SyncPolicy::Never).open(&path).expect("opened");
    let directory = path.clone();
    let mut seen = all;
    let watcher = move |_: &Path, operation: Operation, _: &[u8]| {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        let now = Store::open_read_only(&directory).expect("opened").found().observations;
        assert!(now >= seen, "{seen} seen, now there are {now}");
        seen = now;
        Ok(())
    };
    watch::with(watcher, || append_each(&store, all..all + 1));
    assert_eq!(segments(&path), 2, "what was in doubt was copied");
    assert_eq!(store.snapshot().expect("a snapshot").len(), all + 1);
}

/// An append that fails though its frame is in the segment, which is given up
/// before it; then another one of the same sequence number.
fn append_in_vain_and_again(store: &Store) {
    let refuse = |path: &Path, operation, _: &[u8]| match operation {
        Operation::Sync if path.ends_with("0000000001.rows") => Err(io_error()),
        Operation::Write { offset: 1.., .. } if path.ends_with("0000000002.rows") => {
            Err(no_space())
        }
        _ => Ok(()),
    };
    watch::with(refuse, || store.append(observation(99)).expect_err("no space"));
    append_each(store, 3..4);
}

#[test]
fn a_reader_that_finds_a_segment_given_up_meanwhile_looks_at_its_successor() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    append_each(&store, 0..3);
    let mut listed = false;
    let mut given_up = false;
    let first = segment_path(&path, 1);
    let watcher = move |at: &Path, operation, _: &[u8]| {
        listed |= operation == Operation::List;
        if listed && !given_up && operation == Operation::Open && at == first {
            given_up = true;
            append_in_vain_and_again(&store);
        }
        Ok(())
    };
    let reader = Store::open_read_only(&path).expect("opened");
    let snapshot = watch::with(watcher, || reader.snapshot().expect("a snapshot"));
    assert_eq!(segments(&path), 2, "the first was given up");
    assert!(super::all_of(&snapshot) == observations(0..4), "what was taken back was served");
}

#[test]
fn a_reader_misses_nothing_that_was_there_before_it_began_whatever_is_appended_meanwhile() {
    const BEFORE: u64 = 5_000;
    for (policy, other) in
        [(SyncPolicy::Never, SyncPolicy::Never), (SyncPolicy::Always, SyncPolicy::Never)]
    {
        // At each call of the reader's, until it has made all of them.
        for at in 1.. {
            let (_guard, path) = place();
            let store = small(policy).create(&path).expect("created");
            store.append_batch(&observations(0..BEFORE)).expect("appended");
            let other = small(other).open(&path).expect("opened");
            let calls = Rc::new(RefCell::new(0));
            let counted = Rc::clone(&calls);
            let watcher = move |_: &Path, _, _: &[u8]| {
                *counted.borrow_mut() += 1;
                if *counted.borrow() == at {
                    let mut next = BEFORE;
                    for (store, count) in [(&other, 1), (&store, 3_000), (&other, 3_000)] {
                        store.append_batch(&observations(next..next + count)).expect("appended");
                        next += count;
                    }
                }
                Ok(())
            };
            let reader = Store::open_read_only(&path).expect("opened");
            let found =
                watch::with(watcher, || super::all_of(&reader.snapshot().expect("a snapshot")));
            assert!(found.len() as u64 >= BEFORE, "{} are left of {BEFORE}", found.len());
            assert!(found == observations(0..found.len() as u64), "call {at}");
            if *calls.borrow() < at {
                break;
            }
        }
    }
}
