//! `gaugelog status`: whether somebody collects into a store, and what became of the
//! polls.

mod check;
#[cfg(feature = "forward")]
mod forward;
mod look;
mod text;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::duration;
use crate::exit::Exit;
use crate::output;
use look::Seen;

const EXAMPLES: &str = "\
Examples:
  gaugelog status                        the store gaugelog.log, or those in it
  gaugelog status --log service.log      also of simulate_observations
  gaugelog status --json | jq .coverage  one object a line for each store
  gaugelog status --check --max-age 5m || mail -s gaugelog me@example.org

Coverage is the part of the expected observations that is stored, or held in memory. One is
expected for each poll that was due while a collector ran, whether it was made or not. What is
shown of a running collector, or of a process that forwards, is at most some seconds old, for
its own user and root.

In a folder, --check wants no collector for stores that none has written, and for those of
sources that a reload has removed. If no other store is there, it exits 1. A store that --log
names needs one. A store that is damaged or cannot be read is an error, also without --check;
`gaugelog verify` finds all damage.";

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
    /// Print what is wrong alone, on stderr, and exit 1 if anything is: no collector runs, a
    /// store is damaged or cannot be read, a source fails or was silent for longer than
    /// --max-age, a destination takes nothing, or observations have waited for longer than
    /// that for one to which no process forwards.
    #[arg(long)]
    check: bool,
    /// How long a source may be silent, and observations may wait for a process that forwards,
    /// with --check [default: three polls, at least 1m]. If a timer forwards, give more than its
    /// period.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, requires = "check", allow_hyphen_values = true)]
    max_age: Option<Duration>,
}

impl Arguments {
    /// What is wrong with a store, which a collector is to write or need not.
    fn problems(&self, seen: &Seen, is_collected: bool) -> Vec<String> {
        let problem = match (self.check, is_collected) {
            (false, _) => seen.unreadable.clone(),
            (true, true) => check::problem(seen, self.max_age, SystemTime::now()),
            (true, false) => check::problem_uncollected(seen, self.max_age),
        };
        seen.damage.iter().cloned().chain(problem).collect()
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (mut printed, mut outcome) = (String::new(), Ok(()));
    let stores = look::stores(&arguments.log)?;
    let is_folder = stores != [arguments.log.as_path()];
    let mut is_any_checked = false;
    for store in stores {
        let wrong = match look::look(store) {
            Ok(seen) => {
                if arguments.json {
                    printed.push_str(&seen.to_json());
                } else if !arguments.check {
                    printed.push_str(&text::of(&seen));
                }
                let is_checked = !is_folder || seen.is_collected_into();
                is_any_checked |= is_checked;
                arguments.problems(&seen, is_checked)
            }
            // The others are told all the same.
            Err(why) => {
                is_any_checked = true;
                vec![why]
            }
        };
        for why in wrong {
            output::say("gaugelog", &format!("error: {why}"));
            outcome = Err(Exit::Told);
        }
    }
    if arguments.check && !is_any_checked {
        let log = output::shown(&arguments.log);
        let why = "no collector writes to a store in this folder; start one";
        output::say("gaugelog", &format!("error: {log}: {why}"));
        outcome = Err(Exit::Told);
    }
    output::print(printed.as_bytes()).and(outcome)
}
