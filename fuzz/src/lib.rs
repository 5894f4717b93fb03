//! The code of the fuzz targets, one module each, separate from the fuzzer that calls it.
//! It needs a build with `--cfg fuzzing`, which `cargo fuzz` sets.
#![cfg(fuzzing)]

pub mod chunk;
mod chunk_parts;
pub mod directory;
mod input;
mod layout;
pub mod lines;
pub mod log;
mod log_bytes;
pub mod manifest;
mod model;
mod mutation;
pub mod operations;
mod random;
mod reading;
mod scratch;
mod signing;
mod template;
pub mod texts;
