//! Polls at multiples of a wall clock that is set from time to time.

use super::*;

const SECOND: u64 = 1000 * MS;

/// When polls were made, on the monotonic clock and on the wall clock.
type Noted = Arc<Mutex<Vec<(u64, i64)>>>;

/// A source that notes when it was polled.
fn noting(clock: &Arc<TestClock>, polls: u64) -> (Box<dyn Source>, Noted) {
    let noted = Arc::new(Mutex::new(Vec::new()));
    let source = script(Pace::Scheduled, {
        let (clock, noted) = (Arc::clone(clock), Arc::clone(&noted));
        move |n| {
            let wall_ns = i64::try_from(clock::since_epoch_ns(clock.wall())).unwrap();
            noted.lock().unwrap().push((clock.now_ns(), wall_ns));
            Ok(value(n).filter(|_| n + 1 < polls))
        }
    });
    (source, noted)
}

#[test]
fn polls_are_made_on_the_multiples_of_the_wall_clock() {
    let clock = Arc::new(TestClock::default());
    clock.wall_step_ns.store(1_622_548_803_250_000_000, Ordering::SeqCst);
    let (source, noted) = noting(&clock, 5);
    let run = collector(&clock).interval(Duration::from_secs(10)).align(true);
    run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
    let expected: Vec<(u64, i64)> = (0..5)
        .map(|n| (6750 * MS + n * 10 * SECOND, 1_622_548_810 + 10 * i64::try_from(n).unwrap()))
        .map(|(at_ns, second)| (at_ns, second * 1_000_000_000))
        .collect();
    assert_eq!(*noted.lock().unwrap(), expected);
}

#[test]
fn slow_polls_do_not_shift_an_aligned_schedule() {
    let clock = Arc::new(TestClock::default());
    clock.wall_step_ns.store(1_622_548_803_253_000_001, Ordering::SeqCst);
    let due_ns = Arc::new(Mutex::new(Vec::new()));
    let lengths = slow_polls();
    let source = script(Pace::Scheduled, {
        let (clock, due_ns, lengths) = (Arc::clone(&clock), Arc::clone(&due_ns), lengths.clone());
        move |n| {
            let Some(length) = lengths.get(usize::try_from(n).unwrap()) else { return Ok(None) };
            due_ns.lock().unwrap().push(clock.now_ns());
            clock.pass(*length);
            Ok(value(n))
        }
    });
    let run = collector(&clock).interval(Duration::from_millis(10)).align(true);
    let report = run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
    let steps: Vec<u64> = lengths.iter().map(|length| length.div_ceil(10 * MS).max(1)).collect();
    let first_ns = 7 * MS - 1;
    let expected: Vec<u64> =
        (0..1000).map(|n| first_ns + steps[..n].iter().sum::<u64>() * 10 * MS).collect();
    assert_eq!(*due_ns.lock().unwrap(), expected, "the last due time is exact");
    let missed = steps.iter().sum::<u64>() - 1000;
    assert_eq!((report.polls, report.missed), (1000, missed));
}

#[test]
fn a_clock_that_is_set_loses_nothing_and_bunches_nothing() {
    let clock = Arc::new(TestClock::default());
    // Every 97 s the clock is set to a time within two hours, in milliseconds.
    let mut draw: u64 = 1;
    let mut steps: Vec<(u64, i64)> = (1..100)
        .map(|n| {
            draw = draw * 48_271 % 0x7fff_ffff;
            (n * 97 * SECOND, (i64::try_from(draw).unwrap() % 7_200_000 - 3_600_000) * 1_000_000)
        })
        .collect();
    steps.reverse();
    *clock.wall_steps.lock().unwrap() = steps;
    let (source, noted) = noting(&clock, 1000);
    let run = collector(&clock).interval(Duration::from_secs(10)).align(true);
    let memory = Memory::default();
    let report = run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.stored, report.missed), (999, 0), "no time passed that a step skipped");
    let noted = noted.lock().unwrap();
    for polls in noted.windows(2) {
        let gap_ns = polls[1].0 - polls[0].0;
        assert!((5 * SECOND..20 * SECOND).contains(&gap_ns), "{polls:?}");
        assert_eq!(polls[1].1.rem_euclid(10_000_000_000), 0, "{polls:?}");
    }
    // Each of the hundred steps costs less than an interval.
    let passed = noted.last().unwrap().0 / SECOND;
    assert!((9_500..11_000).contains(&passed), "{passed}");
}

#[test]
fn an_hour_forward_and_back_leaves_one_poll_an_interval() {
    let clock = Arc::new(TestClock::default());
    let hour = 3_600_000_000_000;
    *clock.wall_steps.lock().unwrap() =
        vec![(7 * SECOND + 1, -hour), (5 * SECOND + 500 * MS, 0), (3 * SECOND + 500 * MS, hour)];
    let (source, noted) = noting(&clock, 12);
    let run = collector(&clock).align(true);
    let report = run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
    let polled: Vec<u64> = noted.lock().unwrap().iter().map(|(at_ns, _)| *at_ns).collect();
    assert_eq!(polled, (0..12).map(|n| n * SECOND).collect::<Vec<_>>());
    assert_eq!(report.missed, 0);
}

#[test]
fn jitter_is_a_fixed_part_of_the_interval() {
    for aligned in [false, true] {
        let clock = Arc::new(TestClock::default());
        let (source, noted) = noting(&clock, 5);
        let run = collector(&clock).interval(Duration::from_secs(10)).align(aligned).jitter(7);
        run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
        let offset_ns = jitter::offset_ns(7, "script", Duration::from_secs(10));
        assert!(offset_ns > SECOND, "this seed tests nothing: {offset_ns}");
        let polled: Vec<u64> = noted.lock().unwrap().iter().map(|(at_ns, _)| *at_ns).collect();
        assert_eq!(polled, (0..5).map(|n| offset_ns + n * 10 * SECOND).collect::<Vec<_>>());
    }
}
