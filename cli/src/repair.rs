//! `gaugelog repair`: makes a damaged store whole, without what is lost.

use clap::Args;
use gaugelog::{Repair, Store};
use serde_json::json;

use crate::each::Stores;
use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::output::shown;
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog verify room.log                  # what is damaged
  cp -a room.log room.log.before            # if the disk may still give something back
  gaugelog repair room.log";

/// Which stores to repair. A sound store stays as it is.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    stores: Stores,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let stores = &arguments.stores;
    stores.each(|path| {
        let repair = Store::repair(path).map_err(|error| in_words(&error))?;
        let object = json!({
            "store": path,
            "rewritten": repair.rewritten,
            "lost": repair.lost,
            "manifest_rebuilt": repair.is_manifest_rebuilt,
            "orphans": repair.orphans,
        });
        stores.form.print(&format!("{}: {}", shown(path), report(&repair)), &object)
    })
}

fn report(repair: &Repair) -> String {
    let mut text = match (repair.rewritten.len() as u64, repair.lost) {
        (0, _) => "nothing to repair\n".to_owned(),
        (files, 0) => {
            format!("repaired; {} file{} written anew, nothing lost\n", files, plural(files))
        }
        (files, lost) => format!(
            "repaired; {} file{} written anew, {} observation{} lost\n",
            count(files),
            plural(files),
            count(lost),
            plural(lost)
        ),
    };
    if repair.is_manifest_rebuilt {
        text.push_str("the manifest was made again from the headers of the other files\n");
    }
    for orphan in &repair.orphans {
        text.push_str(&format!("{}: belongs to nothing here; left alone\n", shown(orphan)));
    }
    text
}
