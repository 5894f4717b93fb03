//! `gaugelog config check`: says what is understood of files of sources.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use gaugelog_sources::{Pace, Source, escaped};

use super::terms::Terms;
use super::{Configuration, Configured, Destination, Entry, load_without_credentials};
use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::{duration, output, size};

const EXAMPLES: &str = "\
Examples:
  gaugelog config check house.toml
  gaugelog config check /etc/gaugelog          each *.toml in there, as the service reads it
  gaugelog config check new.toml && systemctl reload gaugelog";

/// What to do with files of sources.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read files of sources as `gaugelog collect --config` does, print what is understood
    /// of them, and exit 1 if anything is wrong. No source is polled. A file that may be a
    /// credential of the service is a warning if it is absent.
    #[command(after_help = EXAMPLES)]
    Check {
        /// The files; a directory stands for each *.toml in it.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let Command::Check { files } = &arguments.command;
    let (Configuration { sources, destinations }, absent) = load_without_credentials(files)?;
    for warning in absent {
        output::say("gaugelog", &format!("warning: {warning}"));
    }
    let (mut text, mut stores) = (String::new(), 0);
    for Configured { entry, place } in &sources {
        let source = entry.open(Arc::default()).map_err(Exit::Error)?;
        text.push_str(&format!("{place}: {}\n", entry.name));
        for (name, what) in rows(entry, &source) {
            text.push_str(&format!("  {name:<22}  {}\n", escaped(&what)));
        }
        stores += entry.values.len() as u64;
    }
    for Destination { forward, stores, place } in &destinations {
        text.push_str(&format!("{place}: forward to {}\n", forward.destination.shown()));
        for (name, what) in forward.rows(stores) {
            text.push_str(&format!("  {name:<22}  {}\n", escaped(&what)));
        }
    }
    let number = |number: u64, what: &str| format!("{} {what}{}", count(number), plural(number));
    let (found, sent) = (sources.len() as u64, destinations.len() as u64);
    let sent = if sent > 0 { format!(", {}", number(sent, "destination")) } else { String::new() };
    let (found, stores) = (number(found, "source"), number(stores, "store"));
    text.push_str(&format!("{found}, {stores}{sent}: nothing is wrong\n"));
    output::print(text.as_bytes())
}

/// The values, and the keys that hold for them, but for what is so anyway.
fn rows(entry: &Entry, source: &dyn Source) -> Vec<(String, String)> {
    let value = |(at, value): (usize, &super::entry::Value)| {
        let unit = source.unit(at).map(|unit| format!(", in {unit}")).unwrap_or_default();
        (format!("store {}", value.name), source.value_description(at) + &unit)
    };
    let values = entry.values.iter().enumerate().map(value);
    let keys = keys(&entry.terms, source.pace() == Pace::Scheduled);
    values.chain(keys.into_iter().map(|(name, what)| (name.to_owned(), what))).collect()
}

fn keys(terms: &Terms, is_polled: bool) -> Vec<(&'static str, String)> {
    let flag = |is_set: bool| is_set.then(|| "true".to_owned());
    let usual = Terms::default();
    let polled = |text: String| is_polled.then_some(text);
    let names: Vec<&str> = terms.headers.names().collect();
    let keys = [
        ("every", polled(duration::text(terms.every))),
        ("deadline", polled(duration::text(terms.deadline))),
        ("align", flag(terms.align && is_polled)),
        ("jitter", flag(terms.jitter && is_polled)),
        ("retry_max", terms.retry_max.map(duration::text).filter(|_| is_polled)),
        ("sync", terms.sync.map(duration::text)),
        ("keep", terms.keep.map(duration::text)),
        ("keep_bytes", terms.keep_bytes.map(size::text)),
        ("headers", (!names.is_empty()).then(|| names.join(", "))),
        ("body", terms.body.as_ref().map(|body| format!("{} bytes, by POST", body.len()))),
        ("ca_file", terms.ca_file.as_ref().map(|path| path.display().to_string())),
        ("pin", terms.pin.map(|pin| pin.to_string())),
        ("insecure", flag(terms.insecure)),
        ("page_max", (terms.page_max != usual.page_max).then(|| size::text(terms.page_max))),
        ("proxy_from_environment", flag(terms.proxy_from_environment)),
        ("strict", flag(terms.strict)),
    ];
    keys.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}
