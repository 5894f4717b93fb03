//! Summaries that snapshots of the same sealed part share, so that each reads only what
//! none of them has read yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nodes::Node;
use crate::stats::summary::Summary;

/// As many as a store of a billion observations has: 8 MB.
const PAIRS_MAX: usize = 1 << 14;

/// The summaries of the two children of a node above the chunks, by its level and index.
/// They were seen to belong to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<Mutex<Pairs>>);

type Pairs = HashMap<(u32, u64), [Summary; 2]>;

impl Remembered {
    pub(crate) fn children_of(&self, node: &Node) -> Option<[Summary; 2]> {
        self.all().get(&(node.level, node.index)).cloned()
    }

    pub(crate) fn add(&self, node: &Node, children: [&Summary; 2]) {
        let mut all = self.all();
        if all.len() < PAIRS_MAX {
            all.insert((node.level, node.index), children.map(Clone::clone));
        }
    }

    fn all(&self) -> MutexGuard<'_, Pairs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
