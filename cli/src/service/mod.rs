//! `simple_service`: five commands over one store, each a file here.

mod add;
mod dump;
mod init;
mod plot;
mod stats;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, ValueEnum};
use gaugelog::{Options, Snapshot};

use crate::arguments::{self, HELP_TEMPLATE, Program};
use crate::exit::{self, Exit};
use crate::{output, place};
use add::Number;

pub(crate) use plot::publish;
pub(crate) use stats::metrics;

const PROGRAM: Program = Program {
    name: "simple_service",
    usage: "simple_service [-h] (--add ADD | --init | --plot {time,dist} | --dump [--from SEQUENCE] | --stats) [--log DIR] [--out DIR] [--no-map]",
    one_of: "--add --init --plot --dump --stats",
};

const EXAMPLES: &str = "\
examples:
  simple_service --init                  create the store, once
  simple_service --add 14.2              add an observation, stamped now
  simple_service --stats                 {\"min\": 14.2, \"max\": 14.2, …, \"size\": 1}
  simple_service --plot dist             \"/home/you/dist-20210601T120000Z.png\"
  simple_service --dump | python3 -m json.tool | less
  simple_service --dump --from 8640      only what came after the first 8,640

Observations are numbered from 0 in the order of arrival. --from prints those from SEQUENCE
on that are durable, in that order; after n of them with exit status 0, the next SEQUENCE is
n higher. An observation that cannot be read has a number too, but is not printed; the
status is then 1. A SEQUENCE higher than there are observations is an error: it is not of
this store. So is one of an observation that retention has removed; the error names the
first one kept.

The store is DIR of --log, else of $SIMPLE_SERVICE_LOG, else service.log beside this
program. Long options may be abbreviated. Exit status: 0, 1 if the work failed,
2 if the command line is wrong, 141 if the reader of the output has gone.";

/// One store of observations and five things to do with it.
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
    /// With --dump: only the observations from this number on, in the order of arrival.
    #[arg(long, value_name = "SEQUENCE", allow_hyphen_values = true)]
    from: Option<u64>,
    /// The directory of the store.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Where --plot puts the picture: else /golem/out if there is one, else here.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read files by position, not through memory maps: on a disk that fails, an
    /// error in place of a signal.
    #[arg(long)]
    no_map: bool,
}

/// Exactly one of the five.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Command {
    /// Add an observation of this value, stamped now; on disk when the command returns.
    #[arg(long, value_name = "ADD", allow_hyphen_values = true)]
    add: Option<Number>,
    /// Create the store.
    #[arg(long)]
    init: bool,
    /// Draw the series over time, or its distribution, and print the picture's path.
    #[arg(long, value_name = "time|dist", hide_possible_values = true)]
    plot: Option<Picture>,
    /// Print every observation in the order of time, as JSON.
    #[arg(long)]
    dump: bool,
    /// Print the metrics of every observation so far, as JSON.
    #[arg(long)]
    stats: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Picture {
    Time,
    Dist,
}

/// Where the store is, and how it is opened.
struct Place {
    path: PathBuf,
    options: Options,
}

/// Runs `simple_service` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    exit::conclude(PROGRAM.name, || arguments::parse(PROGRAM, arguments).and_then(serve))
}

fn serve(Arguments { command, from, log, out, no_map }: Arguments) -> Result<(), Exit> {
    if from.is_some() && !command.dump {
        let message = "argument --from: not allowed without argument --dump";
        return Err(arguments::usage_error(PROGRAM, message));
    }
    let path = place::store(log)?;
    let store = Place { path, options: Options::new().positioned_reads(no_map) };
    match command {
        Command { add: Some(number), .. } => add::run(&store, &number),
        Command { plot: Some(picture), .. } => plot::run(&store, picture, out),
        Command { init: true, .. } => init::run(&store),
        Command { dump: true, .. } => dump::run(&store, from),
        // clap has seen to it that this is the one that is left.
        Command { .. } => stats::run(&store),
    }
}

/// Reads with `read` what can be read of a store. What of it is missing because of damage
/// is reported on stderr, and makes the command a failed one once it has printed the rest.
fn reading(store: &Place, read: impl FnOnce(&Snapshot) -> Result<(), Exit>) -> Result<(), Exit> {
    let snapshot = store.options.snapshot(&store.path)?.skip_damage();
    read(&snapshot)?;
    let missing = snapshot.missing();
    for damage in &missing {
        output::say(PROGRAM.name, &format!("error: {damage}"));
    }
    if missing.is_empty() { Ok(()) } else { Err(Exit::Told) }
}
