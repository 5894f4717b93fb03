//! A machine that is suspended during the run.

use super::*;

#[test]
fn polls_that_were_due_during_a_suspend_are_missed() {
    let clock = Arc::new(TestClock::default());
    let source = script(Pace::Scheduled, {
        let clock = Arc::clone(&clock);
        move |n| {
            if n == 3 || n == 5 {
                clock.suspended_ns.fetch_add(3_600_500 * MS, Ordering::SeqCst);
            }
            Ok(value(n))
        }
    });
    let memory = Memory::default();
    let run = collector(&clock).duration(Duration::from_secs(10));
    let report = run.collect("script", source, &memory, &mut |_| {}).unwrap();
    assert_eq!((report.polls, report.stored), (10, 10));
    assert_eq!(report.missed, 7201, "two halves of an interval are one");
}
