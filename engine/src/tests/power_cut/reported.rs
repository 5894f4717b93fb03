//! What was reported to the processes, and therefore what must and may be found later.

use std::ops::RangeInclusive;
use std::rc::Rc;

use super::choices::mix;
use crate::format::CHUNK;
use crate::observation::Observation;

/// How the last process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// Everything that was written is still seen.
    Kill,
    PowerCut,
}

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// The sequence number of the first one.
    pub(super) first: usize,
    pub(super) observations: Vec<Observation>,
}

impl Reading {
    fn end(&self) -> usize {
        self.first + self.observations.len()
    }

    /// Whether it is a prefix of `all`, except for what retention removed.
    fn begins(&self, all: &[Observation]) -> bool {
        all.get(self.first..).is_some_and(|kept| kept.starts_with(&self.observations))
    }
}

/// What was reported as failed, or was cut off by a kill, after what was stored before
/// it. No process sees it any more. Until something more is reported as durable, a power
/// cut may bring it back.
#[derive(Clone, Debug)]
struct Failed {
    all: Rc<Vec<Observation>>,
    /// The error said that it may still be found.
    is_seen: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Reported {
    /// Whether creating the store, or a sync of something in it, has returned.
    pub(super) created: bool,
    /// Whether the manifest is corrupt and no repair has been reported.
    pub(super) is_corrupt: bool,
    /// By sequence number: what was stored, then what is being appended.
    all: Rc<Vec<Observation>>,
    stored: usize,
    /// How many are durable.
    durable: usize,
    /// How many a reader saw as durable.
    seen_durable: usize,
    failed: Vec<Failed>,
    /// The sequence numbers with which the store may begin.
    first: RangeInclusive<usize>,
}

impl Default for Reported {
    fn default() -> Self {
        Self {
            created: false,
            is_corrupt: false,
            all: Rc::default(),
            stored: 0,
            durable: 0,
            seen_durable: 0,
            failed: Vec::new(),
            first: 0..=0,
        }
    }
}

impl Reported {
    /// For a store that exists, durable and empty.
    pub(super) fn of_empty_store() -> Self {
        Self { created: true, ..Self::default() }
    }

    /// What is known to be stored, including what retention removed.
    pub(super) fn stored(&self) -> &[Observation] {
        &self.all[..self.stored]
    }

    /// What is stored and was not removed.
    pub(super) fn kept(&self) -> &[Observation] {
        &self.stored()[*self.first.end()..]
    }

    pub(super) fn first(&self) -> usize {
        *self.first.end()
    }

    pub(super) fn durable(&self) -> usize {
        self.durable.max(self.seen_durable)
    }

    /// Appending `batch` begins.
    pub(super) fn begin(&mut self, batch: &[Observation]) {
        self.all = Rc::new([self.stored(), batch].concat());
    }

    /// Appending has returned: the batch has the sequence numbers from `start` on. What
    /// was reported as possibly stored may come before it.
    pub(super) fn acknowledge_at(&mut self, start: usize, durable: bool) {
        if start != self.stored {
            let taken_over = self.failed.iter().find(|it| it.is_seen && it.all.len() == start);
            let before = taken_over.expect("appended after all that is stored");
            let batch = &self.all[self.stored..];
            self.all = Rc::new([&before.all, batch].concat());
        }
        self.acknowledge(durable);
    }

    /// As [`acknowledge_at`](Self::acknowledge_at), directly after all that is stored.
    pub(super) fn acknowledge(&mut self, durable: bool) {
        self.stored = self.all.len();
        if durable {
            self.sync();
        }
    }

    /// Everything stored was reported as durable. If that is nothing new, what has taken
    /// the place of something that failed need not be durable.
    pub(super) fn sync(&mut self) {
        self.created |= self.stored > 0;
        if self.durable() < self.stored {
            self.failed.clear();
        }
        self.durable = self.stored;
    }

    /// A new log is listed durably. It holds everything stored, and nothing that had
    /// failed, except perhaps what another process could see.
    pub(super) fn rotate(&mut self) {
        self.durable = self.durable.max(self.stored);
        self.failed.retain(|failed| failed.is_seen);
    }

    /// A reader saw the observations before this sequence number as durable.
    pub(super) fn see_durable(&mut self, end: u64) {
        self.seen_durable = self.seen_durable.max(usize::try_from(end).expect("in memory"));
    }

    /// Appending has failed after storing `stored` of the batch. If a new log was made
    /// after that, the rest is gone permanently.
    pub(super) fn fail(&mut self, stored: usize, durable: bool, rest: Rest) {
        let tried = Rc::clone(&self.all);
        self.stored += stored;
        self.all = Rc::new(self.stored().to_vec());
        if durable && stored > 0 {
            self.sync();
        }
        if tried.len() > self.stored && rest != Rest::Gone {
            self.failed.push(Failed { all: tried, is_seen: rest == Rest::Seen });
        }
    }

    /// Retention begins to remove at most what comes before `end`.
    pub(super) fn begin_to_remove(&mut self, end: usize) {
        let chunk = usize::try_from(CHUNK).expect("small");
        let most = (end.min(self.stored) / chunk * chunk).max(*self.first.end());
        self.first = *self.first.start()..=most;
    }

    /// Retention has returned, and readers see that the store begins with `first`. If
    /// nothing was removed now, what was removed earlier may still come back.
    pub(super) fn remove(&mut self, count: u64, first: u64) {
        let first = usize::try_from(first).expect("in memory");
        assert!(self.first.contains(&first), "REMOVED: {first} of {:?}", self.first);
        let least = if count > 0 { first } else { *self.first.start() };
        self.first = least..=first;
    }

    /// Asserts that `found` is allowed after `death`: a prefix of what was appended, with
    /// all that was promised.
    pub(super) fn assert_admits(&self, found: &Reading, death: Death) {
        let least = if death == Death::Kill { self.stored } else { self.durable() };
        assert!(found.end() >= least, "LOST: {} found of {least}", found.end());
        assert!(self.first.contains(&found.first), "REMOVED: {} of {:?}", found.first, self.first);
        let may_return = |it: &&Failed| death == Death::PowerCut || it.is_seen;
        // If others may see it, what is being appended comes after it.
        let followed =
            |it: &Failed| it.is_seen && found.begins(&[&it.all, &self.all[self.stored..]].concat());
        let returns = |it: &Failed| found.begins(&it.all) || followed(it);
        if self.failed.iter().filter(may_return).any(returns) || found.begins(&self.all) {
            return;
        }
        let all = &self.all[found.first.min(self.all.len())..];
        let same = found.observations.iter().zip(all).take_while(|(one, two)| one == two).count();
        let (found, all) = (found.observations.len(), all.len());
        panic!("GHOST: {found} found, {all} appended, the first {same} alike");
    }

    /// What the next process, which has found `found`, may rely on.
    pub(super) fn of_next_process(&self, found: &Reading, death: Death) -> Self {
        let removed = &self.all[..found.first];
        let all = Rc::new([removed, &found.observations].concat());
        let stored = all.len();
        let (durable, mut failed) = match death {
            Death::Kill => (self.durable, self.failed.clone()),
            // Only what is on the disk is still seen.
            Death::PowerCut => (stored, Vec::new()),
        };
        if death == Death::Kill && self.all.len() > stored {
            failed.push(Failed { all: Rc::clone(&self.all), is_seen: false });
        }
        // A manifest that is found may not be durable.
        let first = match death {
            Death::Kill => *self.first.start()..=found.first,
            Death::PowerCut => found.first..=found.first,
        };
        let (created, seen_durable) = (self.created, self.seen_durable);
        let is_corrupt = self.is_corrupt;
        Self { created, is_corrupt, all, stored, durable, seen_durable, failed, first }
    }

    /// A digest of what is promised, as far as lengths distinguish it.
    pub(super) fn digest(&self) -> u64 {
        let lengths = [
            self.all.len(),
            self.stored,
            self.durable(),
            self.failed.len(),
            *self.first.start(),
            *self.first.end(),
        ];
        lengths.iter().fold(u64::from(self.created), |mixed, it| mix(mixed, *it as u64))
    }
}

/// What may happen to the rest of a batch that was reported as failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// A new log was listed durably since it was written.
    Gone,
    /// No process finds it, but a power cut may bring it back.
    Returns,
    /// The error said that it may be found.
    Seen,
}
