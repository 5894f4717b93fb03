//! Benchmarks of the engine: `cargo bench -p gaugelog-benches`. They are in `engine.rs`;
//! this crate has no code of its own.
