//! When polls are due.
//!
//! Tick *n* is due at *n* × interval after the start, in whole nanoseconds, and is
//! always computed from *n*: nothing that happens to one tick moves another.

use std::time::Duration;

/// The ticks of one run and how far it has come.
#[derive(Debug)]
pub(super) struct Schedule {
    interval_ns: u64,
    end_ns: u64,
    /// How many ticks are due before the end.
    ticks: u64,
    /// The tick that is polled next.
    next: u64,
}

impl Schedule {
    /// With an interval of zero every tick is due at once, until the duration is over.
    pub(super) fn new(interval: Duration, duration: Option<Duration>) -> Self {
        let interval_ns = nanoseconds(interval);
        let end_ns = duration.map_or(u64::MAX, nanoseconds);
        let ticks = match interval_ns {
            0 if end_ns > 0 => u64::MAX,
            _ => end_ns.div_ceil(interval_ns.max(1)),
        };
        Self { interval_ns, end_ns, ticks, next: 0 }
    }

    /// When the next poll is due, in nanoseconds since the start; `None` once the
    /// duration holds no further one.
    pub(super) fn due_ns(&self) -> Option<u64> {
        (self.next < self.ticks).then(|| self.next.saturating_mul(self.interval_ns))
    }

    /// Goes on to the first tick behind the one just polled that is not yet past at
    /// `now_ns`, and returns how many were passed over.
    pub(super) fn advance(&mut self, now_ns: u64) -> u64 {
        let following = self.next.saturating_add(1);
        if self.interval_ns == 0 {
            self.next = if now_ns < self.end_ns { following } else { self.ticks };
            return 0;
        }
        self.next = now_ns.div_ceil(self.interval_ns).min(self.ticks).max(following);
        self.next - following
    }
}

/// Whole nanoseconds, up to 584 years.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// The due times of a run in which every poll takes no time.
    fn due_times(interval: Duration, duration: Duration) -> Vec<u64> {
        let mut schedule = Schedule::new(interval, Some(duration));
        let mut due = Vec::new();
        while let Some(due_ns) = schedule.due_ns() {
            due.push(due_ns);
            assert_eq!(schedule.advance(due_ns), 0);
        }
        due
    }

    #[test]
    fn ten_seconds_of_tenths_are_a_hundred_polls() {
        let due = due_times(Duration::from_millis(100), Duration::from_secs(10));
        let expected: Vec<u64> = (0..100).map(|n| n * 100 * MS).collect();
        assert_eq!(due, expected);
    }

    #[test]
    fn a_tick_at_the_very_end_is_not_polled() {
        let second = Duration::from_secs(1);
        assert!(due_times(second, Duration::ZERO).is_empty());
        assert_eq!(due_times(second, Duration::from_nanos(1)), [0]);
        assert_eq!(due_times(second, second), [0]);
        assert_eq!(due_times(second, second + Duration::from_nanos(1)), [0, 1000 * MS]);
    }

    #[test]
    fn ticks_that_are_past_are_missed_and_one_due_now_is_not() {
        let mut schedule = Schedule::new(Duration::from_millis(10), None);
        assert_eq!(schedule.advance(10 * MS), 0);
        assert_eq!(schedule.due_ns(), Some(10 * MS));
        assert_eq!(schedule.advance(20 * MS + 1), 1);
        assert_eq!(schedule.due_ns(), Some(30 * MS));
        assert_eq!(schedule.advance(100 * MS), 6);
        assert_eq!(schedule.due_ns(), Some(100 * MS));
    }

    #[test]
    fn ticks_behind_the_end_are_not_missed() {
        let mut schedule =
            Schedule::new(Duration::from_millis(10), Some(Duration::from_millis(50)));
        assert_eq!(schedule.advance(1000 * MS), 4);
        assert_eq!(schedule.due_ns(), None);
    }

    #[test]
    fn an_interval_that_is_no_round_number_does_not_drift() {
        let interval = Duration::from_nanos(333_333_333);
        let mut schedule = Schedule::new(interval, None);
        for n in 1..=1_000_000 {
            assert_eq!(schedule.advance(n * 333_333_333), 0);
        }
        assert_eq!(schedule.due_ns(), Some(333_333_333_000_000));
    }

    #[test]
    fn no_interval_means_at_once_and_misses_nothing() {
        let mut schedule = Schedule::new(Duration::ZERO, Some(Duration::from_secs(1)));
        assert_eq!(schedule.advance(500 * MS), 0);
        assert_eq!(schedule.due_ns(), Some(0));
        assert_eq!(schedule.advance(1000 * MS), 0);
        assert_eq!(schedule.due_ns(), None);
        assert_eq!(Schedule::new(Duration::ZERO, Some(Duration::ZERO)).due_ns(), None);
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let mut schedule = Schedule::new(Duration::MAX, Some(Duration::MAX));
        assert_eq!(schedule.due_ns(), Some(0));
        assert_eq!(schedule.advance(u64::MAX), 0);
        assert_eq!(schedule.due_ns(), None);
        assert_eq!(Schedule::new(Duration::MAX, None).advance(0), 0);
    }
}
