//! Two threads that compute answers. Requests wait for one in the order in which they came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{io, thread};

use hyper::StatusCode;
use hyper::header::RETRY_AFTER;
use tokio::sync::{Semaphore, oneshot};

use super::answer::{Answer, Refusal};

/// The machine has other things to do.
const THREADS: usize = 2;
/// How long a request waits for its answer, the time until a thread is free included.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Set when the answer that is being computed is not wanted any more.
pub(super) type Unwanted = Arc<AtomicBool>;

/// Sets it where waiting for the answer ends, whatever the reason is.
struct Waiting(Unwanted);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The threads.
#[derive(Debug)]
pub(super) struct Pool {
    /// A permit for each thread. A connection has one request at a time, so as many wait as
    /// there are connections at most; those whose client has gone wait no longer.
    free: Arc<Semaphore>,
    jobs: Sender<Job>,
}

impl Pool {
    pub(super) fn new() -> io::Result<Self> {
        let (jobs, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        for number in 0..THREADS {
            let receiver = Arc::clone(&receiver);
            let name = format!("answers-{number}");
            thread::Builder::new().name(name).spawn(move || work_through(&receiver))?;
        }
        Ok(Self { free: Arc::new(Semaphore::new(THREADS)), jobs })
    }

    /// What `work` answers, which a thread of the pool does. It is given a flag that is set
    /// when the client has gone, or has waited too long: then it should end.
    pub(super) async fn answer(
        &self,
        work: impl FnOnce(Unwanted) -> Result<Answer, Refusal> + Send + 'static,
    ) -> Result<Answer, Refusal> {
        let unwanted = Unwanted::default();
        let _waiting = Waiting(Arc::clone(&unwanted));
        let (sender, receiver) = oneshot::channel();
        // The thread goes on when its answer has been taken: what is computed and not yet
        // counted among the unread answers is one for each thread.
        let (hold, taken) = sync_channel::<()>(0);
        let computed = async {
            let permit = Arc::clone(&self.free).acquire_owned().await.ok()?;
            let job = move || {
                if !sender.is_closed() && sender.send((work(unwanted), hold)).is_ok() {
                    let _ = taken.recv();
                }
                drop(permit);
            };
            self.jobs.send(Box::new(job)).ok()?;
            receiver.await.ok()
        };
        match tokio::time::timeout(ANSWERED_WITHIN, computed).await {
            Ok(Some((answered, _taken))) => answered,
            Ok(None) => {
                Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "it could not be answered"))
            }
            Err(_) => {
                let seconds = ANSWERED_WITHIN.as_secs();
                Err(busy(&format!(
                    "it takes longer than {seconds} s; ask for a shorter time, or use the command"
                )))
            }
        }
    }
}

fn busy(text: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, text).with(RETRY_AFTER, "1")
}

fn work_through(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // One request's panic is not the end of all others.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}
