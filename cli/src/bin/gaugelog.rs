//! The program for people; under the name of another one of the programs, that one.

use std::process::ExitCode;

fn main() -> ExitCode {
    gaugelog_cli::run(std::env::args_os())
}
