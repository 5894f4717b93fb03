//! A counter as its change a second, for every kind of source.

use rustix::time::{ClockId, clock_gettime};

use crate::source::{Pace, Reading, Readings, Source, SourceError};

/// A source with counters among its values. For a counter it gives the change a second
/// since the reading before. The first reading gives none.
pub(crate) struct Rated {
    source: Box<dyn Source>,
    counters: Vec<Option<Counter>>,
}

/// The last reading of a counter.
#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    last: Option<Count>,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    value: f64,
    ns: i128,
    /// Whether the time is the source's own.
    is_stamped: bool,
}

impl Rated {
    /// `is_counter` says for each value of the source whether it is a counter.
    pub(crate) fn new(source: Box<dyn Source>, is_counter: &[bool]) -> Self {
        let counter = |is_counter: &bool| is_counter.then(Counter::default);
        let counters = is_counter.iter().map(counter).collect();
        Self { source, counters }
    }
}

impl Counter {
    /// The change a second since the reading before. After an error it is counted from
    /// the last good reading, unless the counter was reset.
    fn change(&mut self, now: Count) -> Result<Option<f64>, String> {
        let last = self.last.filter(|last| last.is_stamped == now.is_stamped);
        let Some(last) = last else {
            self.last = Some(now);
            return Ok(None);
        };
        if now.ns == last.ns {
            return Err("no time has passed since the reading before".to_owned());
        }
        self.last = Some(now);
        if now.ns < last.ns {
            let why = "the time is before that of the reading before; the next has a value again";
            return Err(why.to_owned());
        }
        if now.value < last.value {
            return Err("its counter was reset; the next poll has a value again".to_owned());
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
        let seconds = (now.ns - last.ns) as f64 / 1e9;
        Ok(Some((now.value - last.value) / seconds))
    }
}

/// How long the machine is running. A counter may go on while it is suspended.
fn running_ns() -> i128 {
    let now = clock_gettime(ClockId::Boottime);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

impl Source for Rated {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn description(&self) -> String {
        self.value_description(0)
    }

    fn pace(&self) -> Pace {
        self.source.pace()
    }

    fn values(&self) -> usize {
        self.source.values()
    }

    fn value_description(&self, value: usize) -> String {
        let description = self.source.value_description(value);
        match self.counters.get(value) {
            Some(Some(_)) => format!("the change a second of {description}"),
            _ => description,
        }
    }

    fn is_local(&self) -> bool {
        self.source.is_local()
    }

    /// The first value. Polls without a value are skipped.
    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        loop {
            match self.poll_all()?.map(|readings| readings.into_iter().next()) {
                None | Some(None) => return Ok(None),
                Some(Some(Ok(None))) => {}
                Some(Some(reading)) => return reading,
            }
        }
    }

    fn poll_all(&mut self) -> Result<Option<Readings>, SourceError> {
        let Some(mut readings) = self.source.poll_all()? else { return Ok(None) };
        let returned_ns = running_ns();
        for (at, reading) in readings.iter_mut().enumerate() {
            let (Some(Some(counter)), Ok(Some(read))) = (self.counters.get_mut(at), &reading)
            else {
                continue;
            };
            let (value, stamp) = (read.value, read.timestamp_ns);
            if !value.is_finite() {
                continue;
            }
            let (ns, is_stamped) = (stamp.map_or(returned_ns, i128::from), stamp.is_some());
            let changed = counter.change(Count { value, ns, is_stamped });
            *reading = match changed {
                Ok(rate) => Ok(rate.map(|value| Reading { timestamp_ns: stamp, value })),
                Err(why) => {
                    let description = self.source.value_description(at);
                    Err(SourceError::new(format!("{description}: {why}")))
                }
            };
        }
        Ok(Some(readings))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stdin::Lines;

    /// The rates of a text whose lines have times.
    fn rates(text: &'static str) -> Vec<Result<Option<f64>, String>> {
        let source = Box::new(Lines::new(text.as_bytes()));
        let mut rated = Rated::new(source, &[true]);
        std::iter::from_fn(|| rated.poll_all().transpose())
            .map(|polled| match polled.map(|mut readings| readings.remove(0)) {
                Ok(Ok(reading)) => Ok(reading.map(|reading| reading.value)),
                Ok(Err(error)) | Err(error) => Err(error.to_string()),
            })
            .collect()
    }

    #[test]
    fn a_counter_is_its_change_a_second() {
        let text = "1780315200 100\n1780315210 250\n1780315211 250\n";
        assert_eq!(rates(text), [Ok(None), Ok(Some(15.0)), Ok(Some(0.0))]);
    }

    #[test]
    fn a_counter_that_was_reset_has_no_value_once() {
        let found = rates("1780315200 100\n1780315210 5\n1780315220 25\n");
        assert!(found[1].as_ref().unwrap_err().contains("was reset"), "{found:?}");
        assert_eq!(found[2], Ok(Some(2.0)));
    }

    /// It may have been the wrong one of the two.
    #[test]
    fn a_time_in_the_future_costs_one_value() {
        let found = rates("1780315200 100\n4102444800 110\n1780315220 120\n1780315230 140\n");
        assert!(found[2].as_ref().unwrap_err().contains("is before that of"), "{found:?}");
        assert_eq!(found[3], Ok(Some(2.0)));
    }

    #[test]
    fn what_failed_in_between_costs_nothing_of_the_change() {
        let found = rates("1780315200 100\nwarm\n1780315220 300\n1780315220 400\n");
        assert!(found[1].is_err());
        assert_eq!(found[2], Ok(Some(10.0)));
        assert!(found[3].as_ref().unwrap_err().contains("no time has passed"), "{found:?}");
    }

    #[test]
    fn a_single_value_is_waited_for() {
        let source = Box::new(Lines::new("1780315200 1\n1780315201 4\n".as_bytes()));
        let mut rated = Rated::new(source, &[true]);
        assert_eq!(rated.poll().unwrap(), Some(Reading::at(1_780_315_201_000_000_000, 3.0)));
        assert_eq!(rated.poll().unwrap(), None);
        assert!(rated.description().starts_with("the change a second of "));
    }

    proptest! {
        /// No reading gives a negative rate.
        #[test]
        fn no_rate_is_negative(counts in prop::collection::vec((any::<f64>(), any::<i64>()), 0..20)) {
            let mut counter = Counter::default();
            for (value, ns) in counts {
                let now = Count { value, ns: i128::from(ns), is_stamped: true };
                if let (true, Ok(Some(rate))) = (value.is_finite(), counter.change(now)) {
                    prop_assert!(rate >= 0.0, "{rate}");
                }
            }
        }
    }
}
