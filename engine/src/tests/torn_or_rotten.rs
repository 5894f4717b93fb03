//! Rule 2: valid frames behind an invalid place mean nothing, unless an oath
//! says that the place was synced once.

use std::path::Path;

use super::{
    FIRST_FRAME, FRAME, append_each, assert_holds, copy_store, edit, flip, names, observation,
    observations, options, place, readable, segment_path, segments, small,
};
use crate::checkpoint;
use crate::options::SyncPolicy;
use crate::store::Store;

/// The ways a checkpoint may be of no help. `stale` is an older copy of it.
fn spoil_checkpoint(path: &Path, how: &str, stale: &[u8]) {
    let checkpoint = path.join(checkpoint::NAME);
    match how {
        "deleted" => std::fs::remove_file(checkpoint).expect("removed"),
        "stale" => std::fs::write(checkpoint, stale).expect("written"),
        "corrupted" => edit(&checkpoint, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x55)),
        _ => assert_eq!(how, "kept"),
    }
}

#[test]
fn rule_2_valid_frames_behind_a_hole_are_a_torn_tail_where_nobody_swears_past_it() {
    for how in ["kept", "deleted", "stale", "corrupted"] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        append_each(&store, 0..1);
        store.sync().expect("synced");
        let stale = std::fs::read(path.join(checkpoint::NAME)).expect("a checkpoint");
        append_each(&store, 1..4);
        store.sync().expect("synced");
        append_each(&store, 4..20);
        flip(&segment_path(&path, 1), FIRST_FRAME + 8 * FRAME + 20);
        spoil_checkpoint(&path, how, &stale);

        let store = Store::open(&path).expect("opened");
        assert_eq!(store.found().observations, 8, "{how}");
        assert_eq!(store.found().dropped_bytes, 12 * FRAME, "{how}");
        assert!(store.found().damage.is_empty(), "{how}: {:?}", store.found());
        append_each(&store, 100..103);
        let mut all = observations(0..8);
        all.extend(observations(100..103));
        assert_holds(&path, &all);
        assert_eq!(segments(&path), 2);
    }
}

#[test]
fn rule_2_an_invalid_place_that_was_sworn_to_is_rot_and_costs_only_its_frame() {
    for how in ["kept", "deleted", "stale", "corrupted"] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Always).create(&path).expect("created");
        append_each(&store, 0..4);
        let stale = std::fs::read(path.join(checkpoint::NAME)).expect("a checkpoint");
        append_each(&store, 4..20);
        let rotten = FIRST_FRAME + 8 * FRAME;
        flip(&segment_path(&path, 1), rotten + 20);
        spoil_checkpoint(&path, how, &stale);

        let store = Store::open(&path).expect("opened");
        assert_eq!(store.found().observations, 20, "{how}");
        assert_eq!(store.found().dropped_bytes, 0, "{how}");
        let told = &store.found().damage;
        assert_eq!(told.len(), usize::from(how != "kept"), "{how}: {told:?}");
        assert!(told.iter().all(|it| (it.offset, it.lost.clone()) == (rotten, 8..9)));
        // Appending goes on behind it, and never touches it.
        append_each(&store, 20..23);
        // Without the checkpoint the last frame is in doubt, and is copied.
        assert_eq!(segments(&path), if how == "kept" { 1 } else { 2 }, "{how}");
        let snapshot = store.snapshot().expect("a snapshot");
        assert_eq!(snapshot.len(), 23, "{how}");
        let (found, errors) = readable(&snapshot);
        let kept: Vec<_> = (0..23).filter(|n| *n != 8).map(|n| (n, observation(n))).collect();
        assert!(found == kept, "{how}");
        assert_eq!(errors.len(), 1, "{how}");
        assert_eq!(errors[0].path(), segment_path(&path, 1));
        assert_eq!(errors[0].offset(), Some(rotten));
    }
}

#[test]
fn rule_2_the_oath_may_stand_behind_frames_that_swear_less() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..10);
    store.sync().expect("synced");
    append_each(&store, 10..12);
    // Two places, and between them frames from before the sync.
    flip(&segment_path(&path, 1), FIRST_FRAME + 2 * FRAME + 5);
    flip(&segment_path(&path, 1), FIRST_FRAME + 5 * FRAME + 5);
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    let found = Store::open(&path).expect("opened").found().clone();
    assert_eq!((found.observations, found.dropped_bytes), (12, 0));
    let lost: Vec<_> = found.damage.iter().map(|damage| damage.lost.clone()).collect();
    assert_eq!(lost, [2..3, 5..6]);
}

#[test]
fn rule_2_a_block_header_swears_too() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    store.append_batch(&observations(0..1_500)).expect("appended");
    store.sync().expect("synced");
    // The rest of the first block goes into the same frame's block; the next
    // block begins with an oath, and its only frame is torn.
    store.append_batch(&observations(1_500..3_000)).expect("appended");
    let rows = segment_path(&path, 1);
    flip(&rows, FIRST_FRAME + 100);
    edit(&rows, |bytes| {
        let second = 32 * 1024 + 40;
        bytes[second..].fill(0);
        let between = usize::try_from(FIRST_FRAME).expect("small") + 16 + 1_500 * 16;
        bytes[between..32 * 1024].fill(0);
    });
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    let found = Store::open(&path).expect("opened").found().clone();
    assert_eq!(found.dropped_bytes, 0);
    assert_eq!(found.damage.len(), 1, "{found:?}");
    assert_eq!(found.damage[0].offset, FIRST_FRAME);
}

#[test]
fn rule_2_rot_in_every_place_is_told_or_costs_nothing() {
    let (guard, path) = place();
    let store = small(SyncPolicy::Always).create(&path).expect("created");
    for n in 0..6 {
        store.append_batch(&observations(n * 900..(n + 1) * 900)).expect("appended");
    }
    let all = observations(0..5_400);
    let rows: Vec<_> = names(&path).into_iter().filter(|name| name.ends_with(".rows")).collect();
    assert_eq!(rows.len(), 2);
    for (turn, name) in rows.iter().cycle().take(120).enumerate() {
        let copy = guard.path().join(format!("copy{turn}"));
        copy_store(&path, &copy);
        if turn % 3 == 0 {
            std::fs::remove_file(copy.join(checkpoint::NAME)).expect("removed");
        }
        let length = std::fs::metadata(copy.join(name)).expect("a file").len();
        flip(&copy.join(name), (turn as u64 * 7_919 + 13) % length);
        let store = Store::open(&copy).expect("opened");
        let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
        let right = found.iter().all(|(sequence, it)| *it == observation(*sequence));
        assert!(right, "{name} {turn}: what is served is as it was written");
        let told = !errors.is_empty()
            || !store.found().damage.is_empty()
            || store.found().dropped_bytes > 0;
        assert!(found.len() == all.len() || told, "{name} {turn}: lost and not told");
        std::fs::remove_dir_all(copy).expect("removed");
    }
}
