//! Brings a batch to a receiver, finds what it refuses, and says when to try again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gaugelog_sources::{LastError, Page};
use jiff::Timestamp;

use super::batch::{Batch, FRESH_MS, Outgoing};
use super::cursor::Reception;
use super::dropping;
use super::receiver::{Receiver, Verdict};
use crate::exit::Exit;
use crate::output;
use crate::prometheus::Labels;
use crate::utc;

const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MOST: Duration = Duration::from_secs(300);
/// A run that is to end once ends where the next try would be later than this after the
/// first failure.
const ONCE_TRIED_FOR: Duration = Duration::from_secs(60);
/// A failure that goes on is reported again after this time.
const SAID_AGAIN: Duration = Duration::from_secs(3_600);
const DAY_MS: i64 = 86_400_000;

/// What Prometheus, Mimir and Thanos say of samples that are older than what they take.
const TOO_OLD: [&str; 5] =
    ["out of order", "out of bounds", "too old", "out-of-order", "out-of-bounds"];

/// One receiver, and how it has answered lately.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) receiver: Arc<Receiver>,
    /// A receiver that cannot be used, or is away for a minute, ends the run.
    is_once: bool,
    failures: u32,
    /// When the first of them was.
    failing_since: Option<Instant>,
    /// What was said of the failures, and when.
    said: Option<(String, Instant)>,
    pub(super) reception: Reception,
    has_advised: bool,
    /// Where the receiver may count what it drops without a word.
    dropping: Option<Page>,
}

/// A sample that was refused, by its place in the batch, and the receiver's words.
pub(super) type Refusal = (usize, String);

/// A batch under way. What was taken of it stays taken while the receiver is away.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) batch: Batch,
    /// What is still to be sent, the next at the end.
    parts: Vec<Range<usize>>,
    pub(super) refused: Vec<Refusal>,
    /// The next part is the oldest sample of a backfill, which has gone ahead of all.
    is_probe: bool,
}

/// How far a batch has come.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// Each of its samples was taken or refused.
    Done,
    /// The receiver is to be left alone for so long.
    Later(Duration),
}

impl Load {
    /// The oldest sample of a backfill goes ahead alone where `is_first`: what is said of it
    /// is said before much is refused.
    pub(super) fn new(batch: Batch, is_first: bool) -> Self {
        let count = batch.samples.len();
        let is_old = batch.samples.first().is_some_and(|it| it.sample.time_ms < fresh_ms());
        let ahead = usize::from(is_first && is_old && count > 1);
        let (parts, is_probe) = (vec![ahead..count, 0..ahead], ahead > 0);
        Self { batch, parts, refused: Vec::new(), is_probe }
    }

    fn begin_anew(&mut self) {
        self.parts.push(0..self.batch.samples.len());
        self.refused.clear();
    }

    /// Halves a part that was refused, until single samples are. The older half goes first:
    /// without a setting Prometheus takes nothing that is older than what it has.
    fn refuse(&mut self, part: Range<usize>, words: String) {
        if part.len() == 1 {
            self.refused.push((part.start, words));
        } else {
            let middle = part.start + part.len() / 2;
            self.parts.extend([middle..part.end, part.start..middle]);
        }
    }
}

impl Delivery {
    pub(super) fn new(receiver: Receiver, dropping: Option<Page>) -> Self {
        Self {
            receiver: Arc::new(receiver),
            is_once: false,
            failures: 0,
            failing_since: None,
            said: None,
            reception: Reception::default(),
            has_advised: false,
            dropping,
        }
    }

    /// From now on a receiver that cannot be used, or is away for a minute, ends the run.
    pub(super) fn once(&mut self) {
        self.is_once = true;
    }

    /// Sends what is left of a batch, until all was taken or refused, or the receiver is to
    /// be left alone.
    ///
    /// # Errors
    /// Where the run is to end once, and the receiver takes no message or is away.
    pub(super) fn send(&mut self, labels: &Labels, load: &mut Load) -> Result<Progress, Exit> {
        while let Some(part) = load.parts.pop() {
            if part.is_empty() {
                continue;
            }
            let samples = &load.batch.samples[part.clone()];
            let verdict = match load.is_probe {
                true => self.probe(labels, samples),
                false => self.post(labels, samples),
            };
            load.is_probe &= !matches!(verdict, Verdict::Taken | Verdict::Refused(_));
            match verdict {
                Verdict::Taken => {}
                Verdict::Refused(words) => {
                    self.advise(samples, &words);
                    load.refuse(part, words);
                }
                Verdict::Later { why, after } => {
                    load.parts.push(part);
                    return self.later(&why, after);
                }
                Verdict::Unfit(why) => {
                    load.parts.push(part);
                    return self.unfit(&why);
                }
            }
        }
        if load.refused.is_empty() || load.refused.len() < load.batch.samples.len() {
            return Ok(Progress::Done);
        }
        // Not one of them was taken. That may be their fault, or it is no receiver.
        match self.post(labels, &[]) {
            Verdict::Taken => Ok(Progress::Done),
            Verdict::Refused(words) => {
                load.begin_anew();
                self.unfit(&format!(
                    "{words}; it refuses a message without samples too, so it may be no receiver \
                     of remote write"
                ))
            }
            Verdict::Later { why, after } => self.later(&why, after),
            Verdict::Unfit(why) => self.unfit(&why),
        }
    }

    /// Sends the oldest sample, and says so if it is dropped. Once a run: counting takes
    /// the receiver a while.
    fn probe(&mut self, labels: &Labels, samples: &[Outgoing]) -> Verdict {
        let before = self.dropping.as_mut().and_then(dropping::count);
        let verdict = self.post(labels, samples);
        if verdict == Verdict::Taken
            && let (Some(mut page), Some(before), [oldest, ..]) =
                (self.dropping.take(), before, samples)
            && dropping::rises(&mut page, before)
        {
            let time = utc::moment(oldest.observation.timestamp_ns);
            say(&format!(
                "{}: it has taken the oldest observation, of {time}, and dropped it. \
                 VictoriaMetrics drops what is older than its -retentionPeriod; it must be \
                 {}d here. Set that, then remove the cursor, and everything is sent again",
                self.receiver.post.shown(),
                days_since(oldest)
            ));
        }
        verdict
    }

    fn post(&mut self, labels: &Labels, samples: &[Outgoing]) -> Verdict {
        let verdict = self.receiver.send(labels, samples.iter().map(|it| it.sample));
        if matches!(verdict, Verdict::Taken | Verdict::Refused(_)) {
            self.recovered();
        }
        verdict
    }

    fn unfit(&mut self, why: &str) -> Result<Progress, Exit> {
        if self.is_once {
            let shown = self.receiver.post.shown();
            return Err(Exit::Error(format!(
                "{shown}: {why}; nothing is lost, try again after that"
            )));
        }
        self.later(why, None)
    }

    /// Leaves the receiver alone for a while.
    fn later(&mut self, why: &str, after: Option<Duration>) -> Result<Progress, Exit> {
        let wait = self.pause(after);
        let time_ns = now_ns();
        self.reception.failing_since_ns.get_or_insert(time_ns);
        self.reception.last_error = Some(LastError { time_ns, text: why.to_owned() });
        let begun = *self.failing_since.get_or_insert_with(Instant::now);
        if self.is_once && begun.elapsed().saturating_add(wait) > ONCE_TRIED_FOR {
            let shown = self.receiver.post.shown();
            let way_out = "nothing is lost, start it again later";
            return Err(Exit::Error(format!("{shown}: not sent: {why}; {way_out}")));
        }
        self.put_off(why, wait, time_ns);
        Ok(Progress::Later(wait))
    }

    /// How long the receiver is to be left alone.
    fn pause(&self, after: Option<Duration>) -> Duration {
        let wait = WAIT_FIRST.saturating_mul(1 << self.failures.min(10)).min(WAIT_MOST);
        // Many machines that were put off at once do not return at once.
        let part = u32::try_from(RandomState::new().hash_one("jitter") % 500).unwrap_or(0);
        wait.mul_f64(1.0 - f64::from(part) / 1_000.0).max(after.unwrap_or_default())
    }

    fn put_off(&mut self, why: &str, wait: Duration, time_ns: i64) {
        self.failures = self.failures.saturating_add(1);
        let wait_ns = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
        self.reception.next_try_ns = Some(time_ns.saturating_add(wait_ns));
        let is_said =
            self.said.as_ref().is_some_and(|(said, at)| said == why && at.elapsed() < SAID_AGAIN);
        if !is_said {
            self.said = Some((why.to_owned(), Instant::now()));
            let (shown, seconds) = (self.receiver.post.shown(), wait.as_secs_f64());
            say(&format!("{shown}: not sent: {why}; trying again in {seconds:.0} s and later"));
        }
    }

    fn recovered(&mut self) {
        self.failing_since = None;
        self.reception.failing_since_ns = None;
        self.reception.next_try_ns = None;
        if std::mem::take(&mut self.failures) > 0 && self.said.take().is_some() {
            say(&format!("{}: it answers again", self.receiver.post.shown()));
        }
    }

    /// Says once which setting takes samples that are too old, and how much it must allow.
    fn advise(&mut self, samples: &[Outgoing], words: &str) {
        let Some(oldest) = samples.first().filter(|_| is_too_old(words) && !self.has_advised)
        else {
            return;
        };
        self.has_advised = true;
        let days = days_since(oldest);
        let time = utc::moment(oldest.observation.timestamp_ns);
        say(&format!(
            "{}: it refuses what is older than what it has, and this is of {time}. Prometheus \
             takes it with storage.tsdb.out_of_order_time_window: {days}d, Mimir with \
             limits.out_of_order_time_window, Thanos with --tsdb.out-of-order.time-window. Set \
             that, then remove the cursor, and everything is sent again",
            self.receiver.post.shown()
        ));
    }
}

/// Rounded up.
fn days_since(oldest: &Outgoing) -> i64 {
    let age_ms = (now_ns() / 1_000_000).saturating_sub(oldest.sample.time_ms);
    age_ms.div_euclid(DAY_MS).max(0) + 1
}

fn is_too_old(words: &str) -> bool {
    TOO_OLD.iter().any(|it| words.contains(it))
}

/// What is as young as that, or younger, is no backfill.
pub(super) fn fresh_ms() -> i64 {
    (now_ns() / 1_000_000).saturating_sub(FRESH_MS)
}

pub(super) fn now_ns() -> i64 {
    i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}

fn say(text: &str) {
    output::say("gaugelog", text);
}
