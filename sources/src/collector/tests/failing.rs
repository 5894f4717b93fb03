//! Sources that fail and stores that refuse.

use super::*;

#[test]
fn a_refusal_that_passes_costs_nothing_but_time() {
    let clock = Arc::new(TestClock::default());
    let refusals = (0..3).map(|_| passing()).collect();
    let memory = Memory::refusing(refusals);
    let source = script(Pace::Scheduled, |n| Ok(value(n).filter(|_| n < 3)));
    let mut waiting_told = Vec::new();
    let report = collector(&clock)
        .collect("script", source, &memory, &mut |event| {
            if let Event::AppendFailed { waiting, .. } = event {
                waiting_told.push((clock.now_ns() / MS, waiting));
            }
        })
        .unwrap();
    assert_eq!(waiting_told, [(0, 1), (1000, 1), (2000, 1)]);
    // The append that succeeds is at 3 s, when tick 3 is due and not yet missed.
    assert_eq!(memory.values(), [0.0, 1.0, 2.0]);
    assert_eq!((report.stored, report.missed), (3, 2));
    assert_eq!(memory.stored()[0].timestamp_ns, 0, "the time of the poll, not of the append");
}

#[test]
fn a_refusal_that_lasts_ends_the_run() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::refusing(vec![lasting()]);
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let error = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap_err();
    assert!(matches!(error.cause, Cause::Store(_)));
    assert_eq!((error.unsaved, error.report.polls, error.report.stored), (1, 1, 0));
    assert_eq!(error.report.ended_by, EndedBy::Error);
    assert!(error.to_string().starts_with("1 observation was not stored: "), "{error}");
}

#[test]
fn what_the_store_still_refuses_at_the_stop_is_counted() {
    let clock = Arc::new(TestClock::default());
    clock.stop_at_ns.store(2500 * MS, Ordering::SeqCst);
    let memory = Memory::refusing((0..9).map(|_| passing()).collect());
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let mut tries = 0;
    let error = collector(&clock)
        .collect("script", source, &memory, &mut |event| {
            tries += u32::from(matches!(event, Event::AppendFailed { .. }));
        })
        .unwrap_err();
    assert_eq!(tries, 4, "at 0, 1 and 2 s, and a last time at the stop");
    assert_eq!((error.unsaved, error.report.ended_by), (1, EndedBy::Signal));
}

#[test]
fn the_duration_ends_the_trying() {
    let clock = Arc::new(TestClock::default());
    let memory = Memory::refusing((0..9).map(|_| passing()).collect());
    let source = script(Pace::Scheduled, |n| Ok(value(n)));
    let run = collector(&clock).duration(Duration::from_millis(1500));
    let error = run.collect("script", source, &memory, &mut |_| {}).unwrap_err();
    assert_eq!((error.unsaved, error.report.ended_by), (1, EndedBy::Duration));
    assert_eq!(error.report.elapsed, Duration::from_millis(1500));
}

#[test]
fn readings_that_were_waiting_are_counted_as_unsaved() {
    let clock = Arc::new(TestClock::default());
    let (first_refused, go_on) = mpsc::channel();
    let (delivered_all, delivered) = mpsc::channel();
    let (_keeps_it_blocked, blocks) = mpsc::channel::<()>();
    let source = script(Pace::Own, move |n| {
        match n {
            1 => go_on.recv().unwrap(),
            8 => {
                delivered_all.send(()).unwrap();
                let _ = blocks.recv();
            }
            _ => {}
        }
        Ok(value(n))
    });
    let memory = Memory::refusing(vec![passing(), lasting()]);
    let error = collector(&clock)
        .collect("script", source, &memory, &mut |event| {
            if matches!(event, Event::AppendFailed { .. }) {
                first_refused.send(()).unwrap();
                delivered.recv().unwrap();
            }
        })
        .unwrap_err();
    assert_eq!((error.unsaved, error.report.polls), (8, 8));
    assert!(error.to_string().starts_with("8 observations were not stored: "), "{error}");
}

#[test]
fn a_fatal_error_of_the_source_ends_the_run_after_its_readings_are_stored() {
    for pace in [Pace::Scheduled, Pace::Own] {
        let clock = Arc::new(TestClock::default());
        let memory = Memory::default();
        let source = script(pace, |n| match n {
            0..3 => Ok(value(n)),
            _ => Err(SourceError::fatal("unplugged")),
        });
        let error = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap_err();
        assert_eq!(memory.values(), [0.0, 1.0, 2.0]);
        assert_eq!(error.to_string(), "unplugged");
        assert_eq!((error.unsaved, error.report.failed, error.report.polls), (0, 1, 4));
        assert_eq!(error.report.ended_by, EndedBy::Error);
    }
}

#[test]
fn a_source_that_panics_is_a_fatal_error() {
    for pace in [Pace::Scheduled, Pace::Own] {
        let clock = Arc::new(TestClock::default());
        let memory = Memory::default();
        let source = script(pace, |n| match n {
            0 => Ok(value(n)),
            _ => panic!("this panic belongs to the test"),
        });
        let error = collector(&clock).collect("script", source, &memory, &mut |_| {}).unwrap_err();
        assert_eq!(memory.values(), [0.0]);
        assert_eq!(error.to_string(), "the source panicked");
    }
}
