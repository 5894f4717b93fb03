//! Chunks: compressed columns of 65,536 observations, written whole, never changed.

mod columns;
pub(crate) mod decimals;
mod nodes;
mod parts;
pub(crate) mod reader;
pub(crate) mod repair;
mod steps;
mod verify;
pub(crate) mod writer;

use std::sync::OnceLock;

use crate::error::Result;

/// What is in `cell`, which `make` fills when it is wanted first.
pub(crate) fn get_or_try<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(made) => Ok(made),
        None => make().map(|made| cell.get_or_init(|| made)),
    }
}

#[cfg(test)]
mod tests;
