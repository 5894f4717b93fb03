//! The daemon that simulates observations.

use std::process::ExitCode;

fn main() -> ExitCode {
    gaugelog_cli::simulate::run(std::env::args_os())
}
