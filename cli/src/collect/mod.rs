//! `gaugelog collect`: polls sources into a store each, and shows what comes.

#[cfg(feature = "config")]
mod configured;
#[cfg(feature = "config")]
mod destinations;
mod input;
mod overview;
mod progress;
mod report;
mod stores;
mod watch;

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use gaugelog_sources::{Collector, Feed, GRAMMAR, Settings, Stop};

use crate::exit::Exit;
use crate::signals::{self, Hangup, Second};
use crate::source_options::{Kind, SourceOptions, check_heeded};
use crate::trim::Keep;
use crate::{duration, output, queue, service_manager};
use input::Input;
#[cfg(feature = "config")]
pub(crate) use input::check as check_name;
use stores::Opened;
use watch::Watch;

pub(crate) const EVERY_DEFAULT: Duration = Duration::from_secs(1);

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
  gaugelog collect t=https://host/now#/temp rain=rate:https://host/now#/rain --every 1m \\
      --sync 10m --keep 365d                 # one fetch a minute, for a card
  mosquitto_sub -t x | gaugelog collect stdin
  gaugelog collect --config house.toml --log house --quiet     # docs/configuration.md
  gaugelog collect --config /etc/gaugelog --log house

`gaugelog sources` lists the sensors of this machine. `gaugelog status` shows how the polls
went.";

/// What to collect, how often, how long, and into which stores.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES, after_long_help = format!("{GRAMMAR}\n{EXAMPLES}"))]
pub(crate) struct Arguments {
    /// What to collect: normal, stdin, sensor:..., http://..., https://... or exec:...;
    /// --help explains each. Several are collected at once, each into the directory NAME
    /// in that of --log.
    #[arg(value_name = "[NAME=]SPEC")]
    #[cfg_attr(feature = "config", arg(required_unless_present = "config"))]
    #[cfg_attr(not(feature = "config"), arg(required = true))]
    sources: Vec<String>,
    /// Collect from the sources that files name, each into a directory in that of --log; a
    /// directory stands for each *.toml in it. How they are polled and stored is in the
    /// files, which SIGHUP has read again.
    #[cfg(feature = "config")]
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = configured::IN_FILES)]
    config: Vec<PathBuf>,
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
    /// Poll later by a random part of --every, which stays the same, so that machines
    /// that were started together do not poll together.
    #[arg(long)]
    jitter: bool,
    /// How long a poll may take before it has failed.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, default_value = "10s", allow_hyphen_values = true)]
    deadline: Duration,
    /// How long a source that keeps failing is left alone at most [default: 30s, or
    /// --every where that is longer]. Sensors and files are tried at every interval.
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    retry_max: Option<Duration>,
    /// Keep observations in memory for at most this long and store them together, which
    /// spares flash memory. A crash loses what is in memory [default: each is on disk before
    /// the next poll].
    #[arg(long, value_name = "DUR", value_parser = duration::parse, allow_hyphen_values = true)]
    sync: Option<Duration>,
    #[command(flatten)]
    keep: Keep,
    #[command(flatten)]
    options: SourceOptions,
    /// Print nothing on stdout and draw nothing, for a service; errors are reported.
    #[arg(short, long)]
    quiet: bool,
}

impl Arguments {
    fn settings(&self, stop: &Stop) -> Result<Settings, Exit> {
        let settings = check_heeded(&self.pace(), &self.sources);
        let settings = settings.and_then(|()| self.options.settings(&self.sources));
        let settings = settings.map_err(|why| Exit::Usage(format!("error: {why}\n")))?;
        Ok(settings.deadline(self.deadline).stop(stop.flag()))
    }

    fn collector(&self, stop: &Stop) -> Collector {
        let mut collector = Collector::new()
            .interval(self.every.unwrap_or(EVERY_DEFAULT))
            .align(self.align)
            .deadline(self.deadline.saturating_add(DEADLINE_GRACE))
            .retention(self.keep.retention())
            .stop(stop.clone());
        if let Some(length) = self.length {
            collector = collector.duration(length);
        }
        if let Some(pause) = self.retry_max {
            collector = collector.retry_max(pause);
        }
        if let Some(hold) = self.sync {
            collector = collector.hold(hold);
        }
        if self.jitter {
            // Drawn from the system for each process.
            collector = collector.jitter(RandomState::new().hash_one("jitter"));
        }
        collector
    }

    /// The options that say when polls are made, and whether they are given.
    fn pace(&self) -> [(&'static str, bool, Kind); 5] {
        [
            ("--every", self.every.is_some()),
            ("--align", self.align),
            ("--jitter", self.jitter),
            ("--deadline", self.deadline != Settings::new().deadline),
            ("--retry-max", self.retry_max.is_some()),
        ]
        .map(|(option, is_given)| (option, is_given, Kind::Polled))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Exit> {
    #[cfg(feature = "config")]
    if !arguments.config.is_empty() {
        return configured::run(arguments);
    }
    let stop = signals::stop_flag(Hangup::Ends, Second::Ignored)?;
    let settings = arguments.settings(&stop)?;
    let inputs =
        input::open(&arguments.sources, &settings, &arguments.log, arguments.sync.is_some())?;
    signals::adopt_orphans(inputs.iter().any(|input| input.source.name() == "exec"));
    if !arguments.quiet {
        stores::check_pictures(&arguments.out)?;
    }
    let opened = stores::open(&inputs, &arguments.log)?;
    if let [Err(_)] = &opened[..] {
        if inputs.iter().flat_map(|input| &input.values).all(|it| it.directory == arguments.log) {
            stores::refuse_folder(&arguments.log)?;
        }
        return opened.into_iter().try_for_each(|opened| opened.map(drop).map_err(Exit::from));
    }
    queue::begin(stop.clone())?;
    if !arguments.quiet {
        introduce(&inputs, &opened)?;
    }
    let watch = Watch::new(opened.len() > 1, arguments.quiet)?;
    for (value, opened) in inputs.iter().flat_map(|input| &input.values).zip(&opened) {
        watch.add(&value.name, opened.as_ref().ok().map(|(store, _)| store.clone()));
    }
    collect(&arguments.collector(&stop), feeds(inputs, opened), &watch, &stop, &arguments.out)
}

/// Collects until it is over, and tells what became of it.
fn collect(
    collector: &Collector,
    feeds: Vec<Feed>,
    watch: &Watch,
    stop: &Stop,
    out: &Path,
) -> Result<(), Exit> {
    service_manager::ready(&format!("collecting: {}", watch.names().join(", ")));
    let ended = collector.run_all(feeds, |number, event| watch.note(number, &event));
    service_manager::stopping();
    signals::end_programs(stop);
    watch.finish(&ended, out)
}

fn introduce(inputs: &[Input], opened: &[Opened]) -> Result<(), Exit> {
    let values = inputs.iter().flat_map(|input| {
        let describe = |(at, value)| (input.source.value_description(at), value);
        input.values.iter().enumerate().map(describe)
    });
    let parts: Vec<String> = values
        .zip(opened)
        .map(|((description, value), opened)| stores::introduction(&description, value, opened))
        .collect();
    output::print(format!("{}; Ctrl-C ends it\n", parts.join("\n")).as_bytes())
}

/// Each source with the stores of its values.
fn feeds(inputs: Vec<Input>, opened: Vec<Opened>) -> Vec<Feed> {
    let mut stores = opened.into_iter().map(|opened| opened.map(|(store, _)| store));
    let feed = |Input { source, values }: Input| {
        let names = values.into_iter().map(|value| value.name);
        Feed::several(source, names.zip(stores.by_ref()).collect())
    };
    inputs.into_iter().map(feed).collect()
}
