//! Reading observations in the order of their times, with fixed memory.
//!
//! Nodes wait in the order in which they begin. A leaf that ends before the next node
//! begins is handed over as read; overlapping leaves are merged. If more
//! rows overlap than fit in memory, everything is read and the first rows are kept, as
//! often as needed. So time grows with disorder, and memory does not.

use std::collections::{BTreeMap, VecDeque};
use std::iter::FusedIterator;

use super::ahead::ScanAhead;
use super::missing::Reported;
use super::nodes::Node;
use super::overlap::{Key, Pass, Pool, is_past};
use super::scan::Columns;
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::Walk;
use crate::error::{Damage, Error, Result};
use crate::observation::Observation;

/// The most nodes that wait at once.
const NODES_MAX: usize = 1 << 14;

/// Observations in the order of their times, equal times in the order of arrival: what
/// [`Window::iter`](crate::Window::iter) returns.
///
/// An `Err` stands for observations that cannot be read
/// ([`Error::lost`](crate::Error::lost)); the iterator goes on with the others. After an
/// error of another kind than [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) it ends.
///
/// Observations whose times are not known, because they were lost in the log or before they
/// were sealed, are reported first, whatever the window: the first 1,000 places. Others are
/// reported if the iterator reads observations beside them.
#[derive(Debug)]
pub struct ByTime {
    snapshot: Snapshot,
    times: Times,
    stage: Stage,
    /// Nodes that wait, by their beginning. No two are equal, since they do not overlap.
    waiting: BTreeMap<Key, Node>,
    pool: Pool,
    /// The last row that was handed over.
    after: Option<Key>,
    ahead: ScanAhead,
    /// The rows that are handed over, and the index of the next one.
    rows: Columns,
    row: usize,
    /// What was already returned as an error. Each pass meets it again.
    reported: Reported,
    errors: VecDeque<Error>,
}

/// What is done next. The rows in the pool are handed over before.
#[derive(Debug)]
enum Stage {
    /// The largest nodes begin to wait.
    Begin,
    /// Nodes are read, in the order in which they begin.
    Nodes,
    /// One pass over everything fills the pool.
    Pass(Box<(Walk, Pass)>),
    End,
}

impl ByTime {
    pub(crate) fn new(snapshot: Snapshot, times: Times) -> Self {
        Self {
            snapshot,
            times,
            stage: if times.is_empty() { Stage::End } else { Stage::Begin },
            waiting: BTreeMap::new(),
            pool: Pool::default(),
            after: None,
            ahead: ScanAhead::default(),
            rows: Columns::default(),
            row: 0,
            reported: Reported::default(),
            errors: VecDeque::new(),
        }
    }

    /// Goes on after all rows in `rows` were handed over, until there are others or an
    /// error; `None` at the end.
    #[cold]
    fn advance(&mut self) -> Option<Result<()>> {
        loop {
            if let Some(error) = self.errors.pop_front() {
                return Some(Err(error));
            }
            if self.row < self.rows.times.len() {
                return Some(Ok(()));
            }
            if self.hand_over(self.next_key()) {
                continue;
            }
            let step = match self.stage {
                Stage::Begin => self.begin_nodes(),
                Stage::Nodes => self.step_nodes(),
                Stage::Pass(_) => self.step_pass(),
                Stage::End => return None,
            };
            if let Err(error) = step {
                // The file cannot be read; another attempt would fail too.
                self.end();
                self.errors.push_back(error);
            }
        }
    }

    /// No waiting node has a row before this.
    fn next_key(&self) -> Option<Key> {
        self.waiting.first_key_value().map(|(key, _)| *key)
    }

    fn end(&mut self) {
        self.stage = Stage::End;
        self.waiting.clear();
        self.pool.clear();
    }

    fn begin_nodes(&mut self) -> Result<()> {
        self.stage = Stage::Nodes;
        let snapshot = self.snapshot.clone();
        snapshot.tree().losses()?.for_each(|damage| self.lose(damage.clone()));
        snapshot.tree().roots()?.iter().for_each(|node| self.wait(node.into()));
        Ok(())
    }

    fn step_nodes(&mut self) -> Result<()> {
        let Some((_, node)) = self.waiting.pop_first() else {
            self.end();
            return Ok(());
        };
        if node.level == 0 {
            self.read(node.index)?;
        } else {
            match self.snapshot.tree().children(&node) {
                Ok(children) => children.into_iter().for_each(|child| self.wait(child)),
                Err(error) => self.lose(error.damage().ok_or(error)?),
            }
        }
        if self.pool.is_full() || self.waiting.len() > NODES_MAX {
            self.waiting.clear();
            self.pool.clear();
            self.begin_pass(self.after)?;
        }
        Ok(())
    }

    /// Hands over the next rows of the pool before `bound`. Returns whether there were
    /// any.
    fn hand_over(&mut self, bound: Option<Key>) -> bool {
        if self.pool.is_empty() {
            return false;
        }
        let Some(last) = self.pool.take_before(bound, &mut self.rows) else { return false };
        self.after = Some(last);
        self.row = 0;
        true
    }

    fn read(&mut self, leaf: u64) -> Result<()> {
        self.ahead.read(self.snapshot.tree(), leaf)?;
        let lost: Vec<Damage> = self.ahead.scan.take_lost().collect();
        lost.into_iter().for_each(|damage| self.lose(damage));
        match self.last_if_next() {
            Some(last) if self.pool.is_empty() => {
                self.after = Some(last);
                self.ahead.scan.take_within(&self.times, &mut self.rows);
                self.row = 0;
            }
            _ => self.pool.add(&self.ahead.scan, self.times, self.after),
        }
        Ok(())
    }

    /// The last of the rows just read, if these can be handed over as they are: they are
    /// in order, after the rows handed over before, and before those still to be read.
    fn last_if_next(&self) -> Option<Key> {
        let (times, sequences) = (self.ahead.scan.times(), self.ahead.scan.sequences());
        let first = (*times.first()?, *sequences.first()?);
        let last = (*times.last()?, *sequences.last()?);
        let is_next = self.after.is_none_or(|after| after < first)
            && self.next_key().is_none_or(|next| last < next)
            && times.is_sorted();
        is_next.then_some(last)
    }

    fn begin_pass(&mut self, after: Option<Key>) -> Result<()> {
        let walk = Walk::begin(self.snapshot.tree())?;
        self.stage = Stage::Pass(Box::new((walk, Pass::new(self.times, after))));
        Ok(())
    }

    /// Visits one node. Damage is returned before the next one is visited, so that it need
    /// not wait in memory.
    fn step_pass(&mut self) -> Result<()> {
        let Stage::Pass(pass) = &mut self.stage else { return Ok(()) };
        let mut lost = Vec::new();
        let (walk, pass) = &mut **pass;
        let has_more = walk.step(self.snapshot.tree(), pass, &mut |damage| {
            lost.push(damage);
            Ok(())
        })?;
        if !has_more {
            pass.reduce();
            let (bound, is_wasteful) = (pass.bound(), pass.is_wasteful());
            self.pool = pass.take_pool();
            self.stage = if bound.is_some() { Stage::Begin } else { Stage::End };
            if bound.is_some() && is_wasteful {
                self.begin_pass(bound)?;
            }
        }
        lost.into_iter().for_each(|damage| self.lose(damage));
        Ok(())
    }

    /// Lets a node wait, if it may have wanted rows.
    fn wait(&mut self, node: Node) {
        let start = node.sequences().start;
        let time = match &node.summary {
            // It may hold the first row of all.
            None => i64::MIN,
            Some(summary) => {
                let is_outside = self.times.relation(summary) == Relation::Outside;
                if is_outside || is_past(&node, summary, self.after) {
                    return;
                }
                summary.first.timestamp_ns
            }
        };
        self.waiting.insert((time, start), node);
    }

    fn lose(&mut self, damage: Damage) {
        if let Some(missing) = self.snapshot.skips_to() {
            missing.add(damage);
        } else if self.reported.add(&damage.lost) {
            self.errors.push_back(damage.into());
        }
    }
}

impl Iterator for ByTime {
    type Item = Result<Observation>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.row >= self.rows.times.len()
            && let Err(error) = self.advance()?
        {
            return Some(Err(error));
        }
        let row = self.row;
        self.row += 1;
        Some(Ok(Observation::new(self.rows.times[row], self.rows.values[row])))
    }
}

impl FusedIterator for ByTime {}
