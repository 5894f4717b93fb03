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
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    age: Option<Duration>,
    bytes: Option<u64>,
    wanted_from: Option<fn(&Store) -> u64>,
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

    /// Does not remove for its age alone what has this sequence number or a later one,
    /// because it has not been copied elsewhere yet. The limit of bytes holds all the same.
    #[must_use]
    pub fn wanted_from(mut self, wanted_from: fn(&Store) -> u64) -> Self {
        self.wanted_from = Some(wanted_from);
        self
    }

    /// Whether nothing is ever removed.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.age.is_none() && self.bytes.is_none()
    }

    /// Removes old observations from `store`, and returns how many.
    ///
    /// # Errors
    /// As [`Store::remove_before_up_to`] and [`Store::keep_bytes`].
    pub fn apply(self, store: &Store) -> Result<u64> {
        let mut removed = 0;
        if let Some(age) = self.age {
            // If the age is longer than the clock's range, use the epoch.
            let oldest = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
            let oldest_ns = Observation::at(oldest, 0.0).timestamp_ns;
            let wanted_from = self.wanted_from.map_or(u64::MAX, |of| of(store));
            removed += store.remove_before_up_to(oldest_ns, wanted_from)?;
        }
        if let Some(bytes) = self.bytes {
            removed += store.keep_bytes(bytes)?;
        }
        Ok(removed)
    }
}
