//! Which call to the file system fails, how, and for how long.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::durable::Durable;
use crate::os::disk::{Operation, watch};

pub(super) const EIO: i32 = 5;
const ENOSPC: i32 = 28;
const EINTR: i32 = 4;
const EACCES: i32 = 13;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const EFBIG: i32 = 27;
const EDQUOT: i32 = 122;

/// Errors of disks, quotas, process limits, signals and file sizes.
pub(super) const ERRNOS: [i32; 8] = [EIO, ENOSPC, EDQUOT, ENOMEM, EMFILE, EINTR, EFBIG, EACCES];

const CALLS_KEPT: usize = 40;

/// For how long calls fail, from the first on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    Once,
    /// This call and the next one, so that a fallback fails too.
    Twice,
    /// Every call, until the test ends the fault.
    ForEver,
    /// Every call of the same kind, until then. A full disk can still be read, and a
    /// process without descriptors has files open.
    SameKind,
    /// No file can be created, and no sync succeeds.
    FullAndFailing,
}

/// How much of a failing write is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    One,
    Half,
    AllButOne,
    All,
}

impl Part {
    fn of(self, length: usize) -> usize {
        match self {
            Self::One => length.min(1),
            Self::Half => length / 2,
            Self::AllButOne => length.saturating_sub(1),
            Self::All => length,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// The number of the first failing call, counted from 1.
    pub(super) at: usize,
    pub(super) errno: i32,
    pub(super) span: Span,
    /// A failing write writes nothing, unless this says how much.
    pub(super) part: Option<Part>,
}

impl Fault {
    pub(super) const NONE: Self = Self { at: usize::MAX, errno: EIO, span: Span::Once, part: None };

    /// Every fault that the calls of a workload can meet: each call with each error, once
    /// and permanently. Errors that the engine treats specially are tried in further
    /// ways.
    pub(super) fn all(calls: &[Operation]) -> Vec<Self> {
        let mut all = Vec::new();
        for (at, operation) in (1..).zip(calls) {
            let mut add = |errnos: &[i32], span, part| {
                all.extend(errnos.iter().map(|&errno| Self { at, errno, span, part }));
            };
            add(&ERRNOS, Span::Once, None);
            add(&ERRNOS, Span::ForEver, None);
            add(&[EIO, ENOSPC, EINTR], Span::Twice, None);
            add(&[EIO, ENOSPC, EMFILE], Span::SameKind, None);
            add(&[ENOSPC], Span::FullAndFailing, None);
            if matches!(operation, Operation::Write { .. }) {
                for part in [Part::One, Part::Half, Part::AllButOne, Part::All] {
                    add(&[EIO, ENOSPC, EDQUOT, EFBIG], Span::Once, Some(part));
                    add(&[EIO, ENOSPC, EDQUOT, EFBIG], Span::SameKind, Some(part));
                }
            }
        }
        all
    }

    /// Whether an error with this number can result from it.
    pub(super) fn can_be(&self, errno: Option<i32>) -> bool {
        errno == Some(self.errno) || self.span == Span::FullAndFailing && errno == Some(EIO)
    }
}

/// A line of the report of a failed run. It is formatted only then.
#[derive(Debug)]
enum Note {
    Line(String),
    Call(usize, PathBuf, Operation, Option<i32>),
}

/// The calls of one run.
#[derive(Debug)]
pub(super) struct Calls {
    fault: Fault,
    kind: Option<std::mem::Discriminant<Operation>>,
    ended: bool,
    /// Calls are made by the test itself: they are neither counted nor refused.
    paused: bool,
    /// Whatever the fault, no file can be created and no sync succeeds.
    broken: bool,
    pub(super) made: Vec<Operation>,
    refused: usize,
    notes: VecDeque<Note>,
    pub(super) durable: Durable,
}

impl Calls {
    pub(super) fn with(fault: Fault, directory: &Path) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            fault,
            kind: None,
            ended: false,
            paused: false,
            broken: false,
            made: Vec::new(),
            refused: 0,
            notes: VecDeque::new(),
            durable: Durable::of(directory),
        }))
    }

    /// How many calls have failed.
    pub(super) fn refused(&self) -> usize {
        self.refused
    }

    pub(super) fn fault(&self) -> Fault {
        self.fault
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    pub(super) fn end_fault(&mut self) {
        self.ended = true;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Notes what the client is doing.
    pub(super) fn note(&mut self, line: String) {
        self.remember(Note::Line(line));
    }

    fn remember(&mut self, note: Note) {
        self.notes.push_back(note);
        if self.notes.len() > CALLS_KEPT {
            self.notes.pop_front();
        }
    }

    /// The last calls, and what the client did meanwhile.
    pub(super) fn last_notes(&self) -> String {
        let lines = self.notes.iter().map(|note| match note {
            Note::Line(line) => format!("  {line}\n"),
            Note::Call(at, path, operation, None) => format!("    {at}: {operation:?} {path:?}\n"),
            Note::Call(at, path, operation, Some(errno)) => {
                format!("    {at}: {operation:?} {path:?} FAILED with {errno}\n")
            }
        });
        lines.collect()
    }

    /// The error for the current call, if it must fail.
    fn verdict(&mut self, operation: Operation) -> Option<i32> {
        use Operation::{Create, Sync};
        if self.broken {
            return match operation {
                Sync => Some(EIO),
                Create => Some(ENOSPC),
                _ => None,
            };
        }
        self.made.push(operation);
        let (seen, Fault { at, errno, span, .. }) = (self.made.len(), self.fault);
        if self.ended || seen < at {
            return None;
        }
        let kind = std::mem::discriminant(&operation);
        let first = *self.kind.get_or_insert(kind);
        match span {
            Span::Once if seen > at => None,
            Span::Twice if seen > at + 1 => None,
            Span::SameKind if kind != first => None,
            Span::FullAndFailing => match operation {
                Sync => Some(EIO),
                Create => Some(ENOSPC),
                _ => None,
            },
            _ => Some(errno),
        }
    }

    fn call(&mut self, path: &Path, operation: Operation, bytes: &[u8]) -> io::Result<()> {
        if self.paused {
            self.durable.succeeded(path, operation);
            return Ok(());
        }
        let verdict = self.verdict(operation);
        self.remember(Note::Call(self.made.len(), path.to_owned(), operation, verdict));
        let Some(errno) = verdict else {
            self.durable.succeeded(path, operation);
            return Ok(());
        };
        self.refused += 1;
        let part = self.fault.part.map_or(0, |part| part.of(bytes.len()));
        if let (Operation::Write { offset, .. }, 1..) = (operation, part) {
            let file = OpenOptions::new().write(true).open(path).expect("the file written to");
            file.write_all_at(&bytes[..part], offset).expect("written in part");
        }
        // A sync that was interrupted loses nothing that another one cannot make durable.
        if operation != Operation::Sync || errno != EINTR {
            self.durable.failed(path, operation, part);
        }
        Err(io::Error::from_raw_os_error(errno))
    }
}

/// Runs `work`, and passes every call that it makes to `calls`.
pub(super) fn watched<T>(calls: &Rc<RefCell<Calls>>, work: impl FnOnce() -> T) -> T {
    let watching = Rc::clone(calls);
    watch::with(
        move |path, operation, bytes| watching.borrow_mut().call(path, operation, bytes),
        work,
    )
}

/// Runs `check`, whose calls never fail and are not counted.
pub(super) fn unharmed<T>(calls: &RefCell<Calls>, check: impl FnOnce() -> T) -> T {
    calls.borrow_mut().paused = true;
    let result = check();
    calls.borrow_mut().paused = false;
    result
}

/// Runs `work` on a disk that is full and failing, whatever the fault is.
pub(super) fn broken<T>(calls: &RefCell<Calls>, work: impl FnOnce() -> T) -> T {
    calls.borrow_mut().broken = true;
    let result = work();
    calls.borrow_mut().broken = false;
    result
}
