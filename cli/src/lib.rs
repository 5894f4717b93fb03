//! The programs of gaugelog, each a function of its arguments, so that a `main` is
//! one line and one executable could be all of them.
//!
//! | program | is |
//! |---|---|
//! | [`service`] | `simple_service`: five commands over one store, for other programs |
//! | [`simulate`] | `simulate_observations`: the daemon, one draw or poll a second |
//! | [`control`] | `simulate_observations_ctl`: starts and stops it |
//! | [`tool`] | `gaugelog`: for people |
//!
//! [`run`] is whichever of them it is called by the name of, so that one executable
//! can lie under all four names.
//!
//! They share how arguments are read, how a program ends (in `exit`), and what a
//! number and a moment look like as text. [`plot`] draws and knows none of them.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod arguments;
mod ask;
mod collect;
#[cfg(feature = "config")]
mod config;
pub mod control;
mod copy;
mod drain;
mod duration;
mod each;
mod exit;
mod explain;
mod figures;
#[cfg(feature = "forward")]
mod forward;
#[cfg(feature = "help-files")]
mod help_files;
mod instance;
mod json;
mod listing;
mod live;
mod logging;
mod output;
#[cfg(any(feature = "plot", feature = "serve"))]
mod page;
#[cfg(feature = "parquet")]
mod parquet_file;
mod place;
pub mod plot;
#[cfg(any(feature = "forward", feature = "serve"))]
mod prometheus;
mod python_float;
mod queue;
mod repair;
mod seal;
#[cfg(feature = "serve")]
mod serve;
pub mod service;
mod service_manager;
mod signals;
pub mod simulate;
mod size;
mod source_options;
mod status;
pub mod tool;
mod trim;
mod utc;
mod verify;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Runs the program that the first of `arguments` names, whatever its folder and
/// with or without an extension such as `.py`; under any other name, `gaugelog`.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let name = arguments.first().and_then(|name| Path::new(name).file_stem());
    let arguments = arguments.iter().cloned();
    match name.and_then(|name| name.to_str()) {
        Some("simple_service") => service::run(arguments),
        Some("simulate_observations") => simulate::run(arguments),
        Some("simulate_observations_ctl") => control::run(arguments),
        _ => tool::run(arguments),
    }
}
