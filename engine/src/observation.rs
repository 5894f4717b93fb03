//! The one kind of thing that a store holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A value and the time at which it was observed.
///
/// ```
/// use gaugelog::Observation;
/// let noon = Observation::new(1_622_548_800_000_000_000, 14.2);
/// assert_eq!(noon.value, 14.2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observation {
    /// Nanoseconds since the Unix epoch, UTC; negative before 1970.
    pub timestamp_ns: i64,
    /// The observed value. A store accepts finite values only.
    pub value: f64,
}

impl Observation {
    /// An observation at `timestamp_ns` nanoseconds since the Unix epoch.
    #[must_use]
    pub const fn new(timestamp_ns: i64, value: f64) -> Self {
        Self { timestamp_ns, value }
    }

    /// An observation at a system time. The time is clamped to the range of 64 bits of
    /// nanoseconds (the years 1677 to 2262).
    #[must_use]
    pub fn at(time: SystemTime, value: f64) -> Self {
        let timestamp_ns = match time.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |ns| -ns),
        };
        Self { timestamp_ns, value }
    }

    /// Whether both are the same in all bits, so −0.0 is not 0.0.
    pub(crate) fn has_same_bits(&self, other: &Self) -> bool {
        self.timestamp_ns == other.timestamp_ns && self.value.to_bits() == other.value.to_bits()
    }

    /// Its time as a system time.
    ///
    /// ```
    /// use std::time::{Duration, UNIX_EPOCH};
    /// let observation = gaugelog::Observation::new(1_500_000_000, 14.2);
    /// assert_eq!(observation.time(), UNIX_EPOCH + Duration::from_millis(1_500));
    /// ```
    #[must_use]
    pub fn time(&self) -> SystemTime {
        let from_epoch = Duration::from_nanos(self.timestamp_ns.unsigned_abs());
        if self.timestamp_ns < 0 { UNIX_EPOCH - from_epoch } else { UNIX_EPOCH + from_epoch }
    }
}
