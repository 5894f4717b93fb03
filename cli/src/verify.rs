//! `gaugelog verify`: checks every checksum of a store and recomputes its statistics.

use std::path::PathBuf;

use clap::Args;
use gaugelog::{Error, ErrorKind, Options, Verification};
use gaugelog_sources::escaped;

use crate::exit::Exit;
use crate::explain;
use crate::figures::{count, plural};
use crate::output::{self, shown};

/// Which store to verify.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The directory of the store; nothing in it is changed, and it may be in use.
    #[arg(value_name = "STORE")]
    store: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let path = &arguments.store;
    let opened = Options::new().positioned_reads(true).open_read_only(path);
    let verified = opened.and_then(|store| store.verify()).map_err(|error| in_words(&error))?;
    let mut text = format!("{}: {}\n", shown(path), contents(&verified));
    if verified.is_sound() {
        text.push_str("every checksum matches, and every statistic is that of the observations\n");
        return output::print(text.as_bytes());
    }
    for damage in &verified.damage {
        text.push_str(&format!("{}\n", escaped(&damage.to_string())));
    }
    output::print(text.as_bytes())?;
    let places = verified.damage.len() as u64 + verified.damage_unlisted;
    let (s, are) = if places == 1 { ("", "is") } else { ("s", "are") };
    let mut verdict =
        format!("{} place{s} of the store {are} not as it was written", count(places));
    if verified.damage_unlisted > 0 {
        let listed = count(verified.damage.len() as u64);
        verdict.push_str(&format!(" (the first {listed} are listed)"));
    }
    let path = shown(path);
    verdict.push_str(&format!(
        "; `simple_service --log {path} --dump` prints what can be read, \
         `gaugelog repair {path}` accepts the loss"
    ));
    Err(Exit::Error(verdict))
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
        ErrorKind::NotFound | ErrorKind::NotAStore => {
            Exit::Error(format!("{error}; name the directory of a store"))
        }
        _ => Exit::Error(explain::explained(error)),
    }
}
