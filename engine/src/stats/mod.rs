//! Statistics of observations: summaries that merge, equal bins, sketches, exact order
//! statistics. They are pure functions of numbers, and use no files.

pub(crate) mod bins;
mod moments;
mod order;
pub(crate) mod quantile;
pub(crate) mod sketch;
pub(crate) mod summary;
pub(crate) mod tree;

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod reference;
