//! An embedded time-series engine for one kind of thing, an
//! [`Observation`] (a time and a number), that keeps its own statistics.
//!
//! A [`Store`] is a directory. Observations are appended to it, by any number
//! of processes, one at a time; with the default [`SyncPolicy`] one that was
//! acknowledged survives a power cut. A [`Snapshot`] is a fixed view of it that
//! blocks nobody, and knows count, mean and deviation at once, however many
//! observations there are.
//!
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("greenhouse");
//! use std::time::SystemTime;
//! use gaugelog::{Observation, Store};
//!
//! let store = Store::create(&path)?;
//! store.append(Observation::at(SystemTime::now(), 21.5))?;
//! store.append(Observation::at(SystemTime::now(), 22.5))?;
//!
//! let snapshot = store.snapshot()?;
//! let summary = snapshot.summary()?;
//! assert_eq!((summary.count(), summary.mean()), (2, Some(22.0)));
//! assert_eq!(snapshot.median()?, Some(22.0));
//! # Ok::<(), gaugelog::Error>(())
//! ```
//!
//! # The way of data
//!
//! ```text
//! writer ─▶ frame ─▶ active segment ◀── reader
//!    └──▶ summary tree ◀──────────────────┘
//! ```
//!
//! Writer and reader never call each other; they meet at the segment. What
//! every byte means is in `FORMAT.md` beside this crate's sources.

mod appending;
mod arrivals;
mod checkpoint;
mod damage;
mod derived;
mod descent;
mod disk;
mod downsample;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs, reason = "for the fuzz targets alone")]
pub mod fuzzing;
mod guide_file;
mod guided;
mod leaves;
mod lock;
mod nodes;
mod observation;
mod options;
mod scan;
mod segment;
mod segment_guides;
mod snapshot;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod time_order;
mod verify;
mod view;
mod writer;

pub use arrivals::Arrivals;
pub use damage::Damage;
pub use downsample::Column;
pub use error::{Error, ErrorKind, Result};
pub use observation::Observation;
pub use options::{Options, SyncPolicy};
pub use snapshot::{Histogram, Snapshot};
pub use stats::summary::Summary;
pub use store::{Found, Store};
pub use time_order::TimeOrdered;
pub use verify::Verification;
pub use writer::Writer;

/// The examples of the project's front page.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;
