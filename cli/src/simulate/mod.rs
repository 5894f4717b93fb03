//! `simulate_observations`: the daemon. It adds one draw from N(14, 3) a second, or what
//! another source yields, to the service's store until it is stopped.
//!
//! It says on stdout that it has begun once the first observation is on disk, or, of a
//! source that did not answer, once the first poll has failed; where polls are aligned to
//! the clock, once the store is open. In the background it then lets go of its standard
//! descriptors: errors go to a file in the store's directory, which is emptied at
//! 64 KiB.

mod daemon;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{Args, Parser};
use gaugelog::Options;
use gaugelog_sources::{Collector, Pace, Registry, Settings, Source};

use crate::arguments::{self, HELP_TEMPLATE, Program};
use crate::collect::DEADLINE_GRACE;
use crate::exit::{self, Exit};
use crate::explain::{self, way_out_of_io};
use crate::instance::{Holder, Instance, Refused};
use crate::signals::{self, Hangup, Second};
use crate::{duration, logging, place};
use daemon::{Daemon, Voice};

pub(crate) use daemon::BEGUN;

/// The daemon's name.
pub(crate) const NAME: &str = "simulate_observations";

/// How long an append waits for another program's. No signal is heard meanwhile, so
/// it is short; an append that did not get its turn is tried again.
const LOCK_WAIT: Duration = Duration::from_secs(5);

/// The original simulator.
const SOURCE_DEFAULT: &str = "normal:mean=14,std_dev=3";
const EVERY_DEFAULT: Duration = Duration::from_secs(1);

const PROGRAM: Program = Program {
    name: NAME,
    usage: "simulate_observations [-h] [--source SPEC] [--every DUR] [--align] [--deadline DUR] [--ca-file FILE] [--log DIR] [--background]",
    one_of: "",
};

const NOTES: &str = "\
examples:
  simulate_observations
  simulate_observations --source sensor:loadavg/1 --every 10s
  simulate_observations --source https://example.org/now#/temp --every 1m --align

A source is polled, never read as it comes: `gaugelog collect stdin` does that, and
`gaugelog collect --help` explains SPEC. Files in it are best named by absolute paths.

`simulate_observations_ctl --start` starts it in the background and --stop ends it;
here it runs in the foreground until SIGINT (Ctrl-C), SIGTERM or SIGHUP.

The store is DIR of --log, else of $SIMPLE_SERVICE_LOG, else service.log beside this
program; `simple_service --init` creates it.";

/// Add a draw from the normal distribution N(14, 3) to the store each second, or what
/// another source yields.
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
    #[command(flatten)]
    polled: Polled,
    /// The directory of the store.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Leave the terminal, and stdout and stderr once begun.
    #[arg(long)]
    background: bool,
}

/// What is polled, and how often.
#[derive(Args, Clone, Debug)]
pub(crate) struct Polled {
    /// What is polled [default: normal:mean=14,std_dev=3].
    #[arg(long, value_name = "SPEC")]
    pub(crate) source: Option<String>,
    /// The time from one poll to the next, such as 100ms, 1s or 2m [default: 1s].
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) every: Option<Duration>,
    /// Poll when the clock shows a multiple of --every: on full minutes with 1m.
    #[arg(long)]
    pub(crate) align: bool,
    /// How long a poll may take before it has failed [default: 10s].
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    pub(crate) deadline: Option<Duration>,
    /// A file with certificates (PEM) to trust besides the usual ones, for https.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
}

impl Polled {
    /// Opens the source; the error says what is wrong with the spec. The flag ends a
    /// program that it waits for.
    pub(crate) fn open(&self, stop: &Arc<AtomicBool>) -> Result<Box<dyn Source>, String> {
        let spec = self.source.as_deref().unwrap_or(SOURCE_DEFAULT);
        let mut settings = Settings::new().deadline(self.deadline()).stop(Arc::clone(stop));
        settings.ca_file.clone_from(&self.ca_file);
        let source =
            Registry::standard().open(spec, &settings).map_err(|error| error.to_string())?;
        if source.pace() == Pace::Own {
            let name = source.name();
            return Err(format!(
                "{name} comes at its own pace and is not polled; use `gaugelog collect {name}`"
            ));
        }
        Ok(source)
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline.unwrap_or_else(|| Settings::new().deadline)
    }
}

/// Runs `simulate_observations` with these arguments, of which the first is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    exit::conclude(NAME, || arguments::parse(PROGRAM, arguments).and_then(simulate))
}

/// What is said where another daemon runs.
pub(crate) fn already_running(store: &Path, holder: &Holder) -> String {
    format!(
        "{NAME} is already running on {} ({}); stop it first with `{NAME}_ctl --stop`",
        store.display(),
        holder.description()
    )
}

fn simulate(Arguments { polled, log, background }: Arguments) -> Result<(), Exit> {
    if background {
        daemon::close_inherited();
    }
    logging::begin(NAME, 0).map_err(|error| arguments::usage_error(PROGRAM, &error))?;
    let path = place::store(log)?;
    let hangup = if background { Hangup::Ignored } else { Hangup::Ends };
    let stop = signals::stop_flag(hangup, Second::Ignored)?;
    let source =
        polled.open(&stop.flag()).map_err(|error| arguments::usage_error(PROGRAM, &error))?;
    signals::adopt_orphans(source.name() == "exec");
    let store = Options::new().lock_wait(LOCK_WAIT).open(&path)?;
    let _instance = claim(&path)?;
    let voice = if background { Voice::background(&path)? } else { Voice::Foreground };
    let mut daemon = Daemon::new(&path, voice, &stop);
    let collector = Collector::new()
        .interval(polled.every.unwrap_or(EVERY_DEFAULT))
        .align(polled.align)
        .deadline(polled.deadline().saturating_add(DEADLINE_GRACE))
        .stop(stop.clone());
    if polled.align {
        // The first poll may be an hour away.
        daemon.begin();
    }
    let ended = collector.run(source, &store, |event| daemon.note(&event));
    signals::end_programs(&stop);
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
