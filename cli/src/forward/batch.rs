//! The next observations of a store, as samples of a receiver that keeps milliseconds.

use clap::ValueEnum;
use gaugelog::{Error, ErrorKind, Observation, Snapshot};

use crate::prometheus::Sample;

/// How many samples a message has at most, but for those of its last millisecond: 240 kB
/// before compression.
pub(super) const SAMPLES_MAX: usize = 10_000;
/// However many fall into one millisecond.
const SAMPLES_MOST: usize = 2 * SAMPLES_MAX;

/// Prometheus takes what is younger without a setting. Older ones and younger ones are sent
/// apart, so that a backfill that is refused costs nothing that is fresh.
pub(super) const FRESH_MS: i64 = 30 * 60 * 1000;

/// What becomes of observations that fall into the same millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Collisions {
    /// The last to arrive is sent.
    Last,
    /// The first to arrive is sent, the others are listed as refused.
    Refuse,
    /// Each but the first goes to the next millisecond that is free.
    Spread,
}

/// Milliseconds without a gap that have a sample each, the first and the last of them.
pub(super) type Run = (i64, i64);

/// How many runs are kept from one batch to the next. A sample that is one tick of its
/// source's clock late falls into the run before the last.
const RUNS_KEPT: usize = 2;

/// A sample and the observation that it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Outgoing {
    pub(super) sample: Sample,
    pub(super) sequence: u64,
    pub(super) observation: Observation,
}

/// What is sent at once. Its memory is bounded.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In the order of their times, one a millisecond.
    pub(super) samples: Vec<Outgoing>,
    /// The sequence number after all that the batch stands for.
    pub(super) next: u64,
    /// The observation before that, if it was read.
    pub(super) last: Option<Observation>,
    /// More may follow at once.
    pub(super) is_full: bool,
    /// How many observations another one of their millisecond replaced, or moved on.
    pub(super) collided: u64,
    /// Those of an occupied millisecond that are not to be sent.
    pub(super) refused: Vec<Outgoing>,
    /// The last runs in the order of their times, where samples are spread.
    pub(super) occupied: Vec<Run>,
    /// How many observations cannot be read, and why.
    pub(super) unreadable: u64,
    pub(super) damage: Vec<Error>,
}

impl Batch {
    /// The observations from `start` on and before `end`, as many as fit. What is as young
    /// as `fresh_ms` and what is older are not in one batch. `occupied` is that of the batch
    /// before.
    ///
    /// # Errors
    /// What ends reading before anything was read; damage does not.
    pub(super) fn gather(
        snapshot: &Snapshot,
        start: u64,
        end: u64,
        fresh_ms: i64,
        collisions: Collisions,
        occupied: &[Run],
    ) -> Result<Self, Error> {
        let (mut batch, mut last) = (Self { next: start, ..Self::default() }, None);
        for found in snapshot.by_sequence(start..end) {
            match found {
                Ok((sequence, observation)) => {
                    let outgoing = outgoing(sequence, observation);
                    if batch.ends_before(&outgoing, fresh_ms) {
                        batch.is_full = true;
                        break;
                    }
                    batch.push(outgoing, collisions);
                    (batch.next, last) = (sequence + 1, Some((sequence, observation)));
                }
                Err(error) if error.kind() == ErrorKind::Damaged => {
                    let lost = error.lost();
                    batch.unreadable += lost.end.saturating_sub(lost.start);
                    batch.next = batch.next.max(lost.end.min(end));
                    batch.damage.push(error);
                }
                Err(error) if batch.next == start => return Err(error),
                Err(_) => {
                    // It comes again where the next batch begins.
                    batch.is_full = true;
                    break;
                }
            }
        }
        if !batch.is_full {
            batch.next = end;
        }
        // Damage may follow it.
        batch.last = last.filter(|(sequence, _)| sequence + 1 == batch.next).map(|(_, it)| it);
        batch.resolve(collisions, occupied);
        Ok(batch)
    }

    /// Whether the batch is full without this one. What falls into the millisecond of the
    /// last one stays with it: another message could not resolve that.
    fn ends_before(&self, outgoing: &Outgoing, fresh_ms: i64) -> bool {
        let Some(last) = self.samples.last() else { return false };
        let is_same = last.sample.time_ms == outgoing.sample.time_ms;
        let is_fresh = |it: &Outgoing| it.sample.time_ms >= fresh_ms;
        is_fresh(last) != is_fresh(outgoing)
            || self.samples.len() >= if is_same { SAMPLES_MOST } else { SAMPLES_MAX }
    }

    fn push(&mut self, outgoing: Outgoing, collisions: Collisions) {
        match self.samples.last_mut() {
            // Millions may fall into one millisecond.
            Some(last)
                if collisions == Collisions::Last
                    && last.sample.time_ms == outgoing.sample.time_ms =>
            {
                *last = outgoing;
                self.collided += 1;
            }
            _ => self.samples.push(outgoing),
        }
    }

    /// Brings the samples into the order of their times, and leaves one a millisecond.
    fn resolve(&mut self, collisions: Collisions, occupied: &[Run]) {
        if collisions == Collisions::Spread {
            return self.spread(occupied);
        }
        // Stable: those of a millisecond stay in the order in which they arrived.
        self.samples.sort_by_key(|it| it.sample.time_ms);
        let mut resolved: Vec<Outgoing> = Vec::with_capacity(self.samples.len());
        for outgoing in self.samples.drain(..) {
            match resolved.last_mut() {
                Some(last) if last.sample.time_ms >= outgoing.sample.time_ms => match collisions {
                    Collisions::Last => {
                        *last = outgoing;
                        self.collided += 1;
                    }
                    _ => self.refused.push(outgoing),
                },
                _ => resolved.push(outgoing),
            }
        }
        self.samples = resolved;
    }

    /// Moves each sample whose millisecond is occupied to the next one that is free.
    fn spread(&mut self, occupied: &[Run]) {
        self.samples.sort_by_key(|it| it.sample.time_ms);
        let mut next = i64::MIN;
        for Outgoing { sample, .. } in &mut self.samples {
            let mut free_ms = sample.time_ms.max(next);
            for (first, last) in occupied {
                if (*first..=*last).contains(&free_ms) {
                    free_ms = last.saturating_add(1);
                }
            }
            self.collided += u64::from(free_ms != sample.time_ms);
            sample.time_ms = free_ms;
            next = free_ms.saturating_add(1);
        }
        self.occupied = self.last_runs(occupied);
    }

    /// The last of the runs, those before the batch and those that it adds or continues.
    fn last_runs(&self, before: &[Run]) -> Vec<Run> {
        let added = self.samples.iter().map(|it| (it.sample.time_ms, it.sample.time_ms));
        let mut all: Vec<Run> = before.iter().copied().chain(added).collect();
        all.sort_unstable();
        let mut runs: Vec<Run> = Vec::new();
        for (first, last) in all {
            match runs.last_mut() {
                Some(run) if first <= run.1.saturating_add(1) => run.1 = run.1.max(last),
                _ => runs.push((first, last)),
            }
        }
        runs.split_off(runs.len().saturating_sub(RUNS_KEPT))
    }
}

fn outgoing(sequence: u64, observation: Observation) -> Outgoing {
    let time_ms = observation.timestamp_ns.div_euclid(1_000_000);
    Outgoing { sample: Sample { time_ms, value: observation.value }, sequence, observation }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    fn gathered(times_ns: &[i64], collisions: Collisions) -> (Vec<(i64, f64)>, Batch) {
        let dir = tempfile::tempdir().unwrap();
        let store = gaugelog::Store::create(dir.path().join("store")).unwrap();
        let values = (0..).map(f64::from);
        let observations: Vec<Observation> =
            times_ns.iter().zip(values).map(|(ns, value)| Observation::new(*ns, value)).collect();
        store.append_batch(&observations).unwrap();
        let end = observations.len() as u64;
        let snapshot = store.snapshot().unwrap();
        let batch = Batch::gather(&snapshot, 0, end, i64::MAX, collisions, &[]).unwrap();
        let samples = batch.samples.iter().map(|it| (it.sample.time_ms, it.sample.value));
        (samples.collect(), batch)
    }

    #[test]
    fn times_are_cut_to_the_millisecond_they_fall_into_and_sorted() {
        let (samples, batch) = gathered(&[5 * MS + 999_999, -1, 3 * MS], Collisions::Last);
        assert_eq!(samples, [(-1, 1.0), (3, 2.0), (5, 0.0)]);
        assert_eq!((batch.next, batch.is_full, batch.collided), (3, false, 0));
    }

    #[test]
    fn of_a_millisecond_one_is_sent_and_the_others_are_counted() {
        let times = [2 * MS, 7, 8, 9, MS, 2 * MS];
        let (samples, batch) = gathered(&times, Collisions::Last);
        assert_eq!(samples, [(0, 3.0), (1, 4.0), (2, 5.0)]);
        assert_eq!((batch.collided, batch.refused.len()), (3, 0));

        let (samples, batch) = gathered(&times, Collisions::Refuse);
        assert_eq!(samples, [(0, 1.0), (1, 4.0), (2, 0.0)]);
        let refused: Vec<u64> = batch.refused.iter().map(|it| it.sequence).collect();
        assert_eq!((batch.collided, refused), (0, vec![2, 3, 5]));

        let (samples, batch) = gathered(&times, Collisions::Spread);
        assert_eq!(samples, [(0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 0.0), (5, 5.0)]);
        assert_eq!((batch.collided, batch.refused.len()), (5, 0));
    }

    /// A sample that was moved beyond the end of its batch took the millisecond of the next
    /// one, which replaced it.
    #[test]
    fn a_batch_keeps_clear_of_what_the_one_before_occupies() {
        let dir = tempfile::tempdir().unwrap();
        let store = gaugelog::Store::create(dir.path().join("store")).unwrap();
        let most = i64::try_from(SAMPLES_MAX).unwrap();
        let mut times: Vec<i64> = (0..most - 1).map(|ms| ms * MS).collect();
        times.push((most - 2) * MS + 1);
        times.extend((most - 1..most + 10).map(|ms| ms * MS));
        // One too late, and what follows after a pause.
        times.extend([5 * MS, -7 * MS, 3 * most * MS, 3 * most * MS]);
        store
            .append_batch(&times.iter().map(|ns| Observation::new(*ns, 0.0)).collect::<Vec<_>>())
            .unwrap();
        let (snapshot, end) = (store.snapshot().unwrap(), times.len() as u64);
        let (mut next, mut occupied, mut sent, mut moved) = (0, Vec::new(), Vec::new(), 0);
        while next < end {
            let until = if next == 0 { end } else { next + 1 };
            let batch =
                Batch::gather(&snapshot, next, until, i64::MAX, Collisions::Spread, &occupied)
                    .unwrap();
            sent.extend(batch.samples.iter().map(|it| it.sample.time_ms));
            (next, occupied) = (batch.next, batch.occupied);
            moved += batch.collided;
        }
        let distinct: std::collections::HashSet<i64> = sent.iter().copied().collect();
        assert_eq!((distinct.len(), sent.len(), moved), (times.len(), times.len(), 14));
        assert!(distinct.contains(&-7) && distinct.contains(&(3 * most)));
    }

    /// Sends what was measured at `times_ms`, a batch for each of the `lengths`, and returns
    /// the times of the samples and the runs that each batch leaves.
    fn spread(times_ms: &[i64], lengths: &[u64]) -> (Vec<i64>, Vec<Vec<Run>>) {
        let dir = tempfile::tempdir().unwrap();
        let store = gaugelog::Store::create(dir.path().join("store")).unwrap();
        let rows = times_ms.iter().map(|ms| Observation::new(ms * MS, 0.0));
        store.append_batch(&rows.collect::<Vec<_>>()).unwrap();
        let snapshot = store.snapshot().unwrap();
        let (mut next, mut sent, mut left) = (0, Vec::new(), vec![Vec::new()]);
        for length in lengths {
            let (end, occupied) = (next + length, left.last().unwrap());
            let spread = Collisions::Spread;
            let batch = Batch::gather(&snapshot, next, end, i64::MAX, spread, occupied).unwrap();
            sent.extend(batch.samples.iter().map(|it| it.sample.time_ms));
            left.push(batch.occupied);
            next = end;
        }
        left.remove(0);
        (sent, left)
    }

    /// The second batch forgot the run that it continued, where a late sample began it.
    #[test]
    fn a_run_that_a_batch_continues_after_a_late_sample_stays_occupied() {
        let (sent, runs) = spread(&[100, 100, 50, 100, 100], &[2, 2, 1]);
        assert_eq!(sent, [100, 101, 50, 102, 103]);
        assert_eq!(
            runs,
            [vec![(100, 101)], vec![(50, 50), (100, 102)], vec![(50, 50), (100, 103)]]
        );
    }

    #[test]
    fn a_sample_that_is_one_tick_late_replaces_none() {
        let times = [100, 100, 110, 110, 100, 110, 120, 110];
        let (sent, runs) = spread(&times, &[2, 2, 1, 1, 1, 1]);
        assert_eq!(sent, [100, 101, 110, 111, 102, 112, 120, 113]);
        assert_eq!(runs[5], [(110, 113), (120, 120)]);
    }

    #[test]
    fn what_is_fresh_and_what_is_old_are_not_in_one_batch() {
        let dir = tempfile::tempdir().unwrap();
        let store = gaugelog::Store::create(dir.path().join("store")).unwrap();
        let times = [1, 2, 100, 101, 102, 3, 99, 100];
        store.append_batch(&times.map(|ms| Observation::new(ms * MS, 0.0))).unwrap();
        let (snapshot, mut next, mut batches) = (store.snapshot().unwrap(), 0, Vec::new());
        while next < 8 {
            let batch = Batch::gather(&snapshot, next, 8, 100, Collisions::Last, &[]).unwrap();
            batches.push(batch.samples.iter().map(|it| it.sample.time_ms).collect::<Vec<_>>());
            assert_eq!(batch.is_full, batch.next < 8);
            next = batch.next;
        }
        assert_eq!(batches, [vec![1, 2], vec![100, 101, 102], vec![3, 99], vec![100]]);
    }

    #[test]
    fn a_batch_is_bounded_and_does_not_end_within_a_millisecond() {
        let most = i64::try_from(SAMPLES_MAX).unwrap();
        let mut times: Vec<i64> = (0..most).map(|ms| ms * MS).collect();
        times.extend([(most - 1) * MS + 1, most * MS]);
        let (samples, batch) = gathered(&times, Collisions::Last);
        assert_eq!((samples.len(), batch.next, batch.is_full), (SAMPLES_MAX, 10_001, true));
        assert_eq!(samples[SAMPLES_MAX - 1], (most - 1, 10_000.0));

        let (samples, batch) = gathered(&vec![0; 50_000], Collisions::Spread);
        assert_eq!((samples.len(), batch.next, batch.is_full), (SAMPLES_MOST, 20_000, true));
        let (samples, batch) = gathered(&vec![0; 50_000], Collisions::Last);
        assert_eq!((samples.len(), batch.next, batch.collided), (1, 50_000, 49_999));
    }
}
