//! Several sources at once, on one clock that moves when all of them wait.

use super::*;

type Outcomes = Vec<Result<Report, CollectError>>;

/// A minute of polls each second, with a deadline of five seconds.
fn a_minute<F>(clock: &Arc<TestClock>, polls: Vec<(&str, F)>) -> (Outcomes, Vec<Vec<Observation>>)
where
    F: FnMut(u64) -> Result<Option<Reading>, SourceError> + Send + 'static,
{
    let memories: Vec<Memory> = polls.iter().map(|_| Memory::default()).collect();
    let feeds = polls.into_iter().zip(&memories).map(|((name, poll), memory)| {
        Feed::into_sinks(script(Pace::Scheduled, poll), vec![(name, memory.sink())])
    });
    let collector =
        collector(clock).duration(Duration::from_secs(60)).deadline(Duration::from_secs(5));
    let outcomes = collector.run_all(feeds.collect(), |_, _| {});
    // Lets polls end that were given up.
    clock.pass(1_000_000_000 * MS);
    (outcomes, memories.iter().map(Memory::stored).collect())
}

type Poll = Box<dyn FnMut(u64) -> Result<Option<Reading>, SourceError> + Send>;

fn takes(clock: &Arc<TestClock>, length: Duration) -> Poll {
    let clock = Arc::clone(clock);
    Box::new(move |n| {
        clock.sleep(length);
        Ok(value(n))
    })
}

/// Hangs in its third poll.
fn hangs(clock: &Arc<TestClock>, length: Duration) -> Poll {
    let clock = Arc::clone(clock);
    Box::new(move |n| {
        if n == 2 {
            clock.sleep(length);
        }
        Ok(value(n))
    })
}

fn counts(outcome: &Result<Report, CollectError>) -> (u64, u64, u64, u64) {
    let Report { polls, stored, failed, missed, .. } = *outcome.as_ref().unwrap();
    (polls, stored, failed, missed)
}

/// The values, and the milliseconds in which they were read.
fn read(stored: &[Observation]) -> Vec<(f64, i64)> {
    stored.iter().map(|one| (one.value, one.timestamp_ns / 1_000_000)).collect()
}

#[test]
fn one_that_hangs_and_one_that_fails_cost_the_good_one_nothing() {
    let clock = Arc::new(TestClock::default());
    let fails: Poll = Box::new(|_| Err(SourceError::new("no")));
    let (outcomes, stored) = a_minute(
        &clock,
        vec![
            ("good", takes(&clock, Duration::from_millis(300))),
            ("failing", fails),
            ("hanging", hangs(&clock, Duration::from_secs(100_000))),
        ],
    );
    assert_eq!(counts(&outcomes[0]), (60, 60, 0, 0));
    let expected: Vec<(f64, i64)> =
        (0..60).map(|n| (f64::from(n), i64::from(n) * 1000 + 300)).collect();
    assert_eq!(read(&stored[0]), expected);
    // At 0, 1, 3, 7, 15, 31 s; the wait is 30 s at most.
    assert_eq!(counts(&outcomes[1]), (6, 0, 6, 54));
    assert_eq!(counts(&outcomes[2]), (3, 2, 1, 57));
}

#[test]
fn a_poll_that_returns_after_its_deadline_is_dropped_and_the_source_polled_again() {
    let clock = Arc::new(TestClock::default());
    let (outcomes, stored) =
        a_minute(&clock, vec![("slow", hangs(&clock, Duration::from_millis(20_500)))]);
    // Polled at 0, 1 and 2 s. It returns at 22.5 s, so the next poll is at 23 s.
    assert_eq!(counts(&outcomes[0]), (40, 39, 1, 20));
    let after: Vec<(f64, i64)> =
        (23..60).map(|n| (f64::from(n - 20), i64::from(n) * 1000)).collect();
    assert_eq!(read(&stored[0])[..2], [(0.0, 0), (1.0, 1000)]);
    assert_eq!(read(&stored[0])[2..], after);
}

#[test]
fn a_source_that_answers_again_is_polled_on_every_tick() {
    let clock = Arc::new(TestClock::default());
    let recovers: Poll = Box::new(|n| match n {
        2..7 => Err(SourceError::new("no")),
        _ => Ok(value(n)),
    });
    let (outcomes, stored) = a_minute(&clock, vec![("sick", recovers)]);
    // It fails at 2, 3, 5, 9 and 17 s and works again at 33 s.
    let at: Vec<i64> = read(&stored[0]).iter().map(|(_, at_ms)| at_ms / 1000).collect();
    assert_eq!(at, [0, 1].into_iter().chain(33..60).collect::<Vec<_>>());
    assert_eq!(counts(&outcomes[0]), (34, 29, 5, 26));
}

#[test]
fn one_that_ends_for_good_ends_alone() {
    let clock = Arc::new(TestClock::default());
    let breaks: Poll = Box::new(|n| match n {
        5 => Err(SourceError::fatal("unplugged")),
        _ => Ok(value(n)),
    });
    let ends: Poll = Box::new(|n| Ok(value(n).filter(|_| n < 9)));
    let (outcomes, _) = a_minute(
        &clock,
        vec![
            ("good", takes(&clock, Duration::from_millis(1))),
            ("broken", breaks),
            ("short", ends),
        ],
    );
    assert_eq!(counts(&outcomes[0]), (60, 60, 0, 0));
    assert_eq!(outcomes[1].as_ref().unwrap_err().to_string(), "unplugged");
    assert_eq!(counts(&outcomes[2]), (9, 9, 0, 0));
    assert_eq!(outcomes[2].as_ref().unwrap().ended_by, EndedBy::EndOfInput);
}

/// The seconds of a minute at which an always failing source is polled.
fn failed_at(is_local: bool, retry_max: Option<Duration>) -> Vec<u64> {
    let clock = Arc::new(TestClock::default());
    let polled_at = Arc::new(Mutex::new(Vec::new()));
    let poll = {
        let (clock, polled_at) = (Arc::clone(&clock), Arc::clone(&polled_at));
        move |_| {
            polled_at.lock().unwrap().push(clock.now_ns() / 1000 / MS);
            Err(SourceError::new("no"))
        }
    };
    let source = Box::new(Script { pace: Pace::Scheduled, is_local, polled: 0, poll });
    let mut run = collector(&clock).duration(Duration::from_secs(60));
    run.retry_max = retry_max;
    run.collect("script", source, &Memory::default(), &mut |_| {}).unwrap();
    polled_at.lock().unwrap().clone()
}

#[test]
fn what_is_local_is_tried_at_every_interval_and_the_rest_as_often_as_is_said() {
    assert_eq!(failed_at(true, None), (0..60).collect::<Vec<_>>());
    assert_eq!(failed_at(false, None), [0, 1, 3, 7, 15, 31]);
    let capped = failed_at(false, Some(Duration::from_secs(10)));
    assert_eq!(capped, [0, 1, 3, 7, 15, 25, 35, 45, 55]);
    let short = failed_at(false, Some(Duration::from_millis(1)));
    assert_eq!(short, (0..60).collect::<Vec<_>>());
}
