//! `gaugelog repair`: makes a damaged store whole, without what is lost.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

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
        let begins_at = begins_at(path, &repair)?;
        let object = json!({
            "store": path.to_string_lossy(),
            "begins_at": begins_at,
            "rewritten": texts(&repair.rewritten),
            "lost": repair.lost,
            "loss_unknown": repair.is_loss_unknown,
            "manifest_rebuilt": repair.is_manifest_rebuilt,
            "orphans": texts(&repair.orphans),
        });
        stores.form.print(&format!("{}: {}", shown(path), report(&repair, begins_at)), &object)
    })
}

/// As JSON has them, which is UTF-8.
fn texts(paths: &[PathBuf]) -> Vec<Cow<'_, str>> {
    paths.iter().map(|path| path.to_string_lossy()).collect()
}

/// The first sequence number, where nothing states any more whether there were earlier ones.
fn begins_at(path: &Path, repair: &Repair) -> Result<Option<u64>, Exit> {
    if !repair.is_manifest_rebuilt {
        return Ok(None);
    }
    let store = Store::open_read_only(path).map_err(|error| in_words(&error))?;
    let snapshot = store.snapshot().map_err(|error| in_words(&error))?;
    Ok(Some(snapshot.first_sequence()))
}

fn report(repair: &Repair, begins_at: Option<u64>) -> String {
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
    if let Some(first) = begins_at.filter(|first| *first > 0) {
        text.push_str(&format!(
            "it begins with observation {}: those before it were removed by retention, or are lost\n",
            count(first)
        ));
    }
    let is_chunk = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "chunk");
    if repair.lost > 0 && repair.rewritten.iter().any(is_chunk) {
        text.push_str(
            "what was computed of a page before it was lost stays: its count, mean, deviation, \
             least and greatest value; of a chunk that is lost altogether nothing stays\n",
        );
    }
    for orphan in &repair.orphans {
        text.push_str(&format!("{}: {}\n", shown(orphan), of_orphan(orphan)));
    }
    text
}

/// What a file is that the store does not use.
fn of_orphan(path: &Path) -> &'static str {
    match path.extension().is_some_and(|ending| ending == "aside") {
        true => {
            "was set aside, and is not used; it may be whole, if a file was renamed or restored \
             to a wrong place: keep it until you know"
        }
        false => "belongs to nothing here; left alone",
    }
}
