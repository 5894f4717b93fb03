//! The program for people.

use std::process::ExitCode;

fn main() -> ExitCode {
    gaugelog_cli::tool::run(std::env::args_os())
}
