//! `gaugelog repair`: makes a damaged store whole, without what is lost.

use std::borrow::Cow;
use std::path::PathBuf;

use clap::Args;
use gaugelog::{ErrorKind, Repair, Store};
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
        let repair = Store::repair(path).map_err(|error| match error.kind() {
            // There is not even a log; the engine says what to do.
            ErrorKind::NotAStore => Exit::Error(error.to_string()),
            _ => in_words(&error),
        })?;
        let object = json!({
            "store": path.to_string_lossy(),
            "rewritten": texts(&repair.rewritten),
            "lost": repair.lost,
            "loss_unknown": repair.is_loss_unknown,
            "manifest_rebuilt": repair.is_manifest_rebuilt,
            "orphans": texts(&repair.orphans),
        });
        stores.form.print(&format!("{}: {}", shown(path), report(&repair)), &object)
    })
}

/// As JSON has them, which is UTF-8.
fn texts(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| path.to_string_lossy()).collect()
}

fn report(repair: &Repair) -> String {
    let files = repair.rewritten.len() as u64;
    let lost = match (repair.lost, repair.is_loss_unknown) {
        (0, false) => "nothing".to_owned(),
        (0, true) => "an unknown number of observations".to_owned(),
        (lost, is_more) => {
            let least = if is_more { "at least " } else { "" };
            format!("{least}{} observation{}", count(lost), plural(lost))
        }
    };
    let mut text = match files {
        0 => "nothing to repair\n".to_owned(),
        _ => {
            let files = format!("{} file{}", count(files), plural(files));
            format!("repaired; {files} written anew, {lost} lost\n")
        }
    };
    if repair.is_manifest_rebuilt {
        text.push_str("the manifest was made again from the headers of the other files\n");
    }
    for orphan in &repair.orphans {
        text.push_str(&format!("{}: belongs to nothing here; left alone\n", shown(orphan)));
    }
    text
}
