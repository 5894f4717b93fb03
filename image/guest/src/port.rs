//! The virtio port to the host. Requests are lines. Answers are frames of a kind (one
//! byte), a length (four, little-endian) and that many bytes. The host answers each frame
//! of output with an empty line. Until then no other frame is sent, since the runtime's
//! agent takes no more output until its buffer has been fetched.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

/// The kind of a frame.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// The root is ready for requests.
    Ready = b'r' as isize,
    /// Bytes that a program wrote to its standard output.
    Output = b'o' as isize,
    /// Bytes that it wrote to its standard error.
    Error = b'e' as isize,
    /// A request has been carried out: exit status and nanoseconds, or why not.
    Done = b'd' as isize,
}

/// How long a driver may take to provide the port.
const WAIT_MOST: Duration = Duration::from_secs(10);

pub(crate) struct Port {
    incoming: BufReader<File>,
    outgoing: File,
    /// Whether output was sent that the host has not yet answered.
    owed: bool,
}

impl Port {
    /// Opens the only port, when it exists.
    pub(crate) fn open() -> io::Result<Self> {
        let begun = Instant::now();
        let path = loop {
            if let Some(path) = find()? {
                break path;
            }
            if begun.elapsed() > WAIT_MOST {
                return Err(io::Error::other("no virtio port has come up"));
            }
            thread::sleep(Duration::from_millis(10));
        };
        let outgoing = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self { incoming: BufReader::new(outgoing.try_clone()?), outgoing, owed: false })
    }

    /// Waits for a request or for `other`. Returns whether there is a request.
    pub(crate) fn has_request_before(&self, other: impl AsFd) -> io::Result<bool> {
        if !self.incoming.buffer().is_empty() {
            return Ok(true);
        }
        let mut waiting =
            [PollFd::new(&self.outgoing, PollFlags::IN), PollFd::new(&other, PollFlags::IN)];
        poll(&mut waiting, None)?;
        Ok(!waiting[0].revents().is_empty())
    }

    /// The next request; `None` if the host has gone.
    pub(crate) fn request(&mut self) -> io::Result<Option<Vec<String>>> {
        let mut line = String::new();
        if self.incoming.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&line)?))
    }

    /// Sends a frame, after the host has taken the output before it.
    pub(crate) fn send(&mut self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        if self.owed {
            self.incoming.read_line(&mut String::new())?;
        }
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let mut frame = vec![kind as u8];
        frame.extend(length.to_le_bytes());
        frame.extend(bytes);
        self.outgoing.write_all(&frame)?;
        self.owed = matches!(kind, Kind::Output | Kind::Error);
        Ok(())
    }
}

fn find() -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir("/dev")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("vport") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}
