//! What the fuzz targets do, each in a module of its own, apart from the fuzzer that calls
//! them. They need a build with `--cfg fuzzing`, which `cargo fuzz` gives.
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
