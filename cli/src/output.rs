//! What the programs print. The standard macros panic where the reader has gone;
//! these do not. Where there is a [`queue`], they wait for no reader.

use std::io::{self, Write};

use crate::exit::Exit;
use crate::queue::{self, Stream};

/// Writes to standard output, at once.
///
/// # Errors
/// [`Exit::ReaderGone`] where nobody reads it any more, [`Exit::Error`] where it
/// cannot be written, such as to a full disk.
pub(crate) fn print(bytes: &[u8]) -> Result<(), Exit> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if queue::push(Stream::Out, move || text) {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| Exit::of_output(&error))
}

/// A line on stderr behind the program's name. A stderr that cannot be written
/// changes nothing: there is nobody left to tell.
pub(crate) fn say(program: &str, text: &str) {
    say_raw(&format!("{program}: {text}\n"));
}

/// Text on stderr as it is, in one write, so that lines of two programs do not mix.
pub(crate) fn say_raw(text: &str) {
    let queued = text.to_owned();
    if !queue::push(Stream::Err, move || queued) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
