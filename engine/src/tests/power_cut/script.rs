//! What processes do to a store, step by step, written down as data: the
//! workloads that are cut, and what goes on with what a cut has left.

use std::cell::RefCell;
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use super::super::observation;
use super::observer::{Observer, Verdict, observed};
use super::told::Told;
use crate::checkpoint;
use crate::disk::Operation;
use crate::error::{Error, ErrorKind};
use crate::observation::Observation;
use crate::options::{Options, SyncPolicy};
use crate::stats::tree::LEAF;
use crate::store::Store;
use crate::writer::Writer;

/// An interval that never ends, and one that has always ended.
pub(super) const HOUR: SyncPolicy = SyncPolicy::Every(Duration::from_secs(3_600));
pub(super) const AT_ONCE: SyncPolicy = SyncPolicy::Every(Duration::ZERO);
pub(super) const ALWAYS: SyncPolicy = SyncPolicy::Always;
pub(super) const NEVER: SyncPolicy = SyncPolicy::Never;

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Another handle, which is the one used from here on; creates the store
    /// where there is none yet.
    Open(SyncPolicy),
    /// The handle used from here on, counted from the one opened first.
    Use(usize),
    /// So many observations in one call.
    Append(u64),
    /// As many as the last leaf lacks.
    FillLeaf,
    Sync,
    /// Lets go of the handle.
    Drop,
    /// The process is killed, with all its handles.
    Die,
    /// A held writer: begins, is given so many and flushes, is asked whether it
    /// is due, syncs, ends.
    Hold,
    Flush(u64),
    SyncIfDue,
    SyncHeld,
    Close,
    DropHeld,
    /// The next so many of these calls fail with this error number.
    Fail(Call, u32, i32),
    /// Nothing fails any more.
    Heal,
    /// Somebody removes the checkpoint.
    LoseCheckpoint,
    /// Somebody says that all is durable, which is not so.
    Lie,
}

/// Calls to the file system that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    WriteSegment,
    SyncSegment,
    CreateTemporary,
    WriteTemporary,
    SyncTemporary,
    RenameSegment,
    SyncDirectory,
    /// Whatever is done to files that can be made again from others.
    Derived,
}

impl Call {
    fn is(self, name: &str, operation: Operation) -> bool {
        let segment = name.ends_with(".rows");
        let temporary = name.ends_with(".rows.tmp");
        match (self, operation) {
            (Self::WriteSegment, Operation::Write { .. })
            | (Self::SyncSegment, Operation::Sync)
            | (Self::RenameSegment, Operation::Rename) => segment,
            (Self::CreateTemporary, Operation::Create)
            | (Self::WriteTemporary, Operation::Write { .. })
            | (Self::SyncTemporary, Operation::Sync) => temporary,
            (Self::SyncDirectory, Operation::SyncDirectory) => true,
            (Self::Derived, _) => {
                name == checkpoint::NAME || name.contains(".tree") || name.contains(".guide")
            }
            _ => false,
        }
    }
}

/// Calls that fail, for how often yet, and how.
pub(super) type Failing = Rc<RefCell<Vec<(Call, u32, i32)>>>;

/// What the calls in `failing` become.
pub(super) fn verdicts(failing: &Failing) -> impl FnMut(&str, Operation) -> Verdict + use<> {
    let failing = Rc::clone(failing);
    move |name, operation| {
        for (call, left, number) in failing.borrow_mut().iter_mut() {
            if *left > 0 && call.is(name, operation) {
                *left -= 1;
                return Verdict::Fail(*number);
            }
        }
        Verdict::Succeed
    }
}

/// Follows a script.
pub(super) struct Actor {
    path: PathBuf,
    /// The policy is each handle's own.
    options: Options,
    observer: Rc<RefCell<Observer>>,
    failing: Failing,
    handles: Vec<Option<(Store, SyncPolicy)>>,
    used: usize,
    held: Option<Writer>,
    /// What was pushed and not yet stored by the held writer.
    pushed: Vec<Observation>,
    /// Observations are numbered through, so that each is known again.
    next_number: u64,
}

impl Actor {
    pub(super) fn new(
        path: PathBuf,
        options: Options,
        observer: Rc<RefCell<Observer>>,
        failing: Failing,
        first_number: u64,
    ) -> Self {
        Self {
            path,
            options,
            observer,
            failing,
            handles: Vec::new(),
            used: 0,
            held: None,
            pushed: Vec::new(),
            next_number: first_number,
        }
    }

    pub(super) fn run(mut self, script: &[Step]) {
        let observer = Rc::clone(&self.observer);
        observed(&observer, || {
            script.iter().for_each(|step| self.take(*step));
            self.die();
        });
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Open(policy) => self.open(policy),
            Step::Use(handle) => self.used = handle,
            Step::Append(count) => self.append(count),
            Step::FillLeaf => {
                let stored = self.observer.borrow().told.stored().len() as u64;
                self.append(LEAF - stored % LEAF);
            }
            Step::Sync => {
                let synced = self.handle().sync();
                self.synced(synced);
            }
            Step::Drop => self.drop_handle(),
            Step::Die => self.die(),
            Step::Hold => self.held = Some(self.handle().writer().expect("a writer")),
            Step::Flush(count) => self.flush(count),
            Step::SyncIfDue => {
                let due = self.held.as_mut().expect("a held writer").sync_if_due();
                assert_eq!(due.expect("asked").is_some(), self.policy() == HOUR);
            }
            Step::SyncHeld => {
                let synced = self.held.as_mut().expect("a held writer").sync();
                self.synced(synced);
            }
            Step::Close => {
                let never = self.policy() == NEVER;
                let closed = self.held.take().expect("a held writer").close();
                if !never {
                    self.synced(closed);
                }
            }
            Step::DropHeld => self.drop_held(),
            Step::Fail(call, times, number) => {
                self.failing.borrow_mut().push((call, times, number));
            }
            Step::Heal => self.failing.borrow_mut().clear(),
            Step::Lie => self.observer.borrow_mut().tell(Told::sync),
            Step::LoseCheckpoint => {
                drop(crate::disk::remove(&self.path.join(checkpoint::NAME)));
            }
        }
    }

    fn open(&mut self, policy: SyncPolicy) {
        // Not through `Options`, which has no segments as small as these.
        let options = self.options.clone().sync(policy);
        let store = if self.observer.borrow().told.created {
            Store::open_with(&self.path, options, false).expect("opened")
        } else {
            self.create(options)
        };
        self.used = self.handles.len();
        self.handles.push(Some((store, policy)));
    }

    fn create(&mut self, options: Options) -> Store {
        match Store::create_with(&self.path, options.clone()) {
            // Made by somebody who was never told so, and perhaps not durable yet.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Store::open_with(&self.path, options, false).expect("opened")
            }
            created => {
                let created = created.expect("created");
                self.observer.borrow_mut().tell(|told| told.created = true);
                created
            }
        }
    }

    fn handle(&self) -> &Store {
        &self.handles[self.used].as_ref().expect("a handle").0
    }

    fn policy(&self) -> SyncPolicy {
        self.handles[self.used].as_ref().expect("a handle").1
    }

    fn next(&mut self, count: u64) -> Vec<Observation> {
        self.next_number += count;
        distinct(self.next_number - count..self.next_number)
    }

    fn append(&mut self, count: u64) {
        let batch = self.next(count);
        self.observer.borrow_mut().tell(|told| told.begin(&batch));
        let refused = self.observer.borrow().refused();
        let appended = match batch[..] {
            [single] => self.handle().append(single).map(drop),
            _ => self.handle().append_batch(&batch).map(drop),
        };
        let durable = is_durable(self.policy());
        self.told_of(appended, refused, |told, stored| match stored {
            None => told.acknowledge(durable),
            Some(stored) => told.fail(stored, durable),
        });
    }

    /// Tells what a call returned: `None` for success, and else how many are stored.
    fn told_of(
        &self,
        returned: Result<(), Error>,
        refused: u64,
        change: impl FnOnce(&mut Told, Option<usize>),
    ) {
        let mut observer = self.observer.borrow_mut();
        let stored = returned.err().map(|error| {
            assert!(observer.refused() > refused, "nothing failed below: {error}");
            error.stored()
        });
        observer.tell(|told| change(told, stored));
    }

    fn synced(&self, synced: Result<(), Error>) {
        let mut observer = self.observer.borrow_mut();
        match synced {
            Ok(()) => observer.tell(Told::sync),
            Err(error) => assert!(observer.refused() > 0, "nothing failed below: {error}"),
        }
    }

    fn flush(&mut self, count: u64) {
        let batch = self.next(count);
        self.pushed.extend_from_slice(&batch);
        let writer = self.held.as_mut().expect("a held writer");
        batch.iter().for_each(|it| writer.push(*it).expect("pushed"));
        // What is tried again is what was tried before, and more.
        self.observer.borrow_mut().tell(|told| told.begin(&self.pushed));
        let flushed = writer.flush();
        let durable = is_durable(self.policy());
        if flushed.is_ok() {
            self.pushed.clear();
            self.observer.borrow_mut().tell(|told| told.acknowledge(durable));
        } else {
            assert!(self.observer.borrow().refused() > 0, "nothing failed below: {flushed:?}");
        }
    }

    /// Under the interval policy letting go is to sync; to be done behind an
    /// append, since else there may be nothing due.
    fn drop_handle(&mut self) {
        let policy = self.policy();
        let refused = self.observer.borrow().refused();
        self.handles[self.used] = None;
        self.dropped(policy, refused);
    }

    fn drop_held(&mut self) {
        let refused = self.observer.borrow().refused();
        self.held = None;
        self.dropped(self.policy(), refused);
    }

    fn dropped(&self, policy: SyncPolicy, refused: u64) {
        let succeeded = self.observer.borrow().refused() == refused;
        if matches!(policy, SyncPolicy::Every(_)) && succeeded {
            self.synced(Ok(()));
        }
    }

    /// What the handles do when they are dropped does not happen any more.
    fn die(&mut self) {
        self.observer.borrow_mut().set_dead(true);
        self.held = None;
        self.handles.clear();
        if !std::mem::take(&mut self.pushed).is_empty() {
            self.observer.borrow_mut().tell(|told| told.fail(0, false));
        }
        self.observer.borrow_mut().set_dead(false);
    }
}

fn is_durable(policy: SyncPolicy) -> bool {
    policy == ALWAYS || policy == AT_ONCE
}

/// Observations that are all different, of few values: so a guide is small.
fn distinct(numbers: Range<u64>) -> Vec<Observation> {
    let distinct = |n: u64| Observation {
        value: [14.5, -0.5, 2.25, 1e9, -0.0][usize::try_from(n * 7 % 5).expect("less than 5")],
        ..observation(n)
    };
    numbers.map(distinct).collect()
}
