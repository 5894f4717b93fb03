//! Threads of one process share a lock and a sync: one of the appending threads leads,
//! and stores for all that wait.

use std::ops::Range;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::session::Numbers;
use crate::error::Result;
use crate::observation::Observation;

/// The most observations of others that a leader stores at once.
const GATHERED_MAX: usize = 1 << 18;
/// A leader waits for others at most this fraction of the time that the last storing
/// took.
const GATHER_PART: u32 = 4;
/// And at most this long.
const GATHER_MAX: Duration = Duration::from_millis(1);

/// The waiting threads.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    /// Signalled when as many threads wait as the leader expects.
    gathered: Condvar,
    /// How long a leader waits for others, by the time that the last storing took.
    patience: fn(Duration) -> Duration,
}

impl Default for Queue {
    fn default() -> Self {
        let patience = |took: Duration| (took / GATHER_PART).min(GATHER_MAX);
        Self { waiting: Mutex::default(), gathered: Condvar::new(), patience }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    has_leader: bool,
    requests: Vec<Request>,
    /// Threads of the last group, and those that waited while it was stored.
    expected: usize,
    /// How long storing the last group took.
    took: Duration,
}

#[derive(Debug)]
struct Request {
    observations: Vec<Observation>,
    answer: SyncSender<Answer>,
}

#[derive(Debug)]
enum Answer {
    Stored(Result<Range<u64>>),
    /// The thread leads now, and its request is no longer in the queue.
    Lead,
}

impl Queue {
    /// Stores `observations` with `store`, together with those of other threads. One
    /// thread at a time calls `store`. Its error says how many are stored nevertheless.
    pub(crate) fn append(
        &self,
        observations: &[Observation],
        store: impl FnOnce(&[Observation]) -> Result<Numbers>,
    ) -> Result<Range<u64>> {
        if let Some(answer) = self.wait(observations) {
            return answer;
        }
        Leading { queue: self, others: self.gather() }.serve(observations, store)
    }

    /// Waits for the answer of a leader; `None` if this thread must lead.
    fn wait(&self, observations: &[Observation]) -> Option<Result<Range<u64>>> {
        let mut waiting = self.lock();
        if !waiting.has_leader {
            waiting.has_leader = true;
            return None;
        }
        let (answer, answered) = sync_channel(1);
        waiting.requests.push(Request { observations: observations.to_vec(), answer });
        if waiting.is_complete() {
            self.gathered.notify_one();
        }
        drop(waiting);
        match answered.recv().expect("each request is answered") {
            Answer::Stored(result) => Some(result),
            Answer::Lead => None,
        }
    }

    /// The requests that this leader stores with its own. The threads of the last group
    /// were released at the same time. The first to return leads now, and the others
    /// return a little later: without waiting, it would store alone.
    fn gather(&self) -> Vec<Request> {
        let mut waiting = self.lock();
        if !waiting.is_complete() {
            let longest = (self.patience)(waiting.took);
            let wait = |waiting: &mut Waiting| !waiting.is_complete();
            let waited = self.gathered.wait_timeout_while(waiting, longest, wait);
            waiting = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        take_some(&mut waiting.requests)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether the leader has no need to wait for others.
    fn is_complete(&self) -> bool {
        self.requests.len() + 1 >= self.expected
    }
}

/// The thread that stores. When it is done, also after a panic, the next one leads.
struct Leading<'a> {
    queue: &'a Queue,
    /// The requests that have no answer yet.
    others: Vec<Request>,
}

impl Leading<'_> {
    /// Stores the leader's own observations and those of others, and answers the others.
    fn serve(
        &mut self,
        own: &[Observation],
        store: impl FnOnce(&[Observation]) -> Result<Numbers>,
    ) -> Result<Range<u64>> {
        if self.others.is_empty() {
            return Ok(self.timed(own, store)?.of(0..own.len()));
        }
        let mut all = own.to_vec();
        self.others.iter().for_each(|request| all.extend_from_slice(&request.observations));
        let result = self.timed(&all, store);
        let mut before = own.len();
        for request in self.others.drain(..) {
            let count = request.observations.len();
            request.give(Answer::Stored(part(&result, before, count)));
            before += count;
        }
        part(&result, 0, own.len())
    }

    /// Stores `all`, and notes for the next leader how long it took and how many threads
    /// there are. They are counted before they get their answers, since then they return.
    fn timed(
        &self,
        all: &[Observation],
        store: impl FnOnce(&[Observation]) -> Result<Numbers>,
    ) -> Result<Numbers> {
        let begun = Instant::now();
        let result = store(all);
        let mut waiting = self.queue.lock();
        waiting.took = begun.elapsed();
        waiting.expected = 1 + self.others.len() + waiting.requests.len();
        result
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock();
        // Requests that a panic left without an answer come first.
        waiting.requests.splice(..0, self.others.drain(..));
        waiting.has_leader = !waiting.requests.is_empty();
        let next = waiting.has_leader.then(|| waiting.requests.remove(0));
        drop(waiting);
        if let Some(next) = next {
            next.give(Answer::Lead);
        }
    }
}

impl Request {
    fn give(&self, answer: Answer) {
        // There is room for the only answer, and its thread waits for it.
        drop(self.answer.send(answer));
    }
}

/// Takes the first requests, as many as one leader stores.
fn take_some(requests: &mut Vec<Request>) -> Vec<Request> {
    let mut count = 0;
    let fits = |request: &&Request| {
        count += request.observations.len();
        count <= GATHERED_MAX
    };
    let some = requests.iter().take_while(fits).count();
    requests.drain(..some).collect()
}

/// The result for `count` observations after `before`, from the result for all.
fn part(result: &Result<Numbers>, before: usize, count: usize) -> Result<Range<u64>> {
    match result {
        Ok(numbers) => Ok(numbers.of(before..before + count)),
        Err(error) => {
            let stored = error.stored().saturating_sub(before).min(count);
            Err(error.clone().having_stored(stored))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const THREADS: u64 = 8;
    const EACH: u64 = 100;

    /// Appends on `threads` threads at once, and returns how many times `store` was
    /// called.
    fn calls(threads: u64, patience: fn(Duration) -> Duration) -> u64 {
        let queue = Queue { patience, ..Queue::default() };
        let (end, calls) = (AtomicU64::new(0), AtomicU64::new(0));
        let store = |all: &[Observation]| {
            if calls.fetch_add(1, Ordering::Relaxed) == 0 {
                while queue.lock().requests.len() as u64 + 1 < threads {
                    std::thread::yield_now();
                }
            }
            let count = all.len();
            let end = end.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
            Ok(Numbers { end, count, ..Numbers::default() })
        };
        let append = || {
            let appended = queue.append(&[Observation::new(0, 1.0)], store);
            appended.expect("stored").start
        };
        let each = || (0..EACH).map(|_| append()).collect::<Vec<_>>();
        let mut numbers = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(each)).collect();
            threads.into_iter().flat_map(|it| it.join().expect("ended")).collect::<Vec<_>>()
        });
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..threads * EACH), "each number is given once");
        calls.into_inner()
    }

    #[test]
    fn threads_of_one_group_are_grouped_again() {
        // A few times the leader waits in vain for a thread that has ended.
        let calls = calls(THREADS, |_| Duration::from_millis(200));
        assert!(calls < EACH * 3 / 2, "{calls} calls for {EACH} appends of {THREADS} threads");
    }

    #[test]
    fn a_thread_alone_does_not_wait() {
        assert_eq!(calls(1, |_| panic!("it waited")), EACH);
    }

    #[test]
    fn a_leader_that_panics_leaves_its_group_to_the_next() {
        let queue = Queue { patience: |_| Duration::from_millis(500), ..Queue::default() };
        let none: &[Observation] = &[];
        let seven = || Numbers { end: 7, ..Numbers::default() };
        std::thread::scope(|scope| {
            let mut followers = Vec::new();
            let leader = scope.spawn(|| queue.append(none, |_| panic!("of the test")));
            assert!(leader.join().is_err());
            queue.lock().expected = 3;
            let panicking = scope.spawn(|| queue.append(none, |_| panic!("of the test")));
            while !queue.lock().has_leader {
                std::thread::yield_now();
            }
            for _ in 0..2 {
                followers.push(scope.spawn(|| queue.append(none, |_| Ok(seven()))));
            }
            assert!(panicking.join().is_err());
            for follower in followers {
                assert_eq!(follower.join().expect("ended").expect("stored"), 7..7);
            }
        });
        assert!(!queue.lock().has_leader);
    }
}
