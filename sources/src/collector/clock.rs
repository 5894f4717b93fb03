//! The clocks, at the one seam where tests put in their own.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::worker::Polled;

/// Two readings of the clocks this close to each other count as one moment.
const MOMENT: Duration = Duration::from_micros(500);
/// So often they are read again where something came in between.
const READINGS_MOST: u32 = 4;

/// The time as the collector sees it.
pub(super) trait Clock: fmt::Debug + Send + Sync {
    /// Time since a fixed moment; never goes back and has no steps.
    fn monotonic(&self) -> Duration;

    /// The time of day, which may be set at any moment.
    fn wall(&self) -> SystemTime;

    /// Lets at least this much monotonic time pass.
    fn sleep(&self, duration: Duration);

    /// The next answer, within this time of the machine.
    ///
    /// # Errors
    /// None came in time, or none will.
    fn receive(
        &self,
        answers: &Receiver<Polled>,
        timeout: Duration,
    ) -> Result<Polled, RecvTimeoutError> {
        answers.recv_timeout(timeout)
    }
}

/// How far the wall clock is ahead of the monotonic one.
pub(super) fn ahead_ns(clock: &dyn Clock) -> i128 {
    let mut best: Option<(Duration, i128)> = None;
    for _ in 0..READINGS_MOST {
        let before = clock.monotonic();
        let wall_ns = since_epoch_ns(clock.wall());
        let after = clock.monotonic();
        let apart = after.saturating_sub(before);
        // Against the later reading: a tick may come late by this, never early.
        let ahead = wall_ns - i128::try_from(after.as_nanos()).unwrap_or(i128::MAX);
        if best.is_none_or(|(least, _)| apart < least) {
            best = Some((apart, ahead));
        }
        if apart <= MOMENT {
            break;
        }
    }
    best.map_or(0, |(_, ahead)| ahead)
}

/// Nanoseconds since the Unix epoch, also before it.
pub(super) fn since_epoch_ns(time: SystemTime) -> i128 {
    let ns = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ns(since),
        Err(error) => -ns(error.duration()),
    }
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
