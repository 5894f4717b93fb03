//! Everything a store can be asked, and whether the answers are right.

use super::super::{readable, summary_of};
use super::history::History;
use crate::damage::Damage;
use crate::downsample::Column;
use crate::error::{Error, Result};
use crate::observation::Observation;
use crate::snapshot::{Histogram, Snapshot};
use crate::stats::summary::Summary;
use crate::store::Store;
use crate::verify::Verification;

const PARTS: usize = 7;

/// What a snapshot said to every question.
pub(super) struct Answers {
    snapshot: Result<Told>,
    verified: Result<Verification>,
}

struct Told {
    length: u64,
    /// The snapshot itself tells of what it could not look at.
    damaged: bool,
    arrivals: (Vec<(u64, Observation)>, Vec<Error>),
    in_time: (Vec<Observation>, Vec<Error>),
    summary: Result<Summary>,
    of_times: Result<Summary>,
    median: Result<Option<f64>>,
    estimate: Result<Option<f64>>,
    histogram: Result<Option<Histogram>>,
    columns: Result<Vec<Column>>,
}

impl Told {
    fn by(snapshot: &Snapshot) -> Self {
        let (mut in_time, mut errors) = (Vec::new(), Vec::new());
        for item in snapshot.range(..) {
            match item {
                Ok(item) => in_time.push(item),
                Err(error) => errors.push(error),
            }
        }
        Self {
            length: snapshot.len(),
            damaged: !snapshot.damage().is_empty(),
            arrivals: readable(snapshot),
            in_time: (in_time, errors),
            summary: snapshot.summary(),
            of_times: snapshot.summary_of(..),
            median: snapshot.median(),
            estimate: snapshot.quantile_estimate(0.5),
            histogram: snapshot.histogram(PARTS),
            columns: snapshot.downsample(PARTS),
        }
    }

    fn errors(&self) -> impl Iterator<Item = &Error> {
        let several = self.arrivals.1.iter().chain(&self.in_time.1);
        let single = [
            self.summary.as_ref().err(),
            self.of_times.as_ref().err(),
            self.median.as_ref().err(),
            self.estimate.as_ref().err(),
            self.histogram.as_ref().err(),
            self.columns.as_ref().err(),
        ];
        several.chain(single.into_iter().flatten())
    }
}

impl Answers {
    pub(super) fn ask(store: &Store) -> Self {
        Self {
            snapshot: store.snapshot().map(|snapshot| Told::by(&snapshot)),
            verified: store.verify(),
        }
    }

    /// Asserts that each answer is what `history` makes right, or an error that
    /// passes `check`. Where `device` failed, what it did not give may count as
    /// lost, but not in silence.
    pub(super) fn check(&self, history: &History, device: bool, check: impl Fn(&Error)) {
        match &self.verified {
            Ok(verified) => {
                let told = |damage: &Damage| damage.detail.contains("(os error ");
                assert!(device || verified.damage.iter().all(told), "{verified:?}");
            }
            Err(error) => check(error),
        }
        let told = match &self.snapshot {
            Ok(told) => told,
            Err(error) => return check(error),
        };
        told.errors().for_each(check);
        if told.damaged {
            assert!(device, "a sound store");
            return;
        }
        let all = told.all();
        if let Some(all) = &all {
            assert!(history.explains(all), "{} of {history:?}", all.len());
        }
        let (least, most) = history.bounds();
        assert!((least..=most).contains(&told.length), "{} of {least}", told.length);
        // Where it could not be read, what is right follows from the history.
        let all = all.unwrap_or_else(|| history.certain());
        if all.len() as u64 == told.length {
            told.check_statistics(&all, device);
        }
    }
}

impl Told {
    /// All that is stored, if everything could be read.
    fn all(&self) -> Option<Vec<Observation>> {
        let (found, errors) = &self.arrivals;
        for (sequence, _) in found {
            assert!(*sequence < self.length, "behind the end");
        }
        if !errors.is_empty() {
            return None;
        }
        let numbered = (0..).zip(found).all(|(at, (sequence, _))| *sequence == at);
        assert!(numbered && found.len() as u64 == self.length, "a gap that nobody tells");
        Some(found.iter().map(|(_, observation)| *observation).collect())
    }

    fn check_statistics(&self, all: &[Observation], device: bool) {
        for (sequence, found) in &self.arrivals.0 {
            let at = usize::try_from(*sequence).expect("small");
            assert_eq!(all.get(at), Some(found), "{sequence}");
        }
        let right = summary_of(all);
        for summary in [&self.summary, &self.of_times].into_iter().flatten() {
            // `count` less than `len` tells of what was lost.
            let told = device && summary.count < self.length;
            assert!(told || *summary == right, "{summary:?} for {right:?}");
        }
        self.check_order(all);
        if let Ok(Some(histogram)) = &self.histogram {
            assert_eq!(histogram.counts.iter().sum::<u64>(), self.length);
        }
        if let Ok(columns) = &self.columns {
            assert_eq!(columns.iter().map(|column| column.count).sum::<u64>(), self.length);
        }
    }

    fn check_order(&self, all: &[Observation]) {
        if self.in_time.1.is_empty() {
            let mut sorted = all.to_vec();
            sorted.sort_by_key(|observation| observation.timestamp_ns);
            assert!(self.in_time.0 == sorted, "{} in order of time", self.in_time.0.len());
        }
        let mut values: Vec<f64> = all.iter().map(|observation| observation.value).collect();
        values.sort_by(f64::total_cmp);
        let middle = (!values.is_empty())
            .then(|| f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]));
        if let Ok(median) = self.median {
            assert_eq!(median, middle);
        }
        if let Ok(estimate) = self.estimate {
            let near = match (estimate, middle) {
                (Some(estimate), Some(middle)) => (estimate / middle - 1.0).abs() < 0.01,
                (estimate, middle) => estimate.is_none() && middle.is_none(),
            };
            assert!(near, "{estimate:?} for {middle:?}");
        }
    }
}
