//! `gaugelog collect`: polls a source into a store, and shows what comes.

mod duration;
mod input;
mod progress;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use gaugelog::{ErrorKind, Options, Store};
use gaugelog_sources::{Collector, Pace};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::{explain, output};
use input::Input;
use progress::Progress;

/// A signal is not heard while an append waits for another program's.
const LOCK_WAIT: Duration = Duration::from_secs(5);

const EVERY_DEFAULT: Duration = Duration::from_secs(1);

/// What to collect, how often, how long, and into which store.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// normal (or normal:mean=14,std_dev=3,seed=7): draws from a normal distribution;
    /// stdin: numbers from standard input, one a line.
    #[arg(value_name = "SOURCE")]
    source: Input,
    /// The time from one poll to the next, such as 100ms, 1s, 2m or 1h30m [default: 1s].
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    every: Option<Duration>,
    /// How long to collect [default: until Ctrl-C or the end of the input].
    #[arg(long = "for", value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    length: Option<Duration>,
    /// The directory of the store, which is created if there is none.
    #[arg(long, value_name = "DIR", default_value = "gaugelog.log")]
    log: PathBuf,
    /// The directory for both pictures.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), Exit> {
    let Arguments { source, every, length, log, out } = arguments;
    let source = source.open();
    if source.pace() == Pace::Own && every.is_some() {
        return Err(Exit::Usage(format!(
            "error: --every is for sources that are polled; {} comes at its own pace\n",
            source.name()
        )));
    }
    let stop = stop_at_signal()?;
    let (store, created) = open_or_create(&log)?;
    output::print(introduction(&source.description(), &store, created).as_bytes())?;

    let mut collector =
        Collector::new().interval(every.unwrap_or(EVERY_DEFAULT)).stop(Arc::clone(&stop));
    if let Some(length) = length {
        collector = collector.duration(length);
    }
    let mut progress = Progress::new(&store, &stop);
    let ended = collector.run(source, &store, |event| progress.note(&event));
    progress.finish()?;
    let totals = ended.as_ref().map_or_else(|error| error.report, |report| *report);
    report::print(&store, &totals, &out)?;
    match ended {
        Ok(_) => Ok(()),
        Err(error) => Err(Exit::Error(explain::collecting(&error))),
    }
}

/// A flag that SIGINT and SIGTERM set; the second signal ends the program at once,
/// which loses nothing that was acknowledged.
fn stop_at_signal() -> Result<Arc<AtomicBool>, Exit> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // In this order: what comes first would see what the second has just set.
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&stop)))
            .map_err(|error| Exit::Error(format!("cannot listen for signals: {error}")))?;
    }
    Ok(stop)
}

fn open_or_create(path: &Path) -> Result<(Store, bool), Exit> {
    let options = Options::new().lock_wait(LOCK_WAIT);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((options.create(path)?, true)),
        opened => Ok((opened?, false)),
    }
}

fn introduction(source: &str, store: &Store, created: bool) -> String {
    let found = store.found();
    let mut text = format!("collecting {source}\ninto {}", store.path().display());
    if created {
        text.push_str(", a new store");
    } else {
        let (there, s) = (count(found.observations), plural(found.observations));
        text.push_str(&format!(", where there are {there} observation{s}"));
    }
    if found.dropped_bytes > 0 {
        let bytes = count(found.dropped_bytes);
        text.push_str(&format!(
            "\n(dropped {bytes} bytes at its end: the remains of an append that was cut off)"
        ));
    }
    text.push_str("; Ctrl-C ends it\n");
    text
}
