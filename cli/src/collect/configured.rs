//! `gaugelog collect --config`: sources that files name, which may come and go.
//!
//! A reload opens every source that is new or has changed before it touches one that runs:
//! what is wrong changes nothing. Then the old ones are removed, and the new ones are added
//! when the stores are closed.

use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use gaugelog_sources::{Collector, Control, Source, Stop};

use super::destinations::Destinations;
use super::input::{Input, Value};
use super::watch::Watch;
use super::{Arguments, collect, feeds, introduce, stores};
use crate::config::{self, Configuration, Configured, Entry, Wrong};
use crate::exit::Exit;
use crate::figures::{count, plural};
use crate::signals::{self, Hangup, Second};
use crate::{output, queue, service_manager};

/// Options that say of all sources what the files say of each.
pub(super) const IN_FILES: [&str; 18] = [
    "sources",
    "every",
    "align",
    "jitter",
    "deadline",
    "retry_max",
    "sync",
    "keep",
    "keep_bytes",
    "ca_file",
    "pin",
    "insecure",
    "page_max",
    "proxy_from_environment",
    "time",
    "time_unit",
    "tz",
    "strict",
];

pub(super) fn run(arguments: &Arguments) -> Result<(), Exit> {
    let (ask, asked) = mpsc::channel();
    let stop = signals::stop_flag(Hangup::reloads(ask), Second::Ignored)?;
    let configuration = config::load(&arguments.config)?;
    if !arguments.quiet {
        stores::check_pictures(&arguments.out)?;
    }
    queue::begin(stop.clone())?;
    let control = Control::new();
    let mut collector = Collector::new().control(control.clone()).stop(stop.clone());
    if let Some(length) = arguments.length {
        collector = collector.duration(length);
    }
    let watch = Watch::new(true, arguments.quiet)?;
    let destinations = Arc::new(Destinations::new(arguments.log.clone(), stop.clone()));
    let mut running = Running {
        files: arguments.config.clone(),
        log: arguments.log.clone(),
        is_quiet: arguments.quiet,
        seed: RandomState::new().hash_one("jitter"),
        stop: stop.clone(),
        control,
        watch: watch.clone(),
        members: Vec::new(),
        destinations: Arc::clone(&destinations),
    };
    running.become_as(configuration)?;
    thread::Builder::new()
        .name("reload".to_owned())
        .spawn(move || running.reload_when(&asked))
        .map_err(|error| Exit::Error(format!("cannot start a thread for reloads: {error}")))?;
    let outcome = collect(&collector, Vec::new(), &watch, &stop, &arguments.out);
    destinations.end();
    outcome
}

/// The sources that are collected from.
struct Running {
    files: Vec<PathBuf>,
    log: PathBuf,
    is_quiet: bool,
    seed: u64,
    stop: Stop,
    control: Control,
    watch: Watch,
    members: Vec<Member>,
    destinations: Arc<Destinations>,
}

/// A source, and the numbers of its values.
struct Member {
    entry: Entry,
    numbers: Vec<usize>,
}

/// A source that is new, opened.
struct Newcomer {
    entry: Entry,
    source: Box<dyn Source>,
    stop: Arc<AtomicBool>,
}

impl Running {
    fn reload_when(mut self, asked: &Receiver<()>) {
        while asked.recv().is_ok() {
            // Who asks twice at once is served by one.
            while asked.try_recv().is_ok() {}
            service_manager::reloading();
            let outcome = config::load(&self.files)
                .map_err(Exit::from)
                .and_then(|configuration| self.become_as(configuration));
            match outcome {
                Ok(change) => {
                    if !self.is_quiet {
                        let _ = output::print(format!("{change}\n").as_bytes());
                    }
                    let names = self.watch.names().join(", ");
                    service_manager::ready(&format!("{change}; collecting: {names}"));
                }
                Err(exit) => {
                    if let Exit::Error(problem) = exit {
                        output::say("gaugelog", &format!("error: {problem}"));
                    }
                    let stays = "the reload failed, and the sources stay as they were";
                    output::say("gaugelog", &format!("error: {stays}"));
                    service_manager::ready(stays);
                }
            }
        }
    }

    /// Collects from the sources of this configuration, and says what has changed. What is
    /// equal goes on.
    fn become_as(&mut self, configuration: Configuration) -> Result<String, Exit> {
        let Configuration { sources, destinations } = configuration;
        let is_wanted = |member: &Member| sources.iter().any(|it| it.entry == member.entry);
        let stay: Vec<bool> = self.members.iter().map(is_wanted).collect();
        let newcomers = self.open(sources)?;
        self.check_standard_input(&stay)?;
        let begun = self.destinations.open(destinations)?;
        stores::make_place(&self.log)?;
        let stayed = stay.iter().filter(|stays| **stays).count();
        let change = change(stayed, stay.len() - stayed, newcomers.len());
        // Those that end let go of the stores; those that begin need them.
        let ended = self.destinations.keep(&begun);
        self.remove(stay);
        // Before retention of a source that begins can remove what they are to send.
        let forwarding = self.destinations.begin(begun)?;
        self.add(newcomers)?;
        Ok(match forwarding + ended {
            0 => change,
            _ => format!("{change}; destinations: {ended} ended, {forwarding} begun"),
        })
    }

    /// Opens the sources that are not running.
    fn open(&self, sources: Vec<Configured>) -> Result<Vec<Newcomer>, Wrong> {
        let (mut newcomers, mut problems) = (Vec::new(), Vec::new());
        for Configured { entry, place } in sources {
            if self.members.iter().any(|member| member.entry == entry) {
                continue;
            }
            let stop = self.stop.for_one();
            match entry.open(Arc::clone(&stop)) {
                Ok(source) => newcomers.push(Newcomer { entry, source, stop }),
                Err(why) => problems.push(format!("{place}: {why}")),
            }
        }
        if problems.is_empty() { Ok(newcomers) } else { Err(Wrong(problems)) }
    }

    /// A thread that reads standard input cannot be made to let go of it.
    fn check_standard_input(&self, stay: &[bool]) -> Result<(), Exit> {
        let mut gone = self.members.iter().zip(stay).filter(|(_, stays)| !**stays);
        match gone.find(|(member, _)| member.entry.is_standard_input()) {
            Some((member, _)) => Err(Exit::Error(format!(
                "{}: standard input cannot be removed or changed while it is read; start \
                 gaugelog again",
                member.entry.name
            ))),
            None => Ok(()),
        }
    }

    /// Removes the sources that do not stay, and waits until their stores are closed.
    fn remove(&mut self, stay: Vec<bool>) {
        let mut stay = stay.into_iter();
        let (stays, goes): (Vec<Member>, Vec<Member>) = std::mem::take(&mut self.members)
            .into_iter()
            .partition(|_| stay.next().unwrap_or(false));
        self.members = stays;
        let remove = |member: &Member| {
            let first = member.entry.values.first();
            first.map(|value| self.control.remove(value.name.clone()))
        };
        // All at once: each may have to wait for its disk.
        let removals: Vec<_> = goes.iter().map(remove).collect();
        for (member, removal) in goes.iter().zip(removals) {
            if let Some(removal) = removal {
                removal.wait();
            }
            member.numbers.iter().for_each(|number| self.watch.remove(*number));
        }
    }

    fn add(&mut self, newcomers: Vec<Newcomer>) -> Result<(), Exit> {
        if newcomers.is_empty() {
            return Ok(());
        }
        signals::adopt_orphans(newcomers.iter().any(|it| it.source.name() == "exec"));
        let (mut entries, mut inputs) = (Vec::new(), Vec::new());
        for Newcomer { entry, source, stop } in newcomers {
            let directory = |name: &String| self.log.join(name);
            let names = entry.values.iter().map(|value| &value.name);
            let is_held = entry.is_held();
            let value =
                |name: &String| Value { name: name.clone(), directory: directory(name), is_held };
            inputs.push(Input { source, values: names.map(value).collect() });
            entries.push((entry, stop));
        }
        let opened = stores::open(&inputs, &self.log)?;
        if !self.is_quiet {
            introduce(&inputs, &opened)?;
        }
        let mut stores = opened.iter().map(|it| it.as_ref().ok().map(|(store, _)| store.clone()));
        let mut numbers = Vec::new();
        for input in &inputs {
            let add = |value: &Value| self.watch.add(&value.name, stores.next().flatten());
            numbers.push(input.values.iter().map(add).collect::<Vec<usize>>());
        }
        drop(stores);
        for ((feed, (entry, stop)), numbers) in
            feeds(inputs, opened).into_iter().zip(entries).zip(numbers)
        {
            self.control.add(entry.apply(feed, self.seed).stop(stop));
            self.members.push(Member { entry, numbers });
        }
        Ok(())
    }
}

/// What a reload has done, in words. A source that has changed is one that went and one
/// that came.
fn change(stayed: usize, went: usize, came: usize) -> String {
    let number = |number: usize| count(number as u64);
    let s = plural(stayed as u64);
    let [stayed, went, came] = [stayed, went, came].map(number);
    format!("reloaded: {stayed} source{s} unchanged, {went} ended, {came} begun")
}
