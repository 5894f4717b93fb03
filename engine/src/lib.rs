//! An embedded time-series engine for one kind of thing, an
//! [`Observation`] (a time and a number), that keeps its own statistics.
#![allow(dead_code, unused_imports)] // While the engine is put together.

mod chunk;
mod error;
mod format;
mod log;
mod manifest;
mod observation;
mod options;
mod os;
mod stats;
mod view;

pub use error::{Damage, Error, ErrorKind, Result};
pub use observation::Observation;
pub use options::{Options, SyncPolicy};
pub use stats::summary::Summary;
