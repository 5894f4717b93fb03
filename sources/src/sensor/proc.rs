//! The load of the machine: load averages, and pressure stall information.

use std::path::Path;

use super::{Gauge, attribute, wrong_form};
use crate::quote::quoted;
use crate::source::SourceError;

const QUOTED_CHARS_MAX: usize = 80;

const MINUTES: [&str; 3] = ["1", "5", "15"];
const RESOURCES: [&str; 3] = ["cpu", "memory", "io"];
const SHARES: [&str; 2] = ["some", "full"];
const FIGURES: [&str; 4] = ["avg10", "avg60", "avg300", "total"];

/// The load average over a number of minutes.
#[derive(Debug)]
pub(super) struct LoadAverage {
    /// The index in the file.
    field: usize,
}

impl LoadAverage {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        match MINUTES.iter().position(|minutes| *minutes == rest) {
            Some(field) => Ok(Self { field }),
            None => Err(wrong_form(rest, "loadavg/1, loadavg/5 or loadavg/15")),
        }
    }
}

impl Gauge for LoadAverage {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.read(root).map(|_| "")
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let path = root.join("proc/loadavg");
        let text = attribute::text(&path)?;
        let field = text.split_whitespace().nth(self.field);
        field.and_then(attribute::finite).ok_or_else(|| unclear(&path, &text))
    }
}

/// How much work waits for a resource.
#[derive(Debug)]
pub(super) struct Pressure {
    resource: &'static str,
    share: &'static str,
    figure: &'static str,
}

impl Pressure {
    pub(super) fn parse(rest: &str) -> Result<Self, SourceError> {
        const FORM: &str = "pressure/(cpu|memory|io)/(some|full)/(avg10|avg60|avg300|total)";
        let one_of = |known: &[&'static str], part: Option<&str>| {
            known.iter().copied().find(|known| Some(*known) == part)
        };
        let mut parts = rest.split('/');
        let parsed = (
            one_of(&RESOURCES, parts.next()),
            one_of(&SHARES, parts.next()),
            one_of(&FIGURES, parts.next()),
            parts.next(),
        );
        match parsed {
            (Some(resource), Some(share), Some(figure), None) => {
                Ok(Self { resource, share, figure })
            }
            _ => Err(wrong_form(rest, FORM)),
        }
    }
}

impl Gauge for Pressure {
    fn find(&mut self, root: &Path) -> Result<&'static str, SourceError> {
        self.read(root).map(|_| unit(self.figure))
    }

    fn read(&mut self, root: &Path) -> Result<f64, SourceError> {
        let path = root.join("proc/pressure").join(self.resource);
        let text = attribute::text(&path)?;
        let figure = text
            .lines()
            .map(str::split_whitespace)
            .find_map(|mut words| (words.next() == Some(self.share)).then_some(words))
            .and_then(|mut words| {
                words.find_map(|word| word.strip_prefix(self.figure)?.strip_prefix('='))
            });
        figure.and_then(attribute::finite).ok_or_else(|| unclear(&path, &text))
    }
}

fn unit(figure: &str) -> &'static str {
    if figure == "total" { "microseconds" } else { "percent of the time" }
}

/// What a machine may show about itself: the name in a spec, and the unit.
pub(super) fn names() -> impl Iterator<Item = (String, &'static str)> {
    let load = MINUTES.iter().map(|minutes| (format!("loadavg/{minutes}"), ""));
    let pressure = RESOURCES.iter().flat_map(|resource| {
        SHARES.iter().flat_map(move |share| {
            FIGURES
                .iter()
                .map(move |figure| (format!("pressure/{resource}/{share}/{figure}"), unit(figure)))
        })
    });
    load.chain(pressure)
}

fn unclear(path: &Path, text: &str) -> SourceError {
    let found = quoted(text.as_bytes(), QUOTED_CHARS_MAX);
    SourceError::new(format!("{}: no such figure in \"{found}\"", path.display()))
}
