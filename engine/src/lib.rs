//! An embedded time-series engine for one kind of thing, an
//! [`Observation`] (a time and a number), that keeps its own statistics.
//!
//! A [`Store`] is a directory. Any number of threads and processes append observations to
//! it. With the default [`SyncPolicy`] an append that has returned survives a power cut.
//! A [`Snapshot`] is a fixed view of a store. It blocks no writer, and gives count, mean
//! and deviation at once, however many observations there are. A [`Window`] does the same
//! for a range of times.
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
//! # Recipes
//!
//! The 95th percentile of the last day, averages of five minutes, and the latest ten:
//!
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let store = gaugelog::Store::create(dir.path().join("store"))?;
//! # store.append(gaugelog::Observation::at(std::time::SystemTime::now(), 21.5))?;
//! use std::time::{Duration, SystemTime, UNIX_EPOCH};
//!
//! let snapshot = store.snapshot()?;
//! let day = snapshot.window(SystemTime::now() - Duration::from_secs(86_400)..);
//! let p95 = day.quantile(0.95)?;
//! for bucket in day.buckets(Duration::from_secs(300), UNIX_EPOCH)? {
//!     println!("{} {:?}", bucket.start_ns, bucket.summary.mean());
//! }
//! for item in snapshot.latest(10) {
//!     let (sequence, observation) = item?;
//!     println!("{sequence} {}", observation.value);
//! }
//! # assert_eq!(p95, Some(21.5));
//! # Ok::<(), gaugelog::Error>(())
//! ```
//!
//! Following a store: ask again and again for what has arrived since.
//!
//! ```
//! # let dir = tempfile::tempdir().unwrap();
//! # let store = gaugelog::Store::create(dir.path().join("store"))?;
//! # store.append(gaugelog::Observation::new(0, 21.5))?;
//! let mut next = 0;
//! # for _ in 0..2 {
//! for item in store.snapshot()?.by_sequence(next..) {
//!     let (sequence, observation) = item?;
//!     println!("{}", observation.value);
//!     next = sequence + 1;
//! }
//! # }
//! # assert_eq!(next, 1);
//! # Ok::<(), gaugelog::Error>(())
//! ```
//!
//! # The path of data
//!
//! ```text
//! writer ─▶ frame ─▶ log ──seal──▶ chunk
//!                     │              │
//!                manifest states both
//!                     │              │
//!                   reader (rows | columns)
//!                     │
//!        snapshot ─▶ window ─▶ summary · quantile · histogram · columns · buckets
//! ```
//!
//! Writer and reader never call each other; both start from the manifest. `FORMAT.md`
//! beside this crate's sources specifies every byte.

mod chunk;
mod error;
mod format;
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs, reason = "for the fuzz targets alone")]
pub mod fuzzing;
mod log;
mod manifest;
mod observation;
mod options;
mod os;
mod read;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod view;
mod write;

pub use error::{Damage, Error, ErrorKind, Result};
pub use observation::Observation;
pub use options::{Options, SyncPolicy};
pub use read::by_sequence::BySequence;
pub use read::grid::{Bucket, Column};
pub use read::histogram::{Bins, Histogram};
pub use read::snapshot::Snapshot;
pub use read::time_order::ByTime;
pub use read::times::{Time, TimeRange};
pub use read::window::Window;
pub use stats::summary::Summary;
pub use store::{Recovery, Repair, Store, Verification};
pub use write::writer::Writer;

/// The examples of the project's front page.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct FrontPage;

/// Those of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust.md")]
struct Guide;
