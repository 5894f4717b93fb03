//! `gaugelog add`: one observation from a script.

use std::path::PathBuf;

use clap::Args;
use gaugelog::{ErrorKind, Observation, Store};
use gaugelog_sources::Zone;
use jiff::Timestamp;

use super::moment;
use crate::exit::Exit;
use crate::explain;
use crate::output;
use crate::verify::in_words;

const EXAMPLES: &str = "\
Examples:
  gaugelog add room.log 21.5
  gaugelog add room.log 21.5 --create
  gaugelog add room.log -3.25 --time \"2026-11-28 14:00\" --tz Europe/Berlin
  gaugelog add meter.log \"$(read-meter)\" --json

The observation is on the disk when the command returns.";

/// What to add, and where.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The directory of the store.
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// A finite number.
    #[arg(value_name = "VALUE", allow_hyphen_values = true)]
    value: String,
    /// When it was observed: -5m, 14:00, 2026-11-28T14:00:00Z [default: now].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    time: Option<String>,
    /// The time zone of a time without an offset, such as Europe/Berlin or local [default: UTC].
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    tz: Option<Zone>,
    /// Create the store if there is none.
    #[arg(long)]
    create: bool,
    /// Print JSON: the observation's sequence number.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let now = Timestamp::now();
    let value = finite(&arguments.value)?;
    let time_ns = match &arguments.time {
        Some(text) => {
            let zone = arguments.tz.clone().unwrap_or_default();
            moment::parse(text, now, &zone).map_err(|why| {
                Exit::Usage(format!("error: invalid value {text:?} for '--time': {why}\n"))
            })?
        }
        None => i64::try_from(now.as_nanosecond())
            .map_err(|_| Exit::Error("the clock is outside the years 1678 to 2261".to_owned()))?,
    };
    let opened = match arguments.create {
        true => Store::open_or_create(&arguments.store),
        false => Store::open(&arguments.store),
    };
    let store = opened.map_err(|error| match (error.kind(), arguments.create) {
        (ErrorKind::NotFound, false) => {
            Exit::Error(format!("{error}; create it with --create, or name another directory"))
        }
        _ => in_words(&error),
    })?;
    let appended = store.append(Observation::new(time_ns, value));
    let sequence = appended.map_err(|error| {
        let look = format!("gaugelog tail {}", output::shown(&arguments.store));
        Exit::Error(explain::of_single_append(&error, &look))
    })?;
    if arguments.json {
        output::print(format!("{{\"sequence\": {sequence}}}\n").as_bytes())?;
    }
    Ok(())
}

fn finite(text: &str) -> Result<f64, Exit> {
    let read = text.trim().parse().ok().filter(|value: &f64| value.is_finite());
    read.ok_or_else(|| {
        Exit::Usage(format!("error: {text:?} cannot be added: an observation is a finite number\n"))
    })
}
