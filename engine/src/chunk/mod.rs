//! Chunks: compressed columns of 65,536 observations, written whole, never changed.

mod columns;
pub(crate) mod decimals;
mod parts;
pub(crate) mod reader;
pub(crate) mod repair;
mod steps;
mod verify;
pub(crate) mod writer;

#[cfg(test)]
mod tests;
