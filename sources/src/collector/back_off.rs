//! How long a source that keeps failing is left alone.

use std::time::Duration;

use super::schedule::nanoseconds;

/// The longest wait after a failure, unless the interval itself is longer.
const WAIT_MOST: Duration = Duration::from_secs(300);

/// Where polls follow each other at once, failures do not.
const WAIT_LEAST: Duration = Duration::from_millis(1);

/// Failures in a row, and until when no poll is made because of them.
#[derive(Debug, Default)]
pub(super) struct BackOff {
    failures: u32,
    until_ns: u64,
}

impl BackOff {
    /// Another failure. The first in a row costs nothing but its own reading: the
    /// source is polled again a tick later. Each one behind it doubles the wait.
    pub(super) fn failed(&mut self, last_tick_ns: u64, interval: Duration) {
        let doublings = self.failures.min(31);
        self.failures = self.failures.saturating_add(1);
        let wait = interval.max(WAIT_LEAST).saturating_mul(1 << doublings).min(WAIT_MOST);
        self.until_ns = last_tick_ns.saturating_add(nanoseconds(wait));
    }

    /// The source answers: how many failures there were before.
    pub(super) fn succeeded(&mut self) -> u32 {
        std::mem::take(self).failures
    }

    /// Failures in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The moment before which no poll is made.
    pub(super) fn until_ns(&self) -> u64 {
        self.until_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits after so many failures in a row, in seconds.
    fn waits(interval: Duration, failures: usize) -> Vec<f64> {
        let mut back_off = BackOff::default();
        let mut wait = || {
            back_off.failed(0, interval);
            Duration::from_nanos(back_off.until_ns()).as_secs_f64()
        };
        (0..failures).map(|_| wait()).collect()
    }

    #[test]
    fn waits_double_up_to_five_minutes() {
        let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0, 300.0];
        assert_eq!(waits(Duration::from_secs(1), 11), expected);
        assert_eq!(waits(Duration::ZERO, 3), [0.001, 0.002, 0.004]);
        assert_eq!(waits(Duration::from_secs(1), 100)[99], 300.0);
        assert_eq!(waits(Duration::MAX, 40)[39], 300.0, "the next tick is later than that");
    }

    #[test]
    fn a_success_forgets_the_failures() {
        let mut back_off = BackOff::default();
        for _ in 0..9 {
            back_off.failed(5, Duration::from_secs(1));
        }
        assert_eq!((back_off.failures(), back_off.succeeded()), (9, 9));
        assert_eq!((back_off.until_ns(), back_off.succeeded()), (0, 0));
        back_off.failed(0, Duration::from_secs(1));
        assert_eq!(back_off.until_ns(), 1_000_000_000);
    }
}
