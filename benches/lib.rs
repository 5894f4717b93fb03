//! Benchmarks of the engine: `cargo bench -p gaugelog-benches`. They stand in
//! `engine.rs`; this crate has no code of its own.
