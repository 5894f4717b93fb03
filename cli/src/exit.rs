//! How a program ends: what is said, with which status, and not before it was heard.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

use crate::output;
use crate::{drain, queue};

/// Why a program ends before its work is done.
#[derive(Debug, PartialEq)]
pub(crate) enum Exit {
    /// Help was asked for: status 0, this text on stdout.
    Help(String),
    /// The command line makes no sense: status 2, these lines on stderr.
    Usage(String),
    /// The work failed: status 1, this text on stderr behind the program's name.
    Error(String),
    /// The work failed and stderr has been told: status 1.
    Told,
    /// The reader of our output has gone, as `head` does: quietly, with
    /// the status a shell shows for a program that the broken pipe killed.
    ReaderGone,
}

impl Exit {
    /// What is left of a write to standard output that failed.
    pub(crate) fn of_output(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Error(format!("cannot write to standard output: {error}")),
        }
    }

    fn status(&self) -> u8 {
        match self {
            Self::Help(_) => 0,
            Self::Error(_) | Self::Told => 1,
            Self::Usage(_) => 2,
            // 128 + SIGPIPE.
            Self::ReaderGone => 141,
        }
    }
}

/// Does a program's work and ends it: says what there is to say, waits until it was
/// heard, and gives the exit status.
pub(crate) fn conclude(program: &str, work: impl FnOnce() -> Result<(), Exit>) -> ExitCode {
    let outcome = match outlive_size_limits().and_then(|()| work()) {
        Err(Exit::Help(text)) => output::print(text.as_bytes()),
        other => other,
    };
    say(program, &outcome);
    let outcome = match queue::finish() {
        // What the reader has to do with it is the cause.
        Some(Err(failure)) => {
            let failed = Err(failure);
            say(program, &failed);
            let _ = queue::finish();
            failed
        }
        Some(Ok(())) => outcome,
        None => {
            drain::until_heard();
            outcome
        }
    };
    ExitCode::from(outcome.map_or_else(|exit| exit.status(), |()| 0))
}

fn say(program: &str, outcome: &Result<(), Exit>) {
    match outcome {
        Err(Exit::Usage(text)) => output::say_lines(text),
        Err(Exit::Error(text)) => output::say(program, &format!("error: {text}")),
        _ => {}
    }
}

/// A write beyond `ulimit -f` is an error like that of a full disk; by itself the
/// kernel would end the process with a signal. Caught and not ignored, since a
/// program that a source starts would inherit that.
fn outlive_size_limits() -> Result<(), Exit> {
    signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)))
        .map(drop)
        .map_err(|error| Exit::Error(format!("cannot listen for signals: {error}")))
}
