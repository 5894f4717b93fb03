//! Starts the processes, in rounds.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use wait4::Wait4;

use crate::arguments::Arguments;
use crate::job::Job;
use crate::rows::Row;

/// What one job measured in each round; `None` for a round in which it failed.
pub(crate) type Results = HashMap<Job, Vec<Option<Measured>>>;

/// What one process measured.
pub(crate) type Measured = HashMap<String, f64>;

/// Where stores are.
pub(crate) struct Bench {
    program: PathBuf,
    cache: PathBuf,
    scratch: TempDir,
    rounds_others: usize,
}

impl Bench {
    pub(crate) fn new(arguments: &Arguments) -> Result<Self> {
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
        let within = arguments.scratch.clone().unwrap_or(beside);
        std::fs::create_dir_all(&within)
            .with_context(|| format!("creating {}", within.display()))?;
        let scratch = TempDir::with_prefix_in("peers-", &within)?;
        let cache = arguments.cache.clone().unwrap_or_else(|| scratch.path().join("cache"));
        std::fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
        let program = std::env::current_exe()?;
        Ok(Self { program, cache, scratch, rounds_others: arguments.rounds_others })
    }

    /// Runs all jobs of `rows`, each once in a round.
    pub(crate) fn run(&self, rows: &[Row], rounds: usize) -> Result<Results> {
        let mut results = Results::new();
        for round in 0..rounds {
            for row in rows {
                eprintln!("round {} of {rounds}: {}", round + 1, row.name);
                self.run_row(row, round, &mut results);
            }
        }
        Ok(results)
    }

    fn run_row(&self, row: &Row, round: usize, results: &mut Results) {
        let mut jobs: Vec<&Job> = row.jobs().collect();
        // So that an engine does not always find the disk in the state that the same
        // other engine left.
        let first = round % jobs.len();
        jobs.rotate_left(first);
        jobs.retain(|job| results.get(job).is_none_or(|measured| measured.len() <= round));
        jobs.retain(|job| {
            let is_wanted = row.has_goal_about(job.engine) || round < self.rounds_others;
            is_wanted && !(row.is_exact && round > 0)
        });
        let mut repeated: HashMap<&Job, Vec<Measured>> = HashMap::new();
        for turn in 0..row.repeats {
            for job in &jobs {
                if turn > 0 && !row.has_goal_about(job.engine) {
                    continue;
                }
                match self.run_job(job) {
                    Ok(measured) => repeated.entry(job).or_default().push(measured),
                    Err(error) => eprintln!("{}: {error:#}", job.arguments().join(" ")),
                }
            }
        }
        for job in jobs {
            let measured = repeated.remove(job).map(|all| medians(&all));
            results.entry(job.clone()).or_default().push(measured);
        }
    }

    fn run_job(&self, job: &Job) -> Result<Measured> {
        if job.task.needs_store() {
            let store = job.store(&self.cache);
            self.prepare(job, &store)?;
            return self.start(job, &store);
        }
        let store = self.scratch.path().join("store");
        let measured = self.start(job, &store);
        if store.exists() {
            std::fs::remove_dir_all(&store)?;
        }
        measured
    }

    /// Under another name until it is complete.
    fn prepare(&self, job: &Job, store: &Path) -> Result<()> {
        if store.exists() {
            return Ok(());
        }
        let unfinished = store.with_extension("unfinished");
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished)?;
        }
        self.start(&job.preparation(), &unfinished)?;
        Ok(std::fs::rename(unfinished, store)?)
    }

    fn start(&self, job: &Job, place: &Path) -> Result<Measured> {
        let mut command = Command::new(&self.program);
        command.arg("worker").args(job.arguments()).arg("--place").arg(place);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        // A few lines: they fit into the pipe, so waiting first is safe.
        let ended = child.wait4()?;
        let printed = std::io::read_to_string(child.stdout.take().context("no output")?)?;
        if !ended.status.success() {
            bail!("the process ended with {}", ended.status);
        }
        let mut measured = Measured::new();
        for line in printed.lines() {
            let (name, value) = line.split_once(' ').context("a line without a value")?;
            measured.insert(name.to_owned(), value.parse()?);
        }
        let cpu = ended.rusage.utime + ended.rusage.stime;
        measured.insert("cpu_us".to_owned(), cpu.as_secs_f64() * 1e6);
        Ok(measured)
    }
}

fn medians(all: &[Measured]) -> Measured {
    let names = all.first().map(|measured| measured.keys().cloned().collect::<Vec<_>>());
    let of = |name: &String| median(all.iter().filter_map(|it| it.get(name).copied()).collect());
    names.into_iter().flatten().map(|name| (name.clone(), of(&name))).collect()
}

/// The middle value; for an even number of values the lower one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}
