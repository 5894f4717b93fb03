//! What there is to say of a store without a question: its observations, its damage, its
//! collector.

use gaugelog::{ErrorKind, Observation, Snapshot, Summary};
use gaugelog_sources::{LastError, Record};
use serde_json::{Value, json};

use super::stores::Reader;
use crate::ask::info::bytes_on_disk;
use crate::ask::range::Range;
use crate::ask::stores::Named;
use crate::ask::{damage_met, latest};
use crate::explain::explained;

/// A store, as far as it can be read.
pub(super) struct Overview {
    pub(super) name: String,
    pub(super) read: Result<Read, String>,
    pub(super) collector: Option<Collector>,
}

/// What a store holds.
pub(super) struct Read {
    pub(super) summary: Summary,
    /// The last to arrive.
    pub(super) latest: Option<Observation>,
    pub(super) first_sequence: u64,
    pub(super) end_sequence: u64,
    /// The damage that opening and summarising met, in words.
    pub(super) damage: Vec<String>,
}

/// What collects into it, or did so last.
pub(super) struct Collector {
    pub(super) is_running: bool,
    pub(super) record: Record,
}

impl Overview {
    pub(super) fn of(reader: &Reader<'_>, store: &Named) -> Self {
        let record = Record::read(&store.path).ok().flatten();
        let collector = record.map(|record| {
            let running = Record::kept_now(&store.path);
            Collector { is_running: running.is_ok_and(|count| count > 0), record }
        });
        let read = Read::of(reader, store).or_else(|error| match error.kind() {
            // What is removed while it is read is not in the next snapshot.
            ErrorKind::Removed => Read::of(reader, store),
            _ => Err(error),
        });
        let read = read.map_err(|error| explained(&error));
        Self { name: store.name.clone(), read, collector }
    }

    /// With the same names as `gaugelog info --json` and `gaugelog status --json`.
    pub(super) fn to_json(&self, range: &Range) -> Value {
        let (read, unreadable) = match &self.read {
            Ok(read) => (Some(read), None),
            Err(why) => (None, Some(why)),
        };
        let mut object = json!({
            "store": self.name,
            "collector": self.collector.as_ref().map(|it| it.to_json(range)),
            "unreadable": unreadable,
        });
        let Some(Read { summary, latest, first_sequence, end_sequence, damage }) = read else {
            return object;
        };
        let observation = |it: Observation| {
            let (time, time_ns) = (range.text(it.timestamp_ns), it.timestamp_ns);
            json!({ "time": time, "time_ns": time_ns, "value": it.value })
        };
        object["observations"] = summary.count().into();
        object["removed"] = (*first_sequence).into();
        object["next"] = (*end_sequence).into();
        object["first"] = summary.first().map(observation).into();
        object["last"] = summary.last().map(observation).into();
        object["latest"] = latest.map(observation).into();
        object["min"] = summary.min().into();
        object["mean"] = summary.mean().into();
        object["max"] = summary.max().into();
        object["damage"] = damage.as_slice().into();
        object
    }
}

impl Read {
    fn of(reader: &Reader<'_>, store: &Named) -> gaugelog::Result<Self> {
        let snapshot = reader.snapshot(store)?;
        let summary = snapshot.summary()?;
        let latest = latest(&snapshot)?;
        let (first_sequence, end_sequence) = (snapshot.first_sequence(), snapshot.end_sequence());
        let damage = damage_met(&snapshot);
        Ok(Self { summary, latest, first_sequence, end_sequence, damage })
    }
}

impl Collector {
    fn to_json(&self, range: &Range) -> Value {
        let Record { source, run, all, last_error, failing_since_ns, .. } = &self.record;
        let error = |it: &LastError| json!({ "time": range.text(it.time_ns), "text": it.text });
        json!({
            "running": self.is_running,
            "source": source,
            "every_seconds": self.record.interval().map(|interval| interval.as_secs_f64()),
            "run": run,
            "all_runs": all,
            "last_error": last_error.as_ref().map(error),
            "failing_since": failing_since_ns.filter(|_| self.is_running).map(|it| range.text(it)),
        })
    }
}

/// What the answers of a snapshot lack because of damage, in words.
pub(super) fn missing(snapshot: &Snapshot) -> Vec<String> {
    snapshot.missing().iter().map(ToString::to_string).collect()
}

/// What the files of a store take.
pub(super) fn bytes(store: &Named) -> Option<u64> {
    bytes_on_disk(&store.path).ok()
}
