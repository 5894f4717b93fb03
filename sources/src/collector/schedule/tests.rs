use super::*;

const MS: u64 = 1_000_000;

/// The due times of a run whose polls take no time.
fn due_times(interval: Duration, duration: Duration) -> Vec<u64> {
    let mut schedule = Schedule::new(interval, 0, Some(duration));
    let mut due = Vec::new();
    while let Some(due_ns) = schedule.due_ns() {
        due.push(due_ns);
        assert_eq!(schedule.advance(due_ns), 0);
    }
    due
}

#[test]
fn ten_seconds_of_tenths_are_a_hundred_polls() {
    let due = due_times(Duration::from_millis(100), Duration::from_secs(10));
    let expected: Vec<u64> = (0..100).map(|n| n * 100 * MS).collect();
    assert_eq!(due, expected);
}

#[test]
fn a_tick_at_the_very_end_is_not_polled() {
    let second = Duration::from_secs(1);
    assert!(due_times(second, Duration::ZERO).is_empty());
    assert_eq!(due_times(second, Duration::from_nanos(1)), [0]);
    assert_eq!(due_times(second, second), [0]);
    assert_eq!(due_times(second, second + Duration::from_nanos(1)), [0, 1000 * MS]);
}

#[test]
fn ticks_that_are_past_are_missed_and_one_due_now_is_not() {
    let mut schedule = Schedule::new(Duration::from_millis(10), 0, None);
    assert_eq!(schedule.advance(10 * MS), 0);
    assert_eq!(schedule.due_ns(), Some(10 * MS));
    assert_eq!(schedule.advance(20 * MS + 1), 1);
    assert_eq!(schedule.due_ns(), Some(30 * MS));
    assert_eq!(schedule.advance(100 * MS), 6);
    assert_eq!(schedule.due_ns(), Some(100 * MS));
}

#[test]
fn ticks_after_the_end_are_not_missed() {
    let mut schedule = Schedule::new(Duration::from_millis(10), 0, Some(Duration::from_millis(50)));
    assert_eq!(schedule.advance(1000 * MS), 4);
    assert_eq!(schedule.due_ns(), None);
}

#[test]
fn an_interval_that_is_no_round_number_does_not_drift() {
    let interval = Duration::from_nanos(333_333_333);
    let mut schedule = Schedule::new(interval, 0, None);
    for n in 1..=1_000_000 {
        assert_eq!(schedule.advance(n * 333_333_333), 0);
    }
    assert_eq!(schedule.due_ns(), Some(333_333_333_000_000));
}

#[test]
fn no_interval_means_at_once_and_misses_nothing() {
    let mut schedule = Schedule::new(Duration::ZERO, 0, Some(Duration::from_secs(1)));
    assert_eq!(schedule.advance(500 * MS), 0);
    assert_eq!(schedule.due_ns(), Some(0));
    assert_eq!(schedule.advance(1000 * MS), 0);
    assert_eq!(schedule.due_ns(), None);
    assert_eq!(Schedule::new(Duration::ZERO, 0, Some(Duration::ZERO)).due_ns(), None);
}

#[test]
fn the_longest_times_do_not_overflow() {
    let mut schedule = Schedule::new(Duration::MAX, 0, Some(Duration::MAX));
    assert_eq!(schedule.due_ns(), Some(0));
    assert_eq!(schedule.advance(u64::MAX), 0);
    assert_eq!(schedule.due_ns(), None);
    assert_eq!(Schedule::new(Duration::MAX, 0, None).advance(0), 0);
}

#[test]
fn an_offset_moves_every_tick_alike_and_loses_none() {
    let interval = Duration::from_millis(100);
    let mut schedule = Schedule::new(interval, 99 * MS, Some(Duration::from_secs(10)));
    let mut due = Vec::new();
    while let Some(due_ns) = schedule.due_ns() {
        due.push(due_ns);
        assert_eq!(schedule.advance(due_ns), 0);
    }
    let expected: Vec<u64> = (0..100).map(|n| (n * 100 + 99) * MS).collect();
    assert_eq!(due, expected);
}

/// A grid of minutes on a clock that showed 12 s past the minute at the start.
fn minutely(offset_ns: u64) -> Schedule {
    Schedule::new(Duration::from_secs(60), offset_ns, None).aligned(12_000 * i128::from(MS))
}

const SECOND: u64 = 1000 * MS;

/// The wall clock ahead of the time since the start.
fn ahead(seconds: i128) -> i128 {
    seconds * i128::from(SECOND)
}

#[test]
fn an_aligned_tick_is_due_on_the_full_minute() {
    let mut schedule = minutely(0);
    assert_eq!(schedule.due_ns(), Some(48 * SECOND));
    assert_eq!(schedule.advance(48 * SECOND + 1), 0);
    assert_eq!(schedule.due_ns(), Some(108 * SECOND));
    assert_eq!(schedule.advance(300 * SECOND), 3);
    assert_eq!(schedule.due_ns(), Some(348 * SECOND));
    let mut moved = minutely(7 * SECOND);
    assert_eq!(moved.due_ns(), Some(55 * SECOND));
    moved.follow(20 * SECOND, ahead(12));
    assert_eq!(moved.due_ns(), Some(55 * SECOND));
}

#[test]
fn a_start_on_the_minute_is_a_tick() {
    let schedule = Schedule::new(Duration::from_secs(60), 0, None).aligned(ahead(600));
    assert_eq!(schedule.due_ns(), Some(0));
}

#[test]
fn a_step_of_whole_intervals_changes_nothing() {
    for step in [86_400, -86_400, 60, -60] {
        let mut schedule = minutely(0);
        assert_eq!(schedule.advance(48 * SECOND), 0);
        schedule.follow(50 * SECOND, ahead(12 + step));
        assert_eq!(schedule.due_ns(), Some(108 * SECOND), "{step}");
    }
}

#[test]
fn after_any_step_the_next_tick_is_on_the_grid_and_not_bunched() {
    for step in -200..200 {
        for seen_at in 48..108 {
            let mut schedule = minutely(0);
            assert_eq!(schedule.advance(48 * SECOND), 0);
            schedule.follow(seen_at * SECOND, ahead(12 + step));
            let due_ns = schedule.due_ns().unwrap();
            assert!(due_ns >= seen_at * SECOND, "{step} {seen_at}");
            assert_eq!((i128::from(due_ns) + ahead(12 + step)) % ahead(60), 0, "on the minute");
            let gap = due_ns / SECOND - 48;
            assert!((30..120).contains(&gap), "{step} {seen_at}: {gap}");
            assert!(seen_at > 78 || gap < 90, "{step} {seen_at}: {gap}");
        }
    }
}

#[test]
fn a_late_look_is_no_step() {
    let mut schedule = minutely(0);
    assert_eq!(schedule.advance(48 * SECOND), 0);
    // Checked long after the tick, with clocks that were read 4 ms apart.
    schedule.follow(130 * SECOND, ahead(12) - 4_000_000);
    assert_eq!(schedule.due_ns(), Some(108 * SECOND + 4 * MS));
}

#[test]
fn no_interval_has_no_grid_to_align() {
    let mut schedule = Schedule::new(Duration::ZERO, 0, None).aligned(ahead(12));
    schedule.follow(5, ahead(500));
    assert_eq!(schedule.due_ns(), Some(0));
}
