//! One store on its way to a receiver.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gaugelog::{Error, ErrorKind, Options, Snapshot};

use super::batch::{Batch, Collisions, Outgoing};
use super::cursor::{self, Counts, Cursor, Found, Place, Reception, id_text};
use super::delivery::{Delivery, Load, Progress, fresh_ms};
use super::destination::Destination;
use super::refused::List;
use crate::exit::Exit;
use crate::explain::{explained_later, without_manifest};
use crate::figures::{count, plural};
use crate::output::{self, shown};
use crate::prometheus::Labels;

/// How often the cursor is written while there is little to send: a write costs a flash
/// memory some kilobytes. What a crash loses of it is sent twice.
const SAVED_EVERY: Duration = Duration::from_secs(60);
/// It is written so often while much is sent, and where the receiver has gone or is back.
const SAVED_SOON_EVERY: Duration = Duration::from_secs(5);
/// `gaugelog status` sees what is at most so old, where that wears nothing out.
const SHOWN_EVERY: Duration = Duration::from_secs(1);
/// How often progress is reported while much is behind.
const REPORTED_EVERY: Duration = Duration::from_secs(10);

/// Where the observations of all stores go, and how.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) destination: Destination,
    /// Its address without what is secret.
    pub(super) shown: String,
    /// The name of the cursors.
    pub(super) cursor: String,
    pub(super) collisions: Collisions,
}

/// One store, its series, and how far it was sent.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) path: PathBuf,
    pub(super) labels: Labels,
    opened: Option<Opened>,
    /// It was there once. Before, the collector may not have created it yet.
    was_there: bool,
    /// A batch that is not sent yet. No other takes its place while the receiver is away.
    load: Option<Load>,
    has_begun: bool,
    /// Of this run.
    pub(super) counts: Counts,
    reported: Instant,
    /// The failure that was reported last, of those of this store.
    failure: Option<Exit>,
}

/// A store that has observations, and its cursor.
#[derive(Debug)]
struct Opened {
    place: Place,
    cursor: Cursor,
    list: List,
    snapshot: Snapshot,
    /// None where it was never written in this run.
    saved_at: Option<Instant>,
    is_saved: bool,
    shown_at: Option<Instant>,
    /// The receiver has gone or is back, and that is not written yet.
    has_turned: bool,
}

/// What there was to do for a store.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// A batch was sent, and there is more.
    More,
    /// All that was durable when the store was looked at was sent.
    CaughtUp,
    /// The receiver is to be left alone for so long.
    Later(Duration),
    /// The run is to end.
    Stopped,
}

impl Lane {
    pub(super) fn new(labels: Labels, path: PathBuf) -> Self {
        let (counts, reported) = (Counts::default(), Instant::now());
        Self {
            path,
            labels,
            opened: None,
            was_there: false,
            load: None,
            has_begun: false,
            counts,
            reported,
            failure: None,
        }
    }

    /// Writes the cursor of a store before anything is sent: retention waits for it. A store
    /// without observations has no id yet, and gets its cursor when this is called again.
    /// Returns whether there is something to send, and nothing was sent yet.
    pub(super) fn register(&mut self, course: &Course) -> Result<bool, Exit> {
        let is_registered = self.opened.as_ref().is_some_and(|it| !it.place.is_replaced());
        if is_registered && self.has_begun {
            return Ok(false);
        }
        self.look_again(course)?;
        if !is_registered {
            self.save()?;
        }
        let has_more = |it: &Opened| it.cursor.next < it.snapshot.durable_end();
        Ok(!self.has_begun && self.opened.as_ref().is_some_and(has_more))
    }

    /// Sends the next batch, or what is left of it.
    ///
    /// # Errors
    /// The store or the cursor cannot be used, or the receiver ends the run.
    pub(super) fn step(&mut self, course: &Course, to: &mut Delivery) -> Result<Step, Exit> {
        if self.load.is_none() {
            self.load = self.next_load(course)?;
        }
        let Some(load) = &mut self.load else {
            self.save_if_due()?;
            return Ok(Step::CaughtUp);
        };
        let progress = to.send(&self.labels, load)?;
        self.note(&to.reception);
        if let Progress::Later(wait) = progress {
            return Ok(Step::Later(wait));
        }
        let Some(load) = self.load.take() else { return Ok(Step::CaughtUp) };
        self.advance(&load)?;
        let is_full = load.batch.is_full;
        self.save_if_due()?;
        self.report(is_full);
        Ok(if is_full { Step::More } else { Step::CaughtUp })
    }

    /// Takes down how the receiver has answered; it is written with the cursor.
    pub(super) fn note(&mut self, reception: &Reception) {
        let Some(opened) = &mut self.opened else { return };
        let known = &mut opened.cursor.reception;
        let reception = reception.after(known);
        if *known != reception {
            opened.has_turned |=
                known.failing_since_ns.is_some() != reception.failing_since_ns.is_some();
            *known = reception;
            opened.is_saved = false;
        }
    }

    /// Writes the cursor, at the end of a run.
    pub(super) fn finish(&mut self) -> Result<(), Exit> {
        if let Some(opened) = &self.opened {
            cursor::hide(&opened.cursor);
        }
        self.save()?;
        if let Some(opened) = &self.opened
            && opened.cursor.next >= opened.snapshot.durable_end()
        {
            opened.place.touch();
        }
        Ok(())
    }

    /// Reports a failure of this store, once until it changes.
    pub(super) fn failed(&mut self, failure: Exit) {
        if self.failure.as_ref() != Some(&failure) {
            if let Exit::Error(why) = &failure {
                output::say("gaugelog", &format!("error: {why}"));
            }
            self.failure = Some(failure);
        }
        // It may be another store by now.
        if self.opened.as_ref().is_some_and(|it| it.is_saved) {
            self.opened = None;
            self.load = None;
        }
    }

    pub(super) fn recovered(&mut self) {
        self.failure = None;
    }

    fn next_load(&mut self, course: &Course) -> Result<Option<Load>, Exit> {
        let Some(batch) = self.next_batch(course)? else { return Ok(None) };
        for damage in &batch.damage {
            self.say(&format!("not sent, because it cannot be read: {damage}"));
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        Ok(Some(Load::new(batch, is_first)))
    }

    fn next_batch(&mut self, course: &Course) -> Result<Option<Batch>, Exit> {
        // If something is removed meanwhile, another snapshot is read.
        loop {
            let Some(opened) = self.opened(course)? else { return Ok(None) };
            let (next, end) = (opened.cursor.next, opened.snapshot.durable_end());
            if next >= end {
                return Ok(None);
            }
            let (fresh_ms, occupied) = (fresh_ms(), &opened.cursor.occupied);
            let (from, collisions) = (&opened.snapshot, course.collisions);
            match Batch::gather(from, next, end, fresh_ms, collisions, occupied) {
                Ok(batch) => return Ok(Some(batch)),
                Err(error) if error.kind() == ErrorKind::Removed => self.look_again(course)?,
                Err(error) => return Err(Exit::Error(explained_later(&error))),
            }
        }
    }

    /// The store as last seen, or as it is now if all of that was sent or another
    /// directory is in its place.
    fn opened(&mut self, course: &Course) -> Result<Option<&Opened>, Exit> {
        let is_over =
            |it: &Opened| it.cursor.next >= it.snapshot.durable_end() || it.place.is_replaced();
        if self.opened.as_ref().is_none_or(is_over) {
            self.look_again(course)?;
        }
        Ok(self.opened.as_ref())
    }

    /// Looks at the store, which may be another one by now.
    fn look_again(&mut self, course: &Course) -> Result<(), Exit> {
        // Asked before the snapshot is taken: a store that comes between is noticed next time.
        let is_replaced = self.opened.as_ref().is_some_and(|it| it.place.is_replaced());
        let taken = Options::new().positioned_reads(true).snapshot(&self.path);
        let snapshot = match taken {
            Err(error) if !self.was_there && is_not_there(&error) => return Ok(()),
            taken => taken.map_err(|error| Exit::Error(explained_later(&error)))?,
        };
        self.was_there = true;
        let id = id_text(snapshot.store_id());
        // A copy has the id of its original. What is durable shrinks only in an older one.
        let is_same = |it: &Opened| {
            !is_replaced
                && it.snapshot.durable_end() <= snapshot.durable_end()
                && it.cursor.is_of(&snapshot)
        };
        match &mut self.opened {
            Some(opened) if is_same(opened) => opened.snapshot = snapshot,
            _ => {
                // What is durable may shrink for a moment in a store that is the same.
                self.save()?;
                // Its lock goes first.
                self.opened = None;
                self.load = None;
                if snapshot.store_id() != 0 {
                    self.opened = Some(self.open(course, &id, snapshot)?);
                }
            }
        }
        self.note_removed();
        Ok(())
    }

    /// Takes the cursor of a store, or begins one.
    fn open(&self, course: &Course, id: &str, snapshot: Snapshot) -> Result<Opened, Exit> {
        let place = Place::take(&self.path, &course.cursor)?;
        let (first, end) = (snapshot.first_sequence(), snapshot.end_sequence());
        let (destination, file) = (&course.shown, shown(place.path()));
        let again = format!("all observations are sent, from {}, the first kept", count(first));
        let found = match place.load()? {
            Found::None => Err(format!("there is no cursor for {destination} yet; {again}")),
            Found::Corrupt(why) => {
                Err(format!("the cursor {file} is corrupt ({why}); {again}, some of them twice"))
            }
            Found::Cursor(cursor) if cursor.destination != *destination => {
                return Err(Exit::Error(format!(
                    "{file} is the cursor for {}; name another with --cursor NAME, or remove it \
                     and all observations are sent",
                    cursor.destination
                )));
            }
            Found::Cursor(cursor) if cursor.store != id => {
                Err(format!("another store has replaced the one of the cursor {file}; {again}"))
            }
            Found::Cursor(cursor) if cursor.next > end => Err(format!(
                "the cursor {file} is at {}, but the store ends at {}, so it is an older copy; \
                 {again}, some of them twice",
                count(cursor.next),
                count(end)
            )),
            Found::Cursor(cursor) if cursor.is_contradicted_by(&snapshot) => Err(format!(
                "the cursor {file} is at {}, but the store has another observation before that, \
                 so it was repaired or is an older copy; {again}, some of them twice",
                count(cursor.next)
            )),
            Found::Cursor(cursor) => Ok(*cursor),
        };
        let is_saved = found.is_ok();
        let mut cursor = found.unwrap_or_else(|why| {
            self.say(&why);
            let (store, destination) = (id.to_owned(), destination.clone());
            Cursor { store, destination, next: first, ..Cursor::default() }
        });
        let list = List::new(place.refused_path());
        let live = cursor::live(&self.path, &course.cursor);
        let is_saved = is_saved && cursor.reception.live == live;
        cursor.reception.live = live;
        let (saved_at, shown_at, has_turned) = (None, None, false);
        Ok(Opened { place, cursor, list, snapshot, saved_at, is_saved, shown_at, has_turned })
    }

    /// Counts what retention has removed before it was sent.
    fn note_removed(&mut self) {
        let Some(opened) = &mut self.opened else { return };
        let first = opened.snapshot.first_sequence();
        let Some(passed) = opened.cursor.pass_removed(first) else { return };
        let removed = passed.end - passed.start;
        opened.is_saved = false;
        self.count(Counts { removed, ..Counts::default() });
        let s = plural(removed);
        self.say(&format!(
            "{} observation{s} from {} on were removed by retention before they were sent",
            count(removed),
            count(passed.start)
        ));
    }

    /// Lists what was refused, and moves the cursor past a batch.
    fn advance(&mut self, Load { batch, refused: refusals, .. }: &Load) -> Result<(), Exit> {
        let Some(opened) = &mut self.opened else { return Ok(()) };
        let occupied = batch.refused.iter().map(|it| (it, "another one of its millisecond"));
        let refused = refusals.iter().map(|(at, words)| (&batch.samples[*at], words.as_str()));
        let all: Vec<(&Outgoing, &str)> = occupied.chain(refused).collect();
        opened.list.add(all.iter().copied())?;
        opened.cursor.advance(batch.next, batch.last);
        opened.cursor.occupied.clone_from(&batch.occupied);
        opened.is_saved = false;
        let path = shown(&opened.place.refused_path());
        if let Some((outgoing, why)) = all.first() {
            let (number, s) = (count(all.len() as u64), plural(all.len() as u64));
            let first = count(outgoing.sequence);
            let first = if all.len() == 1 { first } else { format!("the first is {first}") };
            self.say(&format!(
                "{number} observation{s} refused ({first}): {why}; listed in {path}"
            ));
        }
        self.count(Counts {
            sent: (batch.samples.len() - refusals.len()) as u64,
            collided: batch.collided,
            refused: all.len() as u64,
            unreadable: batch.unreadable,
            removed: 0,
        });
        Ok(())
    }

    fn count(&mut self, more: Counts) {
        self.counts.add(more);
        if let Some(opened) = &mut self.opened {
            opened.cursor.counts.add(more);
        }
    }

    /// Writes the cursor if that is due.
    pub(super) fn save_if_due(&mut self) -> Result<(), Exit> {
        let Some(it) = &mut self.opened else { return Ok(()) };
        let is_over = |at: Option<Instant>, time| at.is_none_or(|at| at.elapsed() >= time);
        if it.has_turned || is_over(it.shown_at, SHOWN_EVERY) {
            cursor::show(&it.cursor);
            it.shown_at = Some(Instant::now());
        }
        let is_behind = it.cursor.next < it.snapshot.durable_end();
        let every = if it.has_turned || is_behind { SAVED_SOON_EVERY } else { SAVED_EVERY };
        if is_over(it.saved_at, every) { self.save() } else { Ok(()) }
    }

    /// Writes the cursor unless it is written.
    fn save(&mut self) -> Result<(), Exit> {
        if let Some(opened) = self.opened.as_mut().filter(|it| !it.is_saved) {
            opened.place.save(&opened.cursor)?;
            opened.saved_at = Some(Instant::now());
            opened.is_saved = true;
            opened.has_turned = false;
        }
        Ok(())
    }

    fn report(&mut self, is_behind: bool) {
        if let Some(opened) = &self.opened
            && is_behind
            && self.reported.elapsed() >= REPORTED_EVERY
        {
            let behind = opened.snapshot.durable_end().saturating_sub(opened.cursor.next);
            self.say(&format!("{} sent, {} behind", count(self.counts.sent), count(behind)));
            self.reported = Instant::now();
        }
    }

    fn say(&self, text: &str) {
        output::say("gaugelog", &format!("{}: {text}", shown(&self.path)));
    }
}

fn is_not_there(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotAStore)
        && without_manifest(error).is_none()
}
