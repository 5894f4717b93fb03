//! A fixed prefix of a store, and the answers about all of it.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use super::by_sequence::BySequence;
use super::missing::Missing;
use super::nodes::Tree;
use super::quantile;
use super::times::{TimeRange, Times, clipped};
use super::window::Window;
use crate::error::{Damage, Result};
use crate::options::Options;
use crate::stats::summary::Summary;
use crate::view::View;

/// A fixed prefix of a store: what is appended later does not show. It blocks no writer
/// and needs no lock. Any number of threads read it at once, and clones share it.
///
/// ```
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("store");
/// use gaugelog::{Observation, Store};
/// let store = Store::create(&path)?;
/// store.append_batch(&[Observation::new(10, 1.0), Observation::new(20, 4.0)])?;
/// let snapshot = store.snapshot()?;
/// store.append(Observation::new(30, 9.0))?;
/// assert_eq!(snapshot.len(), 2);
/// assert_eq!(snapshot.summary()?.max(), Some(4.0));
/// assert_eq!(snapshot.median()?, Some(2.5));
/// assert_eq!(snapshot.window(15..).summary()?.count(), 1);
/// # Ok::<(), gaugelog::Error>(())
/// ```
///
/// # Damage
/// An answer that needs something unreadable is the error
/// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged). An iterator returns that error and
/// goes on with the rest. [`skip_damage`](Self::skip_damage) skips damage instead, and
/// lists it.
///
/// # Removal
/// An answer that needs what retention has removed meanwhile is the error
/// [`ErrorKind::Removed`](crate::ErrorKind::Removed), and never a smaller result. So is one
/// from the log, after an append that failed has taken back what this snapshot had found.
#[derive(Clone)]
pub struct Snapshot {
    tree: Arc<Tree>,
    /// Where skipped damage is listed.
    missing: Option<Arc<Missing>>,
}

impl Snapshot {
    /// It shares what an `earlier` one has read of the sealed part, if that is still the same.
    pub(crate) fn new(view: View, options: &Options, earlier: Option<&Self>) -> Self {
        let earlier = earlier.map(|earlier| &*earlier.tree);
        Self { tree: Arc::new(Tree::new(view, options, earlier)), missing: None }
    }

    /// How many observations there are, lost ones included.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.end_sequence() - self.first_sequence()
    }

    /// Whether there is no observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sequence number of the first observation that is kept. It is 0 until
    /// retention removes some.
    #[must_use]
    pub fn first_sequence(&self) -> u64 {
        self.tree.view().first_sequence()
    }

    /// The sequence number after the last observation.
    #[must_use]
    pub fn end_sequence(&self) -> u64 {
        self.tree.view().end_sequence()
    }

    /// The random number that the first append gave the store; 0 before. Another store at
    /// the same path has another number; a copy has the same one.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// assert_eq!(store.snapshot()?.store_id(), 0);
    /// store.append(Observation::new(10, 1.0))?;
    /// assert_ne!(store.snapshot()?.store_id(), 0);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    #[must_use]
    pub fn store_id(&self) -> u64 {
        self.tree.view().record().store
    }

    /// Observations before this sequence number survive a power cut, as far as the files
    /// prove it. A program that sends observations elsewhere should stop there.
    #[must_use]
    pub fn durable_end(&self) -> u64 {
        self.tree.view().durable_sequence()
    }

    /// Damage met when the snapshot was taken. To find all damage, use
    /// [`Store::verify`](crate::Store::verify).
    #[must_use]
    pub fn damage(&self) -> &[Damage] {
        self.tree.view().damage()
    }

    /// The same prefix, with damage skipped: answers are those of what can be read, and
    /// [`missing`](Self::missing) lists what they lack. Windows and iterators of this
    /// snapshot do the same, and its clones share the list.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// # let store = gaugelog::Store::create(&path)?;
    /// let snapshot = store.snapshot()?.skip_damage();
    /// let median = snapshot.median()?;
    /// for damage in snapshot.missing() {
    ///     eprintln!("the median is without this: {damage}");
    /// }
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    #[must_use]
    pub fn skip_damage(&self) -> Self {
        Self { tree: Arc::clone(&self.tree), missing: Some(Arc::default()) }
    }

    /// The damage that the answers so far have met: each place once, the first 1,000. It
    /// is empty if they needed no damaged place, or without
    /// [`skip_damage`](Self::skip_damage).
    #[must_use]
    pub fn missing(&self) -> Vec<Damage> {
        self.missing.as_ref().map(|missing| missing.list()).unwrap_or_default()
    }

    /// The observations whose time lies in `times`. `window(..)` is all of them.
    pub fn window(&self, times: impl TimeRange) -> Window {
        Window::new(self.clone(), Times::of(&times))
    }

    /// Count, extremes, mean and deviation of everything, in a time that does not grow
    /// with the store. The same observations in the same order give the same bits, however
    /// they were appended.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged),
    /// [`ErrorKind::Removed`](crate::ErrorKind::Removed) or
    /// [`ErrorKind::Io`](crate::ErrorKind::Io).
    pub fn summary(&self) -> Result<Summary> {
        self.window(..).summary()
    }

    /// The exact median. It is the mean of the two middle values if the count is even, and
    /// `None` if there is no observation.
    ///
    /// # Errors
    /// As [`Snapshot::summary`].
    pub fn median(&self) -> Result<Option<f64>> {
        self.quantile(0.5)
    }

    /// The exact `q`-quantile, as [`Window::quantile`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) unless `q` is from 0 to 1;
    /// otherwise as [`Snapshot::summary`].
    pub fn quantile(&self, q: f64) -> Result<Option<f64>> {
        self.window(..).quantile(q)
    }

    /// The `q`-quantile to three significant digits, from the chunks' sketches and the
    /// values in the log. `None` if there is no observation.
    ///
    /// # Errors
    /// As [`Snapshot::quantile`].
    pub fn quantile_estimate(&self, q: f64) -> Result<Option<f64>> {
        quantile::check(self, q)?;
        quantile::estimate(self, q)
    }

    /// The observations with these sequence numbers, in the order of arrival. Numbers
    /// that are not there are left out. After 131,072 observations, if 262,144 more are
    /// sealed, other threads read the next ones; they end with the iterator.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[Observation::new(20, 1.0), Observation::new(10, 2.0)])?;
    /// // Following a store: what has arrived since the last time.
    /// let mut next = 0;
    /// for found in store.snapshot()?.by_sequence(next..) {
    ///     let (sequence, observation) = found?;
    ///     println!("{} at {:?}", observation.value, observation.time());
    ///     next = sequence + 1;
    /// }
    /// assert_eq!(next, 2);
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    pub fn by_sequence(&self, sequences: impl RangeBounds<u64>) -> BySequence {
        let bound = |bound: Bound<&u64>| bound.map(|sequence| i128::from(*sequence));
        let bounds = (bound(sequences.start_bound()), bound(sequences.end_bound()));
        let all = self.first_sequence().into()..=i128::from(self.end_sequence()) - 1;
        let (first, last) = clipped(bounds, all).into_inner();
        let wanted = u64::try_from(first).ok().zip(u64::try_from(last + 1).ok());
        let wanted = wanted.map_or(0..0, |(start, end)| start..end);
        BySequence::new(self.clone(), wanted)
    }

    /// The last `count` observations to arrive, in the order of arrival. There are fewer
    /// if the store has fewer, or has lost some of them.
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let path = dir.path().join("store");
    /// use gaugelog::{Observation, Store};
    /// let store = Store::create(&path)?;
    /// store.append_batch(&[Observation::new(20, 1.0), Observation::new(10, 2.0)])?;
    /// let latest = store.snapshot()?.latest(1).next().expect("one")?;
    /// assert_eq!(latest, (1, Observation::new(10, 2.0)));
    /// # Ok::<(), gaugelog::Error>(())
    /// ```
    pub fn latest(&self, count: u64) -> BySequence {
        self.by_sequence(self.end_sequence().saturating_sub(count)..)
    }

    pub(super) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// The list for skipped damage; `None` if damage is an error.
    pub(super) fn skips_to(&self) -> Option<&Missing> {
        self.missing.as_deref()
    }

    /// Skips damage, or returns it as an error.
    pub(super) fn meet(&self, damage: Damage) -> Result<()> {
        match &self.missing {
            Some(missing) => {
                missing.add(damage);
                Ok(())
            }
            None => Err(damage.into()),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.tree.view().directory().path())
            .field("sequences", &(self.first_sequence()..self.end_sequence()))
            .field("skips_damage", &self.missing.is_some())
            .finish()
    }
}

/// Sharing a snapshot between threads is part of its promise.
const _: () = {
    const fn is_shared<T: Clone + Send + Sync>() {}
    is_shared::<Snapshot>();
};
