//! Summaries that snapshots of the same sealed part share, so that each reads only what
//! none of them has read yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::nodes::Node;
use crate::stats::summary::Summary;

/// As many as a store of a billion observations has: 7 MB.
const SUMMARIES_MAX: usize = 1 << 15;

/// Summaries of nodes of whole chunks, by level and index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered(Arc<Mutex<HashMap<(u32, u64), Summary>>>);

impl Remembered {
    pub(crate) fn get(&self, node: &Node) -> Option<Summary> {
        self.all().get(&(node.level, node.index)).cloned()
    }

    pub(crate) fn add(&self, node: &Node, summary: &Summary) {
        let mut all = self.all();
        if all.len() < SUMMARIES_MAX {
            all.insert((node.level, node.index), summary.clone());
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(u32, u64), Summary>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
