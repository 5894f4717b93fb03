//! Going down the summary tree, from its largest nodes to the leaves.

use super::nodes::{Node, Tree};
use super::scan::Scan;
use super::snapshot::Snapshot;
use crate::chunk::reader::Wanted;
use crate::error::{Damage, Result};
use crate::stats::summary::Summary;

/// What to do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Skip it: its parts are not wanted.
    Past,
    /// Go to its children or, for a leaf, read these columns.
    Down(Wanted),
}

/// Receives nodes from left to right. The rows of a leaf come before the next node.
pub(crate) trait Visitor {
    /// A node with at least one observation.
    fn visit(&mut self, node: &Node, summary: &Summary) -> Way;

    /// The rows of a leaf. Both columns are there if the summary was not readable.
    fn rows(&mut self, rows: &Scan);
}

/// Takes `visitor` through all of a snapshot.
///
/// # Errors
/// [`ErrorKind::Damaged`](crate::ErrorKind::Damaged) if something that `visitor` wants
/// cannot be read, unless the snapshot skips damage.
pub(crate) fn walk(snapshot: &Snapshot, visitor: &mut impl Visitor) -> Result<()> {
    let mut lose = |damage| snapshot.meet(damage);
    snapshot.tree().losses()?.cloned().try_for_each(&mut lose)?;
    let mut walk = Walk::begin(snapshot.tree())?;
    while walk.step(snapshot.tree(), visitor, &mut lose)? {}
    Ok(())
}

/// A way through the tree, one node after the other.
#[derive(Debug)]
pub(super) struct Walk {
    /// Nodes that were not visited yet, the next one last.
    nodes: Vec<Node>,
    scan: Scan,
}

impl Walk {
    pub(super) fn begin(tree: &Tree) -> Result<Self> {
        let nodes = tree.roots()?.iter().rev().map(Node::from).collect();
        Ok(Self { nodes, scan: Scan::default() })
    }

    /// Takes `visitor` to the next node. Returns whether there was one. `lose` decides
    /// whether damage is an error.
    pub(super) fn step(
        &mut self,
        tree: &Tree,
        visitor: &mut impl Visitor,
        lose: &mut dyn FnMut(Damage) -> Result<()>,
    ) -> Result<bool> {
        let Some(node) = self.nodes.pop() else { return Ok(false) };
        let way = match &node.summary {
            Some(summary) if summary.count == 0 => Way::Past,
            Some(summary) => visitor.visit(&node, summary),
            None => Way::Down(Wanted::ROWS),
        };
        match way {
            Way::Past => {}
            Way::Down(wanted) if node.level == 0 => {
                self.scan.read(tree, node.index, wanted)?;
                self.scan.take_lost().try_for_each(lose)?;
                visitor.rows(&self.scan);
            }
            Way::Down(_) => match tree.children(&node) {
                Ok([left, right]) => self.nodes.extend([right, left]),
                Err(error) => lose(error.damage().ok_or(error)?)?,
            },
        }
        Ok(true)
    }
}
