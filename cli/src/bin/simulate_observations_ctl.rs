//! Starts and stops the daemon that simulates observations.

use std::process::ExitCode;

fn main() -> ExitCode {
    gaugelog_cli::control::run(std::env::args_os())
}
