//! Commands that do the same to each of several stores.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::ask::stores;
use crate::exit::Exit;
use crate::json;
use crate::output;

/// Which stores, and how to print what was done to them.
#[derive(Args, Debug)]
pub(crate) struct Stores {
    /// Stores, or folders of stores; they may be in use.
    #[arg(value_name = "STORE", required = true)]
    stores: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) form: Form,
}

/// How to print.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Form {
    /// Print JSON, an object a line for each store.
    #[arg(long)]
    json: bool,
}

impl Form {
    /// Prints a line for people, or the object for programs.
    pub(crate) fn print(self, text: &str, object: &impl Serialize) -> Result<(), Exit> {
        if !self.json {
            return output::print(text.as_bytes());
        }
        let line = serde_json::to_string(object)
            .map_err(|error| Exit::Error(format!("cannot be written as JSON: {error}")))?;
        output::print((json::harmless(line) + "\n").as_bytes())
    }
}

impl Stores {
    /// Does `work` to each store.
    pub(crate) fn each(&self, mut work: impl FnMut(&Path) -> Result<(), Exit>) -> Result<(), Exit> {
        let mut found = Vec::new();
        for path in &self.stores {
            found.extend(stores::at(path)?);
        }
        each(&found, |path| work(path))
    }
}

/// Does `work` to each of them. What fails for one is reported, and the others are done
/// all the same.
pub(crate) fn each<T>(
    all: impl IntoIterator<Item = T>,
    mut work: impl FnMut(T) -> Result<(), Exit>,
) -> Result<(), Exit> {
    let mut outcome = Ok(());
    for one in all {
        match work(one) {
            Ok(()) => {}
            Err(Exit::Told) => outcome = Err(Exit::Told),
            Err(Exit::Error(why)) => {
                output::say("gaugelog", &format!("error: {why}"));
                outcome = Err(Exit::Told);
            }
            Err(other) => return Err(other),
        }
    }
    outcome
}
