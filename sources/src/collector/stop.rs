//! The flag that ends a run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

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
    listeners: Arc<Mutex<Listeners>>,
}

/// What is done when the flag is set.
#[derive(Default)]
struct Listeners {
    /// Collectors that are woken.
    collectors: Vec<Sender<Message>>,
    /// Flags that are set too.
    flags: Vec<Weak<AtomicBool>>,
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
        let mut listeners = self.listeners();
        self.flag.store(true, Ordering::SeqCst);
        for flag in listeners.flags.drain(..).filter_map(|flag| flag.upgrade()) {
            flag.store(true, Ordering::SeqCst);
        }
        listeners.collectors.retain(|listener| listener.send(Message::Stop).is_ok());
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

    /// A flag for one source, which is set with this one, and may be set alone to end that
    /// source: for [`Settings::stop`](crate::Settings::stop) and
    /// [`Feed::stop`](crate::Feed::stop).
    ///
    /// ```
    /// use std::sync::atomic::Ordering;
    /// let stop = gaugelog_sources::Stop::new();
    /// let (one, other) = (stop.for_one(), stop.for_one());
    /// one.store(true, Ordering::SeqCst);
    /// assert!(!other.load(Ordering::SeqCst) && !stop.is_set());
    /// stop.set();
    /// assert!(other.load(Ordering::SeqCst));
    /// ```
    #[must_use]
    pub fn for_one(&self) -> Arc<AtomicBool> {
        let mut listeners = self.listeners();
        let flag = Arc::new(AtomicBool::new(self.is_set()));
        listeners.flags.retain(|flag| flag.strong_count() > 0);
        listeners.flags.push(Arc::downgrade(&flag));
        flag
    }

    /// Has a collector woken from now on.
    pub(super) fn wake(&self, listener: Sender<Message>) {
        self.listeners().collectors.push(listener);
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").field(&self.is_set()).finish()
    }
}
