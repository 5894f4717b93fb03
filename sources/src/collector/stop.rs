//! The flag that ends a run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

use super::message::Message;

/// Ends runs: clones of it are one flag. It wakes whoever waits for it.
///
/// ```
/// let stop = gaugelog_sources::Stop::new();
/// let other = stop.clone();
/// other.set();
/// assert!(stop.is_set());
/// ```
#[derive(Clone, Default)]
pub struct Stop {
    flag: Arc<AtomicBool>,
    listeners: Arc<Mutex<Vec<Sender<Message>>>>,
}

impl Stop {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the flag and wakes the collectors that heed it. Not for a signal handler: let
    /// a thread wait for the signal and call this.
    pub fn set(&self) {
        self.flag.store(true, Ordering::SeqCst);
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.send(Message::Stop).is_ok());
    }

    /// Whether somebody has set it.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The flag itself, for who looks at it now and then, such as
    /// [`Settings::stop`](crate::Settings::stop). Setting it wakes nobody.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// Has a collector woken from now on.
    pub(super) fn wake(&self, listener: Sender<Message>) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(listener);
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_set()).finish()
    }
}
