//! The clocks. Tests replace them with their own.

use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_gettime};

use super::message::Message;

/// Two readings of the clocks this close to each other count as one moment.
const MOMENT: Duration = Duration::from_micros(500);
/// How many times the clocks are read again if something came in between.
const READINGS_MOST: u32 = 4;

/// The time as the collector sees it.
pub(super) trait Clock: fmt::Debug + Send + Sync {
    /// Time since a fixed moment. It never goes back and never jumps.
    fn monotonic(&self) -> Duration;

    /// The time of day, which may be set at any moment.
    fn wall(&self) -> SystemTime;

    /// How long the machine has been suspended since a fixed moment. The monotonic clock
    /// does not count that time.
    fn suspended(&self) -> Duration {
        Duration::ZERO
    }

    /// Waits for the next message, at most this time; without a time, without a limit. A
    /// test's clock moves on here while `busy` threads only wait for it.
    ///
    /// # Errors
    /// No message came in time.
    fn receive(
        &self,
        messages: &Receiver<Message>,
        timeout: Option<Duration>,
        _busy: usize,
    ) -> Result<Message, RecvTimeoutError> {
        match timeout {
            Some(timeout) => messages.recv_timeout(timeout),
            None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
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
        // Relative to the later reading: a tick may be late by the difference, but never
        // early.
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

/// Nanoseconds since the Unix epoch; negative before it.
pub(super) fn since_epoch_ns(time: SystemTime) -> i128 {
    let ns = |span: Duration| i128::try_from(span.as_nanos()).unwrap_or(i128::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => ns(since),
        Err(error) => -ns(error.duration()),
    }
}

fn since(time: Timespec) -> Duration {
    Duration::try_from(time).unwrap_or_default()
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

    fn suspended(&self) -> Duration {
        // In this order, so that the difference is too small rather than too large.
        let running = since(clock_gettime(ClockId::Monotonic));
        since(clock_gettime(ClockId::Boottime)).saturating_sub(running)
    }
}
