//! Sensors on a tree of the kernel's files, with their failures, and on this machine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod available;
mod failures;
mod machine;
mod tree;
mod values;
