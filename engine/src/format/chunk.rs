//! A chunk.
