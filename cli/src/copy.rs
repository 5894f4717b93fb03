//! `gaugelog copy`: a consistent copy of stores, while they are in use.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use gaugelog::{ErrorKind, Options, Store};
use gaugelog_sources::escaped;
use serde_json::json;

use crate::ask::stores;
use crate::each::{Form, each};
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::verify::{in_words, verdict};

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
    /// The directory of the copy, which must not exist yet, or be empty. For a folder: the
    /// folder of the copies, which is made if it is not there; their names in it must be free.
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
    if Store::has_files(destination).is_ok_and(|has_files| has_files) {
        return Err(Exit::Error(format!(
            "{}: this is a store, and stores are not copied into one; name a folder",
            shown(destination)
        )));
    }
    match fs::create_dir(destination) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(|error| refused(destination, &error))?,
    }
    each(&all, |path| {
        let name = path.file_name().unwrap_or(path.as_os_str());
        copy(path, &destination.join(name), *form)
    })
}

fn refused(destination: &Path, error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map_or(String::new(), |way_out| format!("; {way_out}"));
    Exit::Error(format!("{}: {error}{way_out}", shown(destination)))
}

fn copy(store: &Path, destination: &Path, form: Form) -> Result<(), Exit> {
    let copied = Store::open_read_only(store)
        .and_then(|store| store.copy_to(destination))
        .map_err(|error| match error.kind() {
            // A copy that was cut off has no manifest, and is made again, not repaired.
            ErrorKind::AlreadyExists => Exit::Error(error.to_string()),
            _ => in_words(&error),
        })?;
    // Damage is copied too.
    let copy = Options::new().positioned_reads(true).open_read_only(destination);
    let verified = copy.and_then(|copy| copy.verify()).map_err(|error| in_words(&error))?;
    let readable = verified.readable;
    let of = if readable < copied { format!(" of {}", count(copied)) } else { String::new() };
    let (shown_readable, s) = (count(readable), plural(copied));
    let text = format!("{}: {shown_readable}{of} observation{s} copied\n", shown(destination));
    let [from, to] = [store, destination].map(Path::to_string_lossy);
    let object = json!({ "store": from, "destination": to, "observations": readable });
    form.print(&text, &object)?;
    if verified.is_sound() {
        return Ok(());
    }
    for damage in &verified.damage {
        output::say("gaugelog", &escaped(&damage.to_string()));
    }
    Err(Exit::Error(format!("{}: {}", shown(destination), verdict(destination, &verified))))
}
