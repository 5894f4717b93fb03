//! `gaugelog copy`: a consistent copy of stores, while they are in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use gaugelog::{ErrorKind, Options, Store};
use serde_json::json;

use crate::ask::{reported, stores};
use crate::each::{Form, each};
use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::output::shown;
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog copy room.log /backup/room.log
  gaugelog copy house /backup/house         # each store in the folder
  gaugelog copy room.log \"room-$(date +%F).log\"";

/// What to copy, and where to.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// A store, or a folder of stores; programs may go on appending.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The directory of the copy, which must not exist yet, or be empty. The copies of a
    /// folder's stores have their names in there.
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    #[command(flatten)]
    form: Form,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let Arguments { store, destination, form } = arguments;
    let all = stores::at(store)?;
    if all.contains(store) {
        return copy(store, destination, *form);
    }
    match fs::create_dir(destination) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(Exit::Error(format!("{}: {error}", shown(destination))));
        }
        _ => {}
    }
    each(&all, |path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        copy(path, &destination.join(name), *form)
    })
}

fn copy(store: &Path, destination: &Path, form: Form) -> Result<(), Exit> {
    let copied = Store::open_read_only(store)
        .and_then(|store| store.copy_to(destination))
        .map_err(|error| match error.kind() {
            // A copy that was cut off has no manifest, and is made again, not repaired.
            ErrorKind::AlreadyExists => Exit::Error(error.to_string()),
            _ => in_words(&error),
        })?;
    let text =
        format!("{}: {} observation{} copied\n", shown(destination), count(copied), plural(copied));
    let [from, to] = [store, destination].map(Path::to_string_lossy);
    let object = json!({ "store": from, "destination": to, "observations": copied });
    form.print(&text, &object)?;
    // Damage is copied too. Statistics meet that of the log; `verify` finds the rest.
    let copy = Options::new().snapshot(destination).map(|copy| copy.skip_damage());
    let copy = copy.and_then(|copy| copy.summary().map(|_| copy));
    reported(&copy.map_err(|error| in_words(&error))?)
}
