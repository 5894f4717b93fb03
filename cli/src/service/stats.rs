//! `--stats`: the metrics of every observation so far, one JSON object.

use gaugelog::{ErrorKind, Snapshot};

use super::{PROGRAM, Place, reading};
use crate::exit::Exit;
use crate::json::Metrics;
use crate::output;

pub(super) fn run(store: &Place) -> Result<(), Exit> {
    reading(store, |snapshot, damages| {
        let metrics = metrics(snapshot, |error| damages.tell(&error))?;
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

/// Everything that is told of a store. All of it but the median comes from the
/// engine's tree. The median is exact and may read every observation: where one
/// that it needs is damaged there is no median, and `tell` hears why.
pub(crate) fn metrics(
    snapshot: &Snapshot,
    tell: impl FnOnce(gaugelog::Error),
) -> Result<Metrics, Exit> {
    let summary = snapshot.summary()?;
    let median = match snapshot.median() {
        Err(error) if error.kind() == ErrorKind::Damaged => {
            tell(error);
            None
        }
        median => median?,
    };
    Ok(Metrics {
        min: summary.min(),
        max: summary.max(),
        median,
        mean: summary.mean(),
        variance: summary.variance(),
        std_dev: summary.std_dev(),
        size: summary.count(),
    })
}
