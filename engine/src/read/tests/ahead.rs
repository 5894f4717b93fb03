//! What other threads read ahead comes in its order, and nothing else comes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::Duration;

use super::*;
use crate::ErrorKind;
use crate::format::LEAF;

/// Enough for threads to begin, with a part in the log.
const COUNT: usize = 40_000;

fn filled(order: Order, seed: u64) -> Filled {
    let mut random = random(seed);
    Filled::new(series(order, COUNT, &mut random), &mut random)
}

#[test]
fn rows_come_in_order_however_fast_they_are_taken() {
    let filled = filled(Order::Ascending, 31);
    for pause in [None, Some(Duration::ZERO), Some(Duration::from_millis(1))] {
        let wait = |number: usize| {
            if number.is_multiple_of(1500) {
                pause.into_iter().for_each(sleep);
            }
        };
        let by_sequence = filled.snapshot().by_sequence(..).enumerate();
        let found: Vec<_> = by_sequence.inspect(|(number, _)| wait(*number)).collect();
        let found: Vec<_> = found.into_iter().map(|(_, row)| row.expect("read")).collect();
        assert!(found == numbered(&filled.rows, 0..COUNT as u64));
        let by_time = filled.snapshot().window(..).iter().enumerate();
        let found: Vec<_> = by_time.inspect(|(number, _)| wait(*number)).collect();
        let found: Vec<_> = found.into_iter().map(|(_, row)| row.expect("read")).collect();
        assert!(found == filled.by_time(&(i64::MIN..=i64::MAX)));
    }
}

#[test]
fn threads_end_with_their_iterator() {
    let filled = filled(Order::Ascending, 32);
    let snapshot = filled.snapshot();
    let holders = || Arc::strong_count(snapshot.tree());
    for taken in [1, 5_000, 9_000, 20_000, COUNT] {
        let mut by_sequence = snapshot.by_sequence(..);
        assert_eq!(by_sequence.by_ref().take(taken).filter(Result::is_ok).count(), taken);
        drop(by_sequence);
        assert_eq!(holders(), 1, "after {taken} by sequence");
        let mut by_time = snapshot.window(..).iter();
        assert_eq!(by_time.by_ref().take(taken).filter(Result::is_ok).count(), taken);
        drop(by_time);
        assert_eq!(holders(), 1, "after {taken} by time");
    }
}

/// Leaves after the wanted ones may be read ahead.
#[test]
fn damage_that_is_not_wanted_is_not_reported() {
    let filled = filled(Order::Ascending, 33);
    let damaged = filled.chunk_path(5);
    let bytes = std::fs::metadata(&damaged).expect("a chunk").len();
    // In the pages of its second leaf.
    flip(&damaged, bytes / 2);
    let damaged = filled.snapshot().by_sequence(..).find_map(Result::err).expect("damage").lost();
    assert!(damaged.start >= 10 * LEAF, "{damaged:?}");
    for back in [1, 100, LEAF] {
        let wanted = 0..damaged.start - back;
        let found: Result<Vec<_>, _> = filled.snapshot().by_sequence(wanted.clone()).collect();
        assert!(found.expect("not damaged") == numbered(&filled.rows, wanted));
    }
    let skipping = filled.snapshot().skip_damage();
    assert!(skipping.by_sequence(..damaged.start).all(|row| row.is_ok()));
    assert!(skipping.missing().is_empty());
}

#[test]
fn what_is_not_wanted_any_more_ends() {
    let filled = filled(Order::Ascending, 34);
    let flag = Arc::new(AtomicBool::new(false));
    let options = Options::new().cancel_reads(Arc::clone(&flag));
    let snapshot = options.snapshot(&filled.path).expect("a snapshot");
    let mut rows = snapshot.by_sequence(..);
    assert_eq!(rows.by_ref().take(10_000).filter(Result::is_ok).count(), 10_000);
    flag.store(true, Ordering::Relaxed);
    let last = rows.by_ref().last().expect("more");
    assert_eq!(last.expect_err("cancelled").kind(), ErrorKind::Cancelled);
    assert!(rows.next().is_none());
}
