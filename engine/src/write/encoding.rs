//! Chunks encoded by two threads, while this one reads the log and writes files: pco takes
//! most of the time of sealing.
//!
//! The threads end before sealing does, and touch no file: whatever fails, the calls to
//! the file system are those of one thread, in the order of the chunks.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::Arc;
use std::thread::{self, Builder, Scope, ScopedJoinHandle};

use super::seal::Held;
use crate::chunk::writer::{Summaries, encode};
use crate::error::Result;
use crate::format::chunk::Place;

/// More would be faster where there are more processors, but a chunk takes some 5 MiB
/// meanwhile.
const THREADS: usize = 2;

/// A chunk before its columns are compressed.
#[derive(Debug)]
pub(super) struct Unencoded {
    pub(super) place: Place,
    pub(super) held: Held,
    pub(super) summaries: Summaries,
}

impl Unencoded {
    fn encode(&self) -> Vec<u8> {
        encode(&self.held.contents(self.place), &self.summaries)
    }
}

/// Encodes `chunks`, of which there are `count`, and hands each to `write`, in their order.
pub(super) fn encode_each(
    count: u64,
    mut chunks: impl Iterator<Item = Result<Unencoded>>,
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
            // While the threads go on.
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

/// A chunk that is to be encoded.
struct Encoding<'scope> {
    chunk: Arc<Unencoded>,
    /// `None` if this thread is to do it.
    thread: Option<ScopedJoinHandle<'scope, Vec<u8>>>,
}

impl<'scope> Encoding<'scope> {
    fn new(chunk: Unencoded) -> Self {
        Self { chunk: Arc::new(chunk), thread: None }
    }

    /// By another thread, if one can be had.
    fn begun(self, scope: &'scope Scope<'scope, '_>) -> Self {
        let chunk = Arc::clone(&self.chunk);
        let thread = Builder::new().spawn_scoped(scope, move || chunk.encode()).ok();
        Self { thread, ..self }
    }

    fn finish(self) -> (Place, Vec<u8>) {
        let bytes = match self.thread {
            Some(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            None => self.chunk.encode(),
        };
        (self.chunk.place, bytes)
    }
}
