//! What is wrong with a source, for a monitor that asks again and again.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::look::Seen;
#[cfg(feature = "forward")]
use crate::forward::Forwarded;
use crate::output::shown;

/// A source may miss so many polls before it is silent.
const POLLS_MISSED: u32 = 3;
/// However often it is polled, it may be silent for so long.
const SILENT_LEAST: Duration = Duration::from_secs(60);

/// Why a person should look at a store: it cannot be read, no collector runs, its source
/// fails, nothing was stored for longer than `max_age`, or a destination gets nothing.
pub(super) fn problem(seen: &Seen, max_age: Option<Duration>, now: SystemTime) -> Option<String> {
    let name = shown(&seen.store);
    if let Some(why) = &seen.unreadable {
        return Some(why.clone());
    }
    if !seen.running {
        return Some(format!("{name}: no collector runs; start one"));
    }
    if let Some(since) = &seen.failing_since {
        let why = seen.last_error.as_ref().map_or("", |error| error.text.as_str());
        return Some(format!("{name}: failing since {since}: {why}"));
    }
    silence(seen, &name, max_age, now).or_else(|| not_sent(seen, &name, max_age))
}

/// The same of a store that no collector is to write.
pub(super) fn problem_uncollected(seen: &Seen, max_age: Option<Duration>) -> Option<String> {
    seen.unreadable.clone().or_else(|| not_sent(seen, &shown(&seen.store), max_age))
}

fn silence(seen: &Seen, name: &str, max_age: Option<Duration>, now: SystemTime) -> Option<String> {
    let allowed = max_age.or_else(|| usual(seen.every_seconds?))?;
    let now = Timestamp::try_from(now).ok()?;
    let heard = Timestamp::from_nanosecond(seen.heard_ns?.into()).ok()?;
    // A clock that was set back is no news of the source.
    let silent = Duration::try_from(now.duration_since(heard)).unwrap_or_default();
    (silent > allowed).then(|| {
        let [silent, allowed] = [silent, allowed].map(in_words);
        format!("{name}: nothing was stored for {silent}, more than {allowed}")
    })
}

fn in_words(duration: Duration) -> String {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// That a destination takes nothing, or is forwarded to by no process.
#[cfg(feature = "forward")]
fn not_sent(seen: &Seen, name: &str, max_age: Option<Duration>) -> Option<String> {
    let usual = seen.every_seconds.and_then(usual).unwrap_or(SILENT_LEAST);
    let allowed = max_age.unwrap_or(usual);
    seen.forward.iter().find_map(|it| {
        if !it.running {
            let waits = Duration::try_from_secs_f64(it.waiting_seconds?).ok()?;
            return (waits > allowed).then(|| unattended(it, name, waits));
        }
        let since = it.failing_since.as_ref()?;
        let why = it.last_error.as_deref().unwrap_or("");
        Some(format!("{name}: not sent to {} since {since}: {why}", it.destination))
    })
}

#[cfg(feature = "forward")]
fn unattended(it: &Forwarded, name: &str, waits: Duration) -> String {
    let cursor = shown(&it.cursor);
    let destination = if it.corrupt.is_some() { &cursor } else { &it.destination };
    format!(
        "{name}: no process forwards to {destination}, and observations have waited for {}; \
         start one, or remove {cursor}",
        in_words(waits)
    )
}

#[cfg(not(feature = "forward"))]
fn not_sent(_: &Seen, _: &str, _: Option<Duration>) -> Option<String> {
    None
}

/// How long a source may be silent that is polled so often.
fn usual(every_seconds: f64) -> Option<Duration> {
    let every = Duration::try_from_secs_f64(every_seconds).ok()?;
    Some(every.saturating_mul(POLLS_MISSED).max(SILENT_LEAST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::look::{Failure, Polls};

    const HOUR: u64 = 3600;

    /// A source that is polled each second, and stored something an hour after 1970.
    fn seen() -> Seen {
        Seen {
            boot_id: None,
            clock_synchronised: None,
            held: 0,
            store: "room".into(),
            running: true,
            collectors: 1,
            process: None,
            started: None,
            ended: None,
            updated: None,
            source: None,
            unit: None,
            every_seconds: Some(1.0),
            run: Polls::default(),
            all_runs: Polls::default(),
            since: None,
            last_error: None,
            failing_since: None,
            heard_ns: Some(3600 * 1_000_000_000),
            has_record: true,
            observations: None,
            mean: None,
            latest: None,
            latest_time: None,
            damage: Vec::new(),
            unreadable: None,
            #[cfg(feature = "forward")]
            forward: Vec::new(),
        }
    }

    fn after(seen: &Seen, max_age: Option<u64>, seconds: u64) -> Option<String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        problem(seen, max_age.map(Duration::from_secs), now)
    }

    #[test]
    fn silence_is_measured_from_what_was_stored_last() {
        assert_eq!(after(&seen(), None, HOUR + 60), None);
        let text = "room: nothing was stored for 1m 1s, more than 1m";
        assert_eq!(after(&seen(), None, HOUR + 61).as_deref(), Some(text));
        assert_eq!(after(&seen(), Some(300), HOUR + 300), None);
        assert!(after(&seen(), Some(5), HOUR + 6).is_some());
        let hourly = Seen { every_seconds: Some(3600.0), ..seen() };
        assert_eq!(after(&hourly, None, 4 * HOUR), None);
        assert!(after(&hourly, None, 4 * HOUR + 1).is_some());
        // A source with a pace of its own says nothing for as long as it likes.
        let own_pace = Seen { every_seconds: None, ..seen() };
        assert_eq!(after(&own_pace, None, 400 * HOUR), None);
        assert!(after(&own_pace, Some(3600), 3 * HOUR).is_some());
        assert_eq!(after(&seen(), Some(1), 0), None);
    }

    #[cfg(feature = "forward")]
    #[test]
    fn a_destination_that_no_process_forwards_to_is_named() {
        let forward = |destination: &str, behind: u64, running: bool| Forwarded {
            destination: destination.to_owned(),
            cursor: "room/forward-hub.json".into(),
            running,
            behind: Some(behind),
            waiting_seconds: (behind > 0).then_some(61.0),
            ..Forwarded::default()
        };
        let with = |it: Forwarded| Seen { forward: vec![it], ..seen() };
        let hub = "http://hub/";
        let found = after(&with(forward(hub, 1, false)), None, HOUR).unwrap();
        assert!(found.contains("room: no process forwards to http://hub/"), "{found}");
        assert!(
            found.contains("waited for 1m 1s") && found.contains("remove room/forward-hub.json")
        );
        assert_eq!(problem_uncollected(&with(forward(hub, 1, false)), None), Some(found));
        for (quiet, max_age) in [
            (forward(hub, 0, false), None),
            (forward(hub, 1, true), None),
            (forward(hub, 1, false), Some(61)),
        ] {
            assert_eq!(after(&with(quiet), max_age, HOUR), None);
        }
    }

    #[test]
    fn a_source_that_fails_and_a_collector_that_does_not_run_are_named() {
        let failure = Failure { time: "T2".to_owned(), text: "it has gone".to_owned() };
        let failing =
            Seen { failing_since: Some("T1".to_owned()), last_error: Some(failure), ..seen() };
        let text = "room: failing since T1: it has gone";
        assert_eq!(after(&failing, Some(HOUR), HOUR).as_deref(), Some(text));
        let unreadable = Seen { unreadable: Some("room: damaged".to_owned()), ..seen() };
        assert_eq!(after(&unreadable, None, HOUR).as_deref(), Some("room: damaged"));
        let both = Seen { running: false, ..unreadable };
        assert_eq!(after(&both, None, HOUR).as_deref(), Some("room: damaged"));
        let stopped = Seen { running: false, ..seen() };
        assert!(after(&stopped, None, HOUR).is_some_and(|text| text.contains("no collector runs")));
    }
}
