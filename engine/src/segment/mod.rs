//! A segment: a file that holds consecutive observations.
//!
//! `format` is its bytes; `active` appends to it; `walk` reads frames from it
//! and `recover` finds where they end; `map` is how bytes come from a file,
//! and the only place with `unsafe`. A sealed, compressed kind will stand
//! beside `active`.

pub(crate) mod active;
pub(crate) mod chain;
pub(crate) mod format;
pub(crate) mod map;
pub(crate) mod names;
pub(crate) mod node_file;
pub(crate) mod recover;
pub(crate) mod walk;
