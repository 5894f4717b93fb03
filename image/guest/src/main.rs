//! The first process of the VM in which the image is tested. It makes the same root as
//! the runtime (in [`root`]) and runs one command after another for the host (in
//! [`command`]). It treats their output and their ends (in [`reaper`]) as the runtime's
//! guest agent does.
//!
//! The host sends lines over a virtio port. Each is a JSON array of strings:
//!
//! | request | |
//! |---|---|
//! | `["run", PATH, ARGUMENT…]` | runs a program to its end |
//! | `["fill", PATH]` | writes a file until its file system has no space |
//! | `["remove", PATH]` | removes a file |
//! | `["copy", FROM, TO]` | copies a file, or a directory and the files in it |
//! | `["off"]` | powers off, without a signal to any process |
//!
//! The guest answers in the frames of [`port`].

mod command;
mod files;
mod port;
mod reaper;
mod root;

use std::fs::{self, File};
use std::io;
use std::process::ExitCode;

use rustix::fs::Mode;
use rustix::process::umask;
use rustix::system::{RebootCommand, reboot};

use port::{Kind, Port};
use reaper::Reaper;

fn main() -> ExitCode {
    if let Err(error) = run() {
        eprintln!("guest: {error}");
    }
    // If this fails, the kernel panics because its first process has ended, and QEMU
    // ends.
    let _ = reboot(RebootCommand::PowerOff);
    ExitCode::FAILURE
}

fn run() -> io::Result<()> {
    umask(Mode::from_raw_mode(0o022));
    let reaper = Reaper::begin()?;
    root::devices()?;
    let mut port = Port::open()?;
    // An empty file, for the programs' standard input.
    let nothing = File::create("/nothing").and_then(|_| File::open("/nothing"))?;
    root::enter()?;
    port.send(Kind::Ready, b"")?;
    while let Some(request) = next_request(&mut port, &reaper)? {
        let words: Vec<&str> = request.iter().map(String::as_str).collect();
        let done = match words.as_slice() {
            ["run", program, arguments @ ..] => {
                command::run(&mut port, &reaper, &nothing, program, arguments)?
            }
            ["fill", path] => answer_to(files::fill(path.as_ref())),
            ["remove", path] => answer_to(fs::remove_file(path)),
            ["copy", from, to] => answer_to(files::copy(from.as_ref(), to.as_ref())),
            ["off"] => return Ok(()),
            _ => format!("no such request: {request:?}"),
        };
        port.send(Kind::Done, done.as_bytes())?;
    }
    Ok(())
}

/// The next request; `None` if the host has gone. Orphans that end meanwhile are reaped,
/// since this process is their parent.
fn next_request(port: &mut Port, reaper: &Reaper) -> io::Result<Option<Vec<String>>> {
    while !port.has_request_before(reaper)? {
        reaper.reap()?;
    }
    port.request()
}

/// The answer to a request that runs no program: success, or the error.
fn answer_to(done: io::Result<()>) -> String {
    done.map_or_else(|error| error.to_string(), |()| "0 0".to_owned())
}
