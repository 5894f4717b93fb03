use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{SystemTime, UNIX_EPOCH};

use gaugelog::{Error, Observation, Options};

use super::intake::BATCH_MAX;
use super::message::Message;
use super::sink::Sink;
use super::*;
use crate::source::{Pace, Reading, SourceError};

const MS: u64 = 1_000_000;

/// Clocks that move when every working thread sleeps by them, or when a test moves them.
#[derive(Debug, Default)]
struct TestClock {
    monotonic_ns: AtomicU64,
    suspended_ns: AtomicU64,
    wall_step_ns: AtomicI64,
    /// The steps of the wall clock: the monotonic time and the new offset, the latest
    /// first.
    wall_steps: Mutex<Vec<(u64, i64)>>,
    /// How much longer than requested the next wait takes.
    oversleep_ns: AtomicU64,
    /// When the stop flag is set; 0 for never.
    stop_at_ns: AtomicU64,
    stop: Stop,
    /// How often the scheduler has woken.
    wakes: AtomicUsize,
    /// Until when each thread sleeps.
    asleep: Mutex<BTreeMap<String, u64>>,
    passed: Condvar,
}

/// This many checks, about a millisecond each, without progress end the test.
const IDLE_MOST: u32 = 60_000;

fn own_id() -> String {
    let id: ThreadId = thread::current().id();
    format!("{id:?}")
}

impl TestClock {
    fn now_ns(&self) -> u64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }

    fn pass(&self, ns: u64) {
        let now_ns = self.monotonic_ns.fetch_add(ns, Ordering::SeqCst) + ns;
        let mut steps = self.wall_steps.lock().unwrap();
        while let Some((_, step_ns)) = steps.pop_if(|(at_ns, _)| *at_ns <= now_ns) {
            self.wall_step_ns.store(step_ns, Ordering::SeqCst);
        }
        drop(steps);
        self.passed.notify_all();
        let stop_at_ns = self.stop_at_ns.load(Ordering::SeqCst);
        if stop_at_ns > 0 && now_ns >= stop_at_ns && !self.stop.is_set() {
            self.stop.set();
        }
    }

    /// Sleeps, in a poll, until this time has passed.
    fn sleep(&self, duration: Duration) {
        let until_ns = self.now_ns() + u64::try_from(duration.as_nanos()).unwrap();
        let mut asleep = self.asleep.lock().unwrap();
        asleep.insert(own_id(), until_ns);
        while self.now_ns() < until_ns {
            asleep = self.passed.wait_timeout(asleep, Duration::from_millis(1)).unwrap().0;
        }
        asleep.remove(&own_id());
    }
}

impl Clock for TestClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }

    /// The time of day is the monotonic time since 1970, plus steps.
    fn wall(&self) -> SystemTime {
        let step_ns = self.wall_step_ns.load(Ordering::SeqCst);
        let wall_ns = i64::try_from(self.now_ns()).expect("tests are short") + step_ns;
        let since = Duration::from_nanos(wall_ns.unsigned_abs());
        if wall_ns < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since }
    }

    fn suspended(&self) -> Duration {
        Duration::from_nanos(self.suspended_ns.load(Ordering::SeqCst))
    }

    fn receive(
        &self,
        messages: &Receiver<Message>,
        timeout: Option<Duration>,
        busy: usize,
    ) -> Result<Message, RecvTimeoutError> {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        let until_ns = timeout.map_or(u64::MAX, |timeout| {
            self.now_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        for _ in 0..IDLE_MOST {
            if let Ok(message) = messages.try_recv() {
                return Ok(message);
            }
            let now_ns = self.now_ns();
            if now_ns >= until_ns {
                return Err(RecvTimeoutError::Timeout);
            }
            let asleep = self.asleep.lock().unwrap();
            let sleepers: Vec<u64> = asleep.values().copied().filter(|at| *at > now_ns).collect();
            drop(asleep);
            let wake_ns = sleepers.iter().copied().min().unwrap_or(u64::MAX).min(until_ns);
            let stop_ns = match self.stop_at_ns.load(Ordering::SeqCst) {
                stop_ns if stop_ns > now_ns => stop_ns,
                _ => u64::MAX,
            };
            if sleepers.len() >= busy && wake_ns.min(stop_ns) < u64::MAX {
                let is_late = wake_ns == until_ns && wake_ns <= stop_ns;
                let late_ns = if is_late { self.oversleep_ns.swap(0, Ordering::SeqCst) } else { 0 };
                self.pass(wake_ns.min(stop_ns) - now_ns + late_ns);
            } else if let Ok(message) = messages.recv_timeout(Duration::from_millis(1)) {
                return Ok(message);
            }
        }
        panic!("no thread makes progress: {self:?}");
    }
}

/// A source that calls a closure with the number of the poll.
struct Script<F> {
    pace: Pace,
    is_local: bool,
    polled: u64,
    poll: F,
}

impl<F: FnMut(u64) -> Result<Option<Reading>, SourceError> + Send> Source for Script<F> {
    fn name(&self) -> &str {
        "script"
    }

    fn description(&self) -> String {
        "what a test wants".to_owned()
    }

    fn pace(&self) -> Pace {
        self.pace
    }

    fn is_local(&self) -> bool {
        self.is_local
    }

    fn poll(&mut self) -> Result<Option<Reading>, SourceError> {
        let n = self.polled;
        self.polled += 1;
        (self.poll)(n)
    }
}

fn script<F>(pace: Pace, poll: F) -> Box<dyn Source>
where
    F: FnMut(u64) -> Result<Option<Reading>, SourceError> + Send + 'static,
{
    Box::new(Script { pace, is_local: false, polled: 0, poll })
}

/// A different value for each poll.
fn value(n: u64) -> Option<Reading> {
    Some(Reading::new(f64::from(u32::try_from(n).expect("tests are short"))))
}

type Hook = Box<dyn FnMut(&[Observation]) + Send>;

/// A sink that keeps what it is given, and refuses as scripted.
#[derive(Clone, Default)]
struct Memory(Arc<Kept>);

#[derive(Default)]
struct Kept {
    batches: Mutex<Vec<Vec<Observation>>>,
    refusals: Mutex<Vec<Error>>,
    /// Called at each append.
    hook: Mutex<Option<Hook>>,
    directory: Mutex<Option<std::path::PathBuf>>,
    synced: AtomicUsize,
}

impl Memory {
    /// The first in the list is given out first.
    fn refusing(mut refusals: Vec<Error>) -> Self {
        let memory = Self::default();
        refusals.reverse();
        *memory.0.refusals.lock().unwrap() = refusals;
        memory
    }

    fn with_hook(hook: impl FnMut(&[Observation]) + Send + 'static) -> Self {
        let memory = Self::default();
        *memory.0.hook.lock().unwrap() = Some(Box::new(hook));
        memory
    }

    fn in_directory(directory: &std::path::Path) -> Self {
        let memory = Self::default();
        *memory.0.directory.lock().unwrap() = Some(directory.to_owned());
        memory
    }

    fn batches(&self) -> Vec<Vec<Observation>> {
        self.0.batches.lock().unwrap().clone()
    }

    fn stored(&self) -> Vec<Observation> {
        self.batches().concat()
    }

    fn values(&self) -> Vec<f64> {
        self.stored().iter().map(|observation| observation.value).collect()
    }

    fn sink(&self) -> sink::SharedSink {
        Arc::new(Mutex::new(Holder(self.clone(), self.0.directory.lock().unwrap().clone())))
    }
}

/// A memory sink, and the directory that it pretends to have.
struct Holder(Memory, Option<std::path::PathBuf>);

impl Sink for Holder {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Error> {
        let kept = &self.0.0;
        if let Some(refusal) = kept.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        if let Some(hook) = &mut *kept.hook.lock().unwrap() {
            hook(observations);
        }
        kept.batches.lock().unwrap().push(observations.to_vec());
        Ok(())
    }

    fn directory(&self) -> Option<&std::path::Path> {
        self.1.as_deref()
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.0.0.synced.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// Some error of the engine that does not pass.
fn lasting() -> Error {
    Options::new().log_bytes_max(1).open("anywhere").unwrap_err()
}

/// An error of the engine that may pass: another writer has the lock.
fn passing() -> Error {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::create(dir.path().join("store")).unwrap();
    let _writer = store.writer().unwrap();
    let other = Options::new().lock_wait(Duration::ZERO).open(store.path()).unwrap();
    let error = other.append(Observation::new(0, 0.0)).unwrap_err();
    assert!(error.can_pass());
    error
}

impl Collector {
    fn collect(
        &self,
        name: &str,
        source: Box<dyn Source>,
        memory: &Memory,
        on_event: &mut dyn FnMut(Event<'_>),
    ) -> Result<Report, CollectError> {
        let feed = Feed::into_sinks(source, vec![(name, memory.sink())]);
        self.run_all(vec![feed], |_, event| on_event(event)).remove(0)
    }
}

fn collector(clock: &Arc<TestClock>) -> Collector {
    let clock = Arc::clone(clock);
    Collector { stop: clock.stop.clone(), clock, ..Collector::new() }
}

/// How long each of a thousand polls takes, in nanoseconds: 0 to 30 ms, from a
/// multiplicative generator.
fn slow_polls() -> Vec<u64> {
    let draws = std::iter::successors(Some(48_271), |x: &u64| Some(x * 48_271 % 0x7fff_ffff));
    draws.take(1000).map(|x| x % 31 * MS).collect()
}

mod aligned;
mod control;
mod counts;
mod ended;
mod failing;
mod held;
mod own_pace;
mod scheduled;
mod several;
mod suspended;
mod values;
