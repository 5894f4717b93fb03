//! Encoding chunks on two threads while this one reads the log and writes files: pco
//! takes most of the time of sealing.
//!
//! The threads end before sealing does, and use no file. So whatever fails, one thread
//! makes all calls to the file system, in the order of the chunks.

use std::collections::VecDeque;
use std::io;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, Builder};

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
        // Without a thread, this one does it: also if none can be started.
        let begin = |chunk: Contents| {
            let chunk = Arc::new(chunk);
            let shared = Arc::clone(&chunk);
            let work = move || encode(&shared);
            let thread = (threads > 0).then(|| Builder::new().spawn_scoped(scope, work));
            (chunk, thread.and_then(io::Result::ok))
        };
        let mut begun = VecDeque::new();
        let mut encoded: Option<(Place, Vec<u8>)> = None;
        loop {
            while begun.len() < threads.max(1)
                && let Some(chunk) = chunks.next()
            {
                begun.push_back(begin(chunk?));
            }
            // The threads go on meanwhile.
            if let Some((place, bytes)) = encoded.take() {
                write(place, &bytes)?;
            }
            let Some((chunk, thread)) = begun.pop_front() else { return Ok(()) };
            let bytes = match thread {
                Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
                None => encode(&chunk),
            };
            encoded = Some((chunk.place, bytes));
        }
    })
}
