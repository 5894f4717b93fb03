//! Exact quantiles of windows: sketches say where they lie, then one scan of the values
//! that may lie there.
//!
//! Ranks count the values that can be read. A summary may count more, namely rows that a
//! repair gave up; a sketch counts those of a page that cannot be read. So a chunk in
//! which such a page is met is from then on read instead.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::cells;
use super::nodes::Node;
use super::parallel::{on_threads, threads_max};
use super::scan::{Columns, Scan};
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way, walk};
use crate::chunk::decimals;
use crate::chunk::reader::{Chunk, Page, Wanted};
use crate::error::Result;
use crate::format::{CHUNK, CHUNK_LEAVES, CHUNK_LEVEL, LEAF, last_chunk};
use crate::stats::quantile::{self, Each, Values};
use crate::stats::sketch::{Buckets, Sketch, Unit};
use crate::stats::summary::Summary;

/// For fewer chunks no thread is begun.
const CHUNKS_MIN: usize = 8;
/// How many values of a chunk a thread hands over at once: 64 KiB.
const PORTION: usize = 8 * 1024;

pub(super) fn check(snapshot: &Snapshot, q: f64) -> Result<()> {
    if (0.0..=1.0).contains(&q) {
        return Ok(());
    }
    Err(snapshot.tree().invalid(format!("a quantile of {q} is out of range; use 0 to 1")))
}

/// The exact quantiles of the values within ranges of times of these snapshots.
pub(super) fn exact<'s>(
    windows: impl Iterator<Item = (&'s Snapshot, Times)>,
    qs: &[f64],
) -> Result<Vec<Option<f64>>> {
    if qs.is_empty() {
        return Ok(Vec::new());
    }
    let windows = windows.map(|(snapshot, times)| WindowValues::new(snapshot, times));
    let mut values: Vec<WindowValues<'_>> = windows.collect::<Result<_>>()?;
    loop {
        let mut buckets = Buckets::default();
        values.iter_mut().try_for_each(|each| each.count_into(&mut buckets))?;
        let found = quantile::exact(&mut values, &buckets, buckets.count(), qs)?;
        // Every one of them is asked, since each then reads those chunks.
        let have_met = values.iter_mut().map(WindowValues::has_met_damage);
        if have_met.filter(|has_met| *has_met).count() == 0 {
            return Ok(found);
        }
    }
}

/// The quantile of everything by sketches alone.
pub(super) fn estimate(snapshot: &Snapshot, q: f64) -> Result<Option<f64>> {
    let times = Times::of(&..);
    let summary = cells::summary(snapshot, times)?;
    if summary.count == 0 {
        return Ok(None);
    }
    let mut buckets = Buckets::default();
    WindowValues::new(snapshot, times)?.count_into(&mut buckets)?;
    Ok(quantile::estimate(&buckets, summary.min, summary.max, q))
}

/// The values within a range of times.
struct WindowValues<'s> {
    snapshot: &'s Snapshot,
    times: Times,
    parts: Parts,
    /// Chunks that are read instead of their sketches.
    unsketched: BTreeSet<u32>,
    /// Chunks that cannot be used, and are not counted.
    unusable: BTreeSet<u32>,
    /// Those found unreadable, or with an unreadable page, after they were counted.
    met: Mutex<BTreeSet<u32>>,
}

impl<'s> WindowValues<'s> {
    fn new(snapshot: &'s Snapshot, times: Times) -> Result<Self> {
        let sealed = snapshot.tree().view().sealed_end_sequence() / LEAF;
        let mut parts = Parts { times, sealed, chunks: Vec::new(), leaves: Vec::new() };
        walk(snapshot, &mut parts)?;
        let (unsketched, unusable) = (BTreeSet::new(), BTreeSet::new());
        Ok(Self { snapshot, times, parts, unsketched, unusable, met: Mutex::default() })
    }

    /// Adds to `buckets` how many values lie where.
    fn count_into(&mut self, buckets: &mut Buckets) -> Result<()> {
        for number in self.parts.chunks.iter().cloned().flatten() {
            if self.unsketched.contains(&number) || self.unusable.contains(&number) {
                continue;
            }
            match self.chunk(number)?.map(|chunk| chunk.sketch()) {
                Some(Ok(sketch)) => buckets.add(&sketch),
                // No value is lost with a sketch.
                Some(Err(error)) if error.damage().is_some() => {
                    self.unsketched.insert(number);
                }
                Some(Err(error)) => return Err(error),
                None => {
                    self.unusable.insert(number);
                }
            }
        }
        let mut gathered = Vec::new();
        self.read_leaves(&mut |values| {
            gathered.extend_from_slice(values);
            if gathered.len() as u64 >= CHUNK {
                buckets.add(&sketch_of(&gathered));
                gathered.clear();
            }
        })?;
        buckets.add(&sketch_of(&gathered));
        Ok(())
    }

    /// Whether something was found unreadable since its chunk was counted. The chunk is read
    /// the next time.
    fn has_met_damage(&mut self) -> bool {
        let met = self.met.get_mut().unwrap_or_else(PoisonError::into_inner);
        let has_met = !met.is_empty();
        self.unsketched.append(met);
        has_met
    }

    /// Notes that something of a counted chunk was found unreadable.
    fn meet_in(&self, number: u32) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
    }

    /// The chunk; `None` if it cannot be used, and that is read around.
    fn chunk(&self, number: u32) -> Result<Option<Arc<Chunk>>> {
        match self.snapshot.tree().chunk(number) {
            Ok(chunk) => Ok(Some(chunk)),
            Err(error) => {
                self.snapshot.meet(error.damage().ok_or(error)?)?;
                Ok(None)
            }
        }
    }

    /// Hands over all values that no sketch is used for.
    fn read_leaves(&self, each: &mut dyn FnMut(&[f64])) -> Result<()> {
        let (mut scan, mut copy) = (Scan::default(), Columns::default());
        let of_chunk = |number: &u32| {
            let first = u64::from(*number) * CHUNK_LEAVES;
            first..first + CHUNK_LEAVES
        };
        let chunks = self.unsketched.iter().map(of_chunk);
        for leaf in chunks.chain(self.parts.leaves.iter().cloned()).flatten() {
            scan.read(self.snapshot.tree(), leaf, Wanted::ROWS)?;
            scan.take_lost().try_for_each(|damage| self.snapshot.meet(damage))?;
            each(scan.within(&self.times, &mut copy).1);
        }
        Ok(())
    }

    /// Hands over the values of a chunk that may lie in each interval. Adds to `below` how
    /// many of the others are below it.
    fn scan_chunk(
        &self,
        number: u32,
        intervals: &[(f64, f64)],
        Scanned { page, below }: &mut Scanned,
        each: &mut dyn FnMut(usize, &[f64]),
    ) -> Result<()> {
        let Some(chunk) = self.chunk(number)? else {
            self.meet_in(number);
            return Ok(());
        };
        let mut portions = vec![Vec::new(); intervals.len()];
        for leaf in 0..CHUNK_LEAVES {
            // Without its summary the page cannot be read either, and is reported.
            let summary = chunk.leaf_or_damaged(leaf)?;
            let mut wanted = Vec::with_capacity(intervals.len());
            for (interval, (low, high)) in intervals.iter().enumerate() {
                match summary {
                    Some(summary) if summary.max.total_cmp(low).is_lt() => {
                        below[interval] += chunk.header.leaf_rows(leaf);
                    }
                    Some(summary) if summary.min.total_cmp(high).is_gt() => {}
                    _ => wanted.push(interval),
                }
            }
            if wanted.is_empty() {
                continue;
            }
            if let Err(error) = chunk.read_page(leaf, Wanted::VALUES, page) {
                self.snapshot.meet(error.damage().ok_or(error)?)?;
                self.meet_in(number);
                continue;
            }
            for interval in wanted {
                let portion = &mut portions[interval];
                let gather = &mut |values: &[f64]| portion.extend_from_slice(values);
                below[interval] += quantile::within(&page.values, intervals[interval], gather);
                if portion.len() >= PORTION {
                    each(interval, portion);
                    portion.clear();
                }
            }
        }
        portions.iter().enumerate().for_each(|(interval, portion)| each(interval, portion));
        Ok(())
    }
}

/// What a thread scans with, and has found.
struct Scanned {
    page: Page,
    /// For each interval, how many values below it were not handed over.
    below: Vec<u64>,
}

impl Values for WindowValues<'_> {
    fn scan(&mut self, intervals: &[(f64, f64)], each: Each<'_>) -> Result<Vec<u64>> {
        let values = &*self;
        let mut below = vec![0; intervals.len()];
        values.read_leaves(&mut |all| {
            for (number, ends) in intervals.iter().enumerate() {
                below[number] += quantile::within(all, *ends, &mut |part| each(number, part));
            }
        })?;
        let chunks = values.parts.chunks.iter().cloned().flatten();
        let others = [&values.unsketched, &values.unusable];
        let sketched = chunks.filter(|number| !others.iter().any(|set| set.contains(number)));
        let is_few = sketched.clone().take(CHUNKS_MIN).count() < CHUNKS_MIN;
        let threads = if is_few { 1 } else { threads_max() };
        let each = Mutex::new(each);
        let state = || Scanned { page: Page::default(), below: vec![0; intervals.len()] };
        let scanned = on_threads(threads, sketched, state, |scanned, number| {
            values.scan_chunk(number, intervals, scanned, &mut |interval, values| {
                each.lock().unwrap_or_else(PoisonError::into_inner)(interval, values);
            })
        })?;
        Ok(scanned.iter().fold(below, |below, scanned| sums(&below, &scanned.below)))
    }
}

fn sums(left: &[u64], right: &[u64]) -> Vec<u64> {
    left.iter().zip(right).map(|(left, right)| left + right).collect()
}

/// The values of several windows.
impl Values for Vec<WindowValues<'_>> {
    fn scan(&mut self, intervals: &[(f64, f64)], each: Each<'_>) -> Result<Vec<u64>> {
        let none = vec![0; intervals.len()];
        let mut windows = self.iter_mut();
        windows.try_fold(none, |below, window| Ok(sums(&below, &window.scan(intervals, each)?)))
    }
}

/// A sketch in the unit that a chunk of these values would have.
fn sketch_of(values: &[f64]) -> Sketch {
    let decimals = decimals::of_values(values);
    Sketch::of(values, decimals.map_or(Unit::Binary, |(decimals, _)| Unit::Decimal(decimals)))
}

/// What lies within a range of times.
struct Parts {
    times: Times,
    /// The first leaf of the log.
    sealed: u64,
    /// Chunks that do as a whole.
    chunks: Vec<Range<u32>>,
    /// Other leaves that do at least in part.
    leaves: Vec<Range<u64>>,
}

impl Visitor for Parts {
    fn visit(&mut self, node: &Node, summary: &Summary) -> Way {
        let leaves = node.leaves();
        let is_sealed = leaves.end <= self.sealed;
        let relation = self.times.relation(summary);
        let is_mixed = leaves.start < self.sealed && !is_sealed;
        match relation {
            Relation::Outside => return Way::Past,
            Relation::Cut if node.level > 0 => return Way::Down(Wanted::ROWS),
            // Going down to each chunk checks that it belongs to the others.
            _ if is_mixed || is_sealed && node.level > CHUNK_LEVEL => {
                return Way::Down(Wanted::ROWS);
            }
            _ => {}
        }
        if is_sealed && node.level == CHUNK_LEVEL {
            let number = last_chunk(node.level, node.index);
            append(&mut self.chunks, number..number + 1);
        } else {
            append(&mut self.leaves, leaves);
        }
        Way::Past
    }

    /// Only a leaf without a summary comes here. Its page cannot be read either.
    fn rows(&mut self, _: &Scan) {}
}

/// Adds a range, which comes after the others.
fn append<T: PartialEq>(ranges: &mut Vec<Range<T>>, range: Range<T>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Observation;
    use crate::options::{Options, SyncPolicy};

    #[test]
    fn a_chunk_that_is_lost_after_it_was_counted_is_not_counted_again() -> Result<()> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("store");
        let options = Options::new().sync(SyncPolicy::Never);
        let store = options.create(&path)?;
        let chunk = i64::try_from(CHUNK).expect("small");
        let rows = (0..3 * chunk).map(|n| Observation::new(n, n as f64));
        store.append_batch(&rows.collect::<Vec<_>>())?;
        store.seal()?;
        let earlier = store.snapshot()?.skip_damage();
        let mut values = WindowValues::new(&earlier, Times::of(&..))?;
        values.count_into(&mut Buckets::default())?;
        std::fs::remove_file(path.join(crate::format::names::chunk_name(0))).expect("removed");
        // As if the chunk had been closed meanwhile.
        let later = store.snapshot()?.skip_damage();
        values.snapshot = &later;
        let mut left = 0;
        let everything = [(0.0, f64::MAX)];
        let below = values.scan(&everything, &mut |_, values| left += values.len() as u64)?;
        assert_eq!((below, left), (vec![0], 2 * CHUNK));
        assert!(values.has_met_damage());
        let mut buckets = Buckets::default();
        values.count_into(&mut buckets)?;
        assert_eq!(buckets.count(), 2 * CHUNK);
        Ok(())
    }
}
