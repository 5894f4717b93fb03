//! `/metrics`: the stores in the text format of Prometheus, version 0.0.4.

#[cfg(feature = "forward")]
mod forward;

use gaugelog_sources::Record;

use super::answer::{Answer, Refusal};
use super::overview::{Overview, bytes};
use super::stores::Reader;
use crate::ask::stores::Named;
use crate::json;

const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A store and what its files take.
type Seen = (Overview, Option<u64>);

/// Name, kind and meaning of a metric, and its value for a store that has one.
type Metric = (&'static str, &'static str, &'static str, fn(&Seen) -> Option<f64>);

const METRICS: [Metric; 14] = [
    ("readable", "gauge", "Whether the store can be read.", |it| Some(number(it.0.read.is_ok()))),
    ("last_value", "gauge", "The value that was the last to arrive.", |it| {
        Some(it.0.read.as_ref().ok()?.latest?.value)
    }),
    ("last_time_seconds", "gauge", "Its time, since 1970.", |it| {
        Some(it.0.read.as_ref().ok()?.latest?.timestamp_ns as f64 / 1e9)
    }),
    ("observations", "gauge", "Observations that the store holds.", |it| {
        Some(it.0.read.as_ref().ok()?.summary.count() as f64)
    }),
    ("appended_total", "counter", "Observations ever appended, removed ones too.", |it| {
        Some(it.0.read.as_ref().ok()?.end_sequence as f64)
    }),
    ("disk_bytes", "gauge", "What the files of the store take.", |it| it.1.map(|it| it as f64)),
    ("damaged_places", "gauge", "Damage that opening and summarising met.", |it| {
        Some(it.0.read.as_ref().ok()?.damage.len() as f64)
    }),
    ("collector_running", "gauge", "Whether a process collects into the store.", |it| {
        it.0.collector.as_ref().map(|it| number(it.is_running))
    }),
    ("collector_failing", "gauge", "Whether everything goes wrong at the moment.", |it| {
        let collector = it.0.collector.as_ref()?;
        Some(number(collector.is_running && collector.record.failing_since_ns.is_some()))
    }),
    ("collector_held", "gauge", "Observations in memory, not yet stored.", |it| {
        counted(it, |it| it.held)
    }),
    ("collector_polls_total", "counter", "Polls that were made.", |it| {
        counted(it, |it| it.all.polls)
    }),
    ("collector_stored_total", "counter", "Observations that polls have stored.", |it| {
        counted(it, |it| it.all.stored)
    }),
    ("collector_failed_total", "counter", "Polls that gave no value.", |it| {
        counted(it, |it| it.all.failed)
    }),
    ("collector_missed_total", "counter", "Polls that were due and not made.", |it| {
        counted(it, |it| it.all.missed)
    }),
];

pub(super) fn metrics(reader: &Reader<'_>) -> Result<Answer, Refusal> {
    let all = reader.all()?;
    // Of each store the numbers alone: there may be thousands of them.
    let rows: Vec<Values> = all.iter().map(|store| values(reader, store)).collect();
    let mut text = Vec::new();
    for (at, (name, kind, meaning, _)) in METRICS.iter().enumerate() {
        let heading = format!("# HELP gaugelog_{name} {meaning}\n# TYPE gaugelog_{name} {kind}\n");
        text.extend_from_slice(heading.as_bytes());
        for (store, values) in all.iter().zip(&rows) {
            let Some(value) = values[at] else { continue };
            let label = escaped(&store.name);
            text.extend_from_slice(format!("gaugelog_{name}{{store=\"{label}\"}} ").as_bytes());
            json::number(&mut text, value);
            text.push(b'\n');
        }
    }
    #[cfg(feature = "forward")]
    forward::add(&mut text, &all);
    Ok(Answer::new(MEDIA_TYPE, text))
}

/// The value of each metric.
type Values = [Option<f64>; METRICS.len()];

fn values(reader: &Reader<'_>, store: &Named) -> Values {
    let seen = (Overview::of(reader, store), bytes(store));
    METRICS.map(|(.., value)| value(&seen))
}

fn counted(seen: &Seen, count: fn(&Record) -> u64) -> Option<f64> {
    seen.0.collector.as_ref().map(|it| count(&it.record) as f64)
}

fn number(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// As the format has a label's value.
pub(super) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
