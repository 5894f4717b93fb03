//! Adding and removing sources during a run.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};

use super::Feed;
use super::message::Message;

/// Adds and removes sources during a run without affecting the others. Clones control the
/// same run.
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
    /// Taken by the run.
    receiver: Arc<Mutex<Option<Receiver<Message>>>>,
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl Control {
    /// For one run. Requests from before its begin are handled when it begins.
    #[must_use]
    pub fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        Self { sender, receiver: Arc::new(Mutex::new(Some(receiver))) }
    }

    /// Adds a source. It is polled at once, or by its aligned schedule. Its values get
    /// the next free numbers.
    pub fn add(&self, feed: Feed) {
        // If the run is over, nothing is collected.
        let _ = self.sender.send(Message::Add(Box::new(feed)));
    }

    /// Removes the source with a value of this name. What it has read is stored, and its
    /// store is closed.
    pub fn remove(&self, name: impl Into<String>) -> Removal {
        let (closing, closed) = mpsc::channel();
        let _ = self.sender.send(Message::Remove(name.into(), closing));
        Removal(closed)
    }

    /// The channel, for the first run that asks for it.
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
    /// stores are closed. Only a hanging poll keeps something open until it returns. Then
    /// a source of the same name may be added.
    pub fn wait(self) {
        // Nothing is sent: the channel ends when all senders are dropped.
        let _ = self.0.recv();
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}
