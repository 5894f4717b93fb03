//! Brings samples to a receiver, however long that takes, and finds those that it refuses.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::thread;
use std::time::{Duration, Instant};

use gaugelog_sources::Stop;

use super::batch::Outgoing;
use super::receiver::{Receiver, Verdict};
use crate::exit::Exit;
use crate::output;
use crate::prometheus::Labels;

const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MOST: Duration = Duration::from_secs(300);
/// A failure that goes on is reported again after this time.
const SAID_AGAIN: Duration = Duration::from_secs(3_600);
/// How long a signal to end may go unnoticed.
const PAUSE: Duration = Duration::from_millis(100);

/// What Prometheus says of samples that are older than what it has.
const TOO_OLD: [&str; 3] = ["out of order", "out of bounds", "too old"];

/// One receiver, and how it has answered lately.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    receiver: &'a Receiver,
    stop: &'a Stop,
    /// A receiver that cannot be used ends the run.
    is_once: bool,
    failures: u32,
    /// What was said of the failures, and when.
    said: Option<(String, Instant)>,
    has_advised: bool,
}

/// A sample that was refused, by its place in the batch, and the receiver's words.
pub(super) type Refusal = (usize, String);

/// What became of a message that was repeated until it was answered.
enum Answered {
    Taken,
    Refused(String),
    Stopped,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(receiver: &'a Receiver, stop: &'a Stop, is_once: bool) -> Self {
        Self { receiver, stop, is_once, failures: 0, said: None, has_advised: false }
    }

    /// Sends samples until each was taken or refused; `None` if the run ends before.
    ///
    /// # Errors
    /// Where the run is to end once, and the receiver takes no message at all.
    pub(super) fn deliver(
        &mut self,
        labels: &Labels,
        samples: &[Outgoing],
    ) -> Result<Option<Vec<Refusal>>, Exit> {
        loop {
            let Some(refused) = self.deliver_halving(labels, samples)? else { return Ok(None) };
            if samples.is_empty() || refused.len() < samples.len() {
                self.advise(&refused);
                return Ok(Some(refused));
            }
            // Not one of them was taken. That may be their fault, or it is no receiver.
            match self.insist(labels, &[])? {
                Answered::Stopped => return Ok(None),
                Answered::Taken => {
                    self.advise(&refused);
                    return Ok(Some(refused));
                }
                Answered::Refused(words) => {
                    self.unfit(&format!(
                        "{words}; it refuses a message without samples too, so it may be no \
                         receiver of remote write"
                    ))?;
                }
            }
        }
    }

    /// Halves what is refused until single samples are.
    fn deliver_halving(
        &mut self,
        labels: &Labels,
        samples: &[Outgoing],
    ) -> Result<Option<Vec<Refusal>>, Exit> {
        let mut refused = Vec::new();
        let whole = 0..samples.len();
        let mut parts = vec![whole];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.insist(labels, &samples[part.clone()])? {
                Answered::Stopped => return Ok(None),
                Answered::Taken => {}
                Answered::Refused(words) if part.len() == 1 => refused.push((part.start, words)),
                Answered::Refused(_) => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
            }
        }
        Ok(Some(refused))
    }

    /// Sends a message until the receiver judges it.
    fn insist(&mut self, labels: &Labels, samples: &[Outgoing]) -> Result<Answered, Exit> {
        while !self.stop.is_set() {
            match self.receiver.send(labels, samples.iter().map(|it| it.sample)) {
                Verdict::Taken => {
                    self.recovered();
                    return Ok(Answered::Taken);
                }
                Verdict::Refused(words) => {
                    self.recovered();
                    return Ok(Answered::Refused(words));
                }
                Verdict::Later { why, after } => self.wait(&why, after),
                Verdict::Unfit(why) => self.unfit(&why)?,
            }
        }
        Ok(Answered::Stopped)
    }

    fn unfit(&mut self, why: &str) -> Result<(), Exit> {
        if self.is_once {
            let shown = self.receiver.post.shown();
            return Err(Exit::Error(format!(
                "{shown}: {why}; nothing is lost, try again after that"
            )));
        }
        self.wait(why, None);
        Ok(())
    }

    /// Leaves the receiver alone for a while, unless the run ends.
    fn wait(&mut self, why: &str, after: Option<Duration>) {
        let wait = WAIT_FIRST.saturating_mul(1 << self.failures.min(10)).min(WAIT_MOST);
        // Many machines that were put off at once do not return at once.
        let part = u32::try_from(RandomState::new().hash_one("jitter") % 500).unwrap_or(0);
        let wait = wait.mul_f64(1.0 - f64::from(part) / 1_000.0).max(after.unwrap_or_default());
        self.failures = self.failures.saturating_add(1);
        let is_said =
            self.said.as_ref().is_some_and(|(said, at)| said == why && at.elapsed() < SAID_AGAIN);
        if !is_said {
            self.said = Some((why.to_owned(), Instant::now()));
            let (shown, seconds) = (self.receiver.post.shown(), wait.as_secs_f64());
            say(&format!("{shown}: not sent: {why}; trying again in {seconds:.0} s and later"));
        }
        let until = Instant::now() + wait;
        while !self.stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(PAUSE));
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failures) > 0 && self.said.take().is_some() {
            say(&format!("{}: it answers again", self.receiver.post.shown()));
        }
    }

    /// Says once what takes old samples.
    fn advise(&mut self, refused: &[Refusal]) {
        let is_too_old = |(_, words): &Refusal| TOO_OLD.iter().any(|it| words.contains(it));
        if !self.has_advised && refused.iter().any(is_too_old) {
            self.has_advised = true;
            say("the receiver refuses what is older than what it has; Prometheus takes it with \
                 storage.tsdb.out_of_order_time_window in its configuration. Then remove the \
                 cursor, and everything is sent again");
        }
    }
}

fn say(text: &str) {
    output::say("gaugelog", text);
}
