//! Promise 4: segments of two stores in one directory are never served as one.

use std::path::Path;

use super::{copy_store, header, observation, observations, place, readable, remove_derived};
use super::{segment_path, segments, small};
use crate::checkpoint;
use crate::observation::Observation;
use crate::options::SyncPolicy;
use crate::store::Store;

/// Observations in each segment.
const EACH: u64 = 5_120;

/// A store of four segments, whose observations begin with number `first`.
fn fill(path: &Path, first: u64) {
    let store = small(SyncPolicy::Always).create(path).expect("created");
    for n in 0..3 {
        let from = first + n * EACH;
        store.append_batch(&observations(from..from + EACH)).expect("appended");
    }
    store.append(observation(first + 3 * EACH)).expect("appended");
    assert_eq!(segments(path), 4);
}

/// What can be read, by sequence number, and whether anything was said.
fn read(path: &Path) -> (Vec<(u64, Observation)>, bool) {
    let store = small(SyncPolicy::Always).open(path).expect("opened");
    let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
    (found, !errors.is_empty() || !store.found().damage.is_empty())
}

fn is_of(found: &[(u64, Observation)], first: u64) -> bool {
    found.iter().all(|(sequence, it)| *it == observation(first + sequence))
}

#[test]
fn segments_of_another_store_are_not_served_whichever_they_replace() {
    const OTHER: u64 = 100_000;
    let (_guard, ours) = place();
    let (_other_guard, theirs) = place();
    fill(&ours, 0);
    fill(&theirs, OTHER);
    // Each of our segments is kept (0), missing (1), or replaced by theirs (2).
    for choice in 0..81_u32 {
        let choices = [1, 3, 9, 27].map(|unit| choice / unit % 3);
        for without_checkpoint in [false, true] {
            let (_guard, mixed) = place();
            copy_store(&ours, &mixed);
            for (ordinal, choice) in (1..).zip(choices) {
                let path = segment_path(&mixed, ordinal);
                match choice {
                    0 => {}
                    1 => std::fs::remove_file(path).expect("removed"),
                    _ => drop(std::fs::copy(segment_path(&theirs, ordinal), path).expect("copied")),
                }
            }
            if without_checkpoint {
                std::fs::remove_file(mixed.join(checkpoint::NAME)).expect("removed");
            }
            let (found, told) = read(&mixed);
            let what = format!("{choices:?}, without checkpoint: {without_checkpoint}");
            assert!(is_of(&found, 0) || is_of(&found, OTHER), "{what}: both");
            let both = choices.contains(&0) && choices.contains(&2);
            assert!(told || !both, "{what}: nothing is said");
        }
    }
}

#[test]
fn a_store_whose_last_header_rotted_keeps_its_origin_without_a_checkpoint() {
    let (_guard, path) = place();
    fill(&path, 0);
    super::flip(&segment_path(&path, 4), 30);
    remove_derived(&path);
    // Segment 4 cannot be told from a stranger's, so it is missed, not served.
    let store = small(SyncPolicy::Always).open(&path).expect("opened");
    drop(store.append(observation(0)));
    let (found, told) = read(&path);
    assert!(told && is_of(&found, 0));
    assert!(found.len() as u64 >= 3 * EACH, "{} are left", found.len());
}

#[test]
fn another_stores_checkpoint_speaks_for_no_segment_whose_header_rotted() {
    const OTHER: u64 = 100_000;
    let (_guard, ours) = place();
    let (_other_guard, theirs) = place();
    fill(&ours, 0);
    fill(&theirs, OTHER);
    let last = segment_path(&ours, 4);
    std::fs::copy(segment_path(&theirs, 4), &last).expect("copied");
    std::fs::copy(theirs.join(checkpoint::NAME), ours.join(checkpoint::NAME)).expect("copied");
    super::flip(&last, 30);
    let (found, told) = read(&ours);
    assert!(told && found.len() as u64 == 3 * EACH && is_of(&found, 0), "{} found", found.len());
    // Nor is anything written behind it.
    let store = small(SyncPolicy::Always).open(&ours).expect("opened");
    assert!(store.append(observation(0)).is_err());
}

#[test]
fn rule_7_a_segment_of_a_copy_of_the_store_that_went_another_way_is_not_served() {
    let (guard, path) = place();
    let copy = guard.path().join("copy");
    let store = small(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..EACH)).expect("appended");
    copy_store(&path, &copy);
    store.append_batch(&observations(EACH..2 * EACH)).expect("appended");
    store.append_batch(&observations(2 * EACH..2 * EACH + 10)).expect("appended");
    let other = small(SyncPolicy::Always).open(&copy).expect("opened");
    other.append_batch(&observations(10 * EACH..11 * EACH)).expect("appended");
    other.append_batch(&observations(11 * EACH..11 * EACH + 10)).expect("appended");
    assert_eq!((segments(&path), segments(&copy)), (3, 3));
    assert_eq!(header(&path, 2).origin, header(&copy, 2).origin);

    std::fs::copy(segment_path(&copy, 2), segment_path(&path, 2)).expect("copied");
    let snapshot = Store::open(&path).expect("opened").snapshot().expect("a snapshot");
    let (found, errors) = readable(&snapshot);
    assert!(found.iter().all(|(n, it)| *it == observation(*n)), "what the copy held was served");
    assert_eq!((found.len() as u64, errors.len()), (EACH + 10, 1), "{errors:?}");
}
