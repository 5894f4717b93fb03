//! `gaugelog`: the program for people.

use std::ffi::OsString;
use std::process::ExitCode;

#[cfg(feature = "help-files")]
use clap::CommandFactory as _;
use clap::error::ErrorKind;
use clap::{ArgAction, Parser, Subcommand};

#[cfg(feature = "plot")]
use crate::ask::plot;
use crate::ask::{add, export, import, info, stats, tail};
#[cfg(feature = "config")]
use crate::config;
use crate::exit::{self, Exit};
#[cfg(feature = "forward")]
use crate::forward;
#[cfg(feature = "help-files")]
use crate::help_files;
#[cfg(feature = "serve")]
use crate::serve;
use crate::{arguments, collect, copy, listing, logging, repair, seal, status, trim, verify};

const EXAMPLES: &str = "\
Examples:
  gaugelog collect normal --every 100ms --for 10s
  gaugelog sources
  gaugelog collect sensor:loadavg/1 --every 10s
  gaugelog collect room=sensor:hwmon/coretemp/temp1 web=https://example.org/now#/temp --log house
  gaugelog collect --config house.toml --log house
  gaugelog config check house.toml
  gaugelog status --log house
  mosquitto_sub -t x | gaugelog collect stdin
  gaugelog collect normal:mean=20,std_dev=0.5,seed=7 --for 1m --log room.log --out /tmp
  gaugelog stats room.log --since today --every 1h
  gaugelog plot house --since today -o house.png
  gaugelog tail room.log -f
  gaugelog export room.log -o room.csv
  gaugelog serve house
  gaugelog forward house --to http://localhost:9090/api/v1/write
  gaugelog verify room.log
  gaugelog copy room.log /backup/room.log
  gaugelog trim room.log --keep 90d
  simple_service --log gaugelog.log --dump

`gaugelog COMMAND --help` has examples of each.

The exit status is 0; 1 if the work failed or something is damaged; 2 if the command line is
wrong; 141 if the reader of the output has gone. $GAUGELOG_LOG says how much is logged on
stderr: off, error, warn, info or debug. Without it, warn.";

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
    /// Collect from sources into stores; at the end, print statistics and draw pictures.
    Collect(Box<collect::Arguments>),
    /// Check files of sources.
    #[cfg(feature = "config")]
    Config(config::check::Arguments),
    /// List the sensors of this machine, ready to be collected from.
    Sources(listing::Arguments),
    /// Show whether a collector runs, and how its polls went.
    Status(status::Arguments),
    /// Print statistics of stores: of all their time, of a part, or of each five minutes.
    Stats(stats::Arguments),
    /// Print how much stores hold, of what time, and the bytes they take.
    Info(info::Arguments),
    /// Print the latest observations, and follow what arrives.
    Tail(tail::Arguments),
    /// Draw stores over time, or the distribution of their values.
    #[cfg(feature = "plot")]
    Plot(Box<plot::Arguments>),
    /// Write everything in a store as csv, JSON or Parquet.
    Export(export::Arguments),
    /// Read observations from CSV or JSON.
    Import(import::Arguments),
    /// Send what stores hold, and what they get, to Prometheus, Mimir or VictoriaMetrics, or
    /// write it into Parquet files.
    #[cfg(feature = "forward")]
    Forward(Box<forward::Arguments>),
    /// Add one observation.
    Add(add::Arguments),
    /// Show stores in a browser, and answer programs over HTTP.
    #[cfg(feature = "serve")]
    Serve(serve::Arguments),
    /// Read a whole store, check every checksum and recompute every statistic; list what
    /// does not match, and exit 1 if anything does.
    Verify(verify::Arguments),
    /// Repair a damaged store; what cannot be read is accepted as lost.
    Repair(repair::Arguments),
    /// Compress the full chunks of a store's log now.
    Seal(seal::Arguments),
    /// Copy a store while it is in use.
    Copy(copy::Arguments),
    /// Remove the oldest observations of a store.
    Trim(trim::Arguments),
    /// Print a script with which a shell completes commands and options.
    #[cfg(feature = "help-files")]
    Completions(help_files::Completions),
    /// Write the manual pages of gaugelog.
    #[cfg(feature = "help-files")]
    Man(help_files::Man),
}

/// Runs `gaugelog` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    exit::conclude("gaugelog", || {
        Arguments::try_parse_from(arguments).map_err(in_exits).and_then(command)
    })
}

fn command(Arguments { verbose, command }: Arguments) -> Result<(), Exit> {
    logging::begin("gaugelog", verbose)
        .map_err(|error| Exit::Usage(format!("error: {error}\n")))?;
    match command {
        Command::Collect(arguments) => collect::run(&arguments),
        #[cfg(feature = "config")]
        Command::Config(arguments) => config::check::run(&arguments),
        Command::Sources(arguments) => listing::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Stats(arguments) => stats::run(&arguments),
        Command::Info(arguments) => info::run(&arguments),
        Command::Tail(arguments) => tail::run(&arguments),
        #[cfg(feature = "plot")]
        Command::Plot(arguments) => plot::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        #[cfg(feature = "forward")]
        Command::Forward(arguments) => forward::run(&arguments),
        Command::Add(arguments) => add::run(&arguments),
        #[cfg(feature = "serve")]
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Repair(arguments) => repair::run(&arguments),
        Command::Seal(arguments) => seal::run(&arguments),
        Command::Copy(arguments) => copy::run(&arguments),
        Command::Trim(arguments) => trim::run(&arguments),
        #[cfg(feature = "help-files")]
        Command::Completions(arguments) => help_files::complete(Arguments::command(), &arguments),
        #[cfg(feature = "help-files")]
        Command::Man(arguments) => help_files::write(Arguments::command(), &arguments),
    }
}

fn in_exits(error: clap::Error) -> Exit {
    let kind = error.kind();
    let text = arguments::without_secrets(error).render().to_string();
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Help(text),
        _ => Exit::Usage(text),
    }
}
