//! Watches processes at work: follows each operation on the simulated disk,
//! lets those fail that shall, and notes where the power may be cut.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::simulated_disk::SimulatedDisk;
use super::told::Told;
use crate::disk::{Operation, watch};

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Succeed,
    /// Fails with this error number; a write having written its first half.
    Fail(i32),
    /// Does not happen: the process is killed, in a write behind so many of its
    /// bytes. No later operation happens either.
    Die(usize),
}

pub(super) const INPUT_OUTPUT: i32 = 5;
pub(super) const NO_SPACE: i32 = 28;

type Verdicts = Box<dyn FnMut(&str, Operation) -> Verdict>;

/// A moment at which the power may be cut: behind an operation, or behind a call
/// that has returned.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) disk: SimulatedDisk,
    pub(super) told: Told,
    pub(super) done: Done,
}

#[derive(Clone, Debug)]
pub(super) enum Done {
    /// Nothing yet, or a call has returned.
    Nothing,
    Write {
        name: Rc<str>,
        offset: u64,
        bytes: Rc<[u8]>,
    },
    Other {
        name: Rc<str>,
        operation: Operation,
        failed: bool,
    },
}

pub(super) struct Observer {
    directory: PathBuf,
    pub(super) disk: SimulatedDisk,
    pub(super) told: Told,
    verdicts: Verdicts,
    dead: bool,
    /// How many operations were made to fail.
    refused: u64,
    /// Where moments are noted, and not only followed.
    moments: Option<Vec<Moment>>,
}

impl Observer {
    pub(super) fn new(directory: &Path, disk: SimulatedDisk, told: Told) -> Self {
        Self {
            directory: directory.to_owned(),
            disk,
            told,
            verdicts: Box::new(|_, _| Verdict::Succeed),
            dead: false,
            refused: 0,
            moments: None,
        }
    }

    pub(super) fn noting_moments(mut self) -> Self {
        self.moments = Some(Vec::new());
        self.note(Done::Nothing);
        self
    }

    pub(super) fn judged_by(
        mut self,
        verdicts: impl FnMut(&str, Operation) -> Verdict + 'static,
    ) -> Self {
        self.verdicts = Box::new(verdicts);
        self
    }

    pub(super) fn take_moments(&mut self) -> Vec<Moment> {
        self.moments.take().unwrap_or_default()
    }

    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// From here on nothing happens on the disk; or it does again.
    pub(super) fn set_dead(&mut self, dead: bool) {
        self.dead = dead;
    }

    /// Changes what the processes were told.
    pub(super) fn tell(&mut self, change: impl FnOnce(&mut Told)) {
        change(&mut self.told);
        self.note(Done::Nothing);
    }

    fn note(&mut self, done: Done) {
        if let Some(moments) = &mut self.moments {
            let (disk, told) = (self.disk.clone(), self.told.clone());
            moments.push(Moment { disk, told, done });
        }
    }

    /// To be called before each operation; refuses those that fail.
    fn operate(&mut self, path: &Path, operation: Operation, bytes: &[u8]) -> io::Result<()> {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        if self.dead {
            return Err(io::Error::from_raw_os_error(INPUT_OUTPUT));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match (self.verdicts)(&name, operation) {
            Verdict::Succeed => {
                self.follow(path, &name, operation, bytes);
                Ok(())
            }
            Verdict::Fail(number) => {
                self.refused += 1;
                self.fail(path, &name, operation, bytes)?;
                Err(io::Error::from_raw_os_error(number))
            }
            Verdict::Die(written) => {
                self.dead = true;
                if let Operation::Write { offset, .. } = operation {
                    self.write_part(path, offset, &bytes[..written.min(bytes.len())])?;
                }
                Err(io::Error::from_raw_os_error(INPUT_OUTPUT))
            }
        }
    }

    fn follow(&mut self, path: &Path, name: &str, operation: Operation, bytes: &[u8]) {
        if operation == Operation::SyncDirectory && path != self.directory {
            self.disk.sync_directory_itself();
        } else {
            self.disk.apply(name, operation, bytes);
        }
        self.note(match operation {
            Operation::Write { offset, .. } => {
                Done::Write { name: name.into(), offset, bytes: bytes.into() }
            }
            operation => Done::Other { name: name.into(), operation, failed: false },
        });
    }

    fn fail(
        &mut self,
        path: &Path,
        name: &str,
        operation: Operation,
        bytes: &[u8],
    ) -> io::Result<()> {
        match operation {
            Operation::Sync => self.disk.fail_to_sync(name),
            Operation::Write { offset, .. } => {
                return self.write_part(path, offset, &bytes[..bytes.len() / 2]);
            }
            _ => {}
        }
        self.note(Done::Other { name: name.into(), operation, failed: true });
        Ok(())
    }

    /// Writes what a write that is cut off has written.
    fn write_part(&mut self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        OpenOptions::new().write(true).open(path)?.write_all_at(bytes, offset)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let operation = Operation::Write { offset, length: bytes.len() };
        self.follow(path, &name, operation, bytes);
        Ok(())
    }
}

/// Runs `work` with `observer` told of every operation.
pub(super) fn observed<T>(observer: &Rc<RefCell<Observer>>, work: impl FnOnce() -> T) -> T {
    let watching = Rc::clone(observer);
    watch::with(
        move |path, operation, bytes| watching.borrow_mut().operate(path, operation, bytes),
        work,
    )
}
