//! `simulate_observations_ctl`: starts and stops the daemon of a store.

mod start;
mod stop;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser};

use crate::arguments::{self, HELP_TEMPLATE, Program};
use crate::exit::{self, Exit};
use crate::simulate::Polled;
use crate::{place, simulate};

const PROGRAM: Program = Program {
    name: "simulate_observations_ctl",
    usage: "simulate_observations_ctl [-h] (--start | --stop) [--source SPEC] [--every DUR] [--align] [--deadline DUR] [--ca-file FILE] [--log DIR]",
    one_of: "--start --stop",
};

/// How long a daemon that has ended, or was signalled, may wait to be reaped.
const REAPED_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

const EXAMPLES: &str = "\
examples:
  simulate_observations_ctl --start      returns once the first poll is made and stored
  simulate_observations_ctl --stop       returns once the daemon has ended
  simulate_observations_ctl --start --source sensor:loadavg/1 --every 10s --align
  simulate_observations_ctl --start --source https://nas/now#/temp --ca-file nas.pem
  gaugelog status --log service.log      what became of the polls

The store is DIR of --log, else of $SIMPLE_SERVICE_LOG, else service.log beside this
program; `simple_service --init` creates it. What goes wrong while the daemon runs is
in simulate_observations.log in the store's directory (64 KiB at most). A first poll
that fails is reported on stderr, and the next is made when it is due. With --align, --start
does not wait for the first poll.";

/// Start or stop the daemon that adds a draw from N(14, 3) to the store each second, or
/// what another source yields.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM.name,
    override_usage = PROGRAM.usage,
    help_template = HELP_TEMPLATE,
    after_help = EXAMPLES,
    infer_long_args = true,
    args_override_self = true,
)]
struct Arguments {
    #[command(flatten)]
    command: Command,
    #[command(flatten)]
    polled: Polled,
    /// The directory of the store.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
}

/// Exactly one of the two.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Command {
    /// Start the daemon, unless it runs.
    #[arg(long)]
    start: bool,
    /// Stop the daemon, and wait until it has ended.
    #[arg(long)]
    stop: bool,
}

/// Runs `simulate_observations_ctl` with these arguments, of which the first is its
/// name. Under the name `simulate_observations` it is the daemon: that is how it
/// starts one, with nothing to look for on the disk but itself.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let name = arguments.next();
    let is_daemon = name
        .as_deref()
        .is_some_and(|name| Path::new(name).file_name() == Some(simulate::NAME.as_ref()));
    let arguments = name.into_iter().chain(arguments);
    if is_daemon {
        return simulate::run(arguments);
    }
    exit::conclude(PROGRAM.name, || arguments::parse(PROGRAM, arguments).and_then(control))
}

fn control(Arguments { command, mut polled, log }: Arguments) -> Result<(), Exit> {
    let senseless = |message: &str| arguments::usage_error(PROGRAM, message);
    for (option, given) in [
        ("--source", polled.source.is_some()),
        ("--every", polled.every.is_some()),
        ("--align", polled.align),
        ("--deadline", polled.deadline.is_some()),
        ("--ca-file", polled.ca_file.is_some()),
    ] {
        if command.stop && given {
            let message = format!("argument {option}: not allowed with argument --stop");
            return Err(senseless(&message));
        }
    }
    let store = place::store(log)?;
    if command.stop {
        return stop::run(&store);
    }
    // The daemon leaves this directory.
    polled.ca_file = polled.ca_file.map(|file| place::absolute(&file)).transpose()?;
    // What is wrong with the spec is told here, where the usage is.
    polled.open(&Arc::default()).map_err(|error| senseless(&error))?;
    start::run(&store, &polled)
}

/// The lock's file could not be looked at.
fn unknown(store: &Path, error: &std::io::Error) -> Exit {
    Exit::Error(format!("{}: cannot tell whether a daemon runs: {error}", store.display()))
}
