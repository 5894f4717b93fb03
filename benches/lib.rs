//! Benchmarks of the engine; see `engine.rs`.
