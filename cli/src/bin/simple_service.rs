//! The five commands of the service.

use std::process::ExitCode;

fn main() -> ExitCode {
    gaugelog_cli::service::run(std::env::args_os())
}
