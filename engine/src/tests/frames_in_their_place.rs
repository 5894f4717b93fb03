//! Promise 4: a frame is valid only in its own place of its own log, and only with the
//! sequence number that belongs there.

use super::*;
use crate::format::frame::{Header, Kind, Seed, encode};

/// A store of five single frames, each synced. Its log was changed by `change`, which
/// gets the offset of each frame.
fn five_changed(change: impl FnOnce(&mut Vec<u8>, &dyn Fn(u64) -> usize)) -> Contents {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let frame = |n: u64| usize::try_from(FIRST_FRAME + n * FRAME).expect("small");
    edit(&log_path(&path), |bytes| change(bytes, &frame));
    contents(&path)
}

fn lost(found: &Contents) -> Vec<Range<u64>> {
    found.damage.iter().map(|damage| damage.lost.clone()).collect()
}

#[test]
fn a_frame_that_was_moved_is_not_served() {
    let found = five_changed(|bytes, frame| {
        let moved = bytes[frame(3)..frame(4)].to_vec();
        bytes[frame(3)..frame(5)].fill(0);
        // Where reading goes on after the corrupt place.
        bytes[frame(3) + 16..frame(4) + 16].copy_from_slice(&moved);
    });
    assert_eq!((found.served(), lost(&found)), (vec![0..3], vec![3..5]));
}

#[test]
fn a_frame_whose_number_does_not_follow_is_not_served() {
    let (_guard, path) = place();
    append_each(&Store::create(&path).expect("created"), 0..5);
    let (id, offset) = (record(&path).log, FIRST_FRAME + 2 * FRAME);
    let mut jumped = Vec::new();
    let synced_to = u32::try_from(offset).expect("small");
    let header = Header { kind: Kind::Rows(1), sequence: 3, synced_to };
    encode(Seed::of_log(id), offset, header, &observations(3..4), &mut jumped);
    let at = usize::try_from(offset).expect("small");
    edit(&log_path(&path), |bytes| bytes[at..at + jumped.len()].copy_from_slice(&jumped));
    let found = contents(&path);
    assert_eq!((found.served(), lost(&found)), (vec![0..2, 3..5], vec![2..3]));
}
