//! Reading: from a fixed prefix of a store to the answers of a snapshot.
//!
//! ```text
//! view ─▶ nodes ─▶ tree_walk ─▶ cells · histogram · quantile ─▶ window ─▶ snapshot
//!           └──────▶ scan ──▶ ahead ──▶ by_sequence · time_order ───────┘
//! ```
//!
//! `nodes` finds the summaries of the tree, `scan` the rows of a leaf, `ahead` those of the
//! next leaves on other threads. `Snapshot::meet`
//! (snapshot.rs) alone decides whether damage is an error or is skipped.

mod ahead;
pub(crate) mod by_sequence;
mod cells;
pub(crate) mod grid;
pub(crate) mod histogram;
mod intervals;
mod log_nodes;
mod missing;
mod nodes;
mod overlap;
mod parallel;
mod quantile;
mod remembered;
mod scan;
pub(crate) mod snapshot;
pub(crate) mod time_order;
pub(crate) mod times;
mod tree_walk;
pub(crate) mod window;

#[cfg(test)]
mod tests;
