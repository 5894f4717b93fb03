//! The part of the time that a command asks about.

use std::ops::{Bound, RangeInclusive};

use clap::Args;
use gaugelog::{Snapshot, Window};
use gaugelog_sources::Zone;
use jiff::Timestamp;

use super::moment;
use crate::exit::Exit;

/// Since when, until when, and the zone of times.
#[derive(Args, Clone, Debug)]
pub(crate) struct RangeOptions {
    /// Only observations from this time on: -1h, today, 2026-11-28, 14:00, RFC 3339.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only observations before this time.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    /// The time zone of times that are read and printed, such as Europe/Berlin; local is
    /// the machine's own [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<Zone>,
}

/// A range of times, and the zone in which times are printed.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) since: Option<i64>,
    pub(crate) until: Option<i64>,
    pub(crate) zone: Zone,
}

impl RangeOptions {
    /// # Errors
    /// [`Exit::Usage`] for what is no time, or a range that ends before it begins.
    pub(crate) fn range(&self) -> Result<Range, Exit> {
        let zone = self.tz.clone().unwrap_or_default();
        let now = Timestamp::now();
        let time = |option: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => moment::parse(text, now, &zone).map(Some).map_err(|why| {
                Exit::Usage(format!("error: invalid value {text:?} for '--{option}': {why}\n"))
            }),
        };
        let (since, until) = (time("since", &self.since)?, time("until", &self.until)?);
        if let (Some(since), Some(until)) = (since, until)
            && until < since
        {
            return Err(Exit::Usage(
                "error: --until is before --since; give the earlier time to --since\n".to_owned(),
            ));
        }
        Ok(Range { since, until, zone })
    }
}

impl Range {
    pub(crate) fn window(&self, snapshot: &Snapshot) -> Window {
        snapshot.window(self.bounds())
    }

    /// What of the range lies in `times`.
    pub(crate) fn window_within(&self, snapshot: &Snapshot, times: RangeInclusive<i64>) -> Window {
        let (first, last) = times.into_inner();
        let first = self.since.map_or(first, |since| since.max(first));
        let end = self.until.filter(|until| *until <= last);
        snapshot
            .window((Bound::Included(first), end.map_or(Bound::Included(last), Bound::Excluded)))
    }

    pub(crate) fn bounds(&self) -> (Bound<i64>, Bound<i64>) {
        (
            self.since.map_or(Bound::Unbounded, Bound::Included),
            self.until.map_or(Bound::Unbounded, Bound::Excluded),
        )
    }

    pub(crate) fn contains(&self, time_ns: i64) -> bool {
        self.since.is_none_or(|since| since <= time_ns)
            && self.until.is_none_or(|until| time_ns < until)
    }

    /// RFC 3339 in the range's zone, to the nanosecond if it needs that.
    pub(crate) fn text(&self, time_ns: i64) -> String {
        let Ok(time) = Timestamp::from_nanosecond(time_ns.into()) else {
            return time_ns.to_string();
        };
        let offset = self.zone.time_zone().to_offset(time);
        // Offsets of local mean time have seconds, which RFC 3339 cannot say.
        if self.is_utc() || offset.seconds() % 60 != 0 {
            return time.to_string();
        }
        time.display_with_offset(offset).to_string()
    }

    pub(crate) fn is_utc(&self) -> bool {
        self.zone.time_zone().iana_name() == Some("UTC")
    }
}
