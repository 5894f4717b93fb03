//! Derived files speak of nothing that was not synced: where they have counted
//! observations that are gone, their word is enough, each one's alone.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{
    FIRST_FRAME, FRAME, append_each, edit, observation, observations, options, place, readable,
    remove_derived, segment_path, segments, small, summary_of,
};
use crate::checkpoint;
use crate::disk::{Operation, watch};
use crate::error::ErrorKind;
use crate::options::SyncPolicy;
use crate::segment::format::BLOCK_BYTES;
use crate::stats::tree::LEAF;
use crate::store::Store;

const END: u64 = 2 * LEAF + 10;

/// A store of one segment, all of it synced, of which `bytes` are left.
fn cut_to(bytes: usize) -> (TempDir, PathBuf) {
    let (guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..END);
    store.sync().expect("synced");
    drop(store);
    edit(&segment_path(&path, 1), |segment| segment.truncate(bytes));
    (guard, path)
}

/// One that is cut off before observation `kept`, between two frames, and without its
/// checkpoint.
fn cut_before(kept: u64) -> (TempDir, PathBuf) {
    let (guard, path) = cut_to(offset_of(kept));
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    (guard, path)
}

/// Where the frame of observation `number` begins.
fn offset_of(number: u64) -> usize {
    const BLOCK_HEADER: u64 = 40;
    const IN_FIRST_BLOCK: u64 = (BLOCK_BYTES - FIRST_FRAME) / FRAME;
    const IN_BLOCK: u64 = (BLOCK_BYTES - BLOCK_HEADER) / FRAME;
    let offset = match number.checked_sub(IN_FIRST_BLOCK) {
        None => FIRST_FRAME + number * FRAME,
        Some(further) => {
            let block = 1 + further / IN_BLOCK;
            block * BLOCK_BYTES + BLOCK_HEADER + further % IN_BLOCK * FRAME
        }
    };
    usize::try_from(offset).expect("in memory")
}

#[test]
fn what_the_tree_has_counted_is_missed() {
    for kept in [1, 900, LEAF, LEAF + 1, 1_500, 2 * LEAF - 1] {
        let (_guard, path) = cut_before(kept);
        let store = Store::open(&path).expect("opened");
        let [damage] = &store.found().damage[..] else { panic!("{kept}: {:?}", store.found()) };
        assert_eq!(damage.path, segment_path(&path, 1), "{kept}");
        assert_eq!(damage.offset, offset_of(kept) as u64, "{kept}");
        assert_eq!(damage.lost, kept..2 * LEAF, "{kept}");
        assert!(!store.verify().expect("verified").is_sound(), "{kept}");

        // The numbers are not used again, and the leaves keep what they were.
        assert_eq!(store.append(observation(9_999)).expect("appended"), 2 * LEAF, "{kept}");
        store.append_batch(&observations(0..3 * LEAF)).expect("appended");
        for store in [&store, &Store::open(&path).expect("opened")] {
            let snapshot = store.snapshot().expect("a snapshot");
            let (found, errors) = readable(&snapshot);
            let before = (0..kept).map(|n| (n, observation(n)));
            let behind = (2 * LEAF + 1..).zip(observations(0..3 * LEAF));
            let again = [(2 * LEAF, observation(9_999))].into_iter().chain(behind);
            assert!(found.into_iter().eq(before.chain(again)), "{kept}");
            assert_eq!(errors.len(), 1, "{kept}: {errors:?}");
            assert_eq!(errors[0].kind(), ErrorKind::Damaged);
            let mut all = observations(0..2 * LEAF);
            all.push(observation(9_999));
            all.extend(observations(0..3 * LEAF));
            assert_eq!(snapshot.summary().expect("read"), summary_of(&all), "{kept}");
            assert_eq!(snapshot.summary_of(..).expect("read").count(), all.len() as u64);
        }
    }
}

#[test]
fn what_the_checkpoint_has_counted_is_missed() {
    for (kept, further) in [(0, 0), (1, 0), (1, 31), (900, 8), (1_500, 0), (END - 1, 0)] {
        let (_guard, path) = cut_to(offset_of(kept) + further);
        let store = Store::open(&path).expect("opened");
        let [damage] = &store.found().damage[..] else { panic!("{kept}: {:?}", store.found()) };
        assert_eq!(damage.path, segment_path(&path, 1), "{kept}");
        assert_eq!((damage.offset, &damage.lost), (offset_of(kept) as u64, &(kept..END)));
        assert_eq!(store.append(observation(END)).expect("appended"), END, "{kept}");
        let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
        assert!(found.into_iter().eq((0..kept).chain(END..=END).map(|n| (n, observation(n)))));
        assert_eq!(errors.len(), 1, "{kept}: {errors:?}");
    }
}

#[test]
fn a_part_of_a_leaf_is_not_missed_and_does_no_harm() {
    // Nothing says that there were more; FORMAT.md does not promise it.
    for kept in [2 * LEAF, 2 * LEAF + 9] {
        let (_guard, path) = cut_before(kept);
        let store = Store::open(&path).expect("opened");
        assert!(store.found().damage.is_empty(), "{:?}", store.found());
        append_each(&store, kept..END);
        super::assert_holds(&path, &observations(0..END));
    }
}

#[test]
fn what_the_guide_has_counted_is_missed() {
    const COUNTED: u64 = 128 * LEAF;
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    store.append_batch(&observations(0..5_000)).expect("appended");
    let kept = std::fs::metadata(segment_path(&path, 1)).expect("a segment").len();
    store.append_batch(&observations(5_000..COUNTED)).expect("appended");
    drop(store);
    let guide = path.join("0000000001.guide");
    let counted = std::fs::read(&guide).expect("a guide");
    remove_derived(&path);
    std::fs::write(&guide, counted).expect("written");
    let kept = usize::try_from(kept).expect("in memory");
    edit(&segment_path(&path, 1), |bytes| bytes.truncate(kept));

    let store = Store::open(&path).expect("opened");
    let [damage] = &store.found().damage[..] else { panic!("{:?}", store.found()) };
    assert_eq!((damage.offset, &damage.lost), (kept as u64, &(5_000..COUNTED)));
    // Others in the place of those would be taken for them.
    let negative: Vec<_> = observations(0..COUNTED)
        .into_iter()
        .map(|it| crate::Observation::new(it.timestamp_ns, -1.0 - it.value))
        .collect();
    assert_eq!(store.append_batch(&negative).expect("appended"), COUNTED..2 * COUNTED);
    assert_eq!(store.append_batch(&negative).expect("appended"), 2 * COUNTED..3 * COUNTED);
    let snapshot = store.snapshot().expect("a snapshot");
    // The guide keeps what it has counted.
    let all = observations(0..COUNTED).into_iter().chain(negative.iter().copied());
    let mut values: Vec<f64> = all.chain(negative.iter().copied()).map(|it| it.value).collect();
    values.sort_by(f64::total_cmp);
    let estimate = snapshot.quantile_estimate(0.5).expect("read").expect("a median");
    let median = values[values.len() / 2];
    assert!((estimate - median).abs() <= 1e-2 * median.abs(), "{estimate}, not {median}");
}

#[test]
fn frames_behind_a_rotten_one_are_read_where_the_tree_has_counted_what_is_between() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Always).create(&path).expect("created");
    // Two frames of one write: the second swears no further than the first begins.
    store.append_batch(&observations(0..4 * LEAF)).expect("appended");
    drop(store);
    std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
    super::flip(&segment_path(&path, 1), FIRST_FRAME + 40);

    let store = Store::open(&path).expect("opened");
    let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
    let first = found.first().map(|(sequence, _)| *sequence).expect("what is behind");
    assert!((1..2_044).contains(&first), "{first}");
    assert!(found.into_iter().eq((first..4 * LEAF).map(|n| (n, observation(n)))));
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(store.found().damage[0].lost, 0..first);
    append_each(&store, 4 * LEAF..4 * LEAF + 1);
    assert_eq!(store.snapshot().expect("a snapshot").len(), 4 * LEAF + 1);
    assert_eq!(segments(&path), 1, "nothing is in doubt");
}

#[test]
fn what_can_be_read_can_be_read_behind_an_append() {
    const EACH: u64 = 5_120;
    let (_guard, path) = place();
    let store = small(SyncPolicy::Always).create(&path).expect("created");
    (0..3).for_each(|n| drop(store.append_batch(&observations(n * EACH..(n + 1) * EACH))));
    append_each(&store, 3 * EACH..3 * EACH + 1);
    drop(store);
    // The last of two files side by side is stated by none, and neither swears.
    for (rotten, lost) in [(1, 3), (2, 4)] {
        std::fs::remove_file(segment_path(&path, lost)).expect("removed");
        super::flip(&segment_path(&path, rotten), FIRST_FRAME + 400);
    }
    let read = || {
        let store = small(SyncPolicy::Always).open(&path).expect("opened");
        let (found, _) = readable(&store.snapshot().expect("a snapshot"));
        (store, found)
    };
    let (store, mut found) = read();
    assert!(found.iter().any(|(sequence, _)| *sequence >= EACH), "of the second, too");
    let next = 3 * EACH + 1;
    assert_eq!(store.append(observation(next)).expect("appended"), next);
    found.push((next, observation(next)));
    assert_eq!(read().1, found);
}

#[test]
fn a_reader_beside_a_writer_misses_nothing() {
    // With and without room for it that was written ahead.
    for leaves in [1, 20] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Always).create(&path).expect("created");
        append_each(&store, 0..10);
        let appended = Cell::new(10);
        let look = move |at: &Path, operation: Operation, _: &[u8]| {
            // Appended, synced and counted just before the tree is looked at.
            if operation == Operation::Open && at.extension().is_some_and(|it| it == "tree") {
                let next = appended.get();
                let batch = observations(next..next + leaves * LEAF);
                store.append_batch(&batch).expect("appended");
                appended.set(next + leaves * LEAF);
            }
            Ok(())
        };
        let opened = watch::with(look, || Store::open_read_only(&path).expect("opened"));
        assert_eq!(opened.found().damage, []);
        assert_eq!(opened.found().observations, 10 + leaves * LEAF);
    }
}
