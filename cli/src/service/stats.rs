//! `--stats`: the metrics of every observation so far, one JSON object.

use gaugelog::Snapshot;

use super::{PROGRAM, Place, reading};
use crate::exit::Exit;
use crate::json::Metrics;
use crate::output;

pub(super) fn run(store: &Place) -> Result<(), Exit> {
    reading(store, |snapshot| {
        let metrics = metrics(snapshot)?;
        warn_of_overflow(&metrics);
        output::print(&metrics.to_line())
    })
}

fn warn_of_overflow(metrics: &Metrics) {
    // The extremes are values themselves, and what the median lacks is told elsewhere.
    let moments =
        [("mean", metrics.mean), ("variance", metrics.variance), ("std dev", metrics.std_dev)];
    for (name, value) in moments {
        if value.is_none() && metrics.size > 0 {
            let why = "is beyond what a 64-bit float can hold; null stands for it";
            output::say(PROGRAM.name, &format!("warning: the {name} {why}"));
        }
    }
}

/// The metrics of a store. All of them but the median come from the engine's tree. The
/// median is exact, and may read every observation.
pub(crate) fn metrics(snapshot: &Snapshot) -> Result<Metrics, Exit> {
    let summary = snapshot.summary()?;
    Ok(Metrics {
        min: summary.min(),
        max: summary.max(),
        median: snapshot.median()?,
        mean: summary.mean(),
        variance: summary.variance(),
        std_dev: summary.std_dev(),
        size: summary.count(),
    })
}
