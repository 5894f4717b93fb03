//! Rule 2 of the tail: the first invalid place is the end, unless a later valid frame or
//! mark states a watermark beyond it, or the manifest states that the log was made with
//! it. Valid frames after it mean nothing otherwise.

use super::*;
use crate::format::frame::{Header, Kind, encode};

/// Five single frames. The first `synced` were synced one by one.
fn five(path: &Path, synced: u64) {
    append_each(&options(SyncPolicy::Always).open_or_create(path).expect("opened"), 0..synced);
    append_each(&options(SyncPolicy::Never).open(path).expect("opened"), synced..5);
}

fn frame(n: u64) -> u64 {
    FIRST_FRAME + n * FRAME
}

#[test]
fn an_invalid_frame_before_a_watermark_is_corrupt_and_costs_itself() {
    let (_guard, path) = place();
    five(&path, 5);
    flip(&log_path(&path), frame(2) + 20);
    let found = contents(&path);
    assert_eq!(found.served(), [0..2, 3..5]);
    assert_eq!(found.damage.len(), 1);
    assert_eq!((found.damage[0].offset, found.damage[0].lost.clone()), (frame(2), 2..3));
}

/// Frames that were never synced overwrite the mark, and state its watermark.
#[test]
fn an_invalid_frame_before_the_watermark_of_an_unsynced_one_is_corrupt() {
    let (_guard, path) = place();
    five(&path, 3);
    flip(&log_path(&path), frame(2) + 20);
    let found = contents(&path);
    assert_eq!((found.served(), found.damage[0].lost.clone()), (vec![0..2, 3..5], 2..3));
}

#[test]
fn the_last_frame_is_corrupt_where_the_mark_states_that_it_was_durable() {
    let (_guard, path) = place();
    five(&path, 5);
    flip(&log_path(&path), frame(4) + 20);
    let found = contents(&path);
    assert_eq!((found.served(), found.damage[0].lost.clone()), (vec![0..4], 4..5));
    assert_eq!(Store::open(&path).expect("opened").recovery().observations, 5);
}

/// Whichever frames are hit: where a watermark in a later valid frame covers the first of
/// them, all up to the next valid frame are corrupt. Otherwise it is the end.
#[test]
fn any_hit_frames_are_told_apart_by_the_watermarks_that_are_left() {
    const FRAMES: u64 = 9;
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    for n in 0..FRAMES {
        append_each(&store, n..n + 1);
        if [1, 2, 5].contains(&n) {
            store.sync().expect("synced");
        }
    }
    let log = log_path(&path);
    let whole = std::fs::read(&log).expect("a log");
    let at = |n| usize::try_from(frame(n)).expect("in memory");
    let watermark = |n| u32::from_le_bytes(whole[at(n) + 12..at(n) + 16].try_into().expect("four"));
    assert_eq!(watermark(FRAMES - 1), u32::try_from(frame(6)).expect("small"));
    for subset in 0_u32..1 << FRAMES {
        let is_hit = |n: u64| subset >> n & 1 == 1;
        let mut bytes = whole.clone();
        (0..FRAMES).filter(|n| is_hit(*n)).for_each(|n| bytes[at(n) + 20] ^= 0x10);
        std::fs::write(&log, bytes).expect("written");
        let covered = |n| (n + 1..FRAMES).any(|m| !is_hit(m) && u64::from(watermark(m)) > frame(n));
        let (mut expected, mut corrupt, mut end) = (Vec::new(), Vec::new(), 0);
        while end < FRAMES && (!is_hit(end) || covered(end)) {
            let next = (end..FRAMES).find(|n| !is_hit(*n)).expect("a valid frame covers it");
            corrupt.extend(end..next);
            expected.push(next);
            end = next + 1;
        }
        let found = contents(&path);
        let rows: Vec<u64> = found.rows.iter().map(|(sequence, _)| *sequence).collect();
        let lost: Vec<u64> = found.damage.iter().flat_map(|it| it.lost.clone()).collect();
        assert_eq!((rows, lost), (expected, corrupt), "{subset:#b}");
        let recovery = Store::open(&path).expect("opened").recovery().clone();
        assert_eq!(recovery.dropped_bytes, (FRAMES - end) * FRAME, "{subset:#b}");
    }
}

#[test]
fn an_invalid_frame_that_no_watermark_covers_is_the_end_whatever_follows() {
    let (_guard, path) = place();
    five(&path, 2);
    flip(&log_path(&path), frame(3) + 20);
    let recovery = Store::open(&path).expect("opened").recovery().clone();
    assert_eq!((recovery.observations, recovery.dropped_bytes), (3, 2 * FRAME));
    assert!(recovery.damage.is_empty(), "{recovery:?}");
    assert_eq!(arrivals(&path), observations(0..3));
}

#[test]
fn what_the_log_was_made_with_is_corrupt_without_any_watermark() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..2_100)).expect("appended");
    // All that is left is what the new log was made with.
    cut(&log_path(&path), FIRST_FRAME + 40);
    let found = contents(&path);
    assert_eq!(found.served(), vec![0..2_048]);
    assert_eq!(found.damage[0].lost, 2_048..2_100);
}

#[test]
fn a_corrupt_frame_is_sealed_around_and_its_log_is_kept_until_a_repair() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    flip(&log_path(&path), frame(2) + 20);
    store.append_batch(&observations(5..2_100)).expect("appended");
    assert_eq!(record(&path).sealed_end, 1);
    assert_eq!(count_files(&path, ".log.damaged"), 1);
    let found = contents(&path);
    assert_eq!((found.served(), found.damage[0].lost.clone()), (vec![0..2, 3..2_100], 2..3));
    // Bug found by fuzzing: verifying did not report the loss.
    let verified = store.verify().expect("verified");
    assert_eq!(verified.damage.iter().map(|it| it.lost.clone()).collect::<Vec<_>>(), [2..3]);
    let repair = Store::repair(&path).expect("repaired");
    assert_eq!(repair.lost, 1);
    assert_sound(&path);
    assert_eq!(count_files(&path, ".log.damaged"), 0);
    let found = contents(&path);
    assert_eq!((found.served(), found.absent), (vec![0..2, 3..2_100], vec![2..3]));
}

/// Bug found by the corruption suite: such a record was treated as corrupt.
#[test]
fn a_log_may_have_lost_more_than_it_has_rows() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    store.append_batch(&observations(0..4_000)).expect("appended");
    flip(&log_path(&path), FIRST_FRAME + 20);
    edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
    append_each(&store, 4_000..4_001);
    let found = contents(&path);
    assert_eq!(found.rows.last(), Some(&(4_000, observation(4_000))));
    assert!(!found.damage.is_empty());
}

/// Bug found by fuzzing: the repair sealed the log and left the loss to the next one.
#[test]
fn a_repair_that_seals_accepts_what_the_log_has_lost() {
    let (_guard, path) = place();
    let store = options(SyncPolicy::Never).create(&path).expect("created");
    let mut writer = store.writer().expect("a writer");
    observations(0..2_100).into_iter().for_each(|it| writer.push(it).expect("pushed"));
    writer.sync().expect("synced");
    flip(&log_path(&path), FIRST_FRAME + 20);
    std::mem::forget(writer);
    let copy = path.with_extension("copy");
    copy_store(&path, &copy);
    assert_eq!(record(&copy).sealed_end, 0);
    assert!(Store::repair(&copy).expect("repaired").lost > 0);
    assert_eq!(record(&copy).sealed_end, 1);
    assert_sound(&copy);
    let again = Store::repair(&copy).expect("repaired");
    assert_eq!((again.lost, again.rewritten.len()), (0, 0));
}

/// Bug found by fuzzing: after the frame that states a loss was damaged, the number of
/// the next frame was treated as impossible, and intact frames were given up.
#[test]
fn damage_across_the_end_of_what_the_log_was_made_with_costs_what_it_hit() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..5);
    store.append_batch(&observations(5..900)).expect("appended");
    flip(&log_path(&path), frame(5) + 20);
    // A torn frame, so that the log is replaced by one that states the loss.
    edit(&log_path(&path), |bytes| bytes.extend_from_slice(b"torn"));
    append_each(&store, 900..903);
    let made = record(&path).made_bytes;
    edit(&log_path(&path), |bytes| {
        let made = usize::try_from(made).expect("small");
        bytes[made - 16..made + 20].fill(0);
    });
    assert_eq!(contents(&path).served(), [0..5, 901..903]);
}

/// Bug found by fuzzing: 16 bytes stated a loss of 4,294,967,000 observations, and
/// reading used the memory of a summary for each 1,024 of them.
#[test]
fn a_frame_cannot_state_more_losses_than_can_be_read() {
    let (_guard, path) = place();
    let store = Store::create(&path).expect("created");
    append_each(&store, 0..2);
    let head = Head::of(&record(&path));
    let kind = |count| Kind::Lost { count, accepted: false };
    for (count, is_believed) in [(u32::MAX - 300, false), (3 * 2048, true)] {
        let header = Header { kind: kind(count), sequence: 2, synced_to: 0 };
        let mut bytes = Vec::new();
        encode(head.seed, frame(2), header, &[], &mut bytes);
        edit(&log_path(&path), |log| {
            let at = usize::try_from(frame(2)).expect("small");
            log[at..at + bytes.len()].copy_from_slice(&bytes);
        });
        let end = if is_believed { 2 + u64::from(count) } else { 2 };
        assert_eq!(view(&path).expect("a view").end_sequence(), end);
    }
}

/// Bug found by fuzzing: reading tried each place up to the stated end of a short log.
#[test]
fn a_manifest_that_states_more_bytes_than_the_log_has_is_no_reason_to_search_them() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..3);
    let stated = Record { made_bytes: 0xFFFF_0000, made_observations: 9, ..record(&path) };
    let bytes = stated.encode().repeat(2);
    edit(&manifest_path(&path), |manifest| *manifest = bytes);
    let begun = std::time::Instant::now();
    assert_eq!(contents(&path).served(), [0..3]);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2));
}

/// A repair accepts a loss, and then another frame becomes corrupt. The first loss stays
/// accepted in the chunk, in a copy's log, and beside the second in one that no repair accepts.
#[test]
fn an_accepted_loss_stays_accepted_beside_a_later_one() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..100);
    flip(&log_path(&path), frame(50) + 20);
    assert_eq!(Store::repair(&path).expect("repaired").lost, 1);
    let store = Store::open(&path).expect("opened");
    append_each(&store, 100..200);
    let third = open_log(&path);
    let bytes = std::fs::read(third.file().path()).expect("a log");
    let row = observation(150);
    let time = row.timestamp_ns.to_le_bytes();
    let at = bytes.windows(8).rposition(|it| it == time).expect("the row");
    flip(third.file().path(), at as u64);
    let check = |path: &Path, after: &str| {
        let found = Store::open(path).expect("opened").verify().expect("verified");
        let lost: Vec<_> = found.damage.iter().map(|it| it.lost.clone()).collect();
        assert_eq!((found.accepted, lost), (1, vec![150..151]), "{after}");
    };
    check(&path, "in the log");
    let copy = path.with_extension("copy");
    Store::open(&path).expect("opened").copy_to(&copy).expect("copied");
    check(&copy, "in the copy's log");
    let store = Store::open(&path).expect("opened");
    store.append_batch(&observations(200..2_100)).expect("appended");
    store.seal().expect("sealed");
    assert_eq!(record(&path).sealed_end, 1);
    check(&path, "in the chunk");
    assert_eq!(Store::repair(&path).expect("repaired").lost, 1);
    let found = Store::open(&path).expect("opened").verify().expect("verified");
    assert_eq!((found.accepted, found.is_sound()), (2, true), "{found:?}");
}
