//! How far a store was sent, for who looks at it from outside.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use gaugelog::{Options, Snapshot};
use serde::Serialize;

use super::cursor::{self, Counts, Cursor, Found};
use super::delivery::now_ns;
use crate::utc::moment;

/// The observations of a Parquet file.
const CHUNK: u64 = 65_536;

/// A store and one of its destinations. Moments are RFC 3339, in UTC, to the second.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Forwarded {
    pub(crate) destination: String,
    /// The file of the cursor.
    #[serde(serialize_with = "crate::json::path")]
    pub(crate) cursor: PathBuf,
    /// Whether a process forwards.
    pub(crate) running: bool,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// How many observations are durable and not sent; none if that is not known.
    pub(crate) behind: Option<u64>,
    /// How long ago the oldest of them was measured.
    pub(crate) behind_seconds: Option<f64>,
    /// For how long something could have been sent and was not.
    #[serde(skip)]
    pub(crate) waiting_seconds: Option<f64>,
    pub(crate) failing_since: Option<String>,
    pub(crate) last_error_time: Option<String>,
    pub(crate) last_error: Option<String>,
    pub(crate) next_try: Option<String>,
    /// Why the cursor cannot be believed: everything will be sent again.
    pub(crate) corrupt: Option<String>,
}

/// The destinations of a store, in the order of their cursors' names.
pub(crate) fn forwarded(store: &Path) -> Vec<Forwarded> {
    let files = cursor::files(store);
    if files.is_empty() {
        return Vec::new();
    }
    let snapshot = Options::new().positioned_reads(true).snapshot(store).ok();
    files.into_iter().filter_map(|file| look(file, snapshot.as_ref())).collect()
}

fn look(file: PathBuf, snapshot: Option<&Snapshot>) -> Option<Forwarded> {
    let running = cursor::is_taken(&file);
    let (cursor, corrupt) = match cursor::load(&file) {
        Ok(Found::Cursor(cursor)) => {
            let live = if running { cursor::shown_by_process(&cursor) } else { None };
            (live.unwrap_or(*cursor), None)
        }
        Ok(Found::Corrupt(why)) => (Cursor::default(), Some(why)),
        Ok(Found::None) => return None,
        Err(error) => (Cursor::default(), Some(error.to_string())),
    };
    let mut seen = Forwarded { cursor: file, running, corrupt, ..Forwarded::of(&cursor) };
    if let Some(snapshot) = snapshot {
        seen.add_behind(&cursor, snapshot);
    }
    Some(seen)
}

impl Forwarded {
    fn of(cursor: &Cursor) -> Self {
        let reception = &cursor.reception;
        let error = reception.last_error.as_ref();
        Self {
            destination: cursor.destination.clone(),
            counts: cursor.counts,
            failing_since: reception.failing_since_ns.map(moment),
            last_error_time: error.map(|error| moment(error.time_ns)),
            last_error: error.map(|error| error.text.clone()),
            next_try: reception.next_try_ns.map(moment),
            ..Self::default()
        }
    }

    fn add_behind(&mut self, cursor: &Cursor, snapshot: &Snapshot) {
        let (first, end) = (snapshot.first_sequence(), snapshot.durable_end());
        let next = if cursor.is_of(snapshot) { cursor.next } else { first };
        // The process counts them when it comes to them.
        self.counts.removed += first.saturating_sub(next);
        let next = next.max(first);
        self.behind = Some(end.saturating_sub(next));
        // Of the first that can be read.
        let time_of = |sequence| {
            let row = snapshot.by_sequence(sequence..end).find_map(Result::ok);
            row.map(|(_, row)| row.timestamp_ns)
        };
        self.behind_seconds = time_of(next).map(seconds_since);
        // What fills no Parquet file yet waits for more.
        let last_of_file = (next / CHUNK + 1) * CHUNK - 1;
        let is_parquet = self.destination.starts_with("parquet:");
        let wanted = if is_parquet { last_of_file } else { next };
        // What was measured long ago may have been stored since a process last forwarded.
        self.waiting_seconds = (wanted < end).then(|| {
            let saved = saved_ns(&self.cursor);
            seconds_since(time_of(wanted).map_or(saved, |time_ns| time_ns.max(saved)))
        });
    }
}

/// When the file of a cursor was last written.
fn saved_ns(cursor: &Path) -> i64 {
    let saved = std::fs::metadata(cursor).and_then(|it| it.modified()).ok();
    let since = saved.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
    since.and_then(|it| i64::try_from(it.as_nanos()).ok()).unwrap_or(0)
}

fn seconds_since(time_ns: i64) -> f64 {
    now_ns().saturating_sub(time_ns).max(0) as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use gaugelog::{Observation, Store};

    use super::*;

    fn waiting(destination: &str, observations: u32) -> Option<f64> {
        waiting_after(destination, observations, |_| {})
    }

    /// Of observations of 1970, after something happened to the store, and a cursor that was
    /// saved two hours ago.
    fn waiting_after(destination: &str, observations: u32, what: fn(&Path)) -> Option<f64> {
        let dir = tempfile::tempdir().unwrap();
        let cursor = dir.path().join("forward-hub.json");
        let file = std::fs::File::create(&cursor).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(7200)).unwrap();
        let store = Store::create(dir.path().join("store")).unwrap();
        let rows = (0..observations).map(|n| Observation::new(n.into(), 1.0));
        store.append_batch(&rows.collect::<Vec<_>>()).unwrap();
        let destination = destination.to_owned();
        let mut seen = Forwarded { destination, cursor, ..Forwarded::default() };
        let path = store.path().to_owned();
        drop(store);
        what(&path);
        seen.add_behind(&Cursor::default(), &Options::new().snapshot(&path).unwrap());
        seen.waiting_seconds
    }

    #[test]
    fn what_could_be_sent_waits_since_a_process_last_forwarded() {
        let is_two_hours = |found: Option<f64>| found.is_some_and(|it| it.round() == 7200.0);
        assert!(is_two_hours(waiting("http://hub/", 1)));
        assert!(is_two_hours(waiting("parquet:lake", 65_536)));
        assert_eq!(waiting("parquet:lake", 65_535), None);
        assert_eq!(waiting("http://hub/", 0), None);
    }

    #[test]
    fn what_is_damaged_waits_too() {
        let is_two_hours = |found: Option<f64>| found.is_some_and(|it| it.round() == 7200.0);
        let damage = |store: &Path| {
            let files = std::fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
            let is_chunk = |path: &PathBuf| path.extension().is_some_and(|it| it == "chunk");
            let chunk = files.into_iter().find(is_chunk).unwrap();
            let mut bytes = std::fs::read(&chunk).unwrap();
            bytes.iter_mut().for_each(|byte| *byte ^= 1);
            std::fs::write(chunk, bytes).unwrap();
        };
        assert!(is_two_hours(waiting_after("http://hub/", 65_536, damage)));
        assert!(is_two_hours(waiting_after("http://hub/", 70_000, damage)));
        assert!(is_two_hours(waiting_after("parquet:lake", 65_536, damage)));
        assert_eq!(waiting_after("parquet:lake", 65_535, |_| {}), None);
    }
}
