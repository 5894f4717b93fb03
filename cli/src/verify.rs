//! `gaugelog verify`: checks every checksum of a store and recomputes its statistics.

use std::path::Path;

use clap::Args;
use gaugelog::{Error, ErrorKind, Options, Verification};
use gaugelog_sources::escaped;
use serde_json::json;

use crate::each::Stores;
use crate::exit::Exit;
use crate::explain;
use crate::figures::{count, plural};
use crate::output::shown;

const EXAMPLES: &str = "\
Examples:
  gaugelog verify room.log
  gaugelog verify house                     # each store in the folder
  gaugelog verify house --json | jq -r 'select(.damage != []) | .store'";

/// Which stores to verify; nothing in them is changed.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    stores: Stores,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let stores = &arguments.stores;
    stores.each(|path| {
        let opened = Options::new().positioned_reads(true).open_read_only(path);
        let verified = opened.and_then(|store| store.verify()).map_err(|error| {
            let exit = match error.kind() {
                // This is the command that lists all of it. Without a manifest it cannot.
                ErrorKind::Damaged => Exit::Error(error.to_string()),
                _ => in_words(&error),
            };
            let why = explain::explained(&error);
            let object = json!({ "store": path.to_string_lossy(), "unreadable": why });
            stores.form.print("", &object).err().unwrap_or(exit)
        })?;
        stores.form.print(&report(path, &verified), &object(path, &verified))?;
        match verified.is_sound() {
            true => Ok(()),
            false => Err(Exit::Error(verdict(path, &verified))),
        }
    })
}

fn object(path: &Path, verified: &Verification) -> serde_json::Value {
    let damage: Vec<String> = verified.damage.iter().map(ToString::to_string).collect();
    json!({
        "store": path.to_string_lossy(),
        "observations": verified.observations,
        "readable": verified.readable,
        "chunks": verified.chunks,
        "accepted_as_lost": verified.accepted,
        "dropped_bytes": verified.dropped_bytes,
        "damage": damage,
        "damage_unlisted": verified.damage_unlisted,
    })
}

fn report(path: &Path, verified: &Verification) -> String {
    let mut text = format!("{}: {}\n", shown(path), contents(verified));
    if verified.is_sound() {
        let left_out = match verified.accepted {
            0 => "",
            _ => "; those of a page count what was lost from it later",
        };
        text.push_str(&format!(
            "every checksum matches, and every statistic is that of the observations{left_out}\n"
        ));
    }
    for damage in &verified.damage {
        text.push_str(&format!("{}\n", escaped(&damage.to_string())));
    }
    text
}

/// What to do about a store that is damaged.
pub(crate) fn verdict(path: &Path, verified: &Verification) -> String {
    let places = verified.damage.len() as u64 + verified.damage_unlisted;
    let mut verdict = format!("the store is damaged in {} place{}", count(places), plural(places));
    if verified.damage_unlisted > 0 {
        let listed = count(verified.damage.len() as u64);
        verdict.push_str(&format!(" (the first {listed} are listed)"));
    }
    let path = shown(path);
    verdict.push_str(&format!(
        "; `gaugelog export {path}` prints what can be read, `gaugelog repair {path}` accepts \
         the loss"
    ));
    verdict
}

/// What a store holds, in a line.
fn contents(verified: &Verification) -> String {
    let (all, chunks) = (verified.observations, verified.chunks);
    let mut text = format!("{} observation{}", count(all), plural(all));
    if chunks > 0 {
        text.push_str(&format!(" in {} chunk{} and a log", count(chunks), plural(chunks)));
    }
    if verified.readable < all {
        text.push_str(&format!(", {} of them readable", count(verified.readable)));
    }
    if verified.accepted > 0 {
        let accepted = count(verified.accepted);
        text.push_str(&format!("\n({accepted} were lost earlier; a repair has accepted that)"));
    }
    if verified.dropped_bytes > 0 {
        let dropped = count(verified.dropped_bytes);
        text.push_str(&format!(
            "\n({dropped} bytes at the end remain of an append that was never acknowledged)"
        ));
    }
    text
}

/// An error about the store that the command line names.
pub(crate) fn in_words(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotAStore
            if explain::without_manifest(error).is_none() =>
        {
            Exit::Error(format!("{error}; name the directory of a store"))
        }
        _ => Exit::Error(explain::explained(error)),
    }
}
