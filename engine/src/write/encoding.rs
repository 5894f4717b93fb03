//! Encoding chunks on two threads while this one reads the log and writes files: pco
//! takes most of the time of sealing.
//!
//! The threads end before sealing does, and use no file. So whatever fails, one thread
//! makes all calls to the file system, in the order of the chunks.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use crate::chunk::writer::{Contents, encode};
use crate::error::Result;
use crate::format::chunk::Place;

/// With more processors, more threads would be faster, but each chunk in work takes some
/// 5 MiB.
const THREADS: usize = 2;

/// Encodes `count` `chunks`, and hands each to `write` in order.
pub(super) fn encode_each(
    count: u64,
    mut chunks: impl Iterator<Item = Result<Contents>>,
    mut write: impl FnMut(Place, &[u8]) -> Result<()>,
) -> Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = if count > 1 && processors > 1 { THREADS } else { 0 };
    thread::scope(|scope| {
        let mut encodings = VecDeque::new();
        let mut encoded: Option<(Place, Vec<u8>)> = None;
        loop {
            while encodings.len() < threads.max(1)
                && let Some(chunk) = chunks.next()
            {
                let encoding = Encoding::new(chunk?);
                encodings.push_back(if threads > 0 { encoding.begun(scope) } else { encoding });
            }
            // The threads go on meanwhile.
            if let Some((place, bytes)) = encoded.take() {
                write(place, &bytes)?;
            }
            match encodings.pop_front() {
                Some(encoding) => encoded = Some(encoding.finish()),
                None => return Ok(()),
            }
        }
    })
}

/// A chunk in work.
struct Encoding<'scope> {
    chunk: Arc<Contents>,
    /// `None` if this thread does it.
    thread: Option<ScopedJoinHandle<'scope, Vec<u8>>>,
}

impl<'scope> Encoding<'scope> {
    fn new(chunk: Contents) -> Self {
        Self { chunk: Arc::new(chunk), thread: None }
    }

    /// Begins the work on another thread, if one can be started.
    fn begun(self, scope: &'scope Scope<'scope, '_>) -> Self {
        let chunk = Arc::clone(&self.chunk);
        let thread = Builder::new().spawn_scoped(scope, move || encode(&chunk)).ok();
        Self { thread, ..self }
    }

    fn finish(self) -> (Place, Vec<u8>) {
        let bytes = match self.thread {
            Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => encode(&self.chunk),
        };
        (self.chunk.place, bytes)
    }
}
