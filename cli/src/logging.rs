//! What the programs log: on stderr, a line each, warnings unless more is asked for.
//!
//! Only this project's own lines, which are written with care for what is secret: those
//! of the libraries beneath, such as a connection's, may show addresses with passwords.

use std::env;

use log::{LevelFilter, Log, Metadata, Record};

use crate::output;

/// The environment variable that says how much is logged.
const LEVEL_VARIABLE: &str = "GAUGELOG_LOG";

struct Logger {
    program: &'static str,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target.split("::").next().is_some_and(|root| root.starts_with("gaugelog"))
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            output::say(self.program, &format!("{level}: {}", record.args()));
        }
    }

    fn flush(&self) {}
}

/// Begins to log: as much as the environment says, or one level more for each `-v`.
///
/// # Errors
/// What the environment says is no level, in words.
pub(crate) fn begin(program: &'static str, verbose: u8) -> Result<(), String> {
    let level = match (verbose, env::var(LEVEL_VARIABLE)) {
        (0, Ok(text)) if !text.is_empty() => text.parse().map_err(|_| {
            format!(
                "{LEVEL_VARIABLE} is {text:?}; it may be off, error, warn, info, debug or trace"
            )
        })?,
        (0, _) => LevelFilter::Warn,
        (1, _) => LevelFilter::Info,
        (2, _) => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // Only a second logger is refused, and then there is one.
    if log::set_boxed_logger(Box::new(Logger { program })).is_ok() {
        log::set_max_level(level);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_lines_are_logged() {
        let logger = Logger { program: "x" };
        for (target, ours) in [
            ("gaugelog_sources::collector::run", true),
            ("gaugelog", true),
            ("ureq::run", false),
            ("rustls", false),
            ("my_gaugelog", false),
            ("", false),
        ] {
            assert_eq!(
                logger.enabled(&Metadata::builder().target(target).build()),
                ours,
                "{target}"
            );
        }
    }
}
