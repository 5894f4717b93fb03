//! The clocks, at the one seam where tests put in their own.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The time as the collector sees it.
pub(super) trait Clock: fmt::Debug + Send + Sync {
    /// Time since a fixed moment; never goes back and has no steps.
    fn monotonic(&self) -> Duration;

    /// The time of day, which may be set at any moment.
    fn wall(&self) -> SystemTime;

    /// Lets at least this much monotonic time pass.
    fn sleep(&self, duration: Duration);
}

/// The clocks of the machine.
#[derive(Debug)]
pub(super) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    pub(super) fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}
