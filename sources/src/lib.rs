//! Sources of observations, and the loop that collects them.
//!
//! ```text
//! source ─▶ collector ─▶ store
//!    │          │           └ gaugelog::Store: durable when an append returns
//!    │          └ when to poll, what to do with errors, what to hold, when to stop
//!    └ one number or several at a time, knows nothing of the other two
//! ```
//!
//! A [`Source`] is polled and gives a number, an error, or the end; a source of several
//! values gives them together. A [`Collector`] polls all of its sources on a schedule
//! that does not drift, or as fast as they deliver. It adds the time to readings without
//! one, appends each value to its [`gaugelog::Store`] and reports every step. Its
//! schedule waits for no source and no store.
//!
//! | source | yields | pace |
//! |---|---|---|
//! | [`RandomNormal`] | draws from a normal distribution, reproducible by seed | the collector's |
//! | [`Program`] | the number that a program prints | the collector's |
//! | [`Page`] | a number on a page, over HTTP or HTTPS | the collector's |
//! | [`Sensor`] | what a Linux machine measures: chips, thermal zones, batteries, load | the collector's |
//! | [`Lines`] | numbers from standard input or another stream, one a line | its own |
//!
//! A [`Registry`] opens the sources that strings name, as on a command line. Sources at
//! one address share their polls. A source of your own is twenty lines: see [`Source`].
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod adjusted;
mod collector;
mod exec;
#[cfg(fuzzing)]
#[doc(hidden)]
#[allow(missing_docs, reason = "for the fuzz targets alone")]
pub mod fuzzing;
mod http;
mod line;
mod normal;
mod own_file;
mod quote;
mod rate;
mod registry;
mod sensor;
mod settings;
mod source;
mod spec;
mod stdin;

pub use adjusted::{Adjusted, Adjustment};
pub use collector::{
    Cause, CollectError, Collector, Control, Counts, EndedBy, Event, Feed, LastError, Record,
    Removal, Report, Retention, Stop, live_file,
};
pub use exec::Program;
pub use http::{Answer, Fingerprint, Headers, Identity, Page, Post};
pub use line::{Ambiguous, LineFormat, TimeColumn, TimeError, TimeFormat, TimeUnit, Zone};
pub use normal::RandomNormal;
pub use own_file::{Access, open_own};
pub use quote::escaped;
pub use registry::{GRAMMAR, Opened, Registry};
pub use sensor::{Available, Sensor, available};
pub use settings::Settings;
pub use source::{Pace, Reading, Readings, Source, SourceError};
pub use spec::{SpecError, short_name, without_secrets};
pub use stdin::{Lines, StandardInput};
