//! A program that does nothing: the others are timed against it.

fn main() {}
