//! How far a store was sent, for who looks at it from outside.

use std::path::{Path, PathBuf};

use gaugelog::{Options, Snapshot};
use serde::Serialize;

use super::cursor::{self, Counts, Cursor, Found, id_text};
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
            (live.unwrap_or(cursor), None)
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

    /// How long ago the oldest observation was measured that could be sent and is not.
    pub(crate) fn waiting_seconds(&self) -> Option<f64> {
        // What fills no Parquet file yet waits for more.
        let least = if self.destination.starts_with("parquet:") { CHUNK } else { 1 };
        self.behind_seconds.filter(|_| self.behind >= Some(least))
    }

    fn add_behind(&mut self, cursor: &Cursor, snapshot: &Snapshot) {
        let (first, end) = (snapshot.first_sequence(), snapshot.durable_end());
        let next = if cursor.store == id_text(snapshot.store_id()) { cursor.next } else { first };
        // The process counts them when it comes to them.
        self.counts.removed += first.saturating_sub(next);
        let next = next.max(first);
        self.behind = Some(end.saturating_sub(next));
        let oldest = snapshot.by_sequence(next..end).next().and_then(Result::ok);
        self.behind_seconds = oldest
            .map(|(_, oldest)| now_ns().saturating_sub(oldest.timestamp_ns).max(0) as f64 / 1e9);
    }
}
