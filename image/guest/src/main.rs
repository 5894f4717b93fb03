//! The first process of the VM in which the image is tested. It makes the root that
//! the runtime makes (in [`root`]), runs one command after another for the host (in
//! [`command`]), and treats their output and their ends (in [`reaper`]) as the runtime's
//! guest agent does.
//!
//! The host speaks over a virtio port, in lines, each a JSON array of strings:
//!
//! | request | |
//! |---|---|
//! | `["run", PATH, ARGUMENT…]` | runs a program to its end |
//! | `["fill", PATH]` | writes a file until its file system has no space |
//! | `["remove", PATH]` | removes a file |
//! | `["copy", FROM, TO]` | copies a file, or a directory and the files in it |
//! | `["off"]` | powers off, with no word to any process |
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
    // Where this fails, the kernel panics for want of its first process, and QEMU ends.
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
            ["fill", path] => told(files::fill(path.as_ref())),
            ["remove", path] => told(fs::remove_file(path)),
            ["copy", from, to] => told(files::copy(from.as_ref(), to.as_ref())),
            ["off"] => return Ok(()),
            _ => format!("no such request: {request:?}"),
        };
        port.send(Kind::Done, done.as_bytes())?;
    }
    Ok(())
}

/// The next request, or nothing where the host has gone. Orphans that end meanwhile are
/// reaped: they are this process's.
fn next_request(port: &mut Port, reaper: &Reaper) -> io::Result<Option<Vec<String>>> {
    while !port.has_request_before(reaper)? {
        reaper.reap()?;
    }
    port.request()
}

/// What the host is told of a request that runs nothing: that all is well, or not.
fn told(done: io::Result<()>) -> String {
    done.map_or_else(|error| error.to_string(), |()| "0 0".to_owned())
}
