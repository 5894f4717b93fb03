//! How far a store was sent to a destination, for people.

use jiff::SignedDuration;

use crate::figures::count;
use crate::forward::Forwarded;
use crate::output::shown;

const DAY_SECONDS: f64 = 86_400.0;

/// Names and values, below the address of the destination. `others` are all of the store;
/// several may have the same address, which has no query.
pub(super) fn rows(seen: &Forwarded, others: &[Forwarded]) -> Vec<(&'static str, String)> {
    let mut rows = vec![("forwarded to", seen.destination.clone())];
    if others.iter().filter(|other| other.destination == seen.destination).count() > 1 {
        rows.push(("  cursor", cursor_name(seen)));
    }
    if let Some(why) = &seen.corrupt {
        let file = shown(&seen.cursor);
        rows.push(("  corrupt", format!("{file}: {why}; everything is sent again")));
        return rows;
    }
    rows.push(("  sent", format!("{}{}", count(seen.counts.sent), behind(seen))));
    for (name, number, what) in [
        ("  collided", seen.counts.collided, "in the millisecond of another one"),
        ("  refused", seen.counts.refused, &format!("listed in {}", refused_file(seen))),
        ("  unreadable", seen.counts.unreadable, "and not sent"),
        ("  removed", seen.counts.removed, "by retention before they were sent"),
    ] {
        if number > 0 {
            rows.push((name, format!("{} {what}", count(number))));
        }
    }
    if !seen.running {
        rows.push(("  stopped", "no process forwards".to_owned()));
    } else if let Some(since) = &seen.failing_since {
        let next = seen.next_try.as_deref().unwrap_or("-");
        rows.push(("  failing", format!("since {since}, next try at {next}")));
    }
    if let (Some(time), Some(text)) = (&seen.last_error_time, &seen.last_error) {
        rows.push(("  last error", format!("{time} {text}")));
    }
    rows
}

/// The name in `forward-NAME.json`.
fn cursor_name(seen: &Forwarded) -> String {
    let stem = seen.cursor.file_stem().unwrap_or_default().to_string_lossy();
    stem.strip_prefix("forward-").unwrap_or(&stem).to_owned()
}

/// The receiver need not have refused them: those of one millisecond are listed there too.
fn refused_file(seen: &Forwarded) -> String {
    shown(&seen.cursor.with_extension("refused.jsonl"))
}

fn behind(seen: &Forwarded) -> String {
    match (seen.behind, seen.behind_seconds) {
        (None, _) => String::new(),
        (Some(0), _) => ", all that is durable".to_owned(),
        (Some(behind), None) => format!(", {} behind", count(behind)),
        (Some(behind), Some(seconds)) => {
            format!(", {} behind, the oldest from {} ago", count(behind), age(seconds))
        }
    }
}

fn age(seconds: f64) -> String {
    let days = (seconds / DAY_SECONDS).floor();
    if days >= 2.0 {
        return format!("{days} days");
    }
    let age = SignedDuration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    format!("{age:#}")
}
