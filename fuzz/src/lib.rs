//! What the fuzz targets do, each in a module of its own, apart from the fuzzer
//! that calls them. They need a build with `--cfg fuzzing`, which `cargo fuzz`
//! gives.
#![cfg(fuzzing)]

pub mod checkpoint;
pub mod directory;
pub mod frame;
mod input;
mod layout;
pub mod lines;
mod model;
mod mutation;
pub mod operations;
mod reading;
mod scratch;
mod signing;
mod template;
pub mod texts;
