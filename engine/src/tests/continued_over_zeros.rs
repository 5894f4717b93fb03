//! Rule 4 of the tail: a log is continued only if all bytes from its end are zeros.
//! Otherwise its valid part is copied into a new log.

use super::*;

/// A store of five synced observations. Its log was changed by `change`, which gets the
/// offset of the log's end, and then appended to.
fn appended_after(change: impl FnOnce(&mut Vec<u8>, usize)) -> (TempDir, PathBuf, bool) {
    let (guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let end = usize::try_from(FIRST_FRAME + 5 * FRAME).expect("small");
    let log = log_path(&path);
    edit(&log, |bytes| change(bytes, end));
    append_each(&Store::open(&path).expect("opened"), 5..9);
    assert_holds(&path, &observations(0..9));
    let is_new = log_path(&path) != log;
    (guard, path, is_new)
}

#[test]
fn zeros_written_ahead_are_continued_over() {
    assert!(!appended_after(|bytes, _| bytes.resize(100_000, 0)).2);
    assert!(!appended_after(|bytes, end| bytes.truncate(end + 16)).2);
}

#[test]
fn a_single_byte_anywhere_after_the_end_makes_a_new_log() {
    for after in [16, 17, 600, 5_000, 40_000, 65_000] {
        let put = |bytes: &mut Vec<u8>, end: usize| {
            bytes.resize(80_000, 0);
            bytes[end + after] = 1;
        };
        assert!(appended_after(put).2, "{after} bytes after the end");
    }
}

#[test]
fn a_torn_frame_over_the_mark_makes_a_new_log() {
    assert!(appended_after(|bytes, end| bytes[end..end + 16].fill(0x55)).2);
    // The mark is gone, and nothing else is there: the frames are unconfirmed.
    let gone = |bytes: &mut Vec<u8>, end: usize| bytes[end..end + 16].fill(0);
    assert!(appended_after(gone).2);
}

/// Frames after a hole are from an earlier state. Appends up to the hole and over it must
/// not bring them back.
#[test]
fn stale_frames_after_a_hole_never_come_back() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    append_each(&store, 0..2);
    store.sync().expect("synced");
    append_each(&store, 2..100);
    drop(store);
    let hole = usize::try_from(FIRST_FRAME + 2 * FRAME).expect("small");
    edit(&log_path(&path), |bytes| bytes[hole..hole + 64].fill(0));
    for n in 2..130 {
        let store = options(SyncPolicy::Never).open(&path).expect("opened");
        store.append(observation(1_000 + n)).expect("appended");
        let all: Vec<_> =
            observations(0..2).into_iter().chain(observations(1_002..1_000 + n + 1)).collect();
        assert_eq!(arrivals(&path), all);
    }
}
