//! Sources that have ended while others go on.

use super::*;

fn hours_of(source: Box<dyn Source>, memory: &Memory) -> (Vec<(usize, u64)>, Vec<bool>) {
    let clock = Arc::new(TestClock::default());
    let good = script(Pace::Scheduled, |n| Ok(value(n)));
    let feeds = vec![
        Feed::into_sinks(source, vec![("bad", memory.sink())]),
        Feed::into_sinks(good, vec![("good", Memory::default().sink())]),
    ];
    let run = collector(&clock).interval(Duration::from_secs(60));
    let mut reported = Vec::new();
    let outcomes = run.duration(Duration::from_secs(9_000)).run_all(feeds, |at, event| {
        if let Event::Ended(_) = event {
            reported.push((at, clock.now_ns() / 1000 / MS));
        }
    });
    (reported, outcomes.iter().map(Result::is_ok).collect())
}

#[test]
fn a_store_that_fails_permanently_is_reported_at_once_and_every_hour() {
    let memory = Memory::refusing(vec![lasting()]);
    let reported = hours_of(script(Pace::Scheduled, |n| Ok(value(n))), &memory);
    assert_eq!(reported, (vec![(0, 0), (0, 3600), (0, 7200)], vec![false, true]));
}

#[test]
fn a_source_that_ends_permanently_is_reported_too() {
    let source = script(Pace::Scheduled, |n| match n {
        0 => Ok(value(n)),
        _ => Err(SourceError::fatal("unplugged")),
    });
    let (reported, outcomes) = hours_of(source, &Memory::default());
    assert_eq!((reported, outcomes), (vec![(0, 60), (0, 3660), (0, 7260)], vec![false, true]));
}

#[test]
fn a_store_that_could_not_be_opened_costs_its_own_source_alone() {
    let clock = Arc::new(TestClock::default());
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("store")).unwrap();
    let source = || script(Pace::Scheduled, |n| Ok(value(n)));
    let feeds = vec![
        Feed::new("bad", source(), Err(lasting())),
        Feed::new("good", source(), Ok(store.clone())),
    ];
    let run = collector(&clock).duration(Duration::from_secs(5));
    let mut reported = 0;
    let outcomes =
        run.run_all(feeds, |_, event| reported += u32::from(matches!(event, Event::Ended(_))));
    assert!(matches!(&outcomes[0], Err(CollectError { cause: Cause::Store(_), .. })));
    assert_eq!((outcomes[1].as_ref().unwrap().stored, reported), (5, 1));
    assert_eq!(store.snapshot().unwrap().len(), 5);
}
