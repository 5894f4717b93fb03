//! The destinations that a collector forwards its stores to, a thread each. They come and
//! go with the files; no poll waits for one.

use std::mem;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gaugelog_sources::Stop;

use crate::ask::stores::Named;
use crate::config::{Destination, Forward};
use crate::exit::Exit;
use crate::forward::{Forwarder, Forwarding};
use crate::output;

/// The threads that forward.
pub(super) struct Destinations {
    /// The directory of the stores.
    log: PathBuf,
    stop: Stop,
    members: Mutex<Vec<Member>>,
}

/// A destination that is forwarded to.
struct Member {
    what: What,
    forwarding: Forwarding,
}

/// Where to, and which stores. Two that are equal are the same.
#[derive(Clone, PartialEq)]
struct What {
    forward: Forward,
    stores: Vec<String>,
}

/// What a configuration asks for: the destinations that stay, and those that are new,
/// opened.
pub(super) struct Wanted {
    stay: Vec<What>,
    new: Vec<(What, Forwarder, Arc<AtomicBool>)>,
}

impl Destinations {
    pub(super) fn new(log: PathBuf, stop: Stop) -> Self {
        Self { log, stop, members: Mutex::default() }
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens those that are not forwarded to; nothing is sent yet.
    pub(super) fn open(&self, destinations: Vec<Destination>) -> Result<Wanted, Exit> {
        let mut wanted = Wanted { stay: Vec::new(), new: Vec::new() };
        for Destination { forward, stores, .. } in destinations {
            let what = What { forward, stores };
            if self.members().iter().any(|member| member.what == what) {
                wanted.stay.push(what);
                continue;
            }
            let stop = self.stop.for_one();
            let mut forwarder = Forwarder::new(&what.forward.destination, Arc::clone(&stop))?;
            let named = |name: &String| Named { name: name.clone(), path: self.log.join(name) };
            forwarder.add(what.stores.iter().map(named).collect())?;
            wanted.new.push((what, forwarder, stop));
        }
        Ok(wanted)
    }

    /// Ends those that do not stay, and returns how many these are.
    pub(super) fn keep(&self, wanted: &Wanted) -> usize {
        let mut members = self.members();
        let (stay, go): (Vec<Member>, Vec<Member>) =
            mem::take(&mut *members).into_iter().partition(|it| wanted.stay.contains(&it.what));
        *members = stay;
        drop(members);
        let ended = go.len();
        for Member { what, .. } in &go {
            let is_gone = |it: &What| {
                it.forward.destination.cursor_name() == what.forward.destination.cursor_name()
            };
            if !wanted.new.iter().any(|(it, ..)| is_gone(it)) && !wanted.stay.iter().any(is_gone) {
                let destination = &what.forward.destination;
                output::say(
                    "gaugelog",
                    &format!(
                        "{} is no destination any more. What it was not sent is kept until \
                         forward-{}.json is removed from each store",
                        destination.shown(),
                        destination.cursor_name()
                    ),
                );
            }
        }
        Forwarding::end(go.into_iter().map(|member| member.forwarding).collect());
        ended
    }

    /// Begins to forward, and returns to how many.
    pub(super) fn begin(&self, wanted: Wanted) -> Result<usize, Exit> {
        let begun = wanted.new.len();
        for (what, forwarder, stop) in wanted.new {
            let forwarding = Forwarding::begin(forwarder, stop)?;
            self.members().push(Member { what, forwarding });
        }
        Ok(begun)
    }

    /// Ends all.
    pub(super) fn end(&self) {
        let members = mem::take(&mut *self.members());
        Forwarding::end(members.into_iter().map(|member| member.forwarding).collect());
    }
}
