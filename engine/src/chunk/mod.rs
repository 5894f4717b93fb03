//! Chunks: compressed columns of 65,536 observations, written whole, never changed.
