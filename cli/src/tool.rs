//! `gaugelog`: the program for people.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::collect;
use crate::exit::{self, Exit};
use crate::verify;

const EXAMPLES: &str = "\
Examples:
  gaugelog collect normal --every 100ms --for 10s
  while sleep 1; do cut -d' ' -f1 /proc/loadavg; done | gaugelog collect stdin
  gaugelog collect normal:mean=20,std_dev=0.5,seed=7 --for 1m --log room.log --out /tmp
  gaugelog verify room.log
  simple_service --log gaugelog.log --dump

Exit status: 0, 1 where the work failed or verify found damage, 2 where the command line makes no sense, 141
where nobody read the output to its end.";

/// Collect observations into an append-only log that keeps its own statistics.
#[derive(Debug, Parser)]
#[command(name = "gaugelog", version, after_help = EXAMPLES, subcommand_required = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Poll a source into a store, then tell its statistics and draw it.
    Collect(collect::Arguments),
    /// Read all of a store, take every checksum and compute its statistics again;
    /// list what is not as it was written.
    Verify(verify::Arguments),
}

/// Runs `gaugelog` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let outcome = match Arguments::try_parse_from(arguments) {
        Ok(Arguments { command: Command::Collect(arguments) }) => collect::run(arguments),
        Ok(Arguments { command: Command::Verify(arguments) }) => verify::run(&arguments),
        Err(error) => Err(in_exits(&error)),
    };
    exit::conclude("gaugelog", outcome)
}

fn in_exits(error: &clap::Error) -> Exit {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Help(text),
        _ => Exit::Usage(text),
    }
}
