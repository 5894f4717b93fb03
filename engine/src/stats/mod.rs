//! Statistics of observations: summaries that merge, equal bins, exact order
//! statistics. Pure functions of numbers; nothing in here knows of files.

pub(crate) mod bins;
pub(crate) mod buckets;
pub(crate) mod counts;
pub(crate) mod guide;
pub(crate) mod middle;
mod moments;
mod order;
pub(crate) mod quantile;
pub(crate) mod summary;
pub(crate) mod tree;

#[cfg(test)]
mod reference;
