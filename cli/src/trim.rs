//! `gaugelog trim`: removes the oldest observations of a store.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use gaugelog::{Observation, Store};

use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::verify::in_words;
use crate::{duration, size};

const EXAMPLES: &str = "\
Examples:
  gaugelog trim room.log --keep 90d
  gaugelog trim room.log --keep-bytes 1GiB
  gaugelog trim room.log --keep 365d --keep-bytes 500MB";

/// What to keep.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The directory of the store; it may be in use.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    #[command(flatten)]
    keep: Keep,
}

/// How much of a store is kept. Whole chunks of 65,536 observations are removed, the
/// oldest first.
#[derive(Args, Clone, Copy, Debug)]
#[group(required = true, multiple = true)]
pub(crate) struct Keep {
    /// Keep what is younger than this, such as 36h or 90d.
    #[arg(long, value_name = "DUR", value_parser = duration::parse)]
    keep: Option<Duration>,
    /// Keep at most so many bytes, such as 500MB or 1GiB.
    #[arg(long, value_name = "BYTES", value_parser = size::parse)]
    keep_bytes: Option<u64>,
}

impl Keep {
    /// Removes the rest from `store`, and returns how many observations that were.
    pub(crate) fn trim(self, store: &Store) -> gaugelog::Result<u64> {
        let mut removed = 0;
        if let Some(keep) = self.keep {
            // Before the beginning of time there is nothing.
            let oldest = SystemTime::now().checked_sub(keep).unwrap_or(SystemTime::UNIX_EPOCH);
            removed += store.remove_before(Observation::at(oldest, 0.0).timestamp_ns)?;
        }
        if let Some(bytes) = self.keep_bytes {
            removed += store.keep_bytes(bytes)?;
        }
        Ok(removed)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let path = &arguments.store;
    let removed = Store::open(path)
        .and_then(|store| arguments.keep.trim(&store))
        .map_err(|error| in_words(&error))?;
    let text =
        format!("{}: {} observation{} removed\n", shown(path), count(removed), plural(removed));
    output::print(text.as_bytes())
}
