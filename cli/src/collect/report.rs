//! What is told at the end: the run's totals, the store's statistics, two pictures.

use std::path::Path;

use gaugelog::{Observation, Snapshot, Store};
use gaugelog_sources::{Record, Report};

use crate::ask::{reported, stores as named};
use crate::exit::Exit;
use crate::figures::{count, coverage, figure, figure_or_dash};
use crate::output::{self, shown};
use crate::plot::{self, Binning, Drawing, Look, Source};
use crate::service::{metrics, publish};
use crate::utc::Clock;

const DIGITS: usize = 10;

/// Prints the totals of the run, the statistics of the store, and the paths of both
/// pictures, which are drawn into `out`. The source has a name where there are several.
pub(super) fn print(
    name: Option<&String>,
    store: &Store,
    totals: &Report,
    out: &Path,
) -> Result<(), Exit> {
    let name = name.map(|name| format!("{name}: ")).unwrap_or_default();
    output::print(format!("{name}{}\n", sentence(totals)).as_bytes())?;
    let snapshot = store.snapshot()?.skip_damage();
    let summary = snapshot.summary()?;
    let metrics = metrics(&snapshot)?;
    let mut rows = vec![("store", shown(store.path())), ("observations", count(metrics.size))];
    if let Ok(Some(record)) = Record::read(store.path()) {
        rows.push(("coverage", coverage(&record.all)));
    }
    let named = metrics.named();
    rows.extend(named.iter().map(|(name, value)| (*name, figure_or_dash(*value, DIGITS))));
    rows.push(("first", moment(summary.first())));
    rows.push(("last", moment(summary.last())));
    output::print(table(&rows).as_bytes())?;
    let drawn = pictures(store, &snapshot, out);
    let printed = drawn.and_then(|pictures| output::print(table(&pictures).as_bytes()));
    let reported = reported(&snapshot);
    printed.and(reported)
}

/// Draws the store over time and the distribution of its values; both pictures are named
/// after it.
fn pictures(
    store: &Store,
    snapshot: &Snapshot,
    out: &Path,
) -> Result<[(&'static str, String); 2], Exit> {
    let name = named::name(store.path());
    let sources = [Source { name: Some(name.clone()), window: snapshot.window(..) }];
    let look = Look::default();
    let published = |kind: &str, drawing: &Drawing| {
        publish(out, &format!("{name}-{kind}"), drawing, "--out").map(|path| shown(&path))
    };
    let series = plot::series(&sources, &look)?;
    let distribution = plot::distribution(&sources, Binning::Round, &look)?;
    Ok([
        ("over time", published("time", &series)?),
        ("distribution", published("dist", &distribution)?),
    ])
}

fn sentence(totals: &Report) -> String {
    let why = totals.ended_by.as_str();
    let seconds = figure(totals.elapsed.as_secs_f64(), 3);
    let stored = count(totals.stored);
    let mut text = format!("{why} after {seconds} s: {stored} stored");
    for (number, what) in [(totals.failed, "failed"), (totals.missed, "missed")] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", count(number)));
        }
    }
    text
}

fn moment(observation: Option<Observation>) -> String {
    let text = |seen: Observation| {
        let mut clock = Clock::default();
        format!("{} UTC", String::from_utf8_lossy(clock.text(seen.timestamp_ns)))
    };
    observation.map_or_else(|| "-".to_owned(), text)
}

/// Two columns, the names as wide as the widest of all tables.
fn table(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("  {name:<12}  {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use gaugelog_sources::EndedBy;

    #[test]
    fn totals_are_a_sentence() {
        let totals = Report {
            polls: 1_236,
            stored: 1_234,
            failed: 2,
            missed: 0,
            elapsed: Duration::from_millis(12_345),
            ended_by: EndedBy::EndOfInput,
        };
        assert_eq!(sentence(&totals), "end of the input after 12.3 s: 1,234 stored, 2 failed");
    }
}
