//! The flag that ends a run.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::message::Message;

/// Ends runs. Clones are the same flag. Setting it wakes the collectors that wait for it.
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

/// What to do when the flag is set.
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

    /// Sets the flag and wakes the collectors that use it. Do not call it in a signal
    /// handler: let a thread wait for the signal and call this.
    pub fn set(&self) {
        let mut listeners = self.listeners();
        self.flag.store(true, Ordering::SeqCst);
        for flag in listeners.flags.drain(..).filter_map(|flag| flag.upgrade()) {
            flag.store(true, Ordering::SeqCst);
        }
        listeners.collectors.retain(|listener| listener.send(Message::Stop).is_ok());
    }

    /// Whether the flag is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// The flag itself, for code that polls it, such as
    /// [`Settings::stop`](crate::Settings::stop). Setting it directly wakes no collector.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.flag)
    }

    /// A flag for one source. It is set with this one, and may be set alone to end that
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

    /// Wakes this collector when the flag is set.
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
