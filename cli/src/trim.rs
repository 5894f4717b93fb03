//! `gaugelog trim`: removes the oldest observations of a store.

use std::time::Duration;

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
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (stores, retention) = (&arguments.stores, arguments.keep.retention());
    stores.each(|path| {
        let removed = Store::open(path)
            .and_then(|store| retention.apply(&store))
            .map_err(|error| in_words(&error))?;
        let text =
            format!("{}: {} observation{} removed\n", shown(path), count(removed), plural(removed));
        let object = json!({ "store": path.to_string_lossy(), "removed": removed });
        stores.form.print(&text, &object)
    })
}
