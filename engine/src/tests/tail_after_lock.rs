//! Rule 1: decisions about the tail are made under the lock, after looking
//! again for a newer segment.

use std::time::Duration;

use super::{
    append_each, assert_holds, observation, observations, options, place, segments, small,
};
use crate::checkpoint;
use crate::options::SyncPolicy;
use crate::store::Store;

#[test]
fn rule_1_a_known_tail_is_looked_at_again() {
    let (_guard, path) = place();
    let one = small(SyncPolicy::Always).create(&path).expect("created");
    let other = small(SyncPolicy::Always).open(&path).expect("opened");
    append_each(&one, 0..3);
    append_each(&other, 3..4);
    append_each(&one, 4..5);
    // The other begins new segments, and leaves the last one all but empty.
    other.append_batch(&observations(5..5_120)).expect("appended");
    append_each(&other, 5_120..5_122);
    assert_eq!(segments(&path), 2);
    append_each(&one, 5_122..5_124);
    append_each(&other, 5_124..5_125);
    assert_holds(&path, &observations(0..5_125));
}

#[test]
fn rule_1_a_known_tail_is_looked_at_again_without_the_checkpoints_help() {
    // Under this policy nothing but the segment itself tells of an append.
    let (_guard, path) = place();
    let one = options(SyncPolicy::Never).create(&path).expect("created");
    let other = options(SyncPolicy::Never).open(&path).expect("opened");
    for n in 0..40 {
        append_each(if n % 3 == 0 { &one } else { &other }, n..n + 1);
    }
    assert_holds(&path, &observations(0..40));
}

#[test]
fn rule_1_a_newer_segment_is_looked_for_whatever_the_checkpoint_says() {
    let (_guard, path) = place();
    let one = small(SyncPolicy::Always).create(&path).expect("created");
    one.append_batch(&observations(0..5_120)).expect("appended");
    let before = std::fs::read(path.join(checkpoint::NAME)).expect("a checkpoint");
    // The first segment is full, so the other begins the second.
    let other = small(SyncPolicy::Always).open(&path).expect("opened");
    append_each(&other, 5_120..5_123);
    assert_eq!(segments(&path), 2);
    std::fs::write(path.join(checkpoint::NAME), before).expect("written");
    append_each(&one, 5_123..5_125);
    assert_holds(&path, &observations(0..5_125));
}

/// While one appends, `waiting` begins to wait for the lock; then the one
/// appends more and begins a new segment before it lets go.
fn append_while(waiting: impl FnOnce(Store) + Send) {
    let (_guard, path) = place();
    let one = small(SyncPolicy::Always).create(&path).expect("created");
    append_each(&one, 0..2);
    let other = small(SyncPolicy::Always).open(&path).expect("opened");
    append_each(&other, 2..3);
    let mut writer = one.writer().expect("a writer");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(move || waiting(other));
        // Nothing hangs on it: without the pause a wrong order may go unseen.
        std::thread::sleep(Duration::from_millis(100));
        for n in 3..9_000 {
            writer.push(observation(n)).expect("pushed");
        }
        writer.close().expect("closed");
        waiter.join().expect("appended");
    });
    assert_eq!(segments(&path), 2);
    assert_holds(&path, &observations(0..9_001));
}

#[test]
fn rule_1_nothing_is_decided_before_the_lock_is_held() {
    append_while(|store| append_each(&store, 9_000..9_001));
}

#[test]
fn rule_1_nothing_is_decided_before_a_held_writer_has_the_lock() {
    append_while(|store| {
        let mut writer = store.writer().expect("a writer");
        writer.push(observation(9_000)).expect("pushed");
        writer.close().expect("closed");
    });
}
