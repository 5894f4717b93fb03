//! `gaugelog verify`: takes every checksum of a store, and computes its statistics
//! again.

use std::path::PathBuf;

use clap::Args;
use gaugelog::{Damage, Error, ErrorKind, Options, Verification};

use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::{explain, output};

/// Which store to verify.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// The directory of the store; nothing in it is changed, and it may be in use.
    #[arg(value_name = "DIR")]
    store: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let path = &arguments.store;
    let opened = Options::new().positioned_reads(true).open_read_only(path);
    let verified = opened.and_then(|store| store.verify()).map_err(|error| in_words(&error))?;
    let mut text = format!("{}: {}\n", path.display(), contents(&verified));
    if verified.is_sound() {
        text.push_str("every checksum holds, and the statistics are those of the observations\n");
        return output::print(text.as_bytes());
    }
    for damage in &verified.damage {
        text.push_str(&format!("{}\n", told(damage)));
    }
    output::print(text.as_bytes())?;
    let places = verified.damage.len() as u64 + verified.damage_unlisted;
    let (s, are) = if places == 1 { ("", "is") } else { ("s", "are") };
    let mut verdict = format!("{} place{s} of the store {are} not as written", count(places));
    if verified.damage_unlisted > 0 {
        verdict
            .push_str(&format!(" (the first {} are listed)", count(verified.damage.len() as u64)));
    }
    verdict.push_str("; what can be read, `simple_service --log DIR --dump` prints");
    Err(Exit::Error(verdict))
}

/// What a store holds, in a line.
fn contents(verified: &Verification) -> String {
    let (all, segments) = (verified.observations, verified.segments as u64);
    let mut text = format!(
        "{} observation{} in {} segment{}",
        count(all),
        plural(all),
        count(segments),
        plural(segments)
    );
    if verified.readable < all {
        text.push_str(&format!(", of which {} can be read", count(verified.readable)));
    }
    if verified.dropped_bytes > 0 {
        let dropped = count(verified.dropped_bytes);
        text.push_str(&format!(
            "\n({dropped} bytes at its end are the remains of an append that was cut off)"
        ));
    }
    text
}

fn told(damage: &Damage) -> String {
    Error::from(damage.clone()).to_string()
}

fn in_words(error: &Error) -> Exit {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotAStore => {
            Exit::Error(format!("{error}; name the directory of a store"))
        }
        _ => Exit::Error(explain::explained(error)),
    }
}
