//! A clock for several threads: time passes only while all of them wait for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::thread;

use super::*;
use crate::collector::worker::Polled;

#[derive(Debug, Default)]
struct Waits {
    now_ns: u64,
    /// The runs that are not over.
    lanes: BTreeSet<String>,
    /// Until when which thread sleeps, or a run waits for its source.
    asleep: BTreeMap<String, u64>,
    receiving: BTreeMap<String, u64>,
    released: bool,
    /// How often somebody looked since time last passed.
    idle: u32,
}

/// So many looks of a millisecond or so in which nothing happens are the end.
const IDLE_MOST: u32 = 60_000;

impl Waits {
    /// Moves time to the first wake where nobody has anything to do before it. A run
    /// waits while it sleeps, and while its source's poll does.
    fn pass(&mut self) {
        let later = |at_ns: Option<&u64>| at_ns.is_some_and(|at_ns| *at_ns > self.now_ns);
        let waits = |lane: &String| {
            later(self.asleep.get(&format!("keep {lane}")))
                || later(self.receiving.get(lane))
                    && later(self.asleep.get(&format!("poll {lane}")))
        };
        if !self.lanes.is_empty() && self.lanes.iter().all(waits) {
            let wakes = self.asleep.values().chain(self.receiving.values());
            self.now_ns = wakes.copied().min().unwrap_or(self.now_ns);
            self.idle = 0;
        }
        self.idle += 1;
        assert!(self.idle < IDLE_MOST, "nobody moves: {self:?}");
    }
}

/// See [`Waits::pass`].
#[derive(Debug, Default)]
pub(super) struct Lockstep {
    waits: Mutex<Waits>,
    passed: Condvar,
}

impl Lockstep {
    /// For runs of these names.
    pub(super) fn of(lanes: &[&str]) -> Arc<Self> {
        let clock = Self::default();
        clock.waits.lock().unwrap().lanes = lanes.iter().map(|lane| (*lane).to_owned()).collect();
        Arc::new(clock)
    }

    /// Lets polls end that were given up.
    pub(super) fn release(&self) {
        self.waits.lock().unwrap().released = true;
        self.passed.notify_all();
    }

    fn retire(&self, lane: &str) {
        // Also where a thread panicked with it: another panic here would hide that one.
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.lanes.remove(lane);
        self.passed.notify_all();
    }

    /// Waits a little in the machine's time, for others to get on.
    fn yield_now<'a>(&self, mut waits: MutexGuard<'a, Waits>) -> MutexGuard<'a, Waits> {
        waits.pass();
        self.passed.notify_all();
        self.passed.wait_timeout(waits, Duration::from_millis(1)).unwrap().0
    }
}

fn own_name() -> String {
    thread::current().name().unwrap_or_default().to_owned()
}

impl Clock for Lockstep {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.waits.lock().unwrap().now_ns)
    }

    fn wall(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn sleep(&self, duration: Duration) {
        let mut waits = self.waits.lock().unwrap();
        let until_ns = waits.now_ns + u64::try_from(duration.as_nanos()).unwrap();
        waits.asleep.insert(own_name(), until_ns);
        while waits.now_ns < until_ns && !waits.released {
            waits = self.yield_now(waits);
        }
        waits.asleep.remove(&own_name());
    }

    fn receive(
        &self,
        answers: &Receiver<Polled>,
        timeout: Duration,
    ) -> Result<Polled, RecvTimeoutError> {
        let lane = own_name().replace("keep ", "");
        let mut waits = self.waits.lock().unwrap();
        let until_ns = waits.now_ns + u64::try_from(timeout.as_nanos()).unwrap();
        loop {
            let received = match answers.try_recv() {
                Ok(polled) => Ok(polled),
                Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
                Err(TryRecvError::Empty) if waits.now_ns >= until_ns => {
                    Err(RecvTimeoutError::Timeout)
                }
                Err(TryRecvError::Empty) => {
                    waits.receiving.insert(lane.clone(), until_ns);
                    waits = self.yield_now(waits);
                    continue;
                }
            };
            waits.receiving.remove(&lane);
            return received;
        }
    }
}

/// A sink that tells the clock when its run is over.
pub(super) struct Recording {
    clock: Arc<Lockstep>,
    lane: String,
    stored: Arc<Mutex<Vec<Observation>>>,
}

impl Recording {
    pub(super) fn new(
        clock: &Arc<Lockstep>,
        lane: &str,
        stored: &Arc<Mutex<Vec<Observation>>>,
    ) -> Self {
        Self { clock: Arc::clone(clock), lane: lane.to_owned(), stored: Arc::clone(stored) }
    }
}

impl Sink for Recording {
    fn append(&mut self, observations: &[Observation]) -> Result<(), Refusal> {
        self.stored.lock().unwrap().extend_from_slice(observations);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.clock.retire(&self.lane);
    }
}
