//! `gaugelog status`: whether somebody collects into a store, and what became of the
//! polls.

mod look;
mod text;

use std::path::PathBuf;

use clap::Args;

use crate::exit::Exit;
use crate::output;

const EXAMPLES: &str = "\
Examples:
  gaugelog status                        the store gaugelog.log, or those in it
  gaugelog status --log service.log      also of simulate_observations
  gaugelog status --json | jq .coverage  one object a line for each store

Coverage is the part of the expected observations that is there: polls that were due
while somebody collected, whether they were made or not. What is shown of a collector that
runs is at most two seconds old, for its own user and root.";

/// Which stores to look at.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The directory of a store, or of the stores of several sources.
    #[arg(long, value_name = "DIR", default_value = "gaugelog.log")]
    log: PathBuf,
    /// Print JSON, one object a line for each store.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (mut printed, mut outcome) = (String::new(), Ok(()));
    for store in look::stores(&arguments.log)? {
        match look::look(store) {
            Ok(seen) if arguments.json => printed.push_str(&seen.to_json()),
            Ok(seen) => printed.push_str(&text::of(&seen)),
            // The others are told all the same.
            Err(why) => {
                output::say("gaugelog", &format!("error: {why}"));
                outcome = Err(Exit::Told);
            }
        }
    }
    output::print(printed.as_bytes()).and(outcome)
}
