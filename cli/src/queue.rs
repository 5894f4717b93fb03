//! Output that nobody waits for: lines for stdout and stderr go through a bounded queue to
//! a thread of their own.
//!
//! A reader that has stopped, or a terminal on Ctrl-S, holds up that thread alone. What
//! finds no room in the queue is dropped and counted.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gaugelog_sources::Stop;

use crate::exit::Exit;
use crate::live::{self, Live};
use crate::{drain, output};

/// So many texts wait at most.
const ROOM: usize = 1024;
/// At the end, what is unread is given up after this time.
const PATIENCE: Duration = Duration::from_millis(200);

/// Where a text goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Out,
    Err,
    /// On stdout, in place of what the last such text drew there. Each line ends with a line
    /// feed.
    Live,
}

/// A text that is made only where there is room to print it.
type Text = Box<dyn FnOnce() -> Vec<u8> + Send>;

#[derive(Default)]
struct Progress {
    /// Texts that were taken and are not yet printed.
    waiting: usize,
    /// Why a text for stdout was lost, the first time or because its reader has gone.
    failure: Option<Exit>,
}

#[derive(Default)]
struct Shared {
    progress: Mutex<Progress>,
    has_printed: Condvar,
    dropped: AtomicU64,
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Queue {
    items: SyncSender<(Place, Text)>,
    shared: Arc<Shared>,
}

/// That of this process, once it has begun.
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// Has all output go through the queue from now on. A reader of stdout that has gone sets
/// `stop`, as it would end a program in a pipe.
pub(crate) fn begin(stop: Stop) -> Result<(), Exit> {
    let (items, waiting) = mpsc::sync_channel(ROOM);
    let shared = Arc::new(Shared::default());
    let printing = Arc::clone(&shared);
    thread::Builder::new()
        .name("print".to_owned())
        .spawn(move || print_all(&waiting, &printing, &stop))
        .map_err(|error| Exit::Error(format!("cannot start a thread for the output: {error}")))?;
    // Only a second one is refused, and then there is one.
    let _ = QUEUE.set(Queue { items, shared });
    Ok(())
}

/// Has a text printed, or dropped where too many wait; `false` where there is no queue.
pub(crate) fn push(place: Place, text: impl FnOnce() -> Vec<u8> + Send + 'static) -> bool {
    let Some(Queue { items, shared }) = QUEUE.get() else { return false };
    let mut progress = shared.progress();
    progress.waiting += 1;
    if items.try_send((place, Box::new(text))).is_err() {
        progress.waiting -= 1;
        shared.dropped.fetch_add(1, Ordering::Relaxed);
    }
    true
}

/// Waits a moment until all is printed and heard; `None` where there is no queue.
///
/// # Errors
/// Something could not be printed on stdout.
pub(crate) fn finish() -> Option<Result<(), Exit>> {
    let Queue { shared, .. } = QUEUE.get()?;
    let begun = Instant::now();
    let progress = shared.progress();
    let waits = |progress: &mut Progress| progress.waiting > 0;
    let (mut progress, _) = shared
        .has_printed
        .wait_timeout_while(progress, PATIENCE, waits)
        .unwrap_or_else(PoisonError::into_inner);
    let failure = progress.failure.take();
    drop(progress);
    drain::until_heard_within(PATIENCE.saturating_sub(begun.elapsed()));
    Some(failure.map_or(Ok(()), Err))
}

fn print_all(items: &Receiver<(Place, Text)>, shared: &Shared, stop: &Stop) {
    let mut live = Live::default();
    for (place, text) in items {
        let dropped = shared.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            let text =
                format!("gaugelog: {dropped} lines were not printed: the reader was too slow\n");
            let _ = write(Place::Err, text.into_bytes(), &mut live);
        }
        let is_gone = shared.progress().failure == Some(Exit::ReaderGone);
        let is_closed = is_gone && place != Place::Err;
        let written = if is_closed { Ok(()) } else { write(place, text(), &mut live) };
        let mut progress = shared.progress();
        progress.waiting -= 1;
        if let (Err(error), Place::Out | Place::Live) = (written, place) {
            let failure = Exit::of_output(&error);
            if failure == Exit::ReaderGone {
                stop.set();
                progress.failure = Some(failure);
            } else {
                // A disk may have room again.
                progress.failure.get_or_insert(failure);
            }
        }
        drop(progress);
        shared.has_printed.notify_all();
    }
}

/// Lines that are drawn anew stay below all others.
fn write(place: Place, text: Vec<u8>, live: &mut Live) -> io::Result<()> {
    let around = |live: &mut Live| live.around(live::size().0);
    match place {
        Place::Live => output::write_out(&live.replace(text, live::size().0)),
        Place::Out => match around(live) {
            Some((away, back)) => output::write_out(&[away, text, back].concat()),
            None => output::write_out(&text),
        },
        Place::Err => {
            let (away, back) = around(live).unwrap_or_default();
            let _ = output::write_out(&away);
            output::write_err(&text);
            output::write_out(&back)
        }
    }
}
