//! Several sources at once: a thread for each, beside the one that polls it.

use std::sync::{Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use gaugelog::Store;

use super::Collector;
use super::report::{Cause, CollectError, EndedBy, Event, Report};
use super::sink::Sink;
use crate::source::{Source, SourceError};

/// A source, what it is called among others, and the store for what it yields.
pub struct Feed<'a> {
    pub(super) name: String,
    pub(super) source: Box<dyn Source>,
    pub(super) store: &'a Store,
}

impl<'a> Feed<'a> {
    /// The name is for the log and for [jitter](Collector::jitter).
    #[must_use]
    pub fn new(name: impl Into<String>, source: impl Source + 'static, store: &'a Store) -> Self {
        Self { name: name.into(), source: Box::new(source), store }
    }
}

/// A feed with its store opened for writing, or what a test puts in its place.
pub(super) struct Lane<S> {
    pub(super) name: String,
    pub(super) source: Box<dyn Source>,
    pub(super) sink: S,
}

/// Runs all of them to their ends.
pub(super) fn collect_all<S: Sink + Send>(
    collector: &Collector,
    lanes: Vec<Lane<S>>,
    on_event: impl FnMut(usize, Event<'_>) + Send,
) -> Vec<Result<Report, CollectError>> {
    let on_event = Mutex::new(on_event);
    let on_event = &on_event;
    thread::scope(|scope| {
        let start = |(at, lane): (usize, Lane<S>)| {
            let Lane { name, source, mut sink } = lane;
            thread::Builder::new().name(format!("keep {name}")).spawn_scoped(scope, move || {
                // Whoever panicked in it is told of at the end; the others go on.
                let mut tell = |event: Event<'_>| {
                    (*on_event.lock().unwrap_or_else(PoisonError::into_inner))(at, event);
                };
                collector.collect(&name, source, &mut sink, &mut tell)
            })
        };
        let started: Vec<_> = lanes.into_iter().enumerate().map(start).collect();
        started.into_iter().map(outcome).collect()
    })
}

/// What became of a thread. A panic in it, which only an `on_event` or a bug of ours
/// can bring about, goes on here.
fn outcome(
    started: std::io::Result<ScopedJoinHandle<'_, Result<Report, CollectError>>>,
) -> Result<Report, CollectError> {
    match started {
        Ok(thread) => thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        Err(error) => Err(CollectError {
            report: Report::nothing(EndedBy::Error),
            unsaved: 0,
            cause: Cause::Source(SourceError::fatal_io("start a thread for the source", error)),
        }),
    }
}
