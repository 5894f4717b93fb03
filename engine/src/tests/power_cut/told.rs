//! What the processes were told, and so what must and may be found later.

use std::rc::Rc;

use crate::observation::Observation;

/// How the last process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// Everything that was written is still seen.
    Kill,
    PowerCut,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Creating the store has returned, or a sync of something in it.
    pub(super) created: bool,
    /// What was stored, and then what is being appended.
    all: Rc<Vec<Observation>>,
    stored: usize,
    /// So many are on the disk for good.
    durable: usize,
    /// What was reported as failed, or was cut off by a kill, each behind what
    /// was stored before it. No process sees it any more, but until something is
    /// acknowledged as durable again a power cut may bring it back.
    failed: Vec<Rc<Vec<Observation>>>,
}

impl Told {
    /// Of a store that is there, durable and empty.
    pub(super) fn of_empty_store() -> Self {
        Self { created: true, ..Self::default() }
    }

    /// What is stored, and known to be.
    pub(super) fn stored(&self) -> &[Observation] {
        &self.all[..self.stored]
    }

    pub(super) fn durable(&self) -> usize {
        self.durable
    }

    /// Appending `batch` begins.
    pub(super) fn begin(&mut self, batch: &[Observation]) {
        self.all = Rc::new([self.stored(), batch].concat());
    }

    /// Appending has returned.
    pub(super) fn acknowledge(&mut self, durable: bool) {
        self.stored = self.all.len();
        if durable {
            self.sync();
        }
    }

    /// Everything stored has been acknowledged as durable.
    pub(super) fn sync(&mut self) {
        self.created |= self.stored > 0;
        self.durable = self.stored;
        self.failed.clear();
    }

    /// Appending has failed, having stored so many of the batch.
    pub(super) fn fail(&mut self, stored: usize, durable: bool) {
        let tried = Rc::clone(&self.all);
        self.stored += stored;
        self.all = Rc::new(self.stored().to_vec());
        if durable && stored > 0 {
            self.sync();
        }
        if tried.len() > self.stored {
            self.failed.push(tried);
        }
    }

    /// Asserts that `found` is what may be found after `death`: a beginning of
    /// what was appended, and all of it that was promised.
    pub(super) fn assert_admits(&self, found: &[Observation], death: Death) {
        let least = if death == Death::Kill { self.stored } else { self.durable };
        assert!(found.len() >= least, "LOST: {} found of {least}", found.len());
        let brought_back = self.failed.iter().any(|failed| failed.starts_with(found));
        if self.all.starts_with(found) || (death == Death::PowerCut && brought_back) {
            return;
        }
        let same = found.iter().zip(self.all.iter()).take_while(|(one, two)| one == two).count();
        panic!("GHOST: {} found, {} appended, the first {same} alike", found.len(), self.all.len());
    }

    /// What the next process, which has found `found`, may rely on.
    pub(super) fn of_next_process(&self, found: Vec<Observation>, death: Death) -> Self {
        let stored = found.len();
        let (durable, mut failed) = match death {
            Death::Kill => (self.durable, self.failed.clone()),
            // Nothing is seen any more but what is on the disk.
            Death::PowerCut => (stored, Vec::new()),
        };
        if death == Death::Kill && self.all.len() > stored {
            failed.push(Rc::clone(&self.all));
        }
        Self { created: self.created, all: Rc::new(found), stored, durable, failed }
    }

    /// Tells apart what is promised, as far as lengths do.
    pub(super) fn digest(&self) -> u64 {
        let lengths = [self.all.len(), self.stored, self.durable, self.failed.len()];
        lengths
            .iter()
            .fold(u64::from(self.created), |mixed, it| super::choices::mix(mixed, *it as u64))
    }
}
