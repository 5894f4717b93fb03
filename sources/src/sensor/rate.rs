//! Counters of the kernel, as the change from one poll to the next.

use std::thread;
use std::time::{Duration, Instant};

use crate::source::SourceError;

/// The shortest time that the first change is measured over. The first poll comes right
/// after the source was opened, and some counters go up only a hundred times a second.
const FIRST_SPAN: Duration = Duration::from_millis(200);

/// A counter, or several that are read together, and when they were read last.
#[derive(Debug, Default)]
pub(super) struct Counted<T> {
    last: Option<(Instant, T)>,
    /// Whether a change was returned already.
    has_changed: bool,
}

impl<T: Copy> Counted<T> {
    /// Notes the state of the counter, unless it is known.
    pub(super) fn begin(
        &mut self,
        read: impl FnOnce() -> Result<T, SourceError>,
    ) -> Result<(), SourceError> {
        if self.last.is_none() {
            self.last = Some((Instant::now(), read()?));
        }
        Ok(())
    }

    /// The counter before, the counter now, and the time between.
    pub(super) fn change(
        &mut self,
        read: impl Fn() -> Result<T, SourceError>,
    ) -> Result<(T, T, Duration), SourceError> {
        self.begin(&read)?;
        let (since, _) = self.last.unwrap_or((Instant::now(), read()?));
        if !self.has_changed {
            thread::sleep(FIRST_SPAN.saturating_sub(since.elapsed()));
        }
        let (now, value) = (Instant::now(), read()?);
        let (since, before) = self.last.replace((now, value)).unwrap_or((now, value));
        self.has_changed = true;
        Ok((before, value, now.duration_since(since)))
    }
}

/// The change a second of a counter that only goes up. If it has gone down, it was reset,
/// and the change is not known.
pub(super) fn per_second(before: u64, now: u64, span: Duration) -> Result<f64, SourceError> {
    let change = now.checked_sub(before).ok_or_else(|| {
        SourceError::new("its counter was reset; the next poll has a value again")
    })?;
    match span.as_secs_f64() {
        seconds if seconds > 0.0 => {
            #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
            let change = change as f64;
            Ok(change / seconds)
        }
        _ => Err(SourceError::new("no time has passed since the poll before")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_its_change_a_second() {
        let second = Duration::from_secs(1);
        assert_eq!(per_second(100, 1_600, 10 * second).unwrap(), 150.0);
        assert_eq!(per_second(u64::MAX - 1, u64::MAX, second / 2).unwrap(), 2.0);
        let error = per_second(5, 4, second).unwrap_err();
        assert!(error.can_poll_again() && error.to_string().contains("was reset"), "{error}");
        assert!(per_second(5, 6, Duration::ZERO).is_err());
    }

    #[test]
    fn a_change_is_returned_once() {
        let mut counted = Counted::default();
        counted.begin(|| Ok(7_u64)).unwrap();
        counted.begin(|| Ok(100)).unwrap();
        let (before, now, span) = counted.change(|| Ok(9)).unwrap();
        assert_eq!((before, now), (7, 9));
        assert!(span >= FIRST_SPAN);
        // A failed poll loses nothing of the change in between.
        assert!(counted.change(|| Err(SourceError::new("gone"))).is_err());
        let (before, now, _) = counted.change(|| Ok(12)).unwrap();
        assert_eq!((before, now), (9, 12));
    }
}
