//! Watches processes: applies each operation to the simulated disk, makes some fail, and
//! notes the moments at which the power may be cut.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::reported::{Reported, Rest};
use super::simulated_disk::SimulatedDisk;
use crate::error::Error;
use crate::format::names::{MANIFEST, Name, TEMPORARY, classify};
use crate::format::record::{RECORD_BYTES, Record};
use crate::os::disk::{Directory, Operation, watch};
use crate::view::View;

/// What happens to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Succeed,
    /// Fails with this error number. A write writes its first half.
    Fail(i32),
    /// Fails like `Fail`. A write writes nothing.
    Refuse(i32),
    /// Does not happen: the process is killed, possibly after this many bytes of a write.
    /// No later operation happens either.
    Die(usize),
}

pub(super) const INPUT_OUTPUT: i32 = 5;
pub(super) const NO_SPACE: i32 = 28;

type Verdicts = Box<dyn FnMut(&str, Operation) -> Verdict>;

/// A moment at which the power may be cut: after an operation, or after a call has
/// returned.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) disk: SimulatedDisk,
    pub(super) reported: Reported,
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

/// The progress of the replacement of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Making {
    Nothing,
    /// A new log exists.
    Log,
    /// It is listed; that may not be durable yet.
    Listed,
}

/// A write to a log of more bytes than this holds rows.
const MARK_BYTES: usize = 16;

pub(super) struct Observer {
    directory: PathBuf,
    pub(super) disk: SimulatedDisk,
    pub(super) reported: Reported,
    verdicts: Verdicts,
    dead: bool,
    /// How many operations were made to fail.
    refused: u64,
    /// The first sequence number that readers see.
    first_seen: u64,
    making: Making,
    /// Whether rows were written to a log since a new one was listed durably.
    is_written: bool,
    /// Whether a new log was listed since the last report.
    has_rotated: bool,
    /// The noted moments; `None` if operations are only applied.
    moments: Option<Vec<Moment>>,
}

impl Observer {
    pub(super) fn new(directory: &Path, disk: SimulatedDisk, reported: Reported) -> Self {
        Self {
            directory: directory.to_owned(),
            disk,
            reported,
            verdicts: Box::new(|_, _| Verdict::Succeed),
            dead: false,
            refused: 0,
            first_seen: 0,
            making: Making::Nothing,
            is_written: false,
            has_rotated: false,
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

    /// Sets whether operations have no effect on the disk.
    pub(super) fn set_dead(&mut self, dead: bool) {
        self.dead = dead;
    }

    /// Changes what was reported to the processes.
    pub(super) fn report(&mut self, change: impl FnOnce(&mut Reported)) {
        self.see();
        if std::mem::take(&mut self.has_rotated) && self.refused == 0 && !self.dead {
            self.assert_tidy();
        }
        change(&mut self.reported);
        self.note(Done::Nothing);
    }

    fn note(&mut self, done: Done) {
        if let Some(moments) = &mut self.moments {
            let (disk, reported) = (self.disk.clone(), self.reported.clone());
            moments.push(Moment { disk, reported, done });
        }
    }

    /// What a reader sees at this moment: all that is stored, and as durable only what
    /// every later power cut keeps.
    fn see(&mut self) {
        if !self.reported.created || self.reported.is_corrupt {
            return;
        }
        let directory = Arc::new(Directory::open(&self.directory).expect("the directory"));
        let view = View::take(&directory, true).expect("readable at each moment");
        assert!(view.damage().is_empty(), "{:?}", view.damage());
        let (stored, end) = (self.reported.stored().len() as u64, view.end_sequence());
        assert!(stored <= end, "a reader sees {end} of {stored}");
        self.first_seen = view.first_sequence();
        self.reported.see_durable(view.durable_sequence());
        if let Some(moment) = self.moments.iter_mut().flatten().last() {
            moment.reported.see_durable(view.durable_sequence());
        }
    }

    /// After a rotation without a failure, nothing is left of what was cut off before.
    fn assert_tidy(&self) {
        let directory = Arc::new(Directory::open(&self.directory).expect("the directory"));
        let record = View::take(&directory, true).expect("readable").record().clone();
        for name in self.disk.names() {
            let is_needed = match classify(name) {
                Name::Manifest | Name::Ballast | Name::Aside => true,
                Name::Log(id) => id == record.log || !self.is_left_over(name, &record),
                // A chunk after the sealed end may hold more than the log did after a
                // cut.
                Name::Chunk(number) => number >= record.first_chunk,
                _ => false,
            };
            assert!(is_needed, "{name} is left");
        }
    }

    /// Whether it is the log that the listed one replaced, or was made to replace that one.
    /// Others stay for the user to look at: a log that was cut off in its first sector, one
    /// that would have been the first one, or one that holds more than the replaced log did
    /// after a cut.
    fn is_left_over(&self, name: &str, record: &Record) -> bool {
        let end = |of: &Record| of.log_first_sequence() + of.made_observations;
        let content = self.disk.content(name);
        Record::decode(&content.bytes_to(RECORD_BYTES)).is_ok_and(|own| {
            let is_no_more = own.previous_log == record.previous_log && end(&own) <= end(record);
            own.store == record.store && (own.log == record.previous_log || is_no_more)
        })
    }

    /// The first sequence number that readers see.
    pub(super) fn first_seen(&self) -> u64 {
        self.first_seen
    }

    /// What may happen to the observations that an append reported as failed.
    pub(super) fn rest_of(&self, error: &Error) -> Rest {
        match () {
            () if error.to_string().contains("may be found later") => Rest::Seen,
            () if self.is_written => Rest::Returns,
            () => Rest::Gone,
        }
    }

    /// Flips a bit in each copy of the manifest, on the disk and as processes see it.
    pub(super) fn corrupt_manifest(&mut self) {
        for copy in [0, RECORD_BYTES] {
            self.disk.flip(MANIFEST, copy + 20);
            flip(&self.directory.join(MANIFEST), copy + 20);
        }
        self.reported.is_corrupt = true;
        self.note(Done::Nothing);
    }

    fn follow_rotation(&mut self, name: &str, operation: Operation) {
        let is_log = matches!(classify(name), Name::Log(_));
        let is_new = name
            .strip_suffix(TEMPORARY)
            .is_some_and(|whole| matches!(classify(whole), Name::Log(_)));
        match (operation, self.making) {
            (Operation::Create, _) if is_new => self.making = Making::Log,
            (Operation::Remove, Making::Log) if is_new || is_log => self.making = Making::Nothing,
            (Operation::Rename, Making::Log) if name == MANIFEST => self.making = Making::Listed,
            (Operation::SyncDirectory, Making::Listed) => {
                self.making = Making::Nothing;
                self.is_written = false;
                self.has_rotated = true;
                self.reported.rotate();
            }
            (Operation::Write { length, .. }, _) if is_log && length > MARK_BYTES => {
                self.is_written = true;
            }
            _ => {}
        }
    }

    /// Called before each operation; refuses those that fail.
    fn operate(&mut self, path: &Path, operation: Operation, bytes: &[u8]) -> io::Result<()> {
        if !operation.changes_the_disk() {
            return Ok(());
        }
        let is_ours = [Some(path), path.parent()].contains(&Some(&self.directory));
        if !is_ours && Some(path) != self.directory.parent() {
            return Ok(());
        }
        if self.dead {
            return Err(io::Error::from_raw_os_error(INPUT_OUTPUT));
        }
        self.see();
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
            Verdict::Refuse(number) => {
                self.refused += 1;
                self.fail(path, &name, operation, &[])?;
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
            self.follow_rotation(name, operation);
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

    /// Writes the part of a write that was cut off.
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

/// Flips a bit of the byte at `offset` of a file.
pub(super) fn flip(path: &Path, offset: usize) {
    let file = OpenOptions::new().read(true).write(true).open(path).expect("a file");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset as u64).expect("read");
    file.write_all_at(&[byte[0] ^ 0x10], offset as u64).expect("written");
}

/// Runs `work` with `observer` seeing every operation.
pub(super) fn observed<T>(observer: &Rc<RefCell<Observer>>, work: impl FnOnce() -> T) -> T {
    let watching = Rc::clone(observer);
    let watch = move |path: &Path, operation, bytes: &[u8]| match watching.try_borrow_mut() {
        Ok(mut observer) => observer.operate(path, operation, bytes),
        // The observer reads the store itself.
        Err(_) => Ok(()),
    };
    watch::with(watch, work)
}
