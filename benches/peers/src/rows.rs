//! The workloads, and their goals.

use crate::job::{Engine, Job, Task};
use crate::series::Kind;

/// Bytes of entropy of a value of N(14, 3) as a double, and of 1 ms of jitter in ns.
const VALUE_ENTROPY: f64 = 6.55;
const JITTER_ENTROPY: f64 = 2.49;

/// One line of the table.
pub(crate) struct Row {
    /// For `--only`.
    pub(crate) name: String,
    pub(crate) title: String,
    /// What each process measures, and the factor to convert it to `unit`.
    pub(crate) metric: String,
    pub(crate) scale: f64,
    pub(crate) unit: &'static str,
    pub(crate) goals: Vec<Goal>,
    jobs: Vec<Job>,
    /// Processes in a round for each engine that a goal names. Their median counts.
    pub(crate) repeats: usize,
    /// Whether one thread does it without waiting, so that its processor time can replace
    /// the wall-clock time.
    pub(crate) is_processing: bool,
    /// It hardly differs between rounds, and is measured only in the first.
    pub(crate) is_exact: bool,
}

/// The goal of Gaugelog's figure.
pub(crate) enum Goal {
    /// At least this many times another engine's.
    TimesAtLeast(f64, Engine),
    /// At most this many times another engine's.
    TimesAtMost(f64, Engine),
    /// At least this many times that of another job of Gaugelog.
    TimesOwn(f64, Box<Job>, &'static str),
    /// At most this much more than another engine's.
    MoreAtMost(f64, Engine),
    AtMost(f64),
}

impl Row {
    /// Uses processor time in place of wall-clock time, where that is possible.
    pub(crate) fn use_processor_time(&mut self) {
        if self.is_processing {
            self.metric.insert_str(0, "processor_");
            self.title.push_str(" (processor time)");
        }
    }

    /// All jobs that it needs.
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        let others = self.goals.iter().filter_map(|goal| match goal {
            Goal::TimesOwn(_, job, _) => Some(&**job),
            _ => None,
        });
        self.jobs.iter().chain(others)
    }

    /// Whether a goal names this engine.
    pub(crate) fn has_goal_about(&self, engine: Engine) -> bool {
        let is_about = |goal: &Goal| match goal {
            Goal::TimesAtLeast(_, other)
            | Goal::TimesAtMost(_, other)
            | Goal::MoreAtMost(_, other) => *other == engine,
            Goal::TimesOwn(..) | Goal::AtMost(_) => false,
        };
        engine == Engine::Gaugelog || self.goals.iter().any(is_about)
    }

    /// The job of `engine`.
    pub(crate) fn job(&self, engine: Engine) -> Option<&Job> {
        self.jobs.iter().find(|job| job.engine == engine)
    }
}

/// The sizes of the workloads.
struct Sizes {
    singles: u64,
    batches: u64,
    durable: u64,
    store: u64,
    large: u64,
    exact: u64,
    windows: u32,
}

const FULL: Sizes = Sizes {
    singles: 1_000_000,
    batches: 10_000_000,
    durable: 500,
    store: 10_000_000,
    large: 1_000_000_000,
    exact: 64 << 16,
    windows: 2_000,
};
const QUICK: Sizes = Sizes {
    singles: 100_000,
    batches: 200_000,
    durable: 40,
    store: 200_000,
    large: 1_000_000,
    exact: 2 << 16,
    windows: 100,
};

/// All workloads, in the order in which they are run.
pub(crate) fn all(is_quick: bool) -> Vec<Row> {
    let sizes = if is_quick { &QUICK } else { &FULL };
    let mut rows = appends(sizes);
    rows.extend(durable(sizes));
    rows.extend(opening(sizes));
    rows.extend(medians(sizes));
    rows.extend(windows(sizes));
    rows.extend(scans(sizes));
    rows.extend(bytes(sizes));
    rows.extend(memory(sizes));
    rows
}

/// One job for each engine.
fn jobs(engines: &[Engine], task: Task, kind: Kind, count: u64, batch: u64) -> Vec<Job> {
    let job = |engine: &Engine| Job { engine: *engine, task, kind, count, batch, windows: 0 };
    engines.iter().map(job).collect()
}

fn row(name: &str, title: String, unit: (&'static str, f64, &'static str), jobs: Vec<Job>) -> Row {
    let (metric, scale, unit) = unit;
    Row {
        name: name.to_owned(),
        title,
        metric: metric.to_owned(),
        scale,
        unit,
        goals: Vec::new(),
        jobs,
        repeats: 1,
        is_processing: ["summary-", "window-", "scan-"].iter().any(|it| name.starts_with(it)),
        is_exact: false,
    }
}

const MILLIONS: (&str, f64, &str) = ("per_second", 1e-6, "M/s");
const THOUSANDS: (&str, f64, &str) = ("per_second", 1e-3, "k/s");
const MILLISECONDS: (&str, f64, &str) = ("ms", 1.0, "ms");

/// Without the plain files.
const ENGINES: [Engine; 6] =
    [Engine::Gaugelog, Engine::Sqlite, Engine::Lmdb, Engine::Redb, Engine::Fjall, Engine::Tsink];

/// A large number in a short form.
fn short(count: u64) -> String {
    match count {
        1_000_000_000 => "1 G".to_owned(),
        _ if count.is_multiple_of(1_000_000) => format!("{} M", count / 1_000_000),
        _ => format!("{} k", count / 1_000),
    }
}

fn appends(sizes: &Sizes) -> Vec<Row> {
    let of = |task, count, batch| jobs(&Engine::ALL, task, Kind::Normal, count, batch);
    let (singles, batches) = (sizes.singles, sizes.batches);
    let title = format!("{} single pushes, in the log, synced at the end", short(singles));
    let mut single = row("push", title, MILLIONS, of(Task::Append, singles, 65_536));
    single.goals =
        vec![Goal::TimesAtLeast(3.5, Engine::Lmdb), Goal::TimesAtLeast(0.75, Engine::Floor)];
    let title = format!("{} in batches of 1,000, in the log, synced at the end", short(batches));
    let mut in_log = row("batches-log", title, MILLIONS, of(Task::Append, batches, 1_000));
    in_log.goals = vec![Goal::TimesAtLeast(0.85, Engine::Floor)];
    let title = format!("{} in batches of 1,000, sealed and synced", short(batches));
    let mut sealed = of(Task::Append, batches, 1_000);
    sealed[0].task = Task::AppendSealed;
    let mut sealed = row("batches-sealed", title, MILLIONS, sealed);
    sealed.goals = vec![Goal::TimesAtLeast(1.7, Engine::Lmdb)];
    // They take a twentieth of a second each.
    single.repeats = 5;
    vec![single, in_log, sealed]
}

fn durable(sizes: &Sizes) -> Vec<Row> {
    let of = |task| {
        // Eight threads share the work.
        let times = if task == Task::DurableThreads { 4 } else { 1 };
        jobs(&Engine::ALL, task, Kind::Normal, times * sizes.durable, 1)
    };
    let mut held = row(
        "durable-held",
        "durable one by one, held writer".to_owned(),
        THOUSANDS,
        of(Task::DurableHeld),
    );
    held.goals = vec![Goal::TimesAtLeast(0.93, Engine::Floor)];
    let title = "durable one by one, `Store::append`".to_owned();
    let mut shared = row("durable-append", title, THOUSANDS, of(Task::DurableShared));
    shared.goals = vec![Goal::TimesAtLeast(0.85, Engine::Floor)];
    let title = "durable one by one, 8 threads".to_owned();
    let mut threads = row("durable-threads", title, THOUSANDS, of(Task::DurableThreads));
    // As many as each of the threads, measured together with them and not with the row
    // above.
    let mut one = of(Task::DurableShared).swap_remove(0);
    one.count /= 2;
    threads.goals = vec![Goal::TimesOwn(4.0, Box::new(one), "one thread")];
    let mut rows = vec![held, shared, threads];
    // Short and often: the duration of a sync changes from one second to the next.
    rows.iter_mut().for_each(|row| row.repeats = 3);
    rows
}

fn opening(sizes: &Sizes) -> Vec<Row> {
    let store = sizes.store;
    let title = format!("fresh process: open {}, append one durably, close", short(store));
    let jobs_of = |task| jobs(&ENGINES, task, Kind::Normal, store, 1_000);
    let mut fresh = jobs_of(Task::AppendOne);
    fresh.extend(jobs(&[Engine::Floor], Task::AppendOne, Kind::Normal, store, 1_000));
    let mut fresh = row("fresh", title, ("cpu_us", 1.0, "µs CPU"), fresh);
    fresh.goals = vec![Goal::MoreAtMost(80.0, Engine::Floor)];
    fresh.repeats = 15;
    let mut rows = vec![fresh];

    let title = format!("fresh process: open + summary of {}", short(store));
    let mut bulk = row("summary-batches", title.clone(), MILLISECONDS, jobs_of(Task::Summary));
    bulk.goals = vec![Goal::AtMost(1.0)];
    bulk.repeats = 3;
    rows.push(bulk);
    let own = |kind, count, batch| jobs(&[Engine::Gaugelog], Task::Summary, kind, count, batch);
    let title = format!("{title}, appended one by one");
    rows.push(row("summary-singly", title, MILLISECONDS, own(Kind::Normal, store, 1)));
    let title = format!("fresh process: open + summary of {} (slow sensor)", short(sizes.large));
    rows.push(row("summary-large", title, MILLISECONDS, own(Kind::Slow, sizes.large, 65_536)));
    for row in &mut rows[2..] {
        row.goals = vec![Goal::AtMost(1.0)];
        row.repeats = 5;
    }
    rows
}

fn medians(sizes: &Sizes) -> Vec<Row> {
    let pair = [Engine::Gaugelog, Engine::Lmdb];
    let kinds = [
        ("median-normal", "N(14, 3)", Kind::Normal, &Engine::ALL[..]),
        ("median-walk", "random walk", Kind::Walk, &pair[..]),
        ("median-sorted", "sorted", Kind::Sorted, &pair[..]),
        ("median-decimal", "one decimal", Kind::Decimal, &pair[..]),
    ];
    let row_of = |(name, what, kind, engines): (_, _, _, &[Engine])| {
        let title = format!("fresh process: open + exact median of {}, {what}", short(sizes.store));
        let all = jobs(engines, Task::Median, kind, sizes.store, 1_000);
        let mut row = row(name, title, MILLISECONDS, all);
        row.goals = vec![match kind {
            Kind::Decimal => Goal::AtMost(3.0),
            _ => Goal::TimesAtMost(0.2, Engine::Lmdb),
        }];
        row.repeats = 3;
        row
    };
    kinds.into_iter().map(row_of).collect()
}

fn windows(sizes: &Sizes) -> Vec<Row> {
    let mut all = jobs(&ENGINES, Task::Windows, Kind::Normal, sizes.store, 1_000);
    for job in &mut all {
        // The other engines read a hundred thousand rows for each window.
        job.windows = if job.engine == Engine::Gaugelog { sizes.windows } else { 50 };
    }
    let title = |which| format!("summary of random 1 % windows of {}, {which}", short(sizes.store));
    let middle = ("p50_us", 1.0, "µs");
    let slow = ("p99_us", 1.0, "µs");
    let mut middle = row("window-p50", title("p50"), middle, all.clone());
    middle.goals = vec![Goal::AtMost(25.0)];
    let mut slow = row("window-p99", title("p99"), slow, all);
    slow.goals = vec![Goal::AtMost(100.0)];
    vec![middle, slow]
}

fn scans(sizes: &Sizes) -> Vec<Row> {
    let kinds = [
        ("scan-time-batches", "by time, appended in batches", Task::ScanTime, 1_000, 2.0),
        ("scan-time-singly", "by time, appended one by one", Task::ScanTime, 1, 2.0),
        (
            "scan-sequence-batches",
            "by sequence, appended in batches",
            Task::ScanSequence,
            1_000,
            3.0,
        ),
        ("scan-sequence-singly", "by sequence, appended one by one", Task::ScanSequence, 1, 3.0),
    ];
    let row_of = |(name, how, task, batch, times): (_, _, _, u64, f64)| {
        let mut all = jobs(&Engine::ALL, task, Kind::Normal, sizes.store, 1_000);
        // The key of the other engines is the time, so the order of arrival makes no
        // difference to their trees.
        for job in &mut all {
            match job.engine {
                Engine::Gaugelog => job.batch = batch,
                _ => job.task = Task::ScanTime,
            }
        }
        let title = format!("full scan of {} {how}", short(sizes.store));
        let mut row = row(name, title, MILLIONS, all);
        row.repeats = 3;
        row.goals = vec![Goal::TimesAtLeast(times, Engine::Lmdb)];
        row
    };
    kinds.into_iter().map(row_of).collect()
}

fn bytes(sizes: &Sizes) -> Vec<Row> {
    let kinds = [
        ("bytes-normal", "N(14, 3) at 1 Hz", Kind::Normal, 1.04 * VALUE_ENTROPY),
        ("bytes-jitter", "ns jitter", Kind::Jitter, 1.04 * (VALUE_ENTROPY + JITTER_ENTROPY)),
        ("bytes-decimal", "one decimal", Kind::Decimal, 1.05),
        ("bytes-slow", "slow sensor", Kind::Slow, 0.25),
    ];
    let row_of = |(name, what, kind, most)| {
        let title = format!("bytes an observation, sealed, {what}");
        let all = jobs(&ENGINES, Task::Prepare, kind, sizes.exact, 1_000);
        let mut row = row(name, title, ("bytes", 1.0, "B"), all);
        row.goals = vec![Goal::AtMost(most)];
        row.is_exact = true;
        row
    };
    kinds.into_iter().map(row_of).collect()
}

fn memory(sizes: &Sizes) -> Vec<Row> {
    let append = jobs(&Engine::ALL, Task::AppendStreamed, Kind::Normal, sizes.batches, 1_000);
    let of = |task| jobs(&Engine::ALL, task, Kind::Normal, sizes.store, 1_000);
    let kinds = [
        ("memory-append", "append in batches of 1,000", append),
        ("memory-median", "exact median", of(Task::Median)),
        ("memory-scan", "full scan by time", of(Task::ScanTime)),
    ];
    let row_of = |(name, what, all): (_, &str, _)| {
        let title = format!("peak memory, {} {what}", short(sizes.store));
        let mut row = row(name, title, ("peak_mib", 1.0, "MiB"), all);
        row.goals = vec![Goal::AtMost(32.0)];
        row.is_exact = true;
        row
    };
    kinds.into_iter().map(row_of).collect()
}
