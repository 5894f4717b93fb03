//! `simulate_observations`: the daemon. It adds one draw from N(14, 3) a second to
//! the service's store until it is told to stop.
//!
//! It says on stdout that it has begun once the first observation is on disk. In the
//! background it then lets go of its standard descriptors: errors go to a file in the
//! store's directory, which is begun anew where it has grown to 64 KiB.

mod daemon;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Parser;
use gaugelog::Options;
use gaugelog_sources::{Collector, RandomNormal};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::arguments::{self, HELP_TEMPLATE, Program};
use crate::exit::{self, Exit};
use crate::explain::{self, way_out_of_io};
use crate::instance::{Holder, Instance, Refused};
use crate::place;
use daemon::{Daemon, Voice};

pub(crate) use daemon::BEGUN;

/// The daemon's name.
pub(crate) const NAME: &str = "simulate_observations";

/// How long an append waits for another program's. No signal is heard meanwhile, so
/// it is short; an append that did not get its turn is tried again.
const LOCK_WAIT: Duration = Duration::from_secs(5);

const PROGRAM: Program = Program {
    name: NAME,
    usage: "simulate_observations [-h] [--log DIR] [--background]",
    one_of: "",
};

const NOTES: &str = "\
`simulate_observations_ctl --start` starts it in the background and --stop ends it;
here it runs in the foreground until SIGINT (Ctrl-C) or SIGTERM.

The store is DIR of --log, else of $SIMPLE_SERVICE_LOG, else service.log beside this
program; `simple_service --init` creates it.";

/// Add a draw from the normal distribution N(14, 3) to the store each second.
#[derive(Debug, Parser)]
#[command(
    name = NAME,
    override_usage = PROGRAM.usage,
    help_template = HELP_TEMPLATE,
    after_help = NOTES,
    infer_long_args = true,
    args_override_self = true,
)]
struct Arguments {
    /// The directory of the store.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Leave the terminal, and stdout and stderr once begun.
    #[arg(long)]
    background: bool,
}

/// Runs `simulate_observations` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let outcome = arguments::parse(PROGRAM, arguments).and_then(simulate);
    exit::conclude(NAME, outcome)
}

/// What is said where another daemon runs.
pub(crate) fn already_running(store: &Path, holder: &Holder) -> String {
    format!(
        "{NAME} is already running on {} ({}); stop it first with `{NAME}_ctl --stop`",
        store.display(),
        holder.description()
    )
}

fn simulate(Arguments { log, background }: Arguments) -> Result<(), Exit> {
    let path = place::store(log)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| Exit::Error(format!("cannot listen for signals: {error}")))?;
    }
    let store = Options::new().lock_wait(LOCK_WAIT).open(&path)?;
    let _instance = claim(&path)?;
    let voice = if background { Voice::background(&path)? } else { Voice::Foreground };
    let source = RandomNormal::new(RandomNormal::DEFAULT_MEAN, RandomNormal::DEFAULT_STD_DEV, None)
        .map_err(|error| Exit::Error(error.to_string()))?;
    let mut daemon = Daemon::new(&path, voice, &stop);
    let ended =
        Collector::new().stop(Arc::clone(&stop)).run(source, &store, |event| daemon.note(&event));
    match (daemon.refused, ended) {
        (Some(why), _) => Err(Exit::Error(why)),
        (None, Err(error)) => Err(Exit::Error(explain::collecting(&error))),
        (None, Ok(_)) => Ok(()),
    }
}

fn claim(store: &Path) -> Result<Instance, Exit> {
    Instance::claim(store).map_err(|refused| match refused {
        Refused::Running(holder) => Exit::Error(already_running(store, &holder)),
        Refused::Io(error) => cannot(store, "take the lock of the daemon", &error),
    })
}

/// What the file system refused, with the way out.
fn cannot(path: &Path, doing: &str, error: &io::Error) -> Exit {
    let way_out = way_out_of_io(error).map(|way_out| format!("; {way_out}")).unwrap_or_default();
    Exit::Error(format!("{}: cannot {doing}: {error}{way_out}", path.display()))
}
