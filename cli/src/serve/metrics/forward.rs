//! How far stores were sent to their destinations.

use super::{escaped, number};
use crate::ask::stores::Named;
use crate::forward::{Forwarded, forwarded};
use crate::json;

/// Name, kind and meaning of a metric, and its value for a destination that has one.
type Metric = (&'static str, &'static str, &'static str, fn(&Forwarded) -> Option<f64>);

const METRICS: [Metric; 9] = [
    ("running", "gauge", "Whether a process forwards.", |it| Some(number(it.running))),
    ("failing", "gauge", "Whether the destination takes nothing at the moment.", |it| {
        Some(number(it.running && it.failing_since.is_some()))
    }),
    ("behind", "gauge", "Observations that are durable and not sent.", |it| {
        it.behind.map(|it| it as f64)
    }),
    ("behind_seconds", "gauge", "The age of the oldest that is not sent.", |it| {
        it.behind?;
        Some(it.behind_seconds.unwrap_or(0.0))
    }),
    ("sent_total", "counter", "Samples that were taken.", |it| Some(it.counts.sent as f64)),
    ("collided_total", "counter", "Observations in the millisecond of another one.", |it| {
        Some(it.counts.collided as f64)
    }),
    ("refused_total", "counter", "Observations that were refused.", |it| {
        Some(it.counts.refused as f64)
    }),
    ("unreadable_total", "counter", "Observations that damage has cost.", |it| {
        Some(it.counts.unreadable as f64)
    }),
    ("removed_total", "counter", "Observations removed before they were sent.", |it| {
        Some(it.counts.removed as f64)
    }),
];

pub(super) fn add(text: &mut Vec<u8>, stores: &[Named]) {
    let of = |store: &Named| {
        let name = escaped(&store.name);
        forwarded(&store.path).into_iter().map(move |seen| (name.clone(), seen))
    };
    let seen: Vec<(String, Forwarded)> = stores.iter().flat_map(of).collect();
    if seen.is_empty() {
        return;
    }
    for (name, kind, meaning, value) in METRICS {
        let name = format!("gaugelog_forward_{name}");
        let heading = format!("# HELP {name} {meaning}\n# TYPE {name} {kind}\n");
        text.extend_from_slice(heading.as_bytes());
        for (store, seen) in &seen {
            let Some(value) = value(seen) else { continue };
            let to = escaped(&seen.destination);
            // Two cursors may be for one destination.
            let cursor = seen.cursor.file_stem().unwrap_or_default().to_string_lossy();
            let cursor = escaped(&cursor);
            let labels =
                format!("{name}{{store=\"{store}\",destination=\"{to}\",cursor=\"{cursor}\"}} ");
            text.extend_from_slice(labels.as_bytes());
            json::number(text, value);
            text.push(b'\n');
        }
    }
}
