//! The open connections, and which of them has to go when there is no more room.
//!
//! Clients that are slow, or are no clients, stop nothing: whatever is full, the connection
//! that has kept the others waiting longest is closed. One for which an answer is being
//! computed stays.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

/// How long a connection may be without a request, or in the midst of one.
const READING_MAX: Duration = Duration::from_secs(20);
/// How long a client may take to read an answer.
const WRITING_MAX: Duration = Duration::from_secs(20);
/// Of all answers that clients have not read yet.
const UNSENT_BYTES_MAX: usize = 12 << 20;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Doing {
    /// A request is waited for, or arrives.
    Reading,
    /// Its answer is computed.
    Answering,
    /// An answer of so many bytes is sent.
    Writing(usize),
}

#[derive(Debug)]
struct Connection {
    doing: Doing,
    since: Instant,
    task: Option<AbortHandle>,
}

/// All of them, by number.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    open: Mutex<(u64, BTreeMap<u64, Connection>)>,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    fn open(&self) -> MutexGuard<'_, (u64, BTreeMap<u64, Connection>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a new connection; `None` if there is no room and none can go.
    pub(super) fn add(&self) -> Option<u64> {
        let mut open = self.open();
        let (next, all) = &mut *open;
        if all.len() >= self.most {
            let reading = longest(all, |doing| doing == Doing::Reading);
            close(all, reading.or_else(|| longest(all, is_writing))?);
        }
        *next += 1;
        all.insert(*next, Connection { doing: Doing::Reading, since: Instant::now(), task: None });
        Some(*next)
    }

    /// What ends a connection if it has to go.
    pub(super) fn set_task(&self, number: u64, task: AbortHandle) {
        if let Some(connection) = self.open().1.get_mut(&number) {
            connection.task = Some(task);
        }
    }

    /// A connection goes on to something else.
    pub(super) fn does(&self, number: u64, doing: Doing) {
        let mut open = self.open();
        let all = &mut open.1;
        while unsent(all) + bytes(doing) > UNSENT_BYTES_MAX {
            let slowest = longest(all, is_writing).filter(|slowest| *slowest != number);
            let Some(slowest) = slowest else { break };
            close(all, slowest);
        }
        if let Some(connection) = all.get_mut(&number) {
            (connection.doing, connection.since) = (doing, Instant::now());
        }
    }

    /// An answer has left; what the connection does by now stays.
    pub(super) fn has_written(&self, number: u64) {
        if let Some(connection) = self.open().1.get_mut(&number)
            && is_writing(connection.doing)
        {
            (connection.doing, connection.since) = (Doing::Reading, Instant::now());
        }
    }

    pub(super) fn remove(&self, number: u64) {
        self.open().1.remove(&number);
    }

    /// Closes those that have been too slow.
    pub(super) fn close_slow(&self) {
        let mut open = self.open();
        let is_slow = |it: &Connection| match it.doing {
            Doing::Reading => it.since.elapsed() > READING_MAX,
            Doing::Answering => false,
            Doing::Writing(_) => it.since.elapsed() > WRITING_MAX,
        };
        let slow = open.1.iter().filter(|(_, it)| is_slow(it)).map(|(number, _)| *number);
        for number in slow.collect::<Vec<_>>() {
            close(&mut open.1, number);
        }
    }

    /// Whether a request has not got all of its answer.
    pub(super) fn are_busy(&self) -> bool {
        self.open().1.values().any(|it| it.doing != Doing::Reading)
    }
}

fn is_writing(doing: Doing) -> bool {
    matches!(doing, Doing::Writing(_))
}

fn bytes(doing: Doing) -> usize {
    if let Doing::Writing(bytes) = doing { bytes } else { 0 }
}

fn unsent(all: &BTreeMap<u64, Connection>) -> usize {
    all.values().map(|it| bytes(it.doing)).sum()
}

/// The one that has done such a thing longest.
fn longest(all: &BTreeMap<u64, Connection>, such: impl Fn(Doing) -> bool) -> Option<u64> {
    let doing_so = all.iter().filter(|(_, it)| such(it.doing));
    doing_so.min_by_key(|(_, it)| it.since).map(|(number, _)| *number)
}

fn close(all: &mut BTreeMap<u64, Connection>, number: u64) {
    if let Some(task) = all.remove(&number).and_then(|it| it.task) {
        task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_without_a_request_makes_room() {
        let connections = Connections::new(3);
        let [first, second, third] = [(); 3].map(|()| connections.add().unwrap());
        connections.does(first, Doing::Answering);
        let fourth = connections.add().unwrap();
        let open = || connections.open().1.keys().copied().collect::<Vec<_>>();
        assert_eq!(open(), [first, third, fourth], "{second} has gone");
        connections.does(third, Doing::Writing(1));
        connections.does(fourth, Doing::Answering);
        let fifth = connections.add().unwrap();
        assert_eq!(open(), [first, fourth, fifth], "{third} reads slowly");
        connections.does(fifth, Doing::Answering);
        assert_eq!(connections.add(), None);
    }

    #[test]
    fn unread_answers_are_bounded() {
        let connections = Connections::new(10);
        let numbers = [(); 4].map(|()| connections.add().unwrap());
        for number in numbers {
            connections.does(number, Doing::Writing(UNSENT_BYTES_MAX / 3));
        }
        let open = connections.open();
        assert_eq!(open.1.keys().copied().collect::<Vec<_>>(), numbers[1..]);
    }
}
