//! A program that uses a store while calls fail, and compares every answer with the ones
//! before.

use std::cell::RefCell;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use tempfile::TempDir;

use super::super::contents::Contents;
use super::super::{assert_sound, contents, observation, summary_of};
use super::answers::Answers;
use super::fault::{Calls, EIO, Span, broken, unharmed};
use super::history::History;
use super::workload::{Step, Use, Workload};
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::store::Store;
use crate::write::writer::Writer;

/// What an error says about observations that could not be taken back.
const UNCERTAIN: &str = "may be found later";

/// The client's observations are numbered from here, so that they can be recognised.
const FIRST_NUMBER: u64 = 10_000;

pub(super) struct Client {
    path: PathBuf,
    options: Options,
    calls: Rc<RefCell<Calls>>,
    store: Option<Store>,
    history: History,
    next_number: u64,
    reads_only: bool,
    is_damaged: bool,
    /// The fewest and the most observations that may have been removed.
    removed: Range<u64>,
    /// Where copies are made.
    copies: TempDir,
}

impl Client {
    /// A client that finds `holding` in the store at `path`.
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
            is_damaged: workload.is_damaged,
            removed: 0..0,
            copies: tempfile::Builder::new()
                .prefix("copies")
                .tempdir_in(super::place().0.path().parent().expect("a place"))
                .expect("a directory"),
        }
    }

    pub(super) fn run(&mut self, steps: &[Step]) {
        for step in steps {
            self.calls.borrow_mut().note(format!("{step:?}"));
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
                    self.taken(synced, |client, ()| client.assert_durable());
                }
            }
            Step::Writer(uses) => self.write(uses),
            Step::Read => self.read(),
            Step::Drop => self.store = None,
            Step::Seal => self.with_store(|store| store.seal(), |_, ()| {}),
            Step::RemoveBefore(n) => {
                let time = observation(*n).timestamp_ns;
                self.remove(|store| store.remove_before(time));
            }
            Step::CopyTo => self.copy(),
        }
    }

    fn with_store<T>(
        &mut self,
        work: impl FnOnce(&Store) -> Result<T>,
        took: impl FnOnce(&mut Self, T),
    ) {
        let Some(store) = self.opened() else { return };
        let result = work(&store);
        self.store = Some(store);
        self.taken(result, took);
    }

    /// Retention fails as a whole, or removes all that was asked for.
    fn remove(&mut self, work: impl FnOnce(&Store) -> Result<u64>) {
        self.removed.end += super::super::CHUNK;
        self.with_store(work, |client, removed| {
            // More if an earlier attempt failed, less if it had come far enough.
            let most = client.removed.end - client.removed.start;
            assert!(removed <= most && removed.is_multiple_of(super::super::CHUNK), "{removed}");
            client.removed.start = client.removed.end;
        });
    }

    fn copy(&mut self) {
        let to = self.copies.path().join(self.next_number.to_string());
        self.next_number += 1;
        let copied = to.clone();
        self.with_store(
            move |store| store.copy_to(copied),
            |client, count| {
                let calls = Rc::clone(&client.calls);
                unharmed(&calls, || {
                    let found = contents(&to);
                    let lost: u64 = found.damage.iter().map(|it| it.lost.end - it.lost.start).sum();
                    assert_eq!(found.rows.len() as u64 + lost, count);
                    client.check_rows(&found);
                });
            },
        );
        let _ = to;
    }

    /// The store, opened or created if it was not. It is taken out, and put back later.
    fn opened(&mut self) -> Option<Store> {
        if self.store.is_some() {
            return self.store.take();
        }
        let creates = !self.is_made();
        let opened =
            if creates { self.options.create(&self.path) } else { self.options.open(&self.path) };
        let once = self.calls.borrow().fault().span == Span::Once;
        if creates && once && opened.is_err() {
            assert!(!self.is_made(), "reported as failed, and there");
        }
        let opened = self.taken(opened, |_, store| store)?;
        let (found, (least, most)) = (opened.recovery(), self.history.bounds());
        let reported = !found.damage.is_empty() && self.calls.borrow().fault().errno == EIO;
        let least = least - self.removed.end;
        assert!(found.observations <= most, "{found:?}");
        assert!(found.observations >= least || reported || creates, "{found:?} of {least}");
        Some(opened)
    }

    /// Returns the result of a success. After a failure, checks the error.
    fn taken<T, U>(
        &mut self,
        result: Result<T>,
        took: impl FnOnce(&mut Self, T) -> U,
    ) -> Option<U> {
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

    fn is_made(&self) -> bool {
        self.path.join("manifest").exists()
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

    /// After a refused batch its first observations may be stored; the error says how
    /// many.
    fn refused(&mut self, batch: &[Observation], error: &Error) {
        self.calls.borrow_mut().note(format!("{} stored: {error}", error.stored()));
        if !self.calls.borrow().is_broken() {
            self.check_error(error);
        }
        let (stored, rest) = batch.split_at(error.stored());
        self.history.keep(None, stored);
        if error.to_string().contains(UNCERTAIN) {
            assert_ne!(self.calls.borrow().fault().span, Span::Once, "{error}");
            self.history.may_keep(rest);
        }
    }

    fn acknowledged(&self) {
        // Also with a held writer: readers find all of it at once.
        self.look();
        if self.options.sync == SyncPolicy::Always {
            self.assert_durable();
        }
    }

    fn assert_durable(&self) {
        let durable = self.calls.borrow().durable.clone();
        unharmed(&self.calls, || durable.assert_all());
    }

    /// Another process appends, and this one does not know it.
    fn append_beside(&mut self, count: u64) {
        let batch = self.next(count);
        let range = unharmed(&self.calls, || {
            let other = self.options.open(&self.path);
            other.expect("opened").append_batch(&batch).expect("appended")
        });
        self.history.keep(Some(range.start), &batch);
    }

    /// While another process has the lock nothing is appended, whatever fails.
    fn append_locked(&mut self) {
        let batch = self.next(1);
        let Some(store) = self.opened() else { return };
        let other = unharmed(&self.calls, || self.options.open(&self.path).expect("opened"));
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
        let Some(mut writer) = self.taken(writer, |_, writer| writer) else { return };
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
                    self.flushed(flushed, &mut pending);
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
                Use::Seal => {
                    let sealed = writer.seal();
                    self.flushed(sealed, &mut pending);
                }
                Use::Close => return self.close(writer, pending),
            }
        }
        // Dropping it reports no error.
        drop(writer);
        self.history.may_keep(&pending);
    }

    fn close(&mut self, writer: Writer, mut pending: Vec<Observation>) {
        let closed = writer.close();
        match self.options.sync {
            SyncPolicy::Never => self.flushed(closed, &mut pending),
            _ => self.synced(closed, &mut pending),
        }
    }

    fn synced(&mut self, synced: Result<()>, pending: &mut Vec<Observation>) {
        let succeeded = synced.is_ok();
        self.flushed(synced, pending);
        if succeeded {
            self.assert_durable();
        }
    }

    fn flushed(&mut self, flushed: Result<()>, pending: &mut Vec<Observation>) {
        match flushed {
            Ok(()) => {
                self.history.keep(None, pending);
                pending.clear();
                self.acknowledged();
            }
            Err(error) => {
                self.refused(pending, &error);
                pending.drain(..error.stored());
            }
        }
    }

    /// Answers while calls fail are right, or errors.
    fn read(&mut self) {
        let Some(store) = self.opened() else { return };
        let answers = Answers::ask(&store, self.options.positioned_reads);
        self.store = Some(store);
        let calls = self.calls.borrow();
        let device = calls.fault().errno == EIO && !calls.has_ended();
        answers.check(&self.history, device, |error| {
            check_error(&self.path, &calls, error);
        });
    }

    /// Whatever failed, the store holds what was acknowledged.
    fn look(&self) {
        if self.store.is_some() {
            let found = unharmed(&self.calls, || contents(&self.path));
            self.check_rows(&found);
        }
    }

    /// The store holds only what was acknowledged, each once.
    fn check_rows(&self, found: &Contents) {
        if self.is_damaged {
            return;
        }
        if !found.damage.is_empty() {
            return self.check_reported(found);
        }
        assert!(found.absent.is_empty(), "{:?}", found.absent);
        let first = found.rows.first().map_or(0, |(sequence, _)| *sequence);
        let removed = self.removed.clone();
        let whole = first.is_multiple_of(super::super::CHUNK);
        assert!(whole && removed.start <= first && first <= removed.end, "{first} of {removed:?}");
        let numbers = found.rows.iter().map(|(sequence, _)| *sequence);
        assert!(numbers.eq(first..first + found.rows.len() as u64), "a gap or a double");
        let rows: Vec<Observation> = found.rows.iter().map(|(_, row)| *row).collect();
        assert!(
            self.history.explains(first, &rows),
            "{} found from {first} on, {:?}: {:?}",
            rows.len(),
            rows.iter().map(|it| it.timestamp_ns / 1_000_000_007).fold(
                Vec::<Range<i64>>::new(),
                |mut runs, n| {
                    match runs.last_mut() {
                        Some(run) if run.end == n => run.end += 1,
                        _ => runs.push(n..n + 1),
                    }
                    runs
                }
            ),
            self.history
        );
    }

    /// What could not be read when the log was replaced counts as lost: it is reported,
    /// and the old log is kept. All else is right.
    fn check_reported(&self, found: &Contents) {
        assert_eq!(self.calls.borrow().fault().errno, EIO, "{:?}", found.damage);
        let said = |damage: &crate::Damage| damage.detail.starts_with("lost before");
        assert!(found.damage.iter().all(said), "{:?}", found.damage);
        let copied = found.damage.iter().all(|damage| !damage.path.starts_with(&self.path));
        let count = |ending| super::super::count_files(&self.path, ending);
        assert!(
            copied || count(".damaged") > 0 || count(".log") > 1,
            "the log that lost them is kept"
        );
        let certain = self.history.certain();
        let lost = |n: u64| found.damage.iter().any(|damage| damage.lost.contains(&n));
        let served = |n: u64| found.rows.binary_search_by_key(&n, |it| it.0).is_ok();
        if self.history.bounds().0 == self.history.bounds().1 {
            for (sequence, row) in &found.rows {
                assert_eq!(certain.get(usize::try_from(*sequence).expect("small")), Some(row));
            }
            let silent =
                (self.removed.end..certain.len() as u64).find(|n| !served(*n) && !lost(*n));
            assert_eq!(silent, None, "lost silently: {:?}", found.damage);
        }
    }

    /// After the cause is gone: nothing was lost, and work resumes with the existing
    /// handle and with a new one.
    pub(super) fn resume(mut self) {
        self.calls.borrow_mut().note("The fault has ended".to_owned());
        self.calls.borrow_mut().end_fault();
        let fresh =
            self.is_made().then(|| self.options.open(&self.path).expect("it opens afterwards"));
        if let Some(fresh) = &fresh {
            let found = fresh.recovery();
            let device = self.calls.borrow().fault().errno == EIO;
            assert!(found.damage.is_empty() || self.is_damaged || device, "{found:?}");
        }
        if self.reads_only {
            // Reading alone changes nothing that an answer could depend on.
            self.check_all();
            return;
        }
        self.append_again(1);
        if fresh.is_some() {
            self.store = fresh;
        }
        self.append_again(30);
        self.check_all();
    }

    fn check_all(self) {
        if self.is_damaged {
            return;
        }
        let found = contents(&self.path);
        self.check_rows(&found);
        if !found.damage.is_empty() {
            return;
        }
        let rows: Vec<Observation> = found.rows.iter().map(|(_, row)| *row).collect();
        let store = Store::open(&self.path).expect("opened");
        let summary = store.snapshot().expect("a snapshot").summary().expect("read");
        assert_eq!(summary, summary_of(&rows));
        assert_sound(&self.path);
        let logs = super::super::count_files(&self.path, ".log");
        assert!(logs <= 2, "{logs} logs");
    }

    fn append_again(&mut self, count: u64) {
        let refused = self.calls.borrow().refused();
        let before = self.history.bounds().0;
        if self.is_damaged && self.calls.borrow().refused() > refused {
            return;
        }
        self.append(count);
        assert_eq!(self.calls.borrow().refused(), refused, "the fault has ended");
        assert_eq!(self.history.bounds().0, before + count, "work resumes");
    }
}

/// The error is typed, names a file and includes the operating system's error.
fn check_error(path: &Path, calls: &Calls, error: &Error) {
    let fault = calls.fault();
    assert!(calls.refused() > 0 && !calls.has_ended(), "nothing failed, but {error:?}");
    let is_copy = error
        .path()
        .components()
        .any(|part| part.as_os_str().to_string_lossy().starts_with("copies"));
    let named = error.path().starts_with(path) || Some(error.path()) == path.parent() || is_copy;
    assert!(named, "{error:?}");
    let cause = error.io_error().and_then(std::io::Error::raw_os_error);
    match error.kind() {
        ErrorKind::Io => assert!(fault.can_be(cause), "{error:?}"),
        // What a device does not return counts as lost.
        ErrorKind::Damaged => assert_eq!(fault.errno, EIO, "{error:?}"),
        _ => panic!("{error:?}"),
    }
}
