//! The stores that observations go to, and the directory for pictures: opened, made and
//! checked before the first poll.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaugelog::{ErrorKind, Options, Store};
use gaugelog_sources::escaped;
use rustix::fs::{Access, access};

use super::input::{Input, Value};
use crate::ask::stores::{self, within};
use crate::exit::Exit;
use crate::explain::way_out_of_io;
use crate::figures::{count, plural};
use crate::output::shown;

/// Nothing else is stored while an append waits for another program's.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// How many stores of a folder an error names.
const NAMED_MOST: usize = 3;

/// A store, and whether it is new; or why there is none.
pub(super) type Opened = gaugelog::Result<(Store, bool)>;

/// The store of each value. A store that cannot be opened costs its own value alone.
pub(super) fn open(inputs: &[Input], log: &Path) -> Result<Vec<Opened>, Exit> {
    let values = || inputs.iter().flat_map(|input| &input.values);
    if values().any(|value| value.directory != log) {
        make_place(log)?;
    } else if let Some(parent) = log.parent() {
        make_directory(parent)?;
    }
    Ok(values().map(open_or_create).collect())
}

/// Makes the directory for the stores of several sources.
pub(super) fn make_place(log: &Path) -> Result<(), Exit> {
    refuse_store(log)?;
    make_directory(log)
}

/// The directory of the stores of several sources is none itself.
fn refuse_store(log: &Path) -> Result<(), Exit> {
    match Options::new().open_read_only(log) {
        Ok(_) => Err(Exit::Error(format!(
            "{}: this is a store itself, and sources with names need a directory of stores; \
             name another with --log DIR",
            log.display()
        ))),
        Err(_) => Ok(()),
    }
}

/// A folder of stores is no store for a source without a name.
pub(super) fn refuse_folder(log: &Path) -> Result<(), Exit> {
    let found = within(log).unwrap_or_default();
    if found.is_empty() || found.iter().any(|path| path == log) {
        return Ok(());
    }
    let shown_of = |path: &PathBuf| stores::name(path);
    let mut names: Vec<String> = found.iter().take(NAMED_MOST).map(shown_of).collect();
    if found.len() > names.len() {
        names.push("…".to_owned());
    }
    Err(Exit::Error(format!(
        "{}: this is a folder of stores ({}); to collect into a store in there, give the source \
         a name, NAME=SPEC, or name another directory with --log DIR",
        shown(log),
        names.join(", ")
    )))
}

/// Makes a directory and those above it, where they are not there.
fn make_directory(path: &Path) -> Result<(), Exit> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(|error| cannot(path, "create the directory", &error))
}

/// Refuses a directory that no picture can be written into.
pub(super) fn check_pictures(out: &Path) -> Result<(), Exit> {
    let doing = "write the pictures there";
    let found = fs::metadata(out).map_err(|error| cannot(out, doing, &error))?;
    if !found.is_dir() {
        return Err(cannot(out, doing, &io::Error::from(io::ErrorKind::NotADirectory)));
    }
    access(out, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| cannot(out, doing, &error.into()))
}

fn cannot(path: &Path, doing: &str, error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map(|it| format!("; {it}")).unwrap_or_default();
    Exit::Error(format!("{}: cannot {doing}: {error}{way_out}", path.display()))
}

fn open_or_create(value: &Value) -> Opened {
    let path = &value.directory;
    // What is held spares a flash card.
    let options = Options::new().lock_wait(LOCK_WAIT).late_marks(value.is_held);
    // A directory that somebody made for it, such as a service's own, is empty.
    let is_absent = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotAStore);
    let absent = match options.open(path) {
        Err(error) if is_absent(error.kind()) => error,
        opened => return Ok((opened?, false)),
    };
    match options.create(path) {
        // Another program was faster, or there are other things in the directory.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let opened = options.open(path).map_err(|_| absent)?;
            Ok((opened, false))
        }
        created => Ok((created?, true)),
    }
}

/// What is collected, and into which store.
pub(super) fn introduction(description: &str, value: &Value, opened: &Opened) -> String {
    let mut text = format!("collecting {}\ninto {}", escaped(description), shown(&value.directory));
    let Ok((store, is_new)) = opened else {
        text.push_str(", which cannot be opened");
        return text;
    };
    let recovery = store.recovery();
    if *is_new {
        text.push_str(", a new store");
    } else {
        let (there, s) = (count(recovery.observations), plural(recovery.observations));
        text.push_str(&format!(", where there are {there} observation{s}"));
    }
    if recovery.dropped_bytes > 0 {
        let bytes = count(recovery.dropped_bytes);
        text.push_str(&format!(
            "\n({bytes} bytes at its end remain of an append that was never acknowledged)"
        ));
    }
    text
}
