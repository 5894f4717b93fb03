//! When polls are due.
//!
//! Ticks form a grid: tick *n* is due at *n* × interval + phase after the start, in whole
//! nanoseconds. It is always computed from *n*, so nothing that happens to one tick moves
//! another. The phase is fixed, unless the grid follows multiples of the wall clock. Then
//! only a step of that clock changes it.

use std::time::Duration;

/// If the two clocks drift apart by more than this between two checks, one was set. Less
/// is an error of measurement, or a correction that can be followed as it comes.
const STEP_LEAST_NS: i128 = 5_000_000;

/// The ticks of one run and how far it has come.
#[derive(Debug)]
pub(super) struct Schedule {
    /// With zero, every tick is due at once until the duration is over.
    interval_ns: i128,
    /// The shift of the grid against multiples of the interval.
    offset_ns: i128,
    /// When tick 0 is due.
    phase_ns: i128,
    end_ns: i128,
    /// The tick that is polled next.
    next: i128,
    /// With an interval of zero: whether the duration is over.
    over: bool,
}

impl Schedule {
    /// A grid that begins at the start of the run plus `offset_ns`, which is less than
    /// the interval. The first tick is the first that is not before the start.
    pub(super) fn new(interval: Duration, offset_ns: u64, duration: Option<Duration>) -> Self {
        let end_ns = i128::from(duration.map_or(u64::MAX, nanoseconds));
        let offset_ns = i128::from(offset_ns);
        let interval_ns = i128::from(nanoseconds(interval));
        Self { interval_ns, offset_ns, phase_ns: offset_ns, end_ns, next: 0, over: end_ns == 0 }
    }

    /// The same grid on multiples of the wall clock, which is `ahead_ns` ahead of the
    /// time since the start.
    pub(super) fn aligned(self, ahead_ns: i128) -> Self {
        let mut aligned = Self { phase_ns: self.offset_ns - ahead_ns, ..self };
        if aligned.interval_ns > 0 {
            aligned.next = aligned.first_from(0);
        }
        aligned
    }

    /// The same grid, moved so that it begins at this time.
    pub(super) fn begun_at(self, now_ns: u64) -> Self {
        Self { phase_ns: self.phase_ns + i128::from(now_ns), ..self }
    }

    /// Skips the ticks before this time, for a source that was added later.
    pub(super) fn skip_to(&mut self, now_ns: u64) {
        if self.interval_ns > 0 {
            self.next = self.first_from(i128::from(now_ns)).max(self.next);
        }
    }

    /// Follows the wall clock, which is now `ahead_ns` ahead. After a step, the next tick
    /// is the first on the new grid that is not past and is at least half an interval
    /// after the last one, so that ticks do not bunch. Time that never passed has no
    /// ticks.
    pub(super) fn follow(&mut self, now_ns: u64, ahead_ns: i128) {
        let phase_ns = self.offset_ns - ahead_ns;
        let stepped = (phase_ns - self.phase_ns).abs() > STEP_LEAST_NS;
        let apart_ns = self.due_of(self.next - 1) + self.interval_ns / 2;
        self.phase_ns = phase_ns;
        if stepped && self.interval_ns > 0 {
            self.next = self.first_from(apart_ns.max(i128::from(now_ns)));
        }
    }

    /// When the next poll is due, in nanoseconds since the start; `None` if the duration
    /// has no further one.
    pub(super) fn due_ns(&self) -> Option<u64> {
        if self.interval_ns == 0 {
            return (!self.over).then_some(0);
        }
        let due_ns = self.due_of(self.next);
        (due_ns < self.end_ns).then(|| u64::try_from(due_ns.max(0)).unwrap_or(u64::MAX))
    }

    /// Goes on to the first tick after the polled one that is not past at `now_ns`, and
    /// returns how many were skipped.
    pub(super) fn advance(&mut self, now_ns: u64) -> u64 {
        let now_ns = i128::from(now_ns);
        let following = self.next + 1;
        if self.interval_ns == 0 {
            self.over = now_ns >= self.end_ns;
            return 0;
        }
        self.next = self.first_from(now_ns.min(self.end_ns)).max(following);
        u64::try_from(self.next - following).unwrap_or(u64::MAX)
    }

    fn due_of(&self, tick: i128) -> i128 {
        tick * self.interval_ns + self.phase_ns
    }

    /// The first tick that is due at this time or later.
    fn first_from(&self, ns: i128) -> i128 {
        -(self.phase_ns - ns).div_euclid(self.interval_ns)
    }
}

/// Whole nanoseconds, up to 584 years.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
