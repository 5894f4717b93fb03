//! Rule 5: what is stated was synced before.

use std::path::Path;
use std::time::Duration;

use super::disk_watch::{Event, Judge, io_error, record};
use super::{
    append_each, assert_holds, header, names, observation, observations, options, place, segments,
    small,
};
use crate::disk::Operation;
use crate::options::SyncPolicy;
use crate::segment::names::rows_name;
use crate::store::Store;

const HOUR: SyncPolicy = SyncPolicy::Every(Duration::from_secs(3_600));
const AT_ONCE: SyncPolicy = SyncPolicy::Every(Duration::ZERO);

/// Runs `work` on a store at `path`, every operation judged.
fn judged(path: &Path, work: impl FnOnce()) -> Vec<Event> {
    let mut judge = Judge::new(path);
    let ((), events) = record(
        move |_, event| {
            judge.judge(event);
            Ok(())
        },
        work,
    );
    events
}

fn syncs(events: &[Event]) -> usize {
    events.iter().filter(|it| it.file.ends_with(".rows") && it.operation == Operation::Sync).count()
}

#[test]
fn rule_5_what_is_stated_was_synced_before_under_every_policy() {
    for policy in [SyncPolicy::Always, AT_ONCE, HOUR, SyncPolicy::Never] {
        let (_guard, path) = place();
        let store = small(policy).create(&path).expect("created");
        let events = judged(&path, || {
            append_each(&store, 0..3);
            for n in 0..12 {
                let from = 3 + n * 1_000;
                store.append_batch(&observations(from..from + 1_000)).expect("appended");
            }
            let mut writer = store.writer().expect("a writer");
            (12_003..17_000).for_each(|n| writer.push(observation(n)).expect("pushed"));
            writer.close().expect("closed");
            append_each(&store, 17_000..17_010);
            drop(store);
        });
        assert!(segments(&path) >= 4, "{policy:?}");
        let renamed = |name: &String| events.iter().any(|it| it.is(name, Operation::Rename));
        assert!(names(&path).iter().filter(|name| name.ends_with(".rows")).all(renamed));
        assert_holds(&path, &observations(0..17_010));
    }
}

#[test]
fn rule_5_a_torn_segment_ends_where_it_was_synced() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..60);
    super::flip(&super::segment_path(&path, 1), super::FIRST_FRAME + 50 * super::FRAME);
    let store = options(SyncPolicy::Never).open(&path).expect("opened");
    judged(&path, || append_each(&store, 50..51));
    let stated = header(&path, 2).predecessor.expect("a predecessor");
    assert_eq!(stated.end_offset, super::FIRST_FRAME);
    assert_holds(&path, &observations(0..51));
}

#[test]
fn rule_5_no_more_than_8_mib_stay_unsynced() {
    for policy in [SyncPolicy::Never, HOUR] {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        let many = observations(0..100_000);
        let events = judged(&path, || {
            for _ in 0..7 {
                store.append_batch(&many).expect("appended");
            }
            store.append_batch(&many.repeat(7)).expect("appended");
            store.append_batch(&many[..100]).expect("appended");
        });
        // 22.4 MB, in portions of 8 MiB.
        assert_eq!(syncs(&events), 2, "{policy:?}");
        std::mem::forget(store);
    }
}

#[test]
fn rule_5_the_interval_policy_syncs_when_due_and_when_closed() {
    let synced = |policy, work: &dyn Fn(Store)| {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        append_each(&store, 0..1);
        store.sync().expect("synced");
        syncs(&judged(&path, || work(store)))
    };
    assert_eq!(synced(AT_ONCE, &|store| append_each(&store, 1..4)), 3);
    let append_then_forget = |store| {
        append_each(&store, 1..4);
        std::mem::forget(store);
    };
    assert_eq!(synced(HOUR, &append_then_forget), 0);
    assert_eq!(synced(HOUR, &|store| append_each(&store, 1..4)), 1, "on drop");
    assert_eq!(synced(SyncPolicy::Never, &|store| append_each(&store, 1..4)), 0);
    let hold = |close: bool| {
        move |store: Store| {
            let mut writer = store.writer().expect("a writer");
            writer.push(observation(1)).expect("pushed");
            writer.flush().expect("flushed");
            let due = writer.sync_if_due().expect("no error");
            assert!(due.is_some(), "it says when");
            if close {
                writer.close().expect("closed");
            }
            std::mem::forget(store);
        }
    };
    assert_eq!(synced(HOUR, &hold(true)), 1, "a closed writer");
    assert_eq!(synced(HOUR, &hold(false)), 1, "a dropped writer");
}

/// As a writer leaves a new segment that is killed between giving it its name
/// and making the name durable.
fn die_before_the_name_is_durable(store: Store, work: impl FnOnce(&Store)) {
    let (mut named, mut stop) = (false, false);
    let refuse = move |_: &Path, event: &Event| {
        named |= event.operation == Operation::Rename;
        stop |= named && event.operation == Operation::SyncDirectory;
        if stop { Err(io_error()) } else { Ok(()) }
    };
    record(refuse, || work(&store));
    std::mem::forget(store);
}

#[test]
fn rule_5_the_markers_name_is_durable_before_there_is_a_segment() {
    let (_guard, path) = place();
    let mut left = 1;
    let refuse = move |_: &Path, event: &Event| {
        if left == 0 {
            return Err(io_error());
        }
        left -= u32::from(event.is("gaugelog", Operation::Rename));
        Ok(())
    };
    // Killed before it has made the name durable.
    let (created, _) = record(refuse, || Store::create(&path));
    assert!(created.is_err() && path.join("gaugelog").exists());
    let store = Store::open(&path).expect("opened");
    let ((), events) = record(|_, _| Ok(()), || append_each(&store, 0..1));
    let at = |wanted: &dyn Fn(&Event) -> bool| events.iter().position(wanted).expect("done");
    let synced = at(&|event| event.operation == Operation::SyncDirectory);
    assert!(synced < at(&|event| event.operation == Operation::Rename), "{events:?}");
}

fn assert_directory_synced_before_a_write(path: &Path, ordinal: u64, next: u64) {
    let store = Store::open(path).expect("opened");
    let ((), events) = record(|_, _| Ok(()), || append_each(&store, next..next + 1));
    let written = events.iter().position(|it| it.writes(&rows_name(ordinal))).expect("written");
    let synced = events.iter().position(|it| it.operation == Operation::SyncDirectory);
    assert!(synced.is_some_and(|synced| synced < written), "{events:?}");
}

#[test]
fn rule_5_a_name_that_may_not_be_durable_is_made_so_before_the_first_frame() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    die_before_the_name_is_durable(store, |store| {
        assert!(store.append(observation(0)).is_err());
    });
    assert_eq!(segments(&path), 1);
    assert_directory_synced_before_a_write(&path, 1, 0);
}

#[test]
fn rule_5_the_name_of_a_segment_that_was_begun_with_copies_is_made_durable_too() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..10);
    let mut failed = false;
    let mut named = false;
    let refuse = move |_: &Path, event: &Event| {
        failed |= event.is(&rows_name(1), Operation::Sync);
        named |= event.operation == Operation::SyncDirectory;
        let only = event.is(&rows_name(1), Operation::Sync);
        if named || (failed && only) { Err(io_error()) } else { Ok(()) }
    };
    record(refuse, || assert!(store.sync().is_err()));
    std::mem::forget(store);
    assert_eq!((segments(&path), header(&path, 2).first_sequence), (2, 0));
    assert_directory_synced_before_a_write(&path, 2, 10);
}
