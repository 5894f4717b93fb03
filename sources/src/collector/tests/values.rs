//! Sources of several values.

use super::*;
use crate::source::Readings;

/// Two values. The second is missing sometimes.
struct Pair {
    polled: u64,
}

impl Source for Pair {
    fn name(&self) -> &str {
        "pair"
    }

    fn description(&self) -> String {
        "two".to_owned()
    }

    fn values(&self) -> usize {
        2
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        Err(SourceError::fatal("a collector asks for all of them"))
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        let n = self.polled;
        self.polled += 1;
        match n {
            3 => Err(SourceError::new("the page is gone")),
            n if n >= 8 => Ok(None),
            n => {
                let second = match n {
                    0 => Ok(None),
                    5 => Err(SourceError::new("it is missing")),
                    n => Ok(value(n + 100)),
                };
                Ok(Some(vec![Ok(value(n)), second]))
            }
        }
    }
}

fn collected(memories: [&Memory; 2], hold: Option<Duration>) -> Vec<Result<Report, CollectError>> {
    let clock = Arc::new(TestClock::default());
    let sinks = vec![("one", memories[0].sink()), ("two", memories[1].sink())];
    let feed = Feed::into_sinks(Box::new(Pair { polled: 0 }), sinks);
    let mut run = collector(&clock);
    run.hold = hold;
    run.run_all(vec![feed], |_, _| {})
}

#[test]
fn each_value_goes_to_its_own_store_and_is_missing_alone() {
    for hold in [None, Some(Duration::from_secs(4))] {
        let (one, two) = (Memory::default(), Memory::default());
        let outcomes = collected([&one, &two], hold);
        let counts = |at: usize| {
            let Report { polls, stored, failed, missed, .. } = *outcomes[at].as_ref().unwrap();
            (polls, stored, failed, missed)
        };
        assert_eq!(one.values(), [0.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0]);
        assert_eq!(two.values(), [101.0, 102.0, 104.0, 106.0, 107.0]);
        assert_eq!((counts(0), counts(1)), ((8, 7, 1, 0), (7, 5, 2, 0)));
        let time = |memory: &Memory| memory.stored()[2].timestamp_ns;
        assert_eq!(time(&two), memory_time(&one, 4), "one poll has one time");
    }
}

fn memory_time(memory: &Memory, second: i64) -> i64 {
    let stored = memory.stored();
    let found = stored.iter().find(|one| one.timestamp_ns == second * 1_000_000_000);
    found.unwrap().timestamp_ns
}

#[test]
fn a_store_that_fails_costs_its_value_alone() {
    let (one, two) = (Memory::default(), Memory::refusing(vec![lasting()]));
    let outcomes = collected([&one, &two], None);
    assert_eq!(outcomes[0].as_ref().unwrap().stored, 7);
    assert_eq!(outcomes[1].as_ref().unwrap_err().unsaved, 1);
}
