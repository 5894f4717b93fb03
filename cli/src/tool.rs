//! `gaugelog`: the program for people.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, Parser, Subcommand};

use crate::exit::{self, Exit};
use crate::{arguments, collect, listing, logging, status, verify};

const EXAMPLES: &str = "\
Examples:
  gaugelog collect normal --every 100ms --for 10s
  gaugelog sources
  gaugelog collect sensor:loadavg/1 --every 10s
  gaugelog collect room=sensor:hwmon/coretemp/temp1 web=https://example.org/now#/temp --log house
  gaugelog status --log house
  mosquitto_sub -t x | gaugelog collect stdin
  gaugelog collect normal:mean=20,std_dev=0.5,seed=7 --for 1m --log room.log --out /tmp
  gaugelog verify room.log
  simple_service --log gaugelog.log --dump

`gaugelog COMMAND --help` has examples of each.

Exit status: 0, 1 where the work failed or verify found damage, 2 where the command line makes no sense, 141
where nobody read the output to its end. $GAUGELOG_LOG (off, error, warn, info, debug) is how
much is logged on stderr; without it, warn.";

/// Collect observations into an append-only log that keeps its own statistics.
#[derive(Debug, Parser)]
#[command(name = "gaugelog", version, after_help = EXAMPLES, subcommand_required = true)]
struct Arguments {
    /// Log on stderr what happens; twice, every failed poll too.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll sources into a store each, then tell their statistics and draw them.
    Collect(collect::Arguments),
    /// List the sensors of this machine, ready to be collected from.
    Sources(listing::Arguments),
    /// Tell whether somebody collects into a store, and what became of the polls.
    Status(status::Arguments),
    /// Read all of a store, take every checksum and compute its statistics again;
    /// list what is not as it was written.
    Verify(verify::Arguments),
}

/// Runs `gaugelog` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    exit::conclude("gaugelog", || {
        Arguments::try_parse_from(arguments).map_err(|error| in_exits(&error)).and_then(command)
    })
}

fn command(Arguments { verbose, command }: Arguments) -> Result<(), Exit> {
    logging::begin("gaugelog", verbose)
        .map_err(|error| Exit::Usage(format!("error: {error}\n")))?;
    match command {
        Command::Collect(arguments) => collect::run(&arguments),
        Command::Sources(arguments) => listing::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
    }
}

fn in_exits(error: &clap::Error) -> Exit {
    let text = arguments::without_secrets(error, error.render().to_string());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Help(text),
        _ => Exit::Usage(text),
    }
}
