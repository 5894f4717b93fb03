//! `gaugelog seal`: compresses the full chunks of a store's log.

use clap::Args;
use gaugelog::Store;
use serde_json::json;

use crate::each::Stores;
use crate::exit::Exit;
use crate::output::shown;
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog seal room.log
  gaugelog seal house                       # each store in the folder
  gaugelog seal room.log && du -sh room.log";

/// Which stores to seal. Appending seals by itself: this is for a store that was filled by
/// a program that did not sync.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    stores: Stores,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let stores = &arguments.stores;
    stores.each(|path| {
        Store::open(path).and_then(|store| store.seal()).map_err(|error| in_words(&error))?;
        let object = json!({ "store": path.to_string_lossy() });
        stores.form.print(&format!("{}: sealed\n", shown(path)), &object)
    })
}
