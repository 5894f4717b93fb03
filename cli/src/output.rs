//! What the programs print. The standard macros panic where the reader has gone;
//! these do not. Nor is it an error that another program, which shares the terminal or
//! the pipe, has made it non-blocking: what does not fit is waited for.

use std::io::{self, Write};
use std::path::Path;

use gaugelog_sources::escaped;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use crate::exit::Exit;

/// Standard output or standard error, without a buffer.
pub(crate) struct Stream(BorrowedFd<'static>);

/// Standard output, for what is printed in parts.
pub(crate) fn stdout() -> Stream {
    Stream(rustix::stdio::stdout())
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(self.0, bytes) {
                Err(Errno::AGAIN) => {
                    let mut waiting = [PollFd::from_borrowed_fd(self.0, PollFlags::OUT)];
                    match poll(&mut waiting, None) {
                        Ok(_) | Err(Errno::INTR) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Err(Errno::INTR) => {}
                // There is none.
                Err(Errno::BADF) => return Ok(bytes.len()),
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes to standard output, at once.
///
/// # Errors
/// [`Exit::ReaderGone`] where nobody reads it any more, [`Exit::Error`] where it
/// cannot be written, such as to a full disk.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Exit> {
    // The texts of two threads do not mix.
    let _alone = io::stdout().lock();
    stdout().write_all(bytes).map_err(|error| Exit::of_output(&error))
}

/// A line on stderr behind the program's name. A stderr that cannot be written
/// changes nothing: there is nobody left to tell.
pub(crate) fn say(program: &str, text: &str) {
    say_lines(&format!("{program}: {}\n", escaped(text)));
}

/// Lines on stderr, in one write, so that lines of two programs do not mix. What they name
/// may come from anywhere: nothing in them controls a terminal.
pub(crate) fn say_lines(text: &str) {
    let lines: Vec<_> = text.split('\n').map(escaped).collect();
    let _alone = io::stderr().lock();
    let _ = Stream(rustix::stdio::stderr()).write_all(lines.join("\n").as_bytes());
}

/// A path as a line may show it.
pub(crate) fn shown(path: &Path) -> String {
    escaped(&path.to_string_lossy()).into_owned()
}
