//! What is seen of a store, for people.

use std::time::Duration;

use gaugelog_sources::escaped;

#[cfg(feature = "forward")]
use super::forward;
use super::look::{Polls, Seen};
use crate::figures::{count, coverage, figure, figure_or_dash};
use crate::output::shown;

const DIGITS: usize = 10;

/// A headline and a table. Who may write into the store's directory need not be who looks:
/// what is found there is escaped.
pub(super) fn of(seen: &Seen) -> String {
    let mut text = format!("{}: {}\n", shown(&seen.store), headline(seen));
    let mut row = |name: &str, value: &str| {
        text.push_str(&format!("  {name:<12}  {}\n", escaped(value)));
    };
    if let Some(source) = &seen.source {
        row("source", source);
        if let Some(unit) = &seen.unit {
            row("unit", unit);
        }
        if let Some(seconds) = seen.every_seconds {
            row("every", &format!("{:?}", Duration::from_secs_f64(seconds)));
        }
        row("polls", &polls(&seen.run));
        if seen.held > 0 {
            row("held", &format!("{} in memory, to be stored together", count(seen.held)));
        }
        row("coverage", &coverage(&seen.run.counts));
        if seen.run.counts != seen.all_runs.counts {
            let since = seen.since.as_deref().unwrap_or("-");
            row("all runs", &format!("{}, since {since}", coverage(&seen.all_runs.counts)));
        }
    }
    if let Some(is_synchronised) = seen.clock_synchronised {
        let not = if is_synchronised { "" } else { "not " };
        row("clock", &format!("{not}synchronised when the run began"));
    }
    if let Some(since) = &seen.failing_since {
        row("failing", &format!("since {since}"));
    }
    if let Some(error) = &seen.last_error {
        row("last error", &format!("{} {}", error.time, error.text));
    }
    match (&seen.unreadable, seen.observations) {
        (Some(why), _) => row("unreadable", why),
        (None, observations) => {
            row("observations", &count(observations.unwrap_or(0)));
            row("mean", &figure_or_dash(seen.mean, DIGITS));
            if let (Some(latest), Some(time)) = (seen.latest, &seen.latest_time) {
                let unit = seen.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
                row("latest", &format!("{}{unit} at {time}", figure(latest, DIGITS)));
            }
            for damage in &seen.damage {
                row("damaged", damage);
            }
        }
    }
    #[cfg(feature = "forward")]
    for destination in &seen.forward {
        for (name, value) in forward::rows(destination, &seen.forward) {
            text.push_str(&format!("  {name:<12}  {}\n", escaped(&value)));
        }
    }
    text
}

fn headline(seen: &Seen) -> String {
    let moment = |moment: &Option<String>| moment.clone().unwrap_or_else(|| "-".to_owned());
    match (seen.running, &seen.source, &seen.ended) {
        (true, None, _) => "running".to_owned(),
        (true, Some(_), _) => {
            let process = seen.process.unwrap_or(0);
            let others = match seen.collectors {
                0 | 1 => String::new(),
                several => format!("; and {} more", several - 1),
            };
            format!("running, process {process}, since {}{others}", moment(&seen.started))
        }
        (false, None, _) => "not running; nothing is known of earlier runs".to_owned(),
        (false, Some(_), Some(ended)) => {
            let ended = escaped(ended);
            format!("not running; {ended} at {}", moment(&seen.updated))
        }
        (false, Some(_), None) => {
            format!("not running; the last run was cut off after {}", moment(&seen.updated))
        }
    }
}

fn polls(polls: &Polls) -> String {
    let [made, stored, failed, missed] =
        [polls.polls, polls.stored, polls.failed, polls.missed].map(count);
    format!("{made} made, {stored} stored, {failed} failed; {missed} missed")
}
