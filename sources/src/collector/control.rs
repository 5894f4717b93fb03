//! Sources that come and go while a run goes on.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::Feed;
use super::message::Message;

/// Adds sources to a run and removes them while it goes on; the others notice nothing.
/// Clones of it control the same run.
///
/// ```no_run
/// use gaugelog::Store;
/// use gaugelog_sources::{Collector, Control, Feed, RandomNormal, Stop};
///
/// let (stop, control) = (Stop::new(), Control::new());
/// let collector = Collector::new().stop(stop.clone()).control(control.clone());
/// let running = std::thread::spawn(move || collector.run_all(Vec::new(), |_, _| {}));
/// let source = RandomNormal::new(14.0, 3.0, None)?;
/// control.add(Feed::new("room", source, Store::open_or_create("room")));
/// control.remove("room");
/// stop.set();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Control {
    sender: Sender<Message>,
    /// Until a run takes it.
    receiver: Arc<Mutex<Option<Receiver<Message>>>>,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// For one run. What is asked for before it begins is done when it does.
    #[must_use]
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender, receiver: Arc::new(Mutex::new(Some(receiver))) }
    }

    /// Adds a source, which is polled at once, or when its aligned schedule says. Its
    /// values are numbered on from those that are there.
    pub fn add(&self, feed: Feed) {
        // Where the run is over, nothing is collected.
        let _ = self.sender.send(Message::Add(Box::new(feed)));
    }

    /// Removes the source with a value of this name: what it has read is stored, and its
    /// store is closed.
    pub fn remove(&self, name: impl Into<String>) -> Removal {
        let (closing, closed) = mpsc::channel();
        let _ = self.sender.send(Message::Remove(name.into(), closing));
        Removal(closed)
    }

    /// The channel, for the first run that asks.
    pub(super) fn channel(&self) -> Option<(Sender<Message>, Receiver<Message>)> {
        let mut receiver = self.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.take().map(|receiver| (self.sender.clone(), receiver))
    }
}

/// A source that is being removed.
#[derive(Debug)]
pub struct Removal(Receiver<()>);

impl Removal {
    /// Waits until what the source has read is stored, its counts are written, and its
    /// stores are closed, but for what a poll that hangs keeps open until it returns. A
    /// source of the same name may be added then.
    pub fn wait(self) {
        // Nothing is sent: the end comes when all senders are gone.
        let _ = self.0.recv();
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}
