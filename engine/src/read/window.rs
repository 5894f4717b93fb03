//! Statistics of the observations within a range of times.

use std::time::Duration;

use super::grid::{self, Bucket, Column};
use super::histogram::{Bins, Histogram, counts};
use super::intervals::Intervals;
use super::parallel::threads_for;
use super::snapshot::Snapshot;
use super::time_order::ByTime;
use super::times::{Time, Times, nanoseconds};
use super::{cells, quantile};
use crate::error::Result;
use crate::observation::Observation;
use crate::stats::bins::Edges;
use crate::stats::summary::Summary;

/// The most bins, columns or buckets.
const PARTS_MAX: usize = 1 << 20;

/// The observations of a [`Snapshot`] whose time lies in a range, made by
/// [`Snapshot::window`].
///
/// Answers come from the tree of summaries. If time is in order, only the two leaves of
/// 1,024 observations at the ends of the range are read. So the cost grows with the
/// logarithm of the store's size.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// use std::time::Duration;
/// use gaugelog::{Observation, Store};
/// let store = Store::create(&path)?;
/// let minutes = |n: i64| n * 60_000_000_000;
/// let all: Vec<_> = (0..20).map(|n| Observation::new(minutes(n), n as f64)).collect();
/// store.append_batch(&all)?;
/// let window = store.snapshot()?.window(minutes(5)..minutes(15));
/// // The 95th percentile, and averages of five minutes.
/// assert!(window.quantile(0.95)?.is_some_and(|p95| (p95 - 13.55).abs() < 1e-9));
/// let averages = window.buckets(Duration::from_secs(300), 0)?;
/// let means: Vec<_> = averages.iter().map(|bucket| bucket.summary.mean()).collect();
/// assert_eq!(means, [Some(7.0), Some(12.0)]);
/// # Ok::<(), gaugelog::Error>(())
/// ```
///
/// Every method returns [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if what it
/// needs cannot be read (see [`Snapshot::skip_damage`]),
/// [`ErrorKind::Removed`](crate::ErrorKind::Removed) if it was removed meanwhile, and
/// [`ErrorKind::Io`](crate::ErrorKind::Io) if the file system refuses.
#[derive(Clone, Debug)]
pub struct Window {
    snapshot: Snapshot,
    times: Times,
}

impl Window {
    pub(crate) fn new(snapshot: Snapshot, times: Times) -> Self {
        Self { snapshot, times }
    }

    /// Count, extremes, mean and deviation.
    ///
    /// # Errors
    /// Those of [`Window`].
    pub fn summary(&self) -> Result<Summary> {
        cells::summary(&self.snapshot, self.times)
    }

    /// The exact `q`-quantile, linear between the two nearest values (numpy's default,
    /// type 7 of Hyndman and Fan 1996). `None` if there is no observation. Values are
    /// ordered by [`f64::total_cmp`].
    ///
    /// If the chunks' sketches have a bucket for each value, as for decimals of few
    /// digits, they suffice. Otherwise the values are read, normally once, on several
    /// threads.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `q` is from 0 to 1;
    /// otherwise those of [`Window`].
    pub fn quantile(&self, q: f64) -> Result<Option<f64>> {
        let found = Self::quantiles_of_all(std::slice::from_ref(self), &[q])?;
        Ok(found.first().copied().flatten())
    }

    /// The exact quantiles of the values of several windows together, in the order of `qs`;
    /// `None` if there is no observation. The windows may be of several stores. Unless
    /// damage is met, each quantile has the same bits as alone. Up to 8 are found with the
    /// same reading.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use gaugelog::{Observation, Store, Window};
    /// let windows = [[1.0, 9.0], [2.0, 3.0]].map(|values| {
    ///     let store = Store::create(dir.path().join(values[0].to_string()))?;
    ///     store.append_batch(&values.map(|value| Observation::new(0, value)))?;
    ///     Ok::<_, gaugelog::Error>(store.snapshot()?.window(..))
    /// });
    /// let windows = windows.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(Window::quantiles_of_all(&windows, &[0.5, 1.0])?, [Some(2.5), Some(9.0)]);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`quantile`](Self::quantile).
    pub fn quantiles_of_all(windows: &[Self], qs: &[f64]) -> Result<Vec<Option<f64>>> {
        for window in windows {
            qs.iter().try_for_each(|q| quantile::check(&window.snapshot, *q))?;
        }
        let windows = windows.iter().map(|window| (&window.snapshot, window.times));
        quantile::exact(windows, qs)
    }

    /// How many values lie in each bin: of a number of equal bins, or of bins between
    /// given edges. `None` for equal bins if there is no observation.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[1.0, 2.0, 2.5, 9.0].map(|value| Observation::new(0, value)))?;
    /// let everything = store.snapshot()?.window(..);
    /// let histogram = everything.histogram(2)?.expect("not empty");
    /// assert_eq!((histogram.edges, histogram.counts), (vec![1.0, 5.0, 9.0], vec![3, 1]));
    /// let histogram = everything.histogram([0.0, 2.0, 3.0])?.expect("not empty");
    /// assert_eq!(histogram.counts, [1, 2]);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for no bin, more than 1,048,576,
    /// or edges that are not finite and ascending; otherwise those of [`Window`].
    pub fn histogram(&self, bins: impl Into<Bins>) -> Result<Option<Histogram>> {
        let (edges, count) = match bins.into() {
            Bins::Equal(bins) => {
                self.check_parts(Some(bins), "bins")?;
                let summary = self.summary()?;
                let (Some(min), Some(max)) = (summary.min(), summary.max()) else {
                    return Ok(None);
                };
                (Edges::equal(min, max, bins), summary.count)
            }
            Bins::Edges(edges) => {
                self.check_parts(edges.len().checked_sub(1), "bins")?;
                let detail = "the edges of bins are not finite and ascending";
                let edges = Edges::given(edges);
                let edges = edges.ok_or_else(|| self.snapshot.tree().invalid(detail.into()))?;
                (edges, self.summary()?.count)
            }
        };
        let counts = counts(&self.snapshot, self.times, &edges, threads_for(count))?;
        Ok(Some(Histogram { edges: edges.into_vec(), counts }))
    }

    /// First, last, smallest and largest of each of `count` equal intervals from the
    /// first observation to the last (M4): what a picture of that width shows. Intervals
    /// without an observation are left out. Memory grows with `count`. Much is read on
    /// several threads.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for no column or more than
    /// 1,048,576; otherwise those of [`Window`].
    pub fn columns(&self, count: usize) -> Result<Vec<Column>> {
        self.check_parts(Some(count), "columns")?;
        grid::columns(&self.snapshot, self.times, &self.summary()?, count)
    }

    /// Summaries of buckets of this width. One bucket begins at `origin`. Buckets without
    /// an observation are left out. Memory grows with the number of buckets from the
    /// first observation to the last. Much is read on several threads.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a width of 0 or one that
    /// makes more than 1,048,576 buckets; otherwise those of [`Window`].
    pub fn buckets(&self, width: Duration, origin: impl Time) -> Result<Vec<Bucket>> {
        let width = i128::try_from(width.as_nanos()).unwrap_or(i128::MAX);
        if width == 0 {
            return Err(self.snapshot.tree().invalid("buckets have a width of 0".into()));
        }
        let intervals = Intervals::Equal { origin: nanoseconds(&origin), width };
        let whole = self.summary()?;
        let number_of = |row: Observation| intervals.number_of(row.timestamp_ns);
        let count = number_of(whole.last) - number_of(whole.first) + 1;
        self.check_parts(usize::try_from(count).ok(), "buckets")?;
        grid::buckets(&self.snapshot, self.times, &whole, intervals)
    }

    /// Summaries of buckets from each of `edges` to before the next one, such as the
    /// midnights of a calendar. As [`buckets`](Self::buckets) of a window from the first
    /// edge to before the last one.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[1, 2, 9].map(|time| Observation::new(time, 0.5)))?;
    /// let buckets = store.snapshot()?.window(..).buckets_between(&[0, 2, 5, 10])?;
    /// let found: Vec<_> = buckets.iter().map(|it| (it.start_ns, it.last_ns)).collect();
    /// assert_eq!(found, [(0, 1), (2, 4), (5, 9)]);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for fewer than two edges, more
    /// than 1,048,577, or edges that do not ascend; otherwise those of [`Window`].
    pub fn buckets_between(&self, edges: &[impl Time]) -> Result<Vec<Bucket>> {
        self.check_parts(edges.len().checked_sub(1), "buckets")?;
        let edges: Vec<i128> = edges.iter().map(nanoseconds).collect();
        if !edges.is_sorted_by(|left, right| left < right) {
            return Err(self.snapshot.tree().invalid("the edges of buckets do not ascend".into()));
        }
        let within = self.times.clipped_to(edges[0]..=edges[edges.len() - 1] - 1);
        let whole = cells::summary(&self.snapshot, within)?;
        grid::buckets(&self.snapshot, within, &whole, Intervals::Between(&edges))
    }

    /// The observations in order of time, equal times in order of arrival. Memory is
    /// bounded, in whatever order they arrived. After 131,072 observations, if 262,144 more
    /// are sealed, other threads read the next ones; they end with the iterator.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[Observation::new(20, 2.0), Observation::new(10, 1.0)])?;
    /// let found = store.snapshot()?.window(..).iter();
    /// let values: Result<Vec<f64>, _> = found.map(|found| found.map(|it| it.value)).collect();
    /// assert_eq!(values?, [1.0, 2.0]);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> ByTime {
        ByTime::new(self.snapshot.clone(), self.times)
    }

    fn check_parts(&self, parts: Option<usize>, what: &str) -> Result<()> {
        if parts.is_some_and(|parts| (1..=PARTS_MAX).contains(&parts)) {
            return Ok(());
        }
        let detail = match parts {
            Some(parts) => format!("{parts} {what} are out of range; use 1 to {PARTS_MAX}"),
            None => format!("the number of {what} is out of range; use 1 to {PARTS_MAX}"),
        };
        Err(self.snapshot.tree().invalid(detail))
    }
}
