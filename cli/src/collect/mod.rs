//! `gaugelog collect`: polls sources into a store each, and shows what comes.

mod input;
mod progress;
mod report;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::Args;
use gaugelog::{ErrorKind, Options, Store};
use gaugelog_sources::{CollectError, Collector, Feed, GRAMMAR, Pace, Report, Settings, escaped};

use crate::duration;
use crate::exit::Exit;
use crate::explain::{self, way_out_of_io};
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::service_manager;
use crate::signals::{self, Hangup, Second};
use crate::source_options::SourceOptions;
use input::Input;
use progress::Progress;

/// A signal is not heard while an append waits for another program's.
const LOCK_WAIT: Duration = Duration::from_secs(5);

const EVERY_DEFAULT: Duration = Duration::from_secs(1);

/// Sources know their deadline and say what they were waiting for. Those that cannot
/// keep it, such as a file that hangs, are given up this much later.
pub(crate) const DEADLINE_GRACE: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  gaugelog collect normal --every 100ms --for 10s
  gaugelog collect sensor:loadavg/1 --every 10s --log load.log
  gaugelog collect room=sensor:hwmon/coretemp/temp1 web=https://example.org/now#/temp \\
      --every 1m --align --log house          # stores house/room and house/web
  gaugelog collect 'exec:/usr/local/bin/ups-load -q' --every 30s --deadline 5s
  mosquitto_sub -t x | gaugelog collect stdin

`gaugelog sources` lists the sensors of this machine, `gaugelog status` what became of
the polls.";

/// What to collect, how often, how long, and into which stores.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct Arguments {
    /// What to collect: normal, stdin, sensor:..., http://..., https://... or exec:...;
    /// --help explains each. Several are collected at once, each into the directory NAME
    /// in that of --log.
    #[arg(value_name = "[NAME=]SPEC", required = true)]
    sources: Vec<String>,
    /// The time from one poll to the next, such as 100ms, 1s, 2m or 1h30m [default: 1s].
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    every: Option<Duration>,
    /// How long to collect [default: until Ctrl-C or the end of the input].
    #[arg(long = "for", value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    length: Option<Duration>,
    /// The directory of the store, which is created if there is none.
    #[arg(long, value_name = "DIR", default_value = "gaugelog.log")]
    log: PathBuf,
    /// The directory for the pictures.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Poll when the clock shows a multiple of --every: on full minutes with 1m.
    #[arg(long)]
    align: bool,
    /// Poll later by a random part of --every, the same all along, so that machines
    /// that were started together do not poll together.
    #[arg(long)]
    jitter: bool,
    /// How long a poll may take before it has failed.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "10s", allow_hyphen_values = true)]
    deadline: Duration,
    #[command(flatten)]
    options: SourceOptions,
    /// Print nothing on stdout and draw nothing, for a service; errors are told.
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    fn settings(&self, stop: &Arc<AtomicBool>) -> Result<Settings, Exit> {
        let settings = self.options.settings(&self.sources);
        let settings = settings.map_err(|why| Exit::Usage(format!("error: {why}\n")))?;
        Ok(settings.deadline(self.deadline).stop(Arc::clone(stop)))
    }

    fn collector(&self, stop: &Arc<AtomicBool>) -> Collector {
        let mut collector = Collector::new()
            .interval(self.every.unwrap_or(EVERY_DEFAULT))
            .align(self.align)
            .deadline(self.deadline.saturating_add(DEADLINE_GRACE))
            .stop(Arc::clone(stop));
        if let Some(length) = self.length {
            collector = collector.duration(length);
        }
        if self.jitter {
            // Drawn from the system for each process.
            collector = collector.jitter(RandomState::new().hash_one("jitter"));
        }
        collector
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let stop = signals::stop_flag(Hangup::Ends, Second::Ends)?;
    let settings = arguments.settings(&stop)?;
    let inputs = input::open(&arguments.sources, &settings, &arguments.log)?;
    signals::adopt_orphans(inputs.iter().any(|input| input.source.name() == "exec"));
    if let [input] = &inputs[..]
        && input.source.pace() == Pace::Own
        && arguments.every.is_some()
    {
        return Err(Exit::Usage(format!(
            "error: --every is for sources that are polled; {} comes at its own pace\n",
            input.source.name()
        )));
    }
    let stores = open_stores(&inputs, &arguments.log)?;
    let several = stores.len() > 1;
    if !arguments.quiet {
        let parts: Vec<String> =
            inputs.iter().zip(&stores).map(|(input, opened)| introduction(input, opened)).collect();
        output::print(format!("{}; Ctrl-C ends it\n", parts.join("\n")).as_bytes())?;
    }
    let names: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
    let mut progress: Vec<Progress<'_>> = names
        .iter()
        .zip(&stores)
        .map(|(name, (store, _))| {
            let named = several.then_some(name.as_str());
            Progress::new(store, &stop, named, arguments.quiet)
        })
        .collect();
    let feeds = inputs.into_iter().zip(&stores);
    let feeds =
        feeds.map(|(Input { name, source, .. }, (store, _))| Feed::new(name, source, store));
    service_manager::ready(&format!("collecting: {}", names.join(", ")));
    let ended =
        arguments.collector(&stop).run_all(feeds.collect(), |at, event| progress[at].note(&event));
    service_manager::stopping();
    signals::end_programs(&stop);
    for progress in progress {
        progress.finish()?;
    }
    if !arguments.quiet {
        for ((name, (store, _)), ended) in names.iter().zip(&stores).zip(&ended) {
            let totals = ended.as_ref().map_or_else(|error| error.report, |report| *report);
            report::print(several.then_some(name), store, &totals, &arguments.out)?;
        }
    }
    conclude(&names, &ended)
}

/// The failure of the run: that of the one source, or those of several, each told.
fn conclude(names: &[String], ended: &[Result<Report, CollectError>]) -> Result<(), Exit> {
    if let [ended] = ended {
        return match ended {
            Ok(_) => Ok(()),
            Err(error) => Err(Exit::Error(explain::collecting(error))),
        };
    }
    let mut outcome = Ok(());
    for (name, ended) in names.iter().zip(ended) {
        if let Err(error) = ended {
            output::say("gaugelog", &format!("error: {name}: {}", explain::collecting(error)));
            outcome = Err(Exit::Told);
        }
    }
    outcome
}

/// The store of each, and whether it is new.
fn open_stores(inputs: &[Input], log: &Path) -> Result<Vec<(Store, bool)>, Exit> {
    if inputs.iter().any(|input| input.directory != log) {
        prepare(log)?;
    }
    inputs.iter().map(|input| open_or_create(&input.directory)).collect()
}

/// Makes the directory that the stores of several sources lie in.
fn prepare(log: &Path) -> Result<(), Exit> {
    if Options::new().open_read_only(log).is_ok() {
        return Err(Exit::Error(format!(
            "{}: this is a store itself, and sources with names need a directory of stores; \
             name another with --log DIR",
            log.display()
        )));
    }
    match fs::create_dir(log) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let way_out = way_out_of_io(&error).map(|it| format!("; {it}")).unwrap_or_default();
            Err(Exit::Error(format!(
                "{}: cannot create the directory: {error}{way_out}",
                log.display()
            )))
        }
        _ => Ok(()),
    }
}

fn open_or_create(path: &Path) -> Result<(Store, bool), Exit> {
    let options = Options::new().lock_wait(LOCK_WAIT);
    // A directory that somebody made for it, such as a service's own, is empty.
    let is_absent = |kind| matches!(kind, ErrorKind::NotFound | ErrorKind::NotAStore);
    let absent = match options.open(path) {
        Err(error) if is_absent(error.kind()) => error,
        opened => return Ok((opened?, false)),
    };
    match options.create(path) {
        // Another program was faster, or there are other things in the directory.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let opened = options.open(path).map_err(|_| absent)?;
            Ok((opened, false))
        }
        created => Ok((created?, true)),
    }
}

fn introduction(input: &Input, (store, created): &(Store, bool)) -> String {
    let recovery = store.recovery();
    let source = input.source.description();
    let mut text = format!("collecting {}\ninto {}", escaped(&source), shown(store.path()));
    if *created {
        text.push_str(", a new store");
    } else {
        let (there, s) = (count(recovery.observations), plural(recovery.observations));
        text.push_str(&format!(", where there are {there} observation{s}"));
    }
    if recovery.dropped_bytes > 0 {
        let bytes = count(recovery.dropped_bytes);
        text.push_str(&format!(
            "\n({bytes} bytes at its end remain of an append that was never acknowledged)"
        ));
    }
    text
}
