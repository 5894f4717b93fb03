//! Retention: answers cover what is kept, and what was removed while a reader has a
//! snapshot is an error.

use super::*;
use crate::ErrorKind;
use crate::format::CHUNK;

#[test]
fn what_is_old_is_kept_from_a_sequence_number_on() {
    let mut random = random(1);
    let filled = Filled::new(series(Order::Ascending, 20_000, &mut random), &mut random);
    for (sequence, first) in [(CHUNK - 1, 0), (CHUNK, CHUNK), (3 * CHUNK + 7, 3 * CHUNK)] {
        filled.store.remove_before_up_to(i64::MAX, sequence).expect("removed");
        assert_eq!(filled.snapshot().first_sequence(), first, "{sequence}");
    }
}

#[test]
fn answers_after_retention_are_those_of_what_is_kept() {
    let mut random = random(21);
    let mut filled = Filled::new(series(Order::Ascending, 40_000, &mut random), &mut random);
    for chunks in [1, 2, 5, 11] {
        let first = chunks * CHUNK;
        let time = filled.rows[usize::try_from(first).expect("small")].timestamp_ns;
        filled.store.remove_before(time).expect("removed");
        let snapshot = filled.snapshot();
        assert_eq!((snapshot.first_sequence(), snapshot.end_sequence()), (first, 40_000));
        let found: Vec<_> = snapshot.by_sequence(..).map(|row| row.expect("read")).collect();
        assert!(found == numbered(&filled.rows, first..40_000));
        assert_eq!(snapshot.summary().expect("read").count(), 40_000 - first);
        assert_eq!(snapshot.window(..time).summary().expect("read").count(), 0);
        let window = snapshot.window(time..=time + 9_999).summary().expect("read");
        assert_eq!(window.count(), 1_000);
        let kept = &filled.rows[usize::try_from(first).expect("small")..];
        let mut values: Vec<f64> = kept.iter().map(|row| row.value).collect();
        values.sort_by(f64::total_cmp);
        let middle = (values.len() - 1) / 2;
        let median = f64::midpoint(values[middle], values[values.len() / 2]);
        assert_eq!(snapshot.median().expect("read"), Some(median));
    }
    filled.rows.clear();
}

#[test]
fn what_is_removed_under_a_reader_is_an_error_and_never_a_smaller_result() {
    let mut random = random(22);
    let filled = Filled::new(series(Order::Ascending, 20_000, &mut random), &mut random);
    let snapshot = filled.snapshot();
    let summary = snapshot.summary().expect("read");
    assert!(filled.store.remove_before(100_000).expect("removed") > 0);
    // The manifest's nodes suffice.
    assert_eq!(snapshot.summary().expect("read"), summary);
    for snapshot in [snapshot.clone(), snapshot.skip_damage()] {
        let kinds = [
            snapshot.median().map(drop),
            snapshot.window(15..).summary().map(drop),
            snapshot.window(..).histogram(3).map(drop),
            snapshot.window(..).columns(3).map(drop),
            snapshot.window(..).iter().collect::<Result<Vec<_>, _>>().map(drop),
            snapshot.by_sequence(..).collect::<Result<Vec<_>, _>>().map(drop),
        ];
        for result in kinds {
            assert_eq!(result.expect_err("removed").kind(), ErrorKind::Removed);
        }
        let mut rows = snapshot.by_sequence(..);
        assert!(rows.next().is_some_and(|row| row.is_err()) && rows.next().is_none());
        // What still exists is read.
        assert_eq!(snapshot.by_sequence(12_000..).count(), 8_000);
        assert!(snapshot.missing().is_empty());
    }
}

/// The error that ends an iterator comes after the damage that was met before it.
#[test]
fn nothing_comes_after_the_error_that_ends_an_iterator() {
    for order in [Order::Ascending, Order::Equal] {
        let mut random = random(23);
        let filled = Filled::new(series(order, 20_000, &mut random), &mut random);
        // In the pages of the second leaf.
        let length = std::fs::metadata(filled.chunk_path(1)).expect("there").len();
        flip(&filled.chunk_path(1), length / 2);
        let snapshot = filled.snapshot();
        let mut by_sequence = snapshot.by_sequence(..);
        assert!(by_sequence.next().is_some_and(|row| row.is_ok()));
        // The first two chunks are open now, and stay open.
        assert!(filled.store.remove_before_up_to(i64::MAX, 4 * CHUNK).expect("removed") > 0);
        let mut by_time = snapshot.window(..).iter();
        let kinds = |errors: &mut dyn Iterator<Item = crate::Error>| {
            errors.map(|error| error.kind()).collect::<Vec<_>>()
        };
        let expected = [ErrorKind::Damaged, ErrorKind::Removed];
        let found = kinds(&mut by_sequence.by_ref().filter_map(Result::err));
        assert_eq!(found, expected, "by sequence, {order:?}");
        let found = kinds(&mut by_time.by_ref().filter_map(Result::err));
        assert_eq!(found, expected, "by time, {order:?}");
        assert!(by_sequence.next().is_none() && by_time.next().is_none());
    }
}
