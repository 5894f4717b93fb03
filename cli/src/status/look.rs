//! What is seen of a store, its collector and its statistics.

use std::io;
use std::path::{Path, PathBuf};

use gaugelog::Options;
use gaugelog_sources::{Counts, EndedBy, LastError, Record};
use serde::Serialize;

use crate::ask::{damage_met, latest, stores};
use crate::exit::Exit;
use crate::explain::{explained, way_out_of_reading};
#[cfg(feature = "forward")]
use crate::forward::{Forwarded, forwarded};
use crate::utc::moment;
use crate::{instance, json};

/// What is known of a store. Moments are RFC 3339, in UTC, to the second.
#[derive(Debug, Serialize)]
pub(super) struct Seen {
    #[serde(serialize_with = "crate::json::path")]
    pub(super) store: PathBuf,
    pub(super) running: bool,
    /// How many processes collect. What follows is of one of them.
    pub(super) collectors: usize,
    /// The process that collects.
    pub(super) process: Option<u32>,
    /// When the run began that goes on, or the last one.
    pub(super) started: Option<String>,
    /// How the last run ended; none while it goes on, or where it was cut off.
    pub(super) ended: Option<String>,
    /// When the counts were written down.
    pub(super) updated: Option<String>,
    pub(super) source: Option<String>,
    /// What the values are measured in, if that is known.
    pub(super) unit: Option<String>,
    pub(super) every_seconds: Option<f64>,
    /// The kernel's name for the boot in which that run began.
    pub(super) boot_id: Option<String>,
    /// Whether the clock followed a time server then, if that is known.
    pub(super) clock_synchronised: Option<bool>,
    /// Observations that are in memory and not yet stored.
    pub(super) held: u64,
    /// Of the run that goes on, or the last one.
    #[serde(flatten)]
    pub(super) run: Polls,
    /// Of all runs since the first.
    pub(super) all_runs: Polls,
    pub(super) since: Option<String>,
    pub(super) last_error: Option<Failure>,
    /// Since when nothing was stored because everything has gone wrong.
    pub(super) failing_since: Option<String>,
    /// When something was last stored, or the run began.
    #[serde(skip)]
    pub(super) heard_ns: Option<i64>,
    /// Whether a collector has ever written down counts.
    #[serde(skip)]
    pub(super) has_record: bool,
    /// How many the store holds, whoever appended them.
    pub(super) observations: Option<u64>,
    pub(super) mean: Option<f64>,
    /// The last to arrive, and its time.
    pub(super) latest: Option<f64>,
    pub(super) latest_time: Option<String>,
    /// The damage that opening and summarising met.
    pub(super) damage: Vec<String>,
    /// Why the store's statistics cannot be told.
    pub(super) unreadable: Option<String>,
    /// Where it is forwarded to, and how far that is.
    #[cfg(feature = "forward")]
    pub(super) forward: Vec<Forwarded>,
}

/// What became of polls.
#[derive(Debug, Default, Serialize)]
pub(super) struct Polls {
    pub(super) expected: u64,
    pub(super) polls: u64,
    pub(super) stored: u64,
    pub(super) failed: u64,
    pub(super) missed: u64,
    pub(super) coverage: Option<f64>,
    /// With what is held as stored.
    #[serde(skip)]
    pub(super) counts: Counts,
}

impl Polls {
    /// What is held is there too, and counts for the coverage.
    fn of(counts: Counts, held: u64) -> Self {
        let Counts { polls, stored, failed, missed } = counts;
        let counts = counts.with_held(held);
        let (expected, coverage) = (counts.expected(), counts.coverage());
        Self { expected, polls, stored, failed, missed, coverage, counts }
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Failure {
    pub(super) time: String,
    pub(super) text: String,
}

impl From<LastError> for Failure {
    fn from(error: LastError) -> Self {
        Self { time: moment(error.time_ns), text: error.text }
    }
}

impl Seen {
    /// Whether a collector is to run: one has, and its source was not removed.
    pub(super) fn is_collected_into(&self) -> bool {
        let is_removed = self.ended.as_deref() == Some(EndedBy::Removed.as_str());
        self.running || (self.has_record && !is_removed)
    }

    /// One object, with a line end.
    pub(super) fn to_json(&self) -> String {
        // Serialising it cannot fail.
        json::harmless(serde_json::to_string(self).unwrap_or_default()) + "\n"
    }
}

/// The store in `log`, or the stores in there, in order of their names.
pub(super) fn stores(log: &Path) -> Result<Vec<PathBuf>, Exit> {
    stores::within(log).map_err(|absent| {
        absent.explained("name a directory into which `gaugelog collect` collects with --log DIR")
    })
}

/// What is seen of a store; the error, in words, where not even that can be told whether
/// somebody collects into it.
pub(super) fn look(store: PathBuf) -> Result<Seen, String> {
    let unknown = |error: io::Error| {
        let way_out = way_out_of_reading(&error).map(|it| format!("; {it}")).unwrap_or_default();
        let store = store.display();
        format!("{store}: cannot tell what became of the polls: {error}{way_out}")
    };
    let daemon = instance::running(&store).map_err(unknown)?;
    let collectors = Record::kept_now(&store).map_err(unknown)?;
    let (has_record, record) = match Record::read(&store) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => (true, None),
        read => read.map(|read| (read.is_some(), read)).map_err(unknown)?,
    };
    let mut seen = of_record(store, collectors.max(usize::from(daemon.is_some())), record);
    seen.has_record = has_record;
    if let Err(error) = add_statistics(&mut seen) {
        seen.unreadable = Some(explained(&error));
    }
    #[cfg(feature = "forward")]
    {
        seen.forward = forwarded(&seen.store);
    }
    Ok(seen)
}

fn of_record(store: PathBuf, collectors: usize, record: Option<Record>) -> Seen {
    let running = collectors > 0;
    let told = |ns: fn(&Record) -> i64| record.as_ref().map(|record| moment(ns(record)));
    let (started, updated) = (told(|it| it.started_ns), told(|it| it.updated_ns));
    let since = told(|it| it.since_ns);
    let heard_ns = record.as_ref().map(|it| it.started_ns.max(it.stored_ns.unwrap_or(i64::MIN)));
    let record = record.unwrap_or_default();
    let held = if running { record.held } else { 0 };
    Seen {
        store,
        running,
        collectors,
        process: running.then_some(record.process).filter(|process| *process != 0),
        started,
        ended: record.ended.clone(),
        updated,
        every_seconds: record.interval().map(|interval| interval.as_secs_f64()),
        source: Some(record.source).filter(|source| !source.is_empty()),
        unit: record.unit,
        boot_id: record.boot_id,
        clock_synchronised: record.clock_synchronised,
        held,
        run: Polls::of(record.run, held),
        all_runs: Polls::of(record.all, held),
        since,
        last_error: record.last_error.map(Failure::from),
        failing_since: record.failing_since_ns.filter(|_| running).map(moment),
        heard_ns,
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

fn add_statistics(seen: &mut Seen) -> gaugelog::Result<()> {
    // Without maps: a look at a store in use must not end in a signal.
    let store = Options::new().positioned_reads(true).open_read_only(&seen.store)?;
    let snapshot = store.snapshot()?.skip_damage();
    let (summary, latest) = (snapshot.summary()?, latest(&snapshot)?);
    seen.observations = Some(summary.count());
    seen.mean = summary.mean();
    seen.latest = latest.map(|latest| latest.value);
    seen.latest_time = latest.map(|latest| moment(latest.timestamp_ns));
    seen.damage = damage_met(&snapshot);
    Ok(())
}
