//! Sources that deliver at their own pace.

use super::*;

#[test]
fn what_waits_is_appended_together_and_in_order() {
    let clock = Arc::new(TestClock::default());
    let (first_stored, go_on) = mpsc::channel();
    let (queue_full, waits_full) = mpsc::channel();
    let full = 1 + BATCH_MAX as u64;
    let total = 3 * full;
    let source = script(Pace::Own, move |n| {
        match n {
            1 => go_on.recv().unwrap(),
            n if n == full => queue_full.send(()).unwrap(),
            _ => {}
        }
        Ok(value(n).filter(|_| n < total))
    });
    let memory = Memory::with_hook(move |batch| {
        if batch[0].value == 0.0 {
            first_stored.send(()).unwrap();
            waits_full.recv().unwrap();
        }
    });
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    let expected: Vec<f64> = (0..u32::try_from(total).unwrap()).map(f64::from).collect();
    assert_eq!(memory.values(), expected);
    let sizes: Vec<usize> = memory.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes[..2], [1, BATCH_MAX]);
    assert!(sizes.iter().all(|&size| size <= BATCH_MAX), "{sizes:?}");
    assert_eq!((report.polls, report.stored), (total, total));
    assert_eq!((report.missed, report.ended_by), (0, EndedBy::EndOfInput));
}

#[test]
fn failures_are_reported_and_survived() {
    let clock = Arc::new(TestClock::default());
    let source = script(Pace::Own, |n| match n {
        0 | 2 => Ok(value(n)),
        1 => Err(SourceError::new("a bad line")),
        3 => Ok(Some(Reading::new(f64::NAN))),
        _ => Ok(None),
    });
    let memory = Memory::default();
    let mut errors = Vec::new();
    let report = collector(&clock)
        .collect("script", source, &memory, &mut |event| {
            if let Event::PollFailed(error) = event {
                errors.push(error.to_string());
            }
        })
        .unwrap();
    assert_eq!(memory.values(), [0.0, 2.0]);
    assert_eq!(errors, ["a bad line", "NaN is not finite"]);
    assert_eq!((report.polls, report.stored, report.failed), (4, 2, 2));
}

#[test]
fn what_was_delivered_before_the_stop_is_stored() {
    let clock = Arc::new(TestClock::default());
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Own, {
        let stop = clock.stop.clone();
        move |n| {
            if n == 100 {
                stop.set();
                let _ = blocks.recv();
            }
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let report = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!(memory.values().len(), 100);
    assert_eq!((report.polls, report.stored, report.ended_by), (100, 100, EndedBy::Signal));
}

#[test]
fn a_stop_ends_input_that_never_pauses() {
    let clock = Arc::new(TestClock::default());
    let source = script(Pace::Own, |_| Ok(Some(Reading::new(1.0))));
    let memory = Memory::default();
    let stop = clock.stop.clone();
    let report = collector(&clock).collect("script", source, &memory, &mut |_| stop.set()).unwrap();
    assert_eq!(report.ended_by, EndedBy::Signal);
    assert_eq!(report.stored, report.polls);
}

#[test]
fn the_duration_ends_a_wait_for_input() {
    let clock = Arc::new(TestClock::default());
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Own, {
        let clock = Arc::clone(&clock);
        move |n| {
            if n == 1 {
                clock.pass(5_000 * MS);
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
    assert_eq!((report.stored, report.ended_by), (1, EndedBy::Duration));
}
