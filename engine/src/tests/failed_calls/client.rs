//! A program that uses a store while calls fail, and holds every answer
//! against what it was told before.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::{all_of, arrivals, observation, remove_derived, summary_of};
use super::answers::Answers;
use super::fault::{Calls, EIO, Span, broken, unharmed};
use super::history::History;
use super::workload::{Step, Use, Workload};
use crate::damage::Damage;
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;
use crate::writer::Writer;

/// What an error says of observations that could not be taken back.
const IN_DOUBT: &str = "may be found later";

/// What the client appends is numbered from here, so that it is known again.
const FIRST_NUMBER: u64 = 10_000;

pub(super) struct Client {
    path: PathBuf,
    options: Options,
    calls: Rc<RefCell<Calls>>,
    store: Option<Store>,
    history: History,
    next_number: u64,
    reads_only: bool,
}

impl Client {
    /// One that finds `holding` in the store at `path`.
    pub(super) fn new(
        path: &Path,
        workload: &Workload,
        holding: &[Observation],
        calls: Rc<RefCell<Calls>>,
    ) -> Self {
        let mut history = History::default();
        history.keep(Some(0), holding);
        Self {
            path: path.to_owned(),
            options: workload.options.clone(),
            calls,
            store: None,
            history,
            next_number: FIRST_NUMBER,
            reads_only: workload.reads_only(),
        }
    }

    pub(super) fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.calls.borrow_mut().tell(format!("{step:?}"));
            let refused = self.calls.borrow().refused();
            self.step(step);
            if self.calls.borrow().refused() > refused {
                self.look();
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Open => {
                self.store = None;
                self.opened();
            }
            Step::Append(count) => self.append(*count),
            Step::AppendBroken(count) => {
                let calls = Rc::clone(&self.calls);
                broken(&calls, || self.append(*count));
            }
            Step::AppendBeside(count) => self.append_beside(*count),
            Step::AppendLocked => self.append_locked(),
            Step::Sync => {
                if let Some(store) = self.opened() {
                    let synced = store.sync();
                    self.store = Some(store);
                    self.told(synced, |client, ()| client.assert_durable());
                }
            }
            Step::Writer(uses) => self.write(uses),
            Step::Read => self.read(),
            Step::Drop => self.store = None,
        }
    }

    /// The store, opened or created if it was not; taken out, to be put back.
    fn opened(&mut self) -> Option<Store> {
        if self.store.is_some() {
            return self.store.take();
        }
        let creates = !self.path.join("gaugelog").exists();
        let opened = if creates {
            Store::create_with(&self.path, self.options.clone())
        } else {
            Store::open_with(&self.path, self.options.clone(), false)
        };
        let once = self.calls.borrow().fault().span == Span::Once;
        if creates && once && opened.is_err() {
            assert!(!self.path.join("gaugelog").exists(), "refused, and found");
        }
        let opened = self.told(opened, |_, store| store)?;
        let (found, (least, most)) = (opened.found(), self.history.bounds());
        let told = !found.damage.is_empty() && self.calls.borrow().fault().errno == EIO;
        assert!(found.observations <= most, "{found:?}");
        assert!(found.observations >= least || told, "{found:?} of {least}");
        Some(opened)
    }

    /// Takes what succeeded; of what failed, the error must be a good one.
    fn told<T, U>(&mut self, result: Result<T>, took: impl FnOnce(&mut Self, T) -> U) -> Option<U> {
        match result {
            Ok(it) => Some(took(self, it)),
            Err(error) => {
                self.check_error(&error);
                None
            }
        }
    }

    fn check_error(&self, error: &Error) {
        let calls = self.calls.borrow();
        check_error(&self.path, &calls, error);
    }

    fn next(&mut self, count: u64) -> Vec<Observation> {
        let first = self.next_number;
        self.next_number += count;
        (first..self.next_number).map(observation).collect()
    }

    fn append(&mut self, count: u64) {
        let batch = self.next(count);
        let Some(store) = self.opened() else { return };
        let appended = match batch.as_slice() {
            [single] => store.append(*single).map(|first| first..first + 1),
            _ => store.append_batch(&batch),
        };
        self.store = Some(store);
        match appended {
            Ok(range) => {
                assert_eq!(range.end - range.start, count);
                self.history.keep(Some(range.start), &batch);
                self.acknowledged();
            }
            Err(error) => self.refused(&batch, &error),
        }
    }

    /// Of a batch that was refused the first may be stored, and are told.
    fn refused(&mut self, batch: &[Observation], error: &Error) {
        self.calls.borrow_mut().tell(format!("{} stored: {error}", error.stored()));
        if !self.calls.borrow().is_broken() {
            self.check_error(error);
        }
        let (stored, rest) = batch.split_at(error.stored());
        self.history.keep(None, stored);
        if error.to_string().contains(IN_DOUBT) {
            assert_ne!(self.calls.borrow().fault().span, Span::Once, "{error}");
            self.history.doubt(rest);
        }
    }

    fn acknowledged(&self) {
        if self.options.sync == SyncPolicy::Always {
            self.assert_durable();
        }
    }

    fn assert_durable(&self) {
        let durable = self.calls.borrow().durable.clone();
        unharmed(&self.calls, || durable.assert_all());
    }

    /// Another process appends, of which this one is not told.
    fn append_beside(&mut self, count: u64) {
        let batch = self.next(count);
        let range = unharmed(&self.calls, || {
            let other = Store::open_with(&self.path, self.options.clone(), false);
            other.expect("opened").append_batch(&batch).expect("appended")
        });
        self.history.keep(Some(range.start), &batch);
    }

    /// While another process has the lock nothing is appended, whatever fails.
    fn append_locked(&mut self) {
        let batch = self.next(1);
        let Some(store) = self.opened() else { return };
        let other = unharmed(&self.calls, || {
            Store::open_with(&self.path, self.options.clone(), false).expect("opened")
        });
        let held = unharmed(&self.calls, || other.writer().expect("the lock is free"));
        let error = store.append(batch[0]).expect_err("the lock is held by another");
        unharmed(&self.calls, || drop(held));
        self.store = Some(store);
        if error.kind() != ErrorKind::Locked {
            self.check_error(&error);
        }
    }

    fn write(&mut self, uses: &[Use]) {
        let Some(store) = self.opened() else { return };
        let writer = store.writer();
        self.store = Some(store);
        let Some(mut writer) = self.told(writer, |_, writer| writer) else { return };
        let mut pending = Vec::new();
        for it in uses {
            match it {
                Use::Push(count) => {
                    for observation in self.next(*count) {
                        writer.push(observation).expect("there is room for it");
                        pending.push(observation);
                    }
                }
                Use::Flush => {
                    let flushed = writer.flush();
                    self.flushed(flushed.map(Some), &mut pending);
                }
                Use::Sync => {
                    let synced = writer.sync();
                    self.synced(synced, &mut pending);
                }
                Use::SyncIfDue => {
                    let due = writer.sync_if_due();
                    if let Err(error) = due {
                        self.flushed(Err(error), &mut pending);
                    }
                }
                Use::Close => return self.close(writer, pending),
            }
        }
        // Nobody is told what dropping it could not store.
        drop(writer);
        self.history.doubt(&pending);
    }

    fn close(&mut self, writer: Writer, mut pending: Vec<Observation>) {
        let closed = writer.close();
        match self.options.sync {
            SyncPolicy::Never => self.flushed(closed.map(|()| None), &mut pending),
            _ => self.synced(closed, &mut pending),
        }
    }

    fn synced(&mut self, synced: Result<()>, pending: &mut Vec<Observation>) {
        let succeeded = synced.is_ok();
        self.flushed(synced.map(|()| None), pending);
        if succeeded {
            self.assert_durable();
        }
    }

    /// `end` is what the writer says of the sequence number reached.
    fn flushed(&mut self, end: Result<Option<u64>>, pending: &mut Vec<Observation>) {
        match end {
            Ok(end) => {
                let first = end.map(|end| end - pending.len() as u64);
                self.history.keep(first, pending);
                pending.clear();
                self.acknowledged();
            }
            Err(error) => {
                self.refused(pending, &error);
                pending.drain(..error.stored());
            }
        }
    }

    /// What is told while calls fail is right, or an error.
    fn read(&mut self) {
        let Some(store) = self.opened() else { return };
        let answers = Answers::ask(&store);
        self.store = Some(store);
        let calls = self.calls.borrow();
        let device = calls.fault().errno == EIO && !calls.has_ended();
        answers.check(&self.history, device, |error| {
            check_error(&self.path, &calls, error);
        });
    }

    /// Whatever failed, what is there is what was acknowledged.
    fn look(&self) {
        let Some(store) = &self.store else { return };
        let found = unharmed(&self.calls, || arrivals(store));
        assert!(self.history.explains(&found), "{} found: {:?}", found.len(), self.history);
    }

    /// When the cause is gone: nothing was lost, and work resumes, by the handle
    /// that was there and by another.
    pub(super) fn resume(mut self) {
        self.calls.borrow_mut().tell("The fault has ended".to_owned());
        self.calls.borrow_mut().end_fault();
        let fresh = self.path.join("gaugelog").exists().then(|| {
            Store::open_with(&self.path, self.options.clone(), false).expect("it opens afterwards")
        });
        if let Some(fresh) = &fresh {
            assert!(fresh.found().damage.is_empty(), "{:?}", fresh.found());
        }
        if self.reads_only {
            // Who only reads leaves nothing behind that an answer could depend on.
            self.check_snapshot(self.store.as_ref().or(fresh.as_ref()).expect("opened"));
            return;
        }
        self.append_again(1);
        if fresh.is_some() {
            self.store = fresh;
        }
        self.append_again(30);
        self.check_all();
    }

    /// By every way to it, with and without what is derived.
    fn check_all(self) {
        let store = self.store.as_ref().expect("opened");
        self.check_snapshot(store);
        let verified = store.verify().expect("verified");
        // Of a derived file that was written in part, that part does not hold.
        let in_part = self.calls.borrow().fault().part.is_some();
        let torn = |damage: &Damage| {
            let rows = damage.path.extension().is_some_and(|extension| extension == "rows");
            in_part && !rows && damage.detail.ends_with("does not match its checksum")
        };
        assert!(verified.damage.iter().all(torn), "{verified:?}");
        remove_derived(&self.path);
        let store = Store::open(&self.path).expect("opened");
        assert!(store.found().damage.is_empty(), "{:?}", store.found());
        self.check_snapshot(&store);
    }

    fn check_snapshot(&self, store: &Store) {
        let snapshot = store.snapshot().expect("a snapshot");
        let found = all_of(&snapshot);
        assert!(self.history.explains(&found), "{} found: {:?}", found.len(), self.history);
        assert_eq!(snapshot.summary().expect("read"), summary_of(&found));
    }

    fn append_again(&mut self, count: u64) {
        let refused = self.calls.borrow().refused();
        let before = self.history.bounds().0;
        self.append(count);
        assert_eq!(self.calls.borrow().refused(), refused, "the fault has ended");
        assert_eq!(self.history.bounds().0, before + count, "work resumes");
    }
}

/// A typed error that names a file and carries what the file system said.
fn check_error(path: &Path, calls: &Calls, error: &Error) {
    let fault = calls.fault();
    assert!(calls.refused() > 0 && !calls.has_ended(), "nothing failed, but {error:?}");
    let named = error.path().starts_with(path) || Some(error.path()) == path.parent();
    assert!(named, "{error:?}");
    let cause = error.io_error().and_then(std::io::Error::raw_os_error);
    match error.kind() {
        ErrorKind::Io => assert!(fault.can_be(cause), "{error:?}"),
        // What a device does not give counts as lost.
        ErrorKind::Damaged => assert_eq!(fault.errno, EIO, "{error:?}"),
        _ => panic!("{error:?}"),
    }
}
