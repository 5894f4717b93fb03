//! `gaugelog trim`: removes the oldest observations of a store.

#[cfg(feature = "forward")]
use std::path::{Path, PathBuf};
use std::time::Duration;
#[cfg(feature = "forward")]
use std::time::SystemTime;

use clap::{ArgGroup, Args};
use gaugelog::Store;
use gaugelog_sources::Retention;
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
#[cfg(feature = "forward")]
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

    /// The cursors of `gaugelog forward` without which the oldest chunk would be removed for
    /// its age, by their names.
    #[cfg(feature = "forward")]
    fn held_by(self, store: &Store) -> gaugelog::Result<Vec<String>> {
        let Some(age) = self.keep else { return Ok(Vec::new()) };
        let snapshot = store.snapshot()?.skip_damage();
        let first = snapshot.first_sequence();
        let end = first.saturating_add(CHUNK);
        if end > snapshot.end_sequence() {
            return Ok(Vec::new());
        }
        let oldest = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        for found in snapshot.by_sequence(first..end) {
            if found?.1.time() >= oldest {
                return Ok(Vec::new());
            }
        }
        let name = |file: PathBuf| shown(Path::new(file.file_name().unwrap_or_default()));
        Ok(crate::forward::wanting_before(store, end).into_iter().map(name).collect())
    }

    #[cfg(not(feature = "forward"))]
    fn held_by(self, _: &Store) -> gaugelog::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (stores, retention) = (&arguments.stores, arguments.keep.retention());
    stores.each(|path| {
        let store = Store::open(path).map_err(|error| in_words(&error))?;
        let removed = retention.apply(&store).map_err(|error| in_words(&error))?;
        let held_by = arguments.keep.held_by(&store).map_err(|error| in_words(&error))?;
        let mut text =
            format!("{}: {} observation{} removed", shown(path), count(removed), plural(removed));
        if !held_by.is_empty() {
            let files = held_by.join(", ");
            text.push_str(&format!(
                "; older ones are kept, because they are not sent yet: {files}"
            ));
        }
        let path = path.to_string_lossy();
        let object = json!({ "store": path, "removed": removed, "held_by": held_by });
        stores.form.print(&(text + "\n"), &object)
    })
}
