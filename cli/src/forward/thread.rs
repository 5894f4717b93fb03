//! A destination that the collector forwards to, in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::forwarder::Forwarder;
use super::receiver::Receiver;
use crate::exit::Exit;

/// What is being sent may be answered for so long.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);
/// After that its connection is closed, and the thread given up: the process may end.
const ENDED_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);
/// Catching up leaves the processor to the polls.
const NICE: i32 = 10;

/// A thread that forwards until it is ended.
pub(crate) struct Forwarding {
    thread: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    receiver: Arc<Receiver>,
}

impl Forwarding {
    /// Forwards until `stop`, which is the flag of the forwarder.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn begin(mut forwarder: Forwarder, stop: Arc<AtomicBool>) -> Result<Self, Exit> {
        // Before the collector goes on: it removes what is old and not waited for.
        forwarder.register();
        let receiver = forwarder.receiver();
        let work = move || {
            // On Linux this is of the thread alone.
            if let Err(error) = rustix::process::nice(NICE) {
                log::info!("forwarding has the priority of collecting: {error}");
            }
            // What went wrong was said, and is in the cursors.
            let _ = forwarder.run();
        };
        let thread = thread::Builder::new().name("forward".to_owned()).spawn(work);
        let thread = thread
            .map_err(|error| Exit::Error(format!("cannot start a thread to forward: {error}")))?;
        Ok(Self { thread, stop, receiver })
    }

    /// Has several end, and waits for them within a bounded time.
    pub(crate) fn end(several: Vec<Self>) {
        several.iter().for_each(|it| it.stop.store(true, Ordering::SeqCst));
        let begun = Instant::now();
        let is_over = |within: Duration| {
            while several.iter().any(|it| !it.thread.is_finished()) {
                if begun.elapsed() >= within {
                    return false;
                }
                thread::sleep(PAUSE);
            }
            true
        };
        if !is_over(ANSWERED_WITHIN) {
            several.iter().for_each(|it| it.receiver.post.shut_down());
            if !is_over(ENDED_WITHIN) {
                log::warn!(
                    "a thread that forwards does not end; what it has sent may be sent again"
                );
            }
        }
    }
}
