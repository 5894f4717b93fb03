//! Threads of one process share a lock and a sync: one of those that append leads, and
//! stores for all that wait.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::observation::Observation;

/// Observations that one leader stores at once, but for its own.
const GATHERED_MAX: usize = 1 << 18;

/// Those that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    has_leader: bool,
    requests: Vec<Arc<Request>>,
}

#[derive(Debug)]
struct Request {
    observations: Vec<Observation>,
    answer: Mutex<Option<Result<Range<u64>>>>,
}

impl Queue {
    /// Stores `observations` by `store`, which is called by one thread at a time, with
    /// those of others after them. It returns the sequence number after the last; its
    /// error says how many are stored all the same.
    pub(crate) fn append(
        &self,
        observations: &[Observation],
        store: impl FnOnce(&[Observation]) -> Result<u64>,
    ) -> Result<Range<u64>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.has_leader {
            let request =
                Arc::new(Request { observations: observations.to_vec(), answer: Mutex::default() });
            waiting.requests.push(Arc::clone(&request));
            while waiting.has_leader {
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                if let Some(answer) = request.take_answer() {
                    return answer;
                }
            }
            waiting.requests.retain(|other| !Arc::ptr_eq(other, &request));
        }
        waiting.has_leader = true;
        let others = take_some(&mut waiting.requests);
        drop(waiting);
        let leading = Leading { queue: self };
        let answer = serve(observations, &others, store);
        drop(leading);
        answer
    }
}

/// Lets the next one lead, also where this one panics.
struct Leading<'a> {
    queue: &'a Queue,
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut waiting = self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.has_leader = false;
        self.queue.changed.notify_all();
    }
}

impl Request {
    fn take_answer(&self) -> Option<Result<Range<u64>>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The first requests, as many as one leader stores.
fn take_some(requests: &mut Vec<Arc<Request>>) -> Vec<Arc<Request>> {
    let mut count = 0;
    let fits = |request: &&Arc<Request>| {
        count += request.observations.len();
        count <= GATHERED_MAX
    };
    let some = requests.iter().take_while(fits).count();
    requests.drain(..some).collect()
}

/// Stores the leader's own observations and those of others, and answers the others.
fn serve(
    own: &[Observation],
    others: &[Arc<Request>],
    store: impl FnOnce(&[Observation]) -> Result<u64>,
) -> Result<Range<u64>> {
    if others.is_empty() {
        let end = store(own)?;
        return Ok(end - own.len() as u64..end);
    }
    let mut all = own.to_vec();
    others.iter().for_each(|request| all.extend_from_slice(&request.observations));
    let result = store(&all);
    let mut before = own.len();
    for request in others {
        let answer = part(&result, all.len(), before, request.observations.len());
        before += request.observations.len();
        *request.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }
    part(&result, all.len(), 0, own.len())
}

/// What the result for `all` observations means for `count` of them after `before`.
fn part(result: &Result<u64>, all: usize, before: usize, count: usize) -> Result<Range<u64>> {
    match result {
        Ok(end) => {
            let start = end - (all - before) as u64;
            Ok(start..start + count as u64)
        }
        Err(error) => Err(duplicate(error, before, count)),
    }
}

fn duplicate(error: &Error, before: usize, count: usize) -> Error {
    error.duplicate().having_stored(error.stored().saturating_sub(before).min(count))
}
