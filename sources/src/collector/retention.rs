//! How much of a store is kept.

use std::time::{Duration, SystemTime};

use gaugelog::{Observation, Result, Store};

/// How much of a store is kept: everything, unless one of these is set. Whole chunks of
/// 65,536 observations are removed, the oldest first.
///
/// ```
/// use std::time::Duration;
/// let retention = gaugelog_sources::Retention::default().age(Duration::from_secs(90 * 86_400));
/// assert!(!retention.is_all());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    age: Option<Duration>,
    bytes: Option<u64>,
}

impl Retention {
    /// Keeps observations younger than this.
    #[must_use]
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// Keeps at most this many bytes.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Whether nothing is ever removed.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Removes old observations from `store`, and returns how many.
    ///
    /// # Errors
    /// As [`Store::remove_before`] and [`Store::keep_bytes`].
    pub fn apply(self, store: &Store) -> Result<u64> {
        let mut removed = 0;
        if let Some(age) = self.age {
            // If the age is longer than the clock's range, use the epoch.
            let oldest = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
            removed += store.remove_before(Observation::at(oldest, 0.0).timestamp_ns)?;
        }
        if let Some(bytes) = self.bytes {
            removed += store.keep_bytes(bytes)?;
        }
        Ok(removed)
    }
}
