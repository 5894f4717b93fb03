//! Files of sources, in TOML: `docs/configuration.md` explains them.
//!
//! ```text
//! files ─▶ Document ─▶ Terms, the defaults of a file
//!              ├─────▶ Entry, a source: what it is, its values, its own Terms
//!              └─────▶ Forward, a destination: where to, which stores, how
//! ```
//!
//! Two configurations are compared source by source: what is equal goes on. So an
//! [`Entry`] holds all that makes a difference to its source, also what the files that it
//! names hold, and not the line that it stands in.

pub(crate) mod check;
mod document;
mod entry;
mod files;
mod forward;
mod terms;

use std::collections::HashMap;
use std::path::PathBuf;

use document::{Document, Field, fields};
pub(crate) use entry::Entry;
pub(crate) use forward::Forward;
use terms::{KEYS, Terms, unknown};

use crate::exit::Exit;
use crate::output;

/// What the files of a configuration say.
pub(crate) struct Configuration {
    pub(crate) sources: Vec<Configured>,
    pub(crate) destinations: Vec<Destination>,
}

/// A destination, the stores that it gets, and where it stands.
pub(crate) struct Destination {
    pub(crate) forward: Forward,
    pub(crate) stores: Vec<String>,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

/// A source, and where it stands.
pub(crate) struct Configured {
    pub(crate) entry: Entry,
    /// `FILE:LINE`.
    pub(crate) place: String,
}

/// All that is wrong with a configuration: a line each, with file, line and way out.
#[derive(Debug)]
pub(crate) struct Wrong(pub(crate) Vec<String>);

impl From<Wrong> for Exit {
    fn from(Wrong(mut problems): Wrong) -> Self {
        match problems.pop() {
            Some(only) if problems.is_empty() => Self::Error(only),
            last => {
                for problem in problems.into_iter().chain(last) {
                    output::say("gaugelog", &format!("error: {problem}"));
                }
                Self::Told
            }
        }
    }
}

/// Reads the files; a directory stands for each `*.toml` in it. Everything is checked, but
/// whether a source answers.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Configuration, Wrong> {
    load_with(paths, |_| {}).map(|(configuration, _)| configuration)
}

/// The same from outside of the service: what may be a credential that only the service gets
/// may be absent, and is listed.
fn load_without_credentials(paths: &[PathBuf]) -> Result<(Configuration, Vec<String>), Wrong> {
    load_with(paths, Document::allow_absent)
}

fn load_with(
    paths: &[PathBuf],
    prepare: impl Fn(&mut Document),
) -> Result<(Configuration, Vec<String>), Wrong> {
    let files = files::listed(paths).map_err(|problem| Wrong(vec![problem]))?;
    let (mut documents, mut problems) = (Vec::new(), Vec::new());
    for path in &files {
        match Document::read(path) {
            Ok(mut document) => {
                prepare(&mut document);
                documents.push(document);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let (mut sources, mut forwards) = (Vec::new(), Vec::new());
    for document in &documents {
        read(document, &mut sources, &mut forwards, &mut problems);
    }
    problems.extend(clashes(&sources));
    // A source that is wrong is no store that is missing.
    let destinations = match problems.is_empty() {
        true => destinations(forwards, &sources, &mut problems),
        false => Vec::new(),
    };
    if problems.is_empty() && sources.is_empty() {
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        problems.push(format!("{}: there is no source; write a [source.NAME]", names.join(", ")));
    }
    match problems.is_empty() {
        true => {
            let absent = documents.into_iter().flat_map(Document::absent).collect();
            Ok((Configuration { sources, destinations }, absent))
        }
        false => Err(Wrong(problems)),
    }
}

/// Reads what one file says.
fn read(
    document: &Document,
    sources: &mut Vec<Configured>,
    forwards: &mut Vec<(Forward, String)>,
    problems: &mut Vec<String>,
) {
    let table = match document.parse() {
        Ok(table) => table,
        Err(problem) => return problems.push(problem),
    };
    let (tables, others): (Vec<Field<'_>>, Vec<Field<'_>>) =
        fields(document, table.get_ref()).into_iter().partition(|field| field.key == "source");
    let (lists, settings): (Vec<Field<'_>>, Vec<Field<'_>>) =
        others.into_iter().partition(|field| field.key == "forward");
    for list in lists {
        match list.tables() {
            Err(problem) => problems.push(problem),
            Ok(tables) => {
                for table in tables {
                    match Forward::read(&table) {
                        Ok(forward) => forwards.push((forward, table.place())),
                        Err(all) => problems.extend(all),
                    }
                }
            }
        }
    }
    let mut defaults = Terms::default();
    for field in &settings {
        if let Err(problem) = heed_default(&mut defaults, field) {
            problems.push(problem);
        }
    }
    for source in tables {
        match source.table() {
            Err(_) => problems.push(source.wrong_key("write a table for each, [source.NAME]")),
            Ok(fields) => {
                for field in fields {
                    match Entry::read(&field, &defaults) {
                        Ok(entry) => sources.push(Configured { entry, place: field.place() }),
                        Err(all) => problems.extend(all),
                    }
                }
            }
        }
    }
}

/// Heeds a key at the top of a file.
fn heed_default(defaults: &mut Terms, field: &Field<'_>) -> Result<(), String> {
    match KEYS.iter().find(|key| key.name == field.key) {
        Some(key) if key.may_be_default => defaults.heed(field),
        Some(_) => Err(field.wrong_key("this is for one source; write it below its [source.NAME]")),
        None => {
            let defaults = KEYS.iter().filter(|key| key.may_be_default).map(|key| key.name);
            let known: Vec<&str> = defaults.chain(["source", "forward"]).collect();
            Err(unknown(field, &known, "the top of a file"))
        }
    }
}

/// The destinations with their stores; no two have one cursor in one store.
fn destinations(
    forwards: Vec<(Forward, String)>,
    sources: &[Configured],
    problems: &mut Vec<String>,
) -> Vec<Destination> {
    let values = sources.iter().flat_map(|source| &source.entry.values);
    let all: Vec<&str> = values.map(|value| value.name.as_str()).collect();
    let mut destinations: Vec<Destination> = Vec::new();
    for (forward, place) in forwards {
        let stores = match forward.of(&all) {
            Ok(stores) => stores,
            Err(why) => {
                problems.push(format!("{place}: forward: {why}"));
                continue;
            }
        };
        let cursor = forward.destination.cursor_name();
        let shares = |it: &&Destination| {
            it.forward.destination.cursor_name() == cursor
                && it.stores.iter().any(|store| stores.contains(store))
        };
        if let Some(other) = destinations.iter().find(shares) {
            problems.push(format!(
                "{place}: forward: the destination at {} has the cursor {cursor} too; give one of \
                 them another, cursor = \"NAME\"",
                other.place
            ));
        }
        destinations.push(Destination { forward, stores, place });
    }
    destinations
}

/// Names that there are twice, and a second standard input.
fn clashes(sources: &[Configured]) -> Vec<String> {
    let mut problems = Vec::new();
    let (mut named, mut stored) = (HashMap::new(), HashMap::new());
    let mut input = None;
    for Configured { entry, place } in sources {
        if let Some(other) = named.insert(&entry.name, place) {
            let name = &entry.name;
            problems.push(format!("{place}: {name}: it is at {other} too; rename one of them"));
            continue;
        }
        for value in &entry.values {
            if let Some(other) = stored.insert(&value.name, place) {
                let name = &value.name;
                problems.push(format!(
                    "{place}: {name}: a value of the source at {other} is called so too, and \
                     has the same store; rename one of them"
                ));
            }
        }
        if entry.is_standard_input()
            && let Some(other) = input.replace(place)
        {
            problems.push(format!("{place}: stdin: it is at {other} too; there is only one"));
        }
    }
    problems
}

#[cfg(test)]
mod tests;
