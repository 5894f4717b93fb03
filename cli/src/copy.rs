//! `gaugelog copy`: a consistent copy of a store, while it is in use.

use std::path::PathBuf;

use clap::Args;
use gaugelog::Store;

use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog copy room.log /backup/room.log
  gaugelog copy room.log \"room-$(date +%F).log\"
  gaugelog copy room.log /mnt/stick/room.log && gaugelog verify /mnt/stick/room.log";

/// What to copy, and where to.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The directory of the store; programs may go on appending to it.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The directory of the copy, which must not exist yet, or be empty.
    #[arg(value_name = "DEST")]
    destination: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let Arguments { store, destination } = arguments;
    let copied = Store::open_read_only(store)
        .and_then(|store| store.copy_to(destination))
        .map_err(|error| in_words(&error))?;
    let text =
        format!("{}: {} observation{} copied\n", shown(destination), count(copied), plural(copied));
    output::print(text.as_bytes())
}
