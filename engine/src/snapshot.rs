//! Asking a store: a fixed view of it, and what can be learned from that.

use std::ops::{Range, RangeBounds};

use crate::arrivals::Arrivals;
use crate::damage::Damage;
use crate::descent::{Node, Visitor, Way, descend};
use crate::downsample::{Column, downsample};
use crate::error::{Error, ErrorKind, Result};
use crate::guided::Guides;
use crate::leaves::summarise;
use crate::observation::Observation;
use crate::scan::{Refused, read_leaves_where};
use crate::stats::bins::Edges;
use crate::stats::quantile;
use crate::stats::summary::Summary;
use crate::stats::tree::LEAF;
use crate::time_order::{TimeOrdered, inclusive};
use crate::view::View;

/// Bins or columns beyond this are refused: nobody can look at so many.
const PARTS_MAX: usize = 1 << 20;

/// Equal-width bins and how many values lie in each, as numpy's `histogram`
/// has them: a bin holds its lower edge, the last one also its upper.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The bins' edges in ascending order, one more than there are bins.
    pub edges: Vec<f64>,
    /// How many values lie in each bin.
    pub counts: Vec<u64>,
}

/// A fixed view of a store: the observations up to one sequence number.
///
/// What is appended later does not show; it blocks no writer and needs no
/// lock. Values are ordered by [`f64::total_cmp`] (−0.0 before 0.0).
///
/// Statistics that need every value return [`ErrorKind::Damaged`] where one
/// cannot be read; [`range`](Snapshot::range) tells of it and goes on.
#[derive(Debug)]
pub struct Snapshot {
    view: View,
}

impl Snapshot {
    pub(crate) fn new(view: View) -> Self {
        Self { view }
    }

    /// How many observations there are, lost ones counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.view.end_sequence()
    }

    /// Whether there is no observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Damage met when the view was taken. Finding all there is takes reading
    /// everything.
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        self.view.damage()
    }

    /// Count, extremes, mean and deviation of everything, in a time that does
    /// not grow with the store. The same observations in the same order give
    /// the same bits, however they were appended.
    ///
    /// Where observations have been lost to damage, a leaf of the summary tree
    /// that was complete before keeps its summary; of others those are counted
    /// that are left, and [`count`](Summary::count) is less than
    /// [`len`](Snapshot::len).
    ///
    /// # Errors
    /// [`ErrorKind::Io`] where the file system refuses.
    pub fn summary(&self) -> Result<Summary> {
        // What the device does not give is told by the count.
        self.summary_where(Refused::IsLost)
    }

    fn summary_where(&self, refused: Refused) -> Result<Summary> {
        let end = self.view.end_sequence();
        let mut edge = self.view.edge()?;
        summarise(&self.view, edge.leaves()..end / LEAF, refused, |index, leaf| {
            edge.skip_to(index);
            edge.push(leaf, |_, _, _| {});
        })?;
        edge.skip_to(end / LEAF);
        let mut open = Summary::EMPTY;
        read_leaves_where(&self.view, end / LEAF..end.div_ceil(LEAF), refused, |_, leaf| {
            open = Summary::of(leaf);
        })?;
        Ok(edge.total(&open))
    }

    /// As [`summary`](Snapshot::summary), of the observations whose time in
    /// nanoseconds since the Unix epoch lies in `times`. Takes a time that grows
    /// with the logarithm of the store where times come in order.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[Observation::new(10, 1.0), Observation::new(20, 2.0)])?;
    /// let late = store.snapshot()?.summary_of(15..)?;
    /// assert_eq!((late.count(), late.mean()), (1, Some(2.0)));
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] where a leaf is damaged of which only a part is
    /// wanted, [`ErrorKind::Io`].
    pub fn summary_of(&self, times: impl RangeBounds<i64>) -> Result<Summary> {
        let Some((from, to)) = inclusive(&times) else { return Ok(Summary::EMPTY) };
        let mut folding = Folding { from, to, done: Summary::EMPTY, leaf: 0, within: Vec::new() };
        descend(&self.view, &mut folding)?;
        folding.finish_leaf();
        Ok(folding.done)
    }

    /// The observations whose time lies in `times`, in order of time, equal
    /// times in order of arrival.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[Observation::new(20, 2.0), Observation::new(10, 1.0)])?;
    /// let values: Result<Vec<f64>, _> =
    ///     store.snapshot()?.range(..).map(|found| found.map(|it| it.value)).collect();
    /// assert_eq!(values?, [1.0, 2.0]);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    pub fn range(&self, times: impl RangeBounds<i64>) -> TimeOrdered<'_> {
        TimeOrdered::new(&self.view, &times)
    }

    /// The observations with the given sequence numbers, in order of arrival.
    pub fn arrivals(&self, sequences: Range<u64>) -> Arrivals<'_> {
        Arrivals::new(&self.view, sequences)
    }

    /// The exact median: of an even number of values, the mean of the two in
    /// the middle. `None` where there is no observation.
    ///
    /// # Errors
    /// As [`Snapshot::quantile`].
    pub fn median(&self) -> Result<Option<f64>> {
        self.quantile(0.5)
    }

    /// The exact `q`-quantile, 0 ≤ `q` ≤ 1, linear between the two nearest
    /// values (numpy's default, type 7 of Hyndman and Fan 1996). `None` where
    /// there is no observation. Takes fixed memory, and as a rule reads every value
    /// once. A median that stays where it is, as that of values around a mean or of
    /// few different ones, is read from lists that are kept as observations are
    /// appended, and does not grow with the store but for one such list a segment.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for another `q`, [`ErrorKind::Damaged`] or
    /// [`ErrorKind::Io`].
    pub fn quantile(&self, q: f64) -> Result<Option<f64>> {
        self.check_quantile(q)?;
        if self.len() <= quantile::COLLECTED_MAX {
            return quantile::of_few(&mut Guides::unread(&self.view).values(false), q);
        }
        let summary = self.summary_where(Refused::IsAnError)?;
        let guides = Guides::read(&self.view)?;
        // Lists may hold values that are lost by now. Where the tree has not all,
        // its count is not that of the lists.
        let mut values = guides.values(summary.count == self.len());
        if let Some(ends) = values.interval()
            && let Some(found) = quantile::within(&mut values, ends, summary.count, q)?
        {
            return Ok(Some(found));
        }
        quantile::exact(&mut values, &guides.buckets()?, summary.count, q)
    }

    /// The `q`-quantile to 3 significant digits, without reading the values:
    /// from histograms that are kept as observations are appended.
    ///
    /// # Errors
    /// As [`Snapshot::quantile`].
    pub fn quantile_estimate(&self, q: f64) -> Result<Option<f64>> {
        self.check_quantile(q)?;
        let summary = self.summary_where(Refused::IsAnError)?;
        let (Some(min), Some(max)) = (summary.min(), summary.max()) else { return Ok(None) };
        Ok(quantile::estimate(&Guides::unread(&self.view).buckets()?, min, max, q))
    }

    /// How many values lie in each of `bins` equal bins from the smallest value
    /// to the largest: numpy's bins. Equal values get bins from half below to
    /// half above; where `f64` cannot tell the edges of so many bins apart there
    /// is one bin. `None` where there is no observation.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for no bin or more than 1,048,576,
    /// [`ErrorKind::Damaged`] or [`ErrorKind::Io`].
    pub fn histogram(&self, bins: usize) -> Result<Option<Histogram>> {
        self.check_parts(bins, "bins")?;
        let summary = self.summary_where(Refused::IsAnError)?;
        let (Some(min), Some(max)) = (summary.min(), summary.max()) else { return Ok(None) };
        let edges = Edges::new(min, max, bins);
        let mut counting = Counting { counts: vec![0; edges.bins()], edges };
        descend(&self.view, &mut counting)?;
        let Counting { edges, counts } = counting;
        Ok(Some(Histogram { edges: edges.into_vec(), counts }))
    }

    /// First, last, smallest and largest of each of `columns` equal intervals
    /// from the earliest time to the latest: what a picture of that width shows.
    /// Intervals without an observation are left out.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for no column or more than 1,048,576,
    /// [`ErrorKind::Damaged`] or [`ErrorKind::Io`].
    pub fn downsample(&self, columns: usize) -> Result<Vec<Column>> {
        self.check_parts(columns, "columns")?;
        downsample(&self.view, &self.summary_where(Refused::IsAnError)?, columns)
    }

    fn check_quantile(&self, q: f64) -> Result<()> {
        if (0.0..=1.0).contains(&q) {
            return Ok(());
        }
        Err(self.invalid(format!("a quantile of {q} is out of range; use 0 to 1")))
    }

    fn check_parts(&self, parts: usize, what: &str) -> Result<()> {
        if (1..=PARTS_MAX).contains(&parts) {
            return Ok(());
        }
        Err(self.invalid(format!("{parts} {what} are out of range; use 1 to {PARTS_MAX}")))
    }

    fn invalid(&self, detail: String) -> Error {
        Error::new(ErrorKind::Invalid, self.view.chain().directory(), detail)
    }
}

/// Joins, left to right, the largest nodes within a range of times and the
/// parts of leaves at its ends.
struct Folding {
    from: i64,
    to: i64,
    done: Summary,
    leaf: u64,
    /// What was read of `leaf` and is within the range.
    within: Vec<Observation>,
}

impl Folding {
    fn finish_leaf(&mut self) {
        if !self.within.is_empty() {
            self.done = self.done.merge(&Summary::of(&self.within));
            self.within.clear();
        }
    }
}

impl Visitor for Folding {
    // A node is always the merge of the same two, and the bits depend on it.
    const NEEDS_SUMMARIES: bool = true;

    fn visit(&mut self, node: &Node<'_>) -> Way {
        let Some(summary) = node.summary.filter(|summary| summary.count > 0) else {
            return Way::Down;
        };
        let (first, last) = (summary.first.timestamp_ns, summary.last.timestamp_ns);
        if last < self.from || first > self.to {
            return Way::Past;
        }
        if first < self.from || last > self.to {
            return Way::Down;
        }
        self.finish_leaf();
        self.done = self.done.merge(summary);
        Way::Past
    }

    fn read(&mut self, first: u64, observations: &[Observation]) {
        if first / LEAF != self.leaf {
            self.finish_leaf();
            self.leaf = first / LEAF;
        }
        let times = self.from..=self.to;
        self.within.extend(observations.iter().filter(|it| times.contains(&it.timestamp_ns)));
    }
}

/// Counts values into bins; a node that lies in one bin is counted as a whole.
struct Counting {
    edges: Edges,
    counts: Vec<u64>,
}

impl Visitor for Counting {
    fn visit(&mut self, node: &Node<'_>) -> Way {
        let Some(summary) = node.summary.filter(|summary| summary.count > 0) else {
            return Way::Down;
        };
        let bin = self.edges.index_of(summary.min);
        if bin != self.edges.index_of(summary.max) {
            return Way::Down;
        }
        self.counts[bin] += summary.count;
        Way::Past
    }

    fn read(&mut self, _: u64, observations: &[Observation]) {
        for observation in observations {
            self.counts[self.edges.index_of(observation.value)] += 1;
        }
    }
}
