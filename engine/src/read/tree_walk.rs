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
    walk_around(snapshot.tree(), visitor, &mut |damage| snapshot.meet(damage))
}

/// As [`walk`]. `lose` decides whether damage is an error.
pub(crate) fn walk_around(
    tree: &Tree,
    visitor: &mut impl Visitor,
    lose: &mut dyn FnMut(Damage) -> Result<()>,
) -> Result<()> {
    tree.losses()?.cloned().try_for_each(&mut *lose)?;
    let mut nodes: Vec<Node> = tree.roots()?.iter().rev().map(Node::from).collect();
    let mut scan = Scan::default();
    while let Some(node) = nodes.pop() {
        let way = match &node.summary {
            Some(summary) if summary.count == 0 => Way::Past,
            Some(summary) => visitor.visit(&node, summary),
            None => Way::Down(Wanted::ROWS),
        };
        match way {
            Way::Past => {}
            Way::Down(wanted) if node.level == 0 => {
                scan.read(tree, node.index, wanted)?;
                scan.take_lost().try_for_each(&mut *lose)?;
                visitor.rows(&scan);
            }
            Way::Down(_) => match tree.children(&node) {
                Ok([left, right]) => nodes.extend([right, left]),
                Err(error) => lose(error.damage().ok_or(error)?)?,
            },
        }
    }
    Ok(())
}
