//! A file of a segment that somebody has made longer: what lies behind a long
//! stretch of nothing is found, and what there is nothing of is not read.

use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use super::{
    append_each, arrivals, assert_holds, observations, options, place, readable, segment_path,
    segments,
};
use crate::checkpoint;
use crate::disk::{Operation, watch};
use crate::options::SyncPolicy;
use crate::segment::recover::FILE_BYTES_MAX;
use crate::store::Store;

/// Makes a hole of a part of the file.
fn punch(path: &Path, hole: std::ops::Range<usize>) {
    let bytes = std::fs::read(path).expect("read");
    let file = File::create(path).expect("created");
    file.set_len(bytes.len() as u64).expect("as long");
    file.write_all_at(&bytes[..hole.start], 0).expect("written");
    file.write_all_at(&bytes[hole.end..], hole.end as u64).expect("written");
}

/// How many calls that read `work` makes.
fn reads(work: impl FnOnce()) -> usize {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let watcher = move |_: &Path, operation: Operation, _: &[u8]| {
        counted.set(counted.get() + usize::from(operation == Operation::Read));
        Ok(())
    };
    watch::with(watcher, work);
    count.get()
}

#[test]
fn a_hole_behind_the_last_segment_is_not_read() {
    for with_checkpoint in [true, false] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Always).create(&path).expect("created");
        append_each(&store, 0..10);
        drop(store);
        let file = File::options().write(true).open(segment_path(&path, 1)).expect("opened");
        file.set_len(1 << 40).expect("as long");
        file.write_all_at(&[7], (1 << 40) - 1).expect("written");
        if !with_checkpoint {
            std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
        }
        let calls = reads(|| {
            let store = Store::open(&path).expect("opened");
            assert_eq!(store.found().observations, 10);
            assert!(store.found().dropped_bytes > FILE_BYTES_MAX / 2, "{:?}", store.found());
            assert!(store.found().damage.is_empty(), "{:?}", store.found());
            append_each(&store, 10..11);
        });
        assert!(calls < 200, "{calls} reads");
        assert_eq!(segments(&path), 2, "nobody goes on there");
        assert!(arrivals(&Store::open(&path).expect("opened")) == observations(0..11));
        assert_holds(&path, &observations(0..11));
    }
}

#[test]
fn a_segment_made_long_is_not_read_to_its_end_where_its_successor_is_missing() {
    let (_guard, path) = place();
    let store = super::small(SyncPolicy::Always).create(&path).expect("created");
    for n in 0..3 {
        store.append_batch(&observations(n * 5_120..(n + 1) * 5_120)).expect("appended");
    }
    drop(store);
    std::fs::remove_file(segment_path(&path, 2)).expect("removed");
    let file = File::options().write(true).open(segment_path(&path, 1)).expect("opened");
    file.set_len(1 << 40).expect("as long");
    file.write_all_at(&[7], (1 << 40) - 1).expect("written");
    let calls = reads(|| {
        let store = Store::open(&path).expect("opened");
        let (found, errors) = readable(&store.snapshot().expect("a snapshot"));
        assert_eq!((found.len(), errors.len()), (10_240, 1));
    });
    assert!(calls < 2_000, "{calls} reads");
}

#[test]
fn rule_2_frames_behind_a_long_hole_are_told_from_a_torn_tail() {
    const ALL: u64 = 1_500_000;
    // Longer than what may be unsynced, and longer than zeros are looked through.
    const HOLE: std::ops::Range<usize> = 1_000_000..20_000_000;
    for sworn in [true, false] {
        let (_guard, path) = place();
        let store = options(SyncPolicy::Never).create(&path).expect("created");
        store.append_batch(&observations(0..ALL)).expect("appended");
        if sworn {
            store.sync().expect("synced");
            append_each(&store, ALL..ALL + 1);
        }
        drop(store);
        let rows = segment_path(&path, 1);
        if sworn {
            punch(&rows, HOLE);
        } else {
            // Only what was never synced, and the oaths of none reach past it.
            let length = usize::try_from(std::fs::metadata(&rows).expect("there").len());
            let length = length.expect("small");
            punch(&rows, length - 7_000_000..length - 1_000_000);
        }
        std::fs::remove_file(path.join(checkpoint::NAME)).expect("removed");
        let store = Store::open(&path).expect("opened");
        let found = store.found();
        if sworn {
            assert_eq!((found.observations, found.dropped_bytes), (ALL + 1, 0));
            assert_eq!(found.damage.len(), 1, "{found:?}");
            let lost = found.damage[0].lost.clone();
            assert!(lost.start < 70_000 && lost.end > 1_200_000, "{lost:?}");
            let (read, errors) = readable(&store.snapshot().expect("a snapshot"));
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert_eq!(read.len() as u64, ALL + 1 - (lost.end - lost.start));
        } else {
            assert!(found.observations < ALL && found.dropped_bytes > 900_000, "{found:?}");
            assert!(found.damage.is_empty(), "{found:?}");
        }
    }
}
