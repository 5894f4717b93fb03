//! The summary of a window: the largest nodes inside it, merged from left to right, and
//! the matching rows of leaves that the range cuts.

use super::nodes::Node;
use super::scan::{Columns, Scan};
use super::snapshot::Snapshot;
use super::times::{Relation, Times};
use super::tree_walk::{Visitor, Way, walk};
use crate::chunk::reader::Wanted;
use crate::error::Result;
use crate::stats::summary::Summary;

pub(super) fn summary(snapshot: &Snapshot, times: Times) -> Result<Summary> {
    let mut fold = Fold { times, total: Summary::EMPTY, copy: Columns::default() };
    walk(snapshot, &mut fold)?;
    Ok(fold.total)
}

struct Fold {
    times: Times,
    total: Summary,
    copy: Columns,
}

impl Visitor for Fold {
    fn visit(&mut self, _: &Node, summary: &Summary) -> Way {
        match self.times.relation(summary) {
            Relation::Outside => Way::Past,
            Relation::Inside => {
                self.total = self.total.merge(summary);
                Way::Past
            }
            Relation::Cut => Way::Down(Wanted::ROWS),
        }
    }

    fn rows(&mut self, rows: &Scan) {
        let (times, values) = rows.within(&self.times, &mut self.copy);
        self.total = self.total.merge(&Summary::of_columns(times, values));
    }
}
