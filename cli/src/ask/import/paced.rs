//! Times that `--start` and a pace make.

use std::time::Duration;

use jiff::Timestamp;

use super::Arguments;
use crate::ask::moment;
use crate::exit::Exit;

/// How times are made where the file has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paced {
    start_ns: i64,
    pace: Pace,
}

#[derive(Clone, Copy, Debug)]
enum Pace {
    /// This number of values a second.
    Rate(f64),
    /// A value at each multiple of this number of nanoseconds.
    Every(i64),
}

impl Paced {
    /// As the options say; `None` without them.
    pub(super) fn of(arguments: &Arguments) -> Result<Option<Self>, Exit> {
        let Some(start) = &arguments.start else { return Ok(None) };
        let pace = match (arguments.rate, arguments.every) {
            (Some(rate), _) => Pace::Rate(rate),
            (None, Some(every)) => Pace::Every(i64::try_from(every.as_nanos()).unwrap_or(i64::MAX)),
            (None, None) => return Ok(None),
        };
        let zone = arguments.tz.clone().unwrap_or_default();
        let start_ns = moment::parse(start, Timestamp::now(), &zone).map_err(|why| {
            Exit::Usage(format!("error: invalid value {start:?} for '--start': {why}\n"))
        })?;
        Ok(Some(Self { start_ns, pace }))
    }

    /// The time of a row, counted from 0.
    pub(super) fn time(self, row: u64) -> Result<i64, String> {
        let outside = || "its time is outside the years 1678 to 2261".to_owned();
        let rate = match self.pace {
            Pace::Rate(rate) => rate,
            Pace::Every(interval_ns) => {
                let row = i64::try_from(row).ok();
                let elapsed = row.and_then(|row| row.checked_mul(interval_ns));
                return elapsed.and_then(|it| self.start_ns.checked_add(it)).ok_or_else(outside);
            }
        };
        // Whole seconds apart, so that a long file keeps its nanoseconds.
        let seconds = (row as f64 / rate).floor();
        let rest = (row as f64 - seconds * rate) / rate;
        let elapsed = Duration::try_from_secs_f64(seconds)
            .ok()
            .zip(Duration::try_from_secs_f64(rest.max(0.0)).ok())
            .and_then(|(whole, part)| whole.checked_add(part))
            .and_then(|elapsed| i64::try_from(elapsed.as_nanos()).ok());
        elapsed.and_then(|it| self.start_ns.checked_add(it)).ok_or_else(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paced_times_do_not_drift() {
        let paced = Paced { start_ns: 5, pace: Pace::Rate(250.0) };
        assert_eq!(paced.time(0), Ok(5));
        assert_eq!(paced.time(1), Ok(4_000_005));
        assert_eq!(paced.time(250 * 86_400 * 365), Ok(365 * 86_400 * 1_000_000_000 + 5));
        let slow = Paced { start_ns: 0, pace: Pace::Rate(1.0 / 60.0) };
        assert_eq!(slow.time(3), Ok(180_000_000_000));
        let daily = Paced { start_ns: 7, pace: Pace::Every(86_400_000_000_000) };
        assert_eq!(daily.time(1_000), Ok(86_400_000_000_000_007));
        assert!(daily.time(u64::MAX).is_err());
        assert!(Paced { start_ns: i64::MAX, pace: Pace::Rate(1.0) }.time(1).is_err());
    }
}
