//! Observations that wait in memory, to be stored together.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_held_is_stored_together_in_time_and_counts_after_that() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::default();
    let mut stored_at = Vec::new();
    let run = collector(&clock).hold(60 * SECOND).duration(150 * SECOND);
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let report = run
        .collect("script", source, &memory, &mut |event| {
            if let Event::Stored(batch) = event {
                stored_at.push((clock.now_ns() / 1000 / MS, batch.len()));
            }
        })
        .unwrap();
    // The first was read at 0 s, the first of the second batch at 61 s.
    let sizes: Vec<usize> = stored_at.iter().map(|(_, size)| *size).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 150, "{stored_at:?}");
    assert_eq!(sizes.len(), 3, "{stored_at:?}");
    assert!((60..=61).contains(&sizes[0]) && stored_at[0].0 == 60, "{stored_at:?}");
    assert_eq!((report.polls, report.stored, report.missed), (150, 150, 0));
    assert_eq!(memory.values(), (0..150).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn a_stop_stores_what_is_held() {
    let clock = Arc::new(TestClock::default());
    clock.stop_at_ns.store(10_500 * MS, Ordering::SeqCst);
    let memory = Memory::default();
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let run = collector(&clock).hold(3600 * SECOND);
    let report = run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.stored, report.ended_by), (11, EndedBy::Signal));
    assert_eq!(memory.batches().len(), 1);
    assert_eq!(memory.0.synced.load(Ordering::SeqCst), 1);
}

#[test]
fn a_flush_that_is_slow_costs_no_poll() {
    let clock = Arc::new(TestClock::default());
    let slow = Arc::clone(&clock);
    let memory = Memory::with_hook(move |_| slow.sleep(30 * SECOND));
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let run = collector(&clock).hold(10 * SECOND).duration(60 * SECOND);
    let report = run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_all_but_late(&report, &memory);
}

/// All of 60 polls are made and stored. The test's clock may jump over one while its
/// thread has not run yet. A flush that delays polls would cost at least five.
fn assert_all_but_late(report: &Report, memory: &Memory) {
    assert!(report.missed <= 2, "{report:?}");
    assert_eq!((report.polls + report.missed, report.stored), (60, report.polls), "{report:?}");
    let values = (0..u32::try_from(report.polls).unwrap()).map(f64::from);
    assert_eq!(memory.values(), values.collect::<Vec<_>>());
}

#[test]
fn a_flush_that_is_refused_is_tried_again_and_nothing_is_lost() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::refusing((0..5).map(|_| passing()).collect());
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let run = collector(&clock).hold(10 * SECOND).duration(60 * SECOND);
    let mut refused_at = Vec::new();
    let report = run
        .collect("script", source, &memory, &mut |event| {
            if let Event::AppendFailed { .. } = event {
                refused_at.push(clock.now_ns() / 1000 / MS);
            }
        })
        .unwrap();
    assert_eq!(refused_at, [10, 11, 12, 13, 14]);
    assert_all_but_late(&report, &memory);
}

#[test]
fn a_store_that_fails_for_good_counts_all_that_was_held() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::refusing(vec![lasting()]);
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let run = collector(&clock).hold(10 * SECOND).duration(60 * SECOND);
    let error = run.collect("script", source, &memory, &mut |_| {}).unwrap_err();
    assert!((10..=11).contains(&error.unsaved), "{error:?}");
    assert_eq!(error.report.polls, error.unsaved as u64);
}

#[test]
fn all_stores_are_flushed_at_the_same_time() {
    let clock = Arc::new(TestClock::default());
    let memories: [Memory; 3] = std::array::from_fn(|_| {
        let slow = Arc::clone(&clock);
        Memory::with_hook(move |_| slow.sleep(5 * SECOND))
    });
    let feeds = memories.iter().map(|memory| {
        let source = script(Pace::Scheduled, |n| Ok(value(n)));
        Feed::into_sinks(source, vec![("script", memory.sink())])
    });
    let run = collector(&clock).hold(20 * SECOND).duration(26 * SECOND);
    let mut stored_at = Vec::new();
    run.run_all(feeds.collect(), |_, event| {
        if let Event::Stored(_) = event {
            stored_at.push(clock.now_ns() / 1000 / MS);
        }
    });
    assert_eq!(stored_at[..3], [25, 25, 25], "not one after another");
}

#[test]
fn a_full_memory_is_stored_early_and_lines_wait() {
    let clock = Arc::new(TestClock::default());
    let total = 3 * value::HELD_MAX as u64 + 7;
    let source = script(Pace::Own, move |n| Ok(value(n).filter(|_| n < total)));
    let slow = Arc::clone(&clock);
    let memory = Memory::with_hook(move |_| slow.sleep(SECOND));
    let run = collector(&clock).hold(3600 * SECOND);
    let report = run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.stored, report.ended_by), (total, EndedBy::EndOfInput));
    assert!(clock.now_ns() < 60_000 * MS, "nothing waits for the time to store");
    let sizes: Vec<usize> = memory.batches().iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size < value::HELD_MAX + BATCH_MAX), "{sizes:?}");
    assert_eq!(
        memory.values(),
        (0..u32::try_from(total).unwrap()).map(f64::from).collect::<Vec<_>>()
    );
}

#[test]
fn lines_whose_store_fails_for_good_end_the_run() {
    let clock = Arc::new(TestClock::default());
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let memory = Memory::refusing(vec![lasting()]);
    let source = script(Pace::Own, {
        let (clock, memory) = (Arc::clone(&clock), memory.clone());
        move |n| {
            if n == 10 {
                // What was read may be held only after any of these jumps.
                while !memory.0.refusals.lock().unwrap().is_empty() {
                    clock.sleep(20 * SECOND);
                }
                let _ = blocks.recv();
            }
            Ok(value(n))
        }
    });
    let run = collector(&clock).hold(10 * SECOND);
    let error = run.collect("script", source, &memory, &mut |_| {}).unwrap_err();
    // The source may have fallen asleep once more.
    clock.pass(20_000 * MS);
    // The clock may be ahead of readings that are not held yet.
    assert!((1..=10).contains(&error.unsaved), "{error:?}");
    assert_eq!(error.unsaved as u64, error.report.polls);
}
