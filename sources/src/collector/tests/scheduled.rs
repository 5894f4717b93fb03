//! Sources that are polled on a schedule.

use super::*;

#[test]
fn slow_polls_do_not_shift_the_schedule() {
    let clock = Arc::new(TestClock::default());
    let polled_at = Arc::new(Mutex::new(Vec::new()));
    let lengths = slow_polls();
    let source = script(Pace::Scheduled, {
        let (clock, polled_at, lengths) =
            (Arc::clone(&clock), Arc::clone(&polled_at), lengths.clone());
        move |n| {
            let Some(length) = lengths.get(usize::try_from(n).unwrap()) else { return Ok(None) };
            polled_at.lock().unwrap().push(clock.now_ns());
            clock.pass(*length);
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let mut reported = 0;
    let report = collector(&clock)
        .interval(Duration::from_millis(10))
        .collect("script", source, &memory, &mut |event| {
            if let Event::Missed(missed) = event {
                reported += missed;
            }
        })
        .unwrap();

    // A poll of up to 10 ms misses nothing, up to 20 ms one tick, up to 30 ms two.
    let steps: Vec<u64> = lengths.iter().map(|length| length.div_ceil(10 * MS).max(1)).collect();
    let expected: Vec<u64> = (0..1000).map(|n| steps[..n].iter().sum::<u64>() * 10 * MS).collect();
    assert_eq!(*polled_at.lock().unwrap(), expected);
    let missed = steps.iter().sum::<u64>() - 1000;
    assert!(missed > 500, "the script tests nothing: {missed}");
    assert_eq!((report.missed, reported), (missed, missed));
    assert_eq!((report.polls, report.stored, report.failed), (1000, 1000, 0));
    assert_eq!(report.ended_by, EndedBy::EndOfInput);
    // The timestamp is when the poll returned.
    let stamps: Vec<i64> = memory.stored().iter().map(|stored| stored.timestamp_ns).collect();
    let returned = expected.iter().zip(&lengths).map(|(at, length)| i64::try_from(at + length));
    assert_eq!(stamps, returned.map(Result::unwrap).collect::<Vec<_>>());
}

#[test]
fn ten_seconds_of_tenths_are_a_hundred_polls() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::default();
    let report = collector(&clock)
        .interval(Duration::from_millis(100))
        .duration(Duration::from_secs(10))
        .collect("script", script(Pace::Scheduled, |n| Ok(value(n))), &memory, &mut |_| {})
        .unwrap();
    let expected = Report {
        polls: 100,
        stored: 100,
        failed: 0,
        missed: 0,
        elapsed: Duration::from_millis(9900),
        ended_by: EndedBy::Duration,
    };
    assert_eq!(report, expected);
    assert_eq!(memory.batches().len(), 100, "one append each");
}

#[test]
fn a_poll_that_is_late_for_the_end_is_made() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::default();
    // The wait for the tick at 1 s ends at 60 s.
    clock.oversleep_ns.store(59_000 * MS, Ordering::SeqCst);
    let report = collector(&clock)
        .duration(Duration::from_millis(2500))
        .collect("script", script(Pace::Scheduled, |n| Ok(value(n))), &memory, &mut |_| {})
        .unwrap();
    assert_eq!((report.polls, report.missed), (2, 1));
    assert_eq!(report.ended_by, EndedBy::Duration);
}

#[test]
fn a_duration_of_nothing_polls_nothing() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::default();
    let report = collector(&clock)
        .duration(Duration::ZERO)
        .collect("script", script(Pace::Scheduled, |n| Ok(value(n))), &memory, &mut |_| {})
        .unwrap();
    assert_eq!((report.polls, report.ended_by), (0, EndedBy::Duration));
}

#[test]
fn steps_of_the_wall_clock_change_timestamps_only() {
    let clock = Arc::new(TestClock::default());
    let steps = [0, 3_600_000_000_000, -86_400_000_000_000, 0];
    let source = script(Pace::Scheduled, {
        let clock = Arc::clone(&clock);
        move |n| {
            let Some(step) = steps.get(usize::try_from(n).unwrap()) else { return Ok(None) };
            clock.wall_step_ns.store(*step, Ordering::SeqCst);
            Ok(value(clock.now_ns() / MS))
        }
    });
    let memory = Memory::default();
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!(memory.values(), [0.0, 1000.0, 2000.0, 3000.0], "when each was polled");
    let stamps: Vec<i64> = memory.stored().iter().map(|stored| stored.timestamp_ns).collect();
    let expected: Vec<i64> = (0..).zip(steps).map(|(n, step)| n * 1_000_000_000 + step).collect();
    assert_eq!(stamps, expected);
    assert_eq!(report.missed, 0);
}

#[test]
fn a_time_that_the_source_gives_is_kept() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::default();
    let source = script(Pace::Scheduled, |n| Ok((n == 0).then(|| Reading::at(-5, 2.5))));
    collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!(memory.stored(), [Observation::new(-5, 2.5)]);
}

#[test]
fn a_stop_ends_a_long_wait() {
    let clock = Arc::new(TestClock::default());
    clock.stop_at_ns.store(1234 * MS, Ordering::SeqCst);
    let memory = Memory::default();
    let report = collector(&clock)
        .interval(Duration::from_secs(3600))
        .collect("script", script(Pace::Scheduled, |n| Ok(value(n))), &memory, &mut |_| {})
        .unwrap();
    assert_eq!((report.stored, report.ended_by), (1, EndedBy::Signal));
    assert_eq!(report.elapsed, Duration::from_millis(1234));
    assert!(clock.wakes.load(Ordering::SeqCst) < 5, "it sleeps meanwhile");
}

#[test]
fn a_stop_before_the_start_polls_nothing() {
    let clock = Arc::new(TestClock::default());
    clock.stop.set();
    let memory = Memory::default();
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.polls, report.ended_by), (0, EndedBy::Signal));
}

#[test]
fn a_stop_does_not_wait_for_a_poll_that_blocks() {
    let clock = Arc::new(TestClock::default());
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Scheduled, {
        let clock = Arc::clone(&clock);
        move |n| {
            if n == 1 {
                clock.stop.set();
                let _ = blocks.recv();
            }
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.polls, report.stored, report.ended_by), (1, 1, EndedBy::Signal));
}

#[test]
fn a_poll_that_the_stop_cut_short_has_not_failed() {
    let clock = Arc::new(TestClock::default());
    let source = script(Pace::Scheduled, {
        let clock = Arc::clone(&clock);
        move |n| {
            if n == 1 {
                clock.stop.set();
                return Err(SourceError::new("killed"));
            }
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.polls, report.failed, report.ended_by), (1, 0, EndedBy::Signal));
}

#[test]
fn a_last_poll_that_hangs_does_not_hold_up_the_end() {
    let clock = Arc::new(TestClock::default());
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Scheduled, {
        let clock = Arc::clone(&clock);
        move |n| {
            if n == 2 {
                clock.pass(60_000 * MS);
                let _ = blocks.recv();
            }
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let report = collector(&clock)
        .duration(Duration::from_secs(5))
        .collect("script", source, &memory, &mut |_| {})
        .unwrap();
    assert_eq!((report.polls, report.stored, report.failed, report.missed), (3, 2, 1, 2));
    assert_eq!(report.ended_by, EndedBy::Duration);
}

/// Closes slowly, so that a run that does not wait for it is noticed.
struct Device(Arc<std::sync::atomic::AtomicBool>);

impl Drop for Device {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(50));
        self.0.fetch_or(true, Ordering::SeqCst);
    }
}

#[test]
fn the_source_is_dropped_when_the_run_is_over() {
    let clock = Arc::new(TestClock::default());
    let closed = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let device = Device(Arc::clone(&closed));
    let source = script(Pace::Scheduled, move |n| {
        assert!(!device.0.load(Ordering::SeqCst));
        Ok(value(n))
    });
    let run = collector(&clock).duration(Duration::from_secs(3));
    run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
    assert!(closed.load(Ordering::SeqCst));
}
