//! `--add`: one observation, stamped now.

use std::str::FromStr;
use std::time::SystemTime;

use gaugelog::Observation;

use super::Place;
use crate::exit::Exit;
use crate::explain;
use crate::python_float;

const LOOK: &str = "simple_service --dump";

/// A number as it was given, so that an error can name it.
#[derive(Clone, Debug)]
pub(super) struct Number {
    text: String,
    value: f64,
}

impl FromStr for Number {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let value = python_float::parse(text).ok_or("not a number")?;
        Ok(Self { text: text.to_owned(), value })
    }
}

pub(super) fn run(store: &Place, number: &Number) -> Result<(), Exit> {
    let now = SystemTime::now();
    if !number.value.is_finite() {
        return Err(Exit::Error(format!(
            "{} cannot be added: an observation is a finite number (below 1.8e308 either way)",
            number.text.trim()
        )));
    }
    let opened = store.options.open(&store.path)?;
    let appended = opened.append(Observation::at(now, number.value));
    appended.map_err(|error| Exit::Error(explain::of_single_append(&error, LOOK)))?;
    Ok(())
}
