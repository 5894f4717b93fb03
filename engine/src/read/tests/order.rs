//! By sequence and by time, for any order of arrival.

use rand::RngExt;

use super::*;

#[test]
fn rows_come_back_by_sequence() {
    let mut random = random(1);
    for order in ORDERS {
        let count = random.random_range(1..12_000);
        let rows = series(order, count, &mut random);
        let filled = Filled::new(rows, &mut random);
        let (snapshot, count) = (filled.snapshot(), count as u64);
        assert_eq!((snapshot.len(), snapshot.end_sequence()), (count, count));
        for _ in 0..20 {
            let start = random.random_range(0..=count);
            let end = random.random_range(start..=count);
            let found: Vec<_> =
                snapshot.by_sequence(start..end).map(|row| row.expect("read")).collect();
            assert!(found == numbered(&filled.rows, start..end), "{order:?} {start} {end}");
        }
        let latest: Vec<_> = snapshot.latest(10).map(|row| row.expect("read")).collect();
        assert_eq!(latest, numbered(&filled.rows, count.saturating_sub(10)..count));
        assert_eq!(snapshot.by_sequence(count..).count(), 0);
        assert_eq!(snapshot.by_sequence(..=0).count(), 1);
        assert_eq!(snapshot.by_sequence(..).count() as u64, count);
    }
}

#[test]
fn rows_come_by_time_and_ties_by_arrival() {
    let mut random = random(2);
    for order in ORDERS {
        let count = random.random_range(5_000..40_000);
        let filled = Filled::new(series(order, count, &mut random), &mut random);
        let snapshot = filled.snapshot();
        for times in windows(count, &mut random) {
            let found: Vec<_> =
                snapshot.window(times.clone()).iter().map(|row| row.expect("read")).collect();
            assert!(found == filled.by_time(&times), "{order:?} {times:?}");
        }
    }
}

/// More rows of one time than are sorted in memory, with some of other times between.
#[test]
fn any_number_of_equal_times_keeps_the_order_of_arrival() {
    let mut random = random(3);
    let mut rows = series(Order::Equal, 30_000, &mut random);
    rows.iter_mut().step_by(2).for_each(|row| row.timestamp_ns = 42);
    let filled = Filled::new(rows, &mut random);
    let found: Vec<_> = filled.snapshot().window(..).iter().map(|row| row.expect("read")).collect();
    assert!(found == filled.by_time(&(i64::MIN..=i64::MAX)));
}

#[test]
fn an_iterator_that_has_ended_stays_so_and_outlives_the_store() {
    let mut random = random(4);
    let filled = Filled::new(series(Order::Disordered, 5_000, &mut random), &mut random);
    let (mut by_time, mut by_sequence) =
        (filled.snapshot().window(..).iter(), filled.snapshot().by_sequence(..));
    drop(filled.store);
    assert_eq!((by_time.by_ref().count(), by_sequence.by_ref().count()), (5_000, 5_000));
    assert!(by_time.next().is_none() && by_sequence.next().is_none());
}

#[test]
fn a_snapshot_does_not_move() {
    let mut random = random(5);
    let rows = series(Order::Disordered, 9_000, &mut random);
    let filled = Filled::new(rows.clone(), &mut random);
    let snapshot = filled.snapshot();
    // Seals what the snapshot reads from the log.
    filled.store.append_batch(&rows).expect("appended");
    assert_eq!(snapshot.by_sequence(..).count(), 9_000);
    assert_eq!(snapshot.window(..).iter().count(), 9_000);
    assert_eq!(snapshot.summary().expect("read").count(), 9_000);
    assert_eq!(filled.snapshot().len(), 18_000);
}
