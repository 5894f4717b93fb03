//! `gaugelog seal`: compresses the full chunks of a store's log.

use std::path::PathBuf;

use clap::Args;
use gaugelog::Store;

use crate::exit::Exit;
use crate::output::{self, shown};
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog seal room.log
  for store in house/*; do gaugelog seal \"$store\"; done
  gaugelog seal room.log && du -sh room.log";

/// Which store to seal.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The directory of the store; it may be in use. Appending seals by itself: this is
    /// for a store that was filled by a program that did not sync.
    #[arg(value_name = "STORE")]
    store: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let path = &arguments.store;
    Store::open(path).and_then(|store| store.seal()).map_err(|error| in_words(&error))?;
    output::print(format!("{}: sealed\n", shown(path)).as_bytes())
}
