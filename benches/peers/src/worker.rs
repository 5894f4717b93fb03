//! The process that does one job and prints what it measured: a name and a number on each
//! line.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use gaugelog::Observation;

use crate::engines::{self, ALWAYS, Durable, Order, Plan, Writer};
use crate::job::{Engine, Job, Task};
use crate::series::{INTERVAL_NS, START_NS, Series};

/// Threads of [`Task::DurableThreads`].
const THREADS: u64 = 8;
/// The size of the parts of a series that is not held in memory.
const PART_OBSERVATIONS: u64 = 65_536;

/// Does `job` in `place`, which is an existing store or a directory that does not exist
/// yet.
pub(crate) fn run(job: &Job, place: &Path) -> Result<()> {
    let measured = match job.task {
        Task::Prepare => prepare(job, place)?,
        Task::Append | Task::AppendSealed => append(job, place)?,
        Task::AppendStreamed => append_streamed(job, place)?,
        Task::DurableHeld => durable_held(job, place)?,
        Task::DurableShared => durable_shared(job, place, 1)?,
        Task::DurableThreads => durable_shared(job, place, THREADS)?,
        Task::AppendOne => append_one(job, place)?,
        Task::Summary | Task::Median => open_and_ask(job, place)?,
        Task::Windows => windows(job, place)?,
        Task::ScanTime => scan(job, place, Order::Time)?,
        Task::ScanSequence => scan(job, place, Order::Sequence)?,
    };
    for (name, value) in measured {
        println!("{name} {value}");
    }
    println!("peak_mib {}", peak_bytes()? / f64::from(1 << 20));
    Ok(())
}

type Measured = Vec<(&'static str, f64)>;

fn batch(job: &Job) -> Result<usize> {
    Ok(usize::try_from(job.batch)?)
}

fn rate(count: u64, elapsed: Duration) -> Measured {
    vec![("per_second", count as f64 / elapsed.as_secs_f64())]
}

/// Wall-clock and processor time. On a machine with other users, processor time is the
/// better measure of one thread that does not wait.
struct Watch {
    started: Instant,
    processor_started: Duration,
}

impl Watch {
    fn start() -> Self {
        Self { processor_started: processor_time(), started: Instant::now() }
    }

    fn elapsed(&self) -> (Duration, Duration) {
        (self.started.elapsed(), processor_time() - self.processor_started)
    }
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Sealed, merged and closed, as each engine would be after a while.
fn prepare(job: &Job, place: &Path) -> Result<Measured> {
    let plan = Plan { durable: Durable::AtEnd, count: job.count, in_log: false };
    let mut writer = engines::writer(job.engine, place, plan)?;
    stream(job, writer.as_mut())?;
    writer.seal()?;
    writer.sync()?;
    drop(writer);
    Ok(vec![("bytes", allocated_bytes(place)? / job.count as f64)])
}

fn stream(job: &Job, writer: &mut dyn Writer) -> Result<()> {
    let mut series = Series::new(job.kind);
    let mut left = job.count;
    while left > 0 {
        let part = series.batch(usize::try_from(left.min(PART_OBSERVATIONS))?);
        left -= part.len() as u64;
        part.chunks(batch(job)?).try_for_each(|batch| writer.append(batch))?;
    }
    Ok(())
}

fn append(job: &Job, place: &Path) -> Result<Measured> {
    let observations = Series::new(job.kind).batch(usize::try_from(job.count)?);
    let is_sealed = job.task == Task::AppendSealed;
    let plan = Plan { durable: Durable::AtEnd, count: job.count, in_log: !is_sealed };
    let mut writer = engines::writer(job.engine, place, plan)?;
    let started = Instant::now();
    for batch in observations.chunks(batch(job)?) {
        writer.append(batch)?;
    }
    if is_sealed && job.engine == Engine::Gaugelog {
        writer.seal()?;
    }
    writer.sync()?;
    Ok(rate(job.count, started.elapsed()))
}

fn append_streamed(job: &Job, place: &Path) -> Result<Measured> {
    let plan = Plan { durable: Durable::AtEnd, count: job.count, in_log: false };
    let mut writer = engines::writer(job.engine, place, plan)?;
    stream(job, writer.as_mut())?;
    writer.sync()?;
    Ok(Vec::new())
}

fn durable_held(job: &Job, place: &Path) -> Result<Measured> {
    let observations = Series::new(job.kind).batch(usize::try_from(job.count)?);
    let plan = Plan { durable: Durable::Each, count: job.count, in_log: true };
    let mut writer = engines::writer(job.engine, place, plan)?;
    // The first append makes files.
    let (first, others) = observations.split_at(1);
    writer.append(first)?;
    let started = Instant::now();
    for observation in others {
        writer.append(std::slice::from_ref(observation))?;
    }
    Ok(rate(job.count - 1, started.elapsed()))
}

fn durable_shared(job: &Job, place: &Path, threads: u64) -> Result<Measured> {
    let appender = engines::appender(job.engine, place, job.count + 1)?;
    // The first append makes files.
    appender.append(Observation::new(START_NS, 14.25))?;
    let next = AtomicI64::new(START_NS + INTERVAL_NS);
    let each = job.count / threads;
    let append = || -> Result<()> {
        for _ in 0..each {
            let time = next.fetch_add(INTERVAL_NS, Ordering::Relaxed);
            appender.append(Observation::new(time, 14.25))?;
        }
        Ok(())
    };
    let started = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
        for thread in running {
            thread.join().map_err(|_| anyhow::anyhow!("an appending thread panicked"))??;
        }
        Ok(())
    })?;
    Ok(rate(each * threads, started.elapsed()))
}

/// The cost is that of the whole process: see `rounds`.
fn append_one(job: &Job, place: &Path) -> Result<Measured> {
    let appender = engines::appender(job.engine, place, 1)?;
    appender.append(Observation::at(SystemTime::now(), 14.25))?;
    drop(appender);
    Ok(Vec::new())
}

fn open_and_ask(job: &Job, place: &Path) -> Result<Measured> {
    let watch = Watch::start();
    let reader = engines::reader(job.engine, place)?;
    let answer = if job.task == Task::Median {
        reader.median()?
    } else {
        let statistics = reader.summary(ALWAYS)?;
        check(statistics.count, job.count)?;
        let mean = statistics.sum / statistics.count as f64;
        let variance = statistics.squares / statistics.count as f64 - mean * mean;
        std::hint::black_box((statistics.min, statistics.max, variance));
        mean
    };
    let (wall, processor) = watch.elapsed();
    Ok(vec![
        ("ms", wall.as_secs_f64() * 1e3),
        ("processor_ms", processor.as_secs_f64() * 1e3),
        ("answer", answer),
    ])
}

fn windows(job: &Job, place: &Path) -> Result<Measured> {
    let reader = engines::reader(job.engine, place)?;
    let count = i64::try_from(job.count)?;
    let (span, mut random) = (count / 100, 1_i64);
    let (mut wall_us, mut processor_us) = (Vec::new(), Vec::new());
    for _ in 0..job.windows {
        // Knuth's MMIX generator; the upper bits are the random ones.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let first = (random >> 20).rem_euclid(count - span);
        let times = START_NS + first * INTERVAL_NS..START_NS + (first + span) * INTERVAL_NS;
        let watch = Watch::start();
        let statistics = reader.summary(times)?;
        let (wall, processor) = watch.elapsed();
        wall_us.push(wall.as_secs_f64() * 1e6);
        processor_us.push(processor.as_secs_f64() * 1e6);
        ensure!(statistics.count == u64::try_from(span)?, "a window of {}", statistics.count);
    }
    let (middle, slow) = percentiles(wall_us)?;
    let (processor_middle, processor_slow) = percentiles(processor_us)?;
    Ok(vec![
        ("p50_us", middle),
        ("p99_us", slow),
        ("processor_p50_us", processor_middle),
        ("processor_p99_us", processor_slow),
    ])
}

/// The median, and the value that a hundredth exceeds.
fn percentiles(mut all: Vec<f64>) -> Result<(f64, f64)> {
    all.sort_unstable_by(f64::total_cmp);
    let last = all.len().checked_sub(1).context("no windows")?;
    Ok((all[last / 2], all[last * 99 / 100]))
}

fn scan(job: &Job, place: &Path, order: Order) -> Result<Measured> {
    let reader = engines::reader(job.engine, place)?;
    let watch = Watch::start();
    let (count, sum) = reader.read_all(order)?;
    let (wall, processor) = watch.elapsed();
    check(count, job.count)?;
    let count = count as f64;
    Ok(vec![
        ("per_second", count / wall.as_secs_f64()),
        ("processor_per_second", count / processor.as_secs_f64()),
        ("answer", sum as f64),
    ])
}

/// A process that measures opening appends to the stores that other processes read.
fn check(found: u64, expected: u64) -> Result<()> {
    ensure!(found >= expected, "the store has {found} observations and should have {expected}");
    Ok(())
}

/// The peak of this process's memory, including mapped pages of files.
fn peak_bytes() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmHWM")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

/// The size of the blocks of a directory's files.
fn allocated_bytes(place: &Path) -> Result<f64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(place)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            allocated_bytes(&entry.path())?
        } else {
            metadata.blocks() as f64 * 512.0
        };
    }
    Ok(bytes)
}
