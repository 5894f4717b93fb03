//! A program that does nothing. The others are timed relative to it.

fn main() {}
