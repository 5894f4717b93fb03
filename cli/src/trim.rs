//! `gaugelog trim`: removes the oldest observations of a store.

#[cfg(feature = "forward")]
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::{ArgGroup, Args};
use gaugelog::Store;
use gaugelog_sources::Retention;
use jiff::Timestamp;
use serde_json::json;

use crate::each::Stores;
use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::output::shown;
use crate::verify::in_words;
use crate::{duration, size};

const EXAMPLES: &str = "\
Examples:
  gaugelog trim room.log --keep 90d
  gaugelog trim room.log --keep-bytes 1GiB
  gaugelog trim house --keep 365d --keep-bytes 500MB    # each store in the folder";

/// The observations of a chunk: it is removed as a whole.
const CHUNK: u64 = 65_536;

/// What to keep.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(group = ArgGroup::new("limit").args(["keep", "keep_bytes"]).required(true).multiple(true))]
pub(crate) struct Arguments {
    #[command(flatten)]
    stores: Stores,
    #[command(flatten)]
    keep: Keep,
}

/// How much of a store is kept. Whole chunks of 65,536 observations are removed, the
/// oldest first. For its age nothing is removed that `gaugelog forward` has not sent.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Keep {
    /// Keep what is younger than this, such as 36h or 90d, and what gaugelog forward has
    /// not sent yet.
    #[arg(long, value_name = "DUR", value_parser = duration::parse)]
    pub(crate) keep: Option<Duration>,
    /// Keep at most this many bytes of chunks and log, such as 500MB or 1GiB.
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    pub(crate) keep_bytes: Option<u64>,
}

impl Keep {
    pub(crate) fn retention(self) -> Retention {
        let retention = Retention::default();
        let retention = self.keep.map_or(retention, |age| retention.age(age));
        let retention = self.keep_bytes.map_or(retention, |bytes| retention.bytes(bytes));
        #[cfg(feature = "forward")]
        let retention = retention.wanted_from(match self.keep_bytes {
            Some(_) => crate::forward::wanted_from,
            None => crate::forward::wanted_from_while_there_is_room,
        });
        retention
    }

    /// What keeps the oldest chunk from being removed for its age, and is easily overlooked.
    fn held_by(self, store: &Store) -> gaugelog::Result<HeldBy> {
        let Some(age) = self.keep else { return Ok(HeldBy::default()) };
        let snapshot = store.snapshot()?.skip_damage();
        let first = snapshot.first_sequence();
        let end = first.saturating_add(CHUNK);
        if end > snapshot.end_sequence() {
            return Ok(HeldBy::default());
        }
        let now = SystemTime::now();
        // The latest time of the chunk that has come, and the latest that has not.
        let (mut past, mut future) = (SystemTime::UNIX_EPOCH, None);
        for found in snapshot.by_sequence(first..end) {
            match found?.1.time() {
                time if time > now => future = future.max(Some(time)),
                time => past = past.max(time),
            }
        }
        if past >= now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH) {
            return Ok(HeldBy::default());
        }
        let cursors = if future.is_none() { cursors_before(store, end) } else { Vec::new() };
        Ok(HeldBy { cursors, future })
    }
}

#[derive(Default)]
struct HeldBy {
    /// The names of cursors of `gaugelog forward`.
    cursors: Vec<String>,
    /// A time that has not come yet.
    future: Option<SystemTime>,
}

#[cfg(feature = "forward")]
fn cursors_before(store: &Store, end: u64) -> Vec<String> {
    let name = |file: std::path::PathBuf| shown(Path::new(file.file_name().unwrap_or_default()));
    crate::forward::wanting_before(store, end).into_iter().map(name).collect()
}

#[cfg(not(feature = "forward"))]
fn cursors_before(_: &Store, _: u64) -> Vec<String> {
    Vec::new()
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (stores, retention) = (&arguments.stores, arguments.keep.retention());
    stores.each(|path| {
        let store = Store::open(path).map_err(|error| in_words(&error))?;
        let removed = retention.apply(&store).map_err(|error| in_words(&error))?;
        let held_by = arguments.keep.held_by(&store).map_err(|error| in_words(&error))?;
        let mut text =
            format!("{}: {} observation{} removed", shown(path), count(removed), plural(removed));
        let HeldBy { cursors, future } = held_by;
        if !cursors.is_empty() {
            let files = cursors.join(", ");
            text.push_str(&format!(
                "; older ones are kept, because they are not sent yet: {files}"
            ));
        }
        let future = future.and_then(|time| Some(Timestamp::try_from(time).ok()?.to_string()));
        if let Some(time) = &future {
            text.push_str(&format!(
                "; the oldest chunk is kept, because it has a time that has not come yet, {time}; \
                 --keep-bytes removes it"
            ));
        }
        let path = path.to_string_lossy();
        let object =
            json!({ "store": path, "removed": removed, "held_by": cursors, "future": future });
        stores.form.print(&(text + "\n"), &object)
    })
}
