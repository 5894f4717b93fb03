//! How long a failing source is not polled.

use std::time::Duration;

use super::schedule::nanoseconds;

/// The longest wait after a failure, unless the interval is longer or another limit is
/// set.
pub(super) const WAIT_MOST: Duration = Duration::from_secs(30);

/// The shortest wait after a failure, even if polls follow each other at once.
const WAIT_LEAST: Duration = Duration::from_millis(1);

/// Failures in a row, and the time until which no poll is made because of them.
#[derive(Debug)]
pub(super) struct BackOff {
    /// The longest wait.
    most: Duration,
    failures: u32,
    until_ns: u64,
}

impl BackOff {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, failures: 0, until_ns: 0 }
    }

    /// Counts a failure. After the first in a row the source is polled again at the next
    /// tick. Each further one doubles the wait.
    pub(super) fn failed(&mut self, last_tick_ns: u64, interval: Duration) {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let wait = interval.max(WAIT_LEAST).saturating_mul(1 << doublings).min(self.most);
        self.until_ns = last_tick_ns.saturating_add(nanoseconds(wait));
    }

    /// Counts a success. Returns how many failures there were before.
    pub(super) fn succeeded(&mut self) -> u32 {
        std::mem::replace(self, Self::new(self.most)).failures
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The time before which no poll is made.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits after this number of failures in a row, in seconds.
    fn waits(interval: Duration, failures: usize) -> Vec<f64> {
        let mut back_off = BackOff::new(WAIT_MOST);
        let mut wait = || {
            back_off.failed(0, interval);
            Duration::from_nanos(back_off.until_ns()).as_secs_f64()
        };
        (0..failures).map(|_| wait()).collect()
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0];
        assert_eq!(waits(Duration::from_secs(1), 7), expected);
        assert_eq!(waits(Duration::ZERO, 3), [0.001, 0.002, 0.004]);
        assert_eq!(waits(Duration::from_secs(1), 100)[99], 30.0);
        assert_eq!(waits(Duration::MAX, 40)[39], 30.0, "the next tick is later than that");
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let mut back_off = BackOff::new(WAIT_MOST);
        for _ in 0..9 {
            back_off.failed(5, Duration::from_secs(1));
        }
        assert_eq!((back_off.failures(), back_off.succeeded()), (9, 9));
        assert_eq!((back_off.until_ns(), back_off.succeeded()), (0, 0));
        back_off.failed(0, Duration::from_secs(1));
        assert_eq!(back_off.until_ns(), 1_000_000_000);
    }
}
