use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use gaugelog::{Error, Observation, Options};

use super::run::BATCH_MAX;
use super::sink::Refusal;
use super::*;
use crate::source::{Pace, Reading, SourceError};

const MS: u64 = 1_000_000;

/// Clocks that only move when somebody sleeps or a test moves them.
#[derive(Debug, Default)]
struct TestClock {
    monotonic_ns: AtomicU64,
    wall_step_ns: AtomicI64,
    /// At which monotonic times it becomes what; the latest first.
    wall_steps: Mutex<Vec<(u64, i64)>>,
    longest_sleep_ns: AtomicU64,
    /// How much longer the next sleep takes than was asked for.
    oversleep_ns: AtomicU64,
    /// When the stop flag is set; 0 for never.
    stop_at_ns: AtomicU64,
    stop: Arc<AtomicBool>,
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
        let stop_at_ns = self.stop_at_ns.load(Ordering::SeqCst);
        if stop_at_ns > 0 && now_ns >= stop_at_ns {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

impl Clock for TestClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.now_ns())
    }

    /// The time of day is the monotonic time since 1970, but for steps.
    fn wall(&self) -> SystemTime {
        let step_ns = self.wall_step_ns.load(Ordering::SeqCst);
        let wall_ns = i64::try_from(self.now_ns()).expect("tests are short") + step_ns;
        let since = Duration::from_nanos(wall_ns.unsigned_abs());
        if wall_ns < 0 { UNIX_EPOCH - since } else { UNIX_EPOCH + since }
    }

    fn sleep(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).expect("tests are short");
        self.longest_sleep_ns.fetch_max(ns, Ordering::SeqCst);
        self.pass(ns + self.oversleep_ns.swap(0, Ordering::SeqCst));
    }
}

/// A source that does what a closure says, told how often it was polled before.
struct Script<F> {
    pace: Pace,
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
    Box::new(Script { pace, polled: 0, poll })
}

/// A value that tells polls apart.
fn value(n: u64) -> Option<Reading> {
    Some(Reading::new(f64::from(u32::try_from(n).expect("tests are short"))))
}

/// A sink that keeps what it is given, and refuses as scripted.
#[derive(Default)]
struct Memory {
    batches: Mutex<Vec<Vec<Observation>>>,
    refusals: Mutex<Vec<Refusal>>,
}

impl Memory {
    /// The first in the list is the first to be given out.
    fn refusing(mut refusals: Vec<Refusal>) -> Self {
        refusals.reverse();
        Self { refusals: Mutex::new(refusals), ..Self::default() }
    }

    fn stored(&self) -> Vec<Observation> {
        self.batches.lock().unwrap().concat()
    }

    fn values(&self) -> Vec<f64> {
        self.stored().iter().map(|observation| observation.value).collect()
    }
}

impl Sink for Memory {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop() {
            return Err(refusal);
        }
        self.batches.lock().unwrap().push(observations.to_vec());
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// An error of the engine; which one does not matter to the loop.
fn engine_error() -> Error {
    Options::new().log_bytes_max(1).open("anywhere").unwrap_err()
}

fn collector(clock: &Arc<TestClock>) -> Collector {
    let clock = Arc::clone(clock);
    Collector { clock: clock.clone(), stop: Arc::clone(&clock.stop), ..Collector::new() }
}

/// How long a thousand polls take, in nanoseconds: 0 to 30 ms, from a multiplicative
/// generator.
fn slow_polls() -> Vec<u64> {
    let draws = std::iter::successors(Some(48_271), |x: &u64| Some(x * 48_271 % 0x7fff_ffff));
    draws.take(1000).map(|x| x % 31 * MS).collect()
}

mod aligned;
mod counts;
mod failing;
mod own_pace;
mod scheduled;
mod several;
