//! Rule 4: a tail is continued only if every byte behind its end is zero.

use super::{
    FIRST_FRAME, FRAME, append_each, arrivals, assert_holds, edit, header, observation,
    observations, options, place, segment_path, segments,
};
use crate::options::SyncPolicy;
use crate::store::Store;

#[test]
fn rule_4_a_tail_is_continued_only_over_zeros() {
    for policy in [SyncPolicy::Always, SyncPolicy::Never] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..20);
        store.sync().expect("synced");
        append_each(&store, 20..160);
        drop(store);
        // A power cut: four sectors in the middle never reached the disk.
        edit(&segment_path(&path, 1), |bytes| bytes[2_048..4_096].fill(0));
        let kept = (2_048 - FIRST_FRAME) / FRAME;
        let end = FIRST_FRAME + kept * FRAME;

        let store = options(policy).open(&path).expect("opened");
        assert_eq!(store.found().observations, kept);
        assert_eq!(store.found().dropped_bytes, FIRST_FRAME + 160 * FRAME - end);
        let mut all = observations(0..kept);
        for n in 1_000..1_066 {
            store.append(observation(n)).expect("appended");
            all.push(observation(n));
            assert!(arrivals(&store) == all, "after {} appends", n - 999);
        }
        assert_holds(&path, &all);
        assert_eq!(segments(&path), 2);
        let (torn, next) = (header(&path, 1), header(&path, 2));
        let stated = next.predecessor.expect("a predecessor");
        assert_eq!((stated.identity, stated.first_sequence), (torn.identity, 0));
        // What was never synced is copied, so the segment ends where it was.
        assert_eq!((stated.end_offset, next.first_sequence), (FIRST_FRAME + 20 * FRAME, 20));
    }
}

#[test]
fn rule_4_a_single_byte_far_behind_the_end_ends_the_segment() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..3);
    drop(store);
    let mut length = 0;
    edit(&segment_path(&path, 1), |bytes| {
        length = bytes.len() as u64;
        *bytes.last_mut().expect("a byte") = 1;
    });
    let store = Store::open(&path).expect("opened");
    assert_eq!(store.found().dropped_bytes, length - FIRST_FRAME - 3 * FRAME);
    append_each(&store, 3..5);
    assert_eq!(segments(&path), 2);
    assert_holds(&path, &observations(0..5));
}

#[test]
fn rule_4_a_handle_that_knows_its_tail_looks_behind_it_too() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..3);
    edit(&segment_path(&path, 1), |bytes| *bytes.last_mut().expect("a byte") = 1);
    append_each(&store, 3..5);
    assert_eq!(segments(&path), 2);
    assert_holds(&path, &observations(0..5));
}

#[test]
fn rule_4_space_written_ahead_is_continued_in_the_same_segment() {
    let (_guard, path) = place();
    let mut length = None;
    for n in 0..40 {
        let store = match n {
            0 => Store::create(&path).expect("created"),
            _ => Store::open(&path).expect("opened"),
        };
        assert_eq!((store.found().observations, store.found().dropped_bytes), (n, 0));
        append_each(&store, n..n + 1);
        let now = std::fs::metadata(segment_path(&path, 1)).expect("a segment").len();
        assert_eq!(*length.get_or_insert(now), now);
    }
    assert_eq!(segments(&path), 1);
    assert_holds(&path, &observations(0..40));
}

#[test]
fn rule_4_space_is_written_ahead_for_single_durable_frames_alone_and_little_of_it() {
    let length = |policy, append: &dyn Fn(&Store)| {
        let (_guard, path) = place();
        let store = options(policy).create(&path).expect("created");
        append(&store);
        std::fs::metadata(segment_path(&path, 1)).expect("a segment").len()
    };
    let single = |store: &Store| append_each(store, 1..2);
    let batch_of = |end: u64| {
        move |store: &Store| {
            store.append_batch(&observations(1..end)).expect("appended");
        }
    };
    let held = |store: &Store| {
        let mut writer = store.writer().expect("a writer");
        writer.push(observation(1)).expect("pushed");
        writer.close().expect("closed");
    };
    let batch = FIRST_FRAME + 16 + 65 * 16;
    assert_eq!(length(SyncPolicy::Always, &single), 64 * 1024);
    assert_eq!(length(SyncPolicy::Always, &batch_of(65)), 64 * 1024);
    assert_eq!(length(SyncPolicy::Always, &batch_of(66)), batch);
    assert_eq!(length(SyncPolicy::Always, &held), 256 * 1024);
    assert_eq!(length(SyncPolicy::Never, &single), FIRST_FRAME + FRAME);
    assert_eq!(length(SyncPolicy::Never, &batch_of(66)), batch);
    assert_eq!(length(SyncPolicy::Never, &held), FIRST_FRAME + FRAME);
}
