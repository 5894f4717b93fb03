//! All stores on their way to one destination, in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::batch::Collisions;
use super::cursor::Counts;
use super::delivery::Delivery;
use super::destination::Destination;
use super::lane::{Course, Lane, Step};
use super::newcomers::Newcomers;
use super::receiver::Receiver;
use crate::ask::stores::Named;
use crate::exit::Exit;
use crate::figures::count;
use crate::output::{self, shown};
use crate::prometheus::names;

/// How long a signal to end may go unnoticed.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a wait is interrupted for stores that have got their first observation.
const REGISTERED_EVERY: Duration = Duration::from_secs(5);

/// Sends what stores hold to a destination, until a flag is set.
#[derive(Debug)]
pub(crate) struct Forwarder {
    course: Course,
    lanes: Vec<Lane>,
    delivery: Delivery,
    every: Duration,
    stop: Arc<AtomicBool>,
    outcome: Result<(), Exit>,
    /// Whether a store was left out, which would be the series of another.
    has_left_out: bool,
    /// None where the stores are given by the configuration.
    newcomers: Option<Newcomers>,
}

impl Forwarder {
    /// A destination without stores; nothing is connected yet.
    ///
    /// # Errors
    /// As [`Destination::receiver`].
    pub(crate) fn new(destination: &Destination, stop: Arc<AtomicBool>) -> Result<Self, Exit> {
        let course = Course {
            destination: destination.clone(),
            shown: destination.shown(),
            cursor: destination.cursor_name(),
            collisions: destination.collisions,
        };
        Ok(Self {
            course,
            lanes: Vec::new(),
            delivery: Delivery::new(destination.receiver()?, destination.dropping()),
            every: destination.every,
            stop,
            outcome: Ok(()),
            has_left_out: false,
            newcomers: None,
        })
    }

    /// Adds stores, each a series.
    ///
    /// # Errors
    /// Two of them would be the same series.
    pub(crate) fn add(&mut self, stores: Vec<Named>) -> Result<(), Exit> {
        for Named { name, path } in stores {
            self.lanes.push(Lane::new(self.course.destination.naming.labels(&name), path));
        }
        names::check_distinct(self.lanes.iter().map(|lane| (&*lane.path, &lane.labels)))
    }

    /// Forwards what comes into the folders of the command line too.
    pub(super) fn watch(&mut self, newcomers: Newcomers) {
        self.newcomers = Some(newcomers);
    }

    /// Says what is sent where.
    pub(crate) fn introduce(&self) {
        self.lanes.iter().for_each(|lane| self.introduce_one(lane));
    }

    fn introduce_one(&self, lane: &Lane) {
        let (store, series) = (shown(&lane.path), names::text(&lane.labels));
        say(&format!("forwarding {store} to {} as {series}", self.course.shown));
    }

    /// Adds the stores that have come into the folders. One that would be the series of
    /// another is reported, and left out.
    fn add_newcomers(&mut self) {
        for store in self.newcomers.as_mut().map(Newcomers::now).unwrap_or_default() {
            if let Err(failure) = self.add(vec![store]) {
                self.lanes.pop();
                self.has_left_out = true;
                if let Exit::Error(why) = failure {
                    say(&format!("error: {why}"));
                }
            } else {
                self.lanes.last().into_iter().for_each(|it| self.introduce_one(it));
            }
        }
    }

    pub(crate) fn receiver(&self) -> Arc<Receiver> {
        Arc::clone(&self.delivery.receiver)
    }

    /// Sends everything that is durable, a batch of each store in turn.
    ///
    /// # Errors
    /// Something was not sent.
    pub(crate) fn run_once(mut self) -> Result<(), Exit> {
        self.delivery.once();
        self.register();
        let mut left: Vec<usize> = (0..self.lanes.len()).collect();
        while !left.is_empty() && !self.is_stopped() {
            left.retain(|at| matches!(self.drive(*at), Step::More | Step::Stopped));
        }
        if !left.is_empty() {
            self.outcome = Err(Exit::Told);
            say(&format!(
                "error: {}: ended by a signal before everything was sent; start it again",
                self.course.shown
            ));
        }
        self.finish()
    }

    /// Sends what is durable and what becomes so, until the flag is set. A store that fails
    /// is looked at again each time, and the others go on.
    ///
    /// # Errors
    /// Something was not sent.
    pub(crate) fn run(mut self) -> Result<(), Exit> {
        self.register();
        while !self.is_stopped() {
            self.add_newcomers();
            let mut has_more = false;
            for at in 0..self.lanes.len() {
                has_more |= self.drive(at) == Step::More;
            }
            if !has_more {
                self.wait_for_more();
            }
        }
        // What failed and passed is no error of the run.
        self.outcome = Ok(());
        self.finish()
    }

    /// A batch of a lane, however long that takes.
    fn drive(&mut self, at: usize) -> Step {
        while !self.is_stopped() {
            let reception = self.delivery.reception.clone();
            let stepped = self.lanes[at].step(&self.course, &mut self.delivery);
            if self.delivery.reception != reception {
                self.note();
            }
            match stepped {
                Ok(Step::Later(wait)) => self.wait(wait),
                Ok(step) => {
                    self.lanes[at].recovered();
                    return step;
                }
                Err(failure) => {
                    self.noted(at, Err(failure));
                    return Step::CaughtUp;
                }
            }
        }
        Step::Stopped
    }

    /// Has all cursors say how the receiver has answered.
    fn note(&mut self) {
        for at in 0..self.lanes.len() {
            self.lanes[at].note(&self.delivery.reception);
            let saved = self.lanes[at].save_if_due();
            self.noted(at, saved);
        }
    }

    fn noted(&mut self, at: usize, outcome: Result<(), Exit>) {
        if let Err(failure) = outcome {
            self.lanes[at].failed(failure);
            self.outcome = Err(Exit::Told);
        }
    }

    /// Writes the cursors and says what was done.
    fn finish(mut self) -> Result<(), Exit> {
        let mut all = Counts::default();
        for at in 0..self.lanes.len() {
            let finished = self.lanes[at].finish();
            self.noted(at, finished);
            all.add(self.lanes[at].counts);
        }
        say(&format!("{}: {}", self.course.shown, in_words(&all, self.course.collisions)));
        match all.refused + all.unreadable + all.removed {
            0 if !self.has_left_out => self.outcome,
            _ => Err(Exit::Told),
        }
    }

    /// Has retention wait for each store that has observations, while none is sent. Returns
    /// whether a store has got its first since this was last called.
    pub(crate) fn register(&mut self) -> bool {
        let mut has_new = false;
        for lane in &mut self.lanes {
            match lane.register(&self.course) {
                Ok(is_new) => has_new |= is_new,
                // It fails again when the lane's turn comes, and counts then.
                Err(failure) => lane.failed(failure),
            }
        }
        has_new
    }

    /// Sends nothing until what has become durable is due, or a store has got its first
    /// observation.
    fn wait_for_more(&mut self) {
        let until = Instant::now() + self.every;
        while !self.is_over(until) && !self.pause_and_register(until) {}
    }

    /// Sends nothing for a time. A receiver can be away for days, and a new store's first
    /// observations must not be removed meanwhile.
    fn wait(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_over(until) {
            self.pause_and_register(until);
        }
    }

    /// A part of a wait. Returns whether a store has got its first observation.
    fn pause_and_register(&mut self, until: Instant) -> bool {
        let until = until.min(Instant::now() + REGISTERED_EVERY);
        while !self.is_over(until) {
            thread::sleep(until.saturating_duration_since(Instant::now()).min(PAUSE));
        }
        self.add_newcomers();
        self.register()
    }

    fn is_over(&self, until: Instant) -> bool {
        self.is_stopped() || Instant::now() >= until
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn in_words(counts: &Counts, collisions: Collisions) -> String {
    let collided = match collisions {
        Collisions::Spread => "moved to another millisecond",
        _ => "replaced by a later one of their millisecond",
    };
    let mut text = format!("{} sent", count(counts.sent));
    for (number, what) in [
        (counts.collided, collided),
        (counts.refused, "refused"),
        (counts.unreadable, "not readable"),
        (counts.removed, "removed before they were sent"),
    ] {
        if number > 0 {
            text.push_str(&format!(", {} {what}", count(number)));
        }
    }
    text
}

fn say(text: &str) {
    output::say("gaugelog", text);
}
