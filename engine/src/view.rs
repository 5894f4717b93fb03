//! Where reading starts: the manifest, the log that it lists, and its chunks.

use std::sync::{Arc, OnceLock};

use crate::chunk::get_or_try;
use crate::chunk::reader::Chunk;
use crate::error::{Damage, Error, ErrorKind, Result};
use crate::format::CHUNK;
use crate::format::names::{Name, chunk_name, classify, log_name};
use crate::format::record::Record;
use crate::log::reader::Log;
use crate::log::{Head, header};
use crate::manifest::{self, Manifest};
use crate::os::disk::Directory;

/// A manifest may be replaced while a view is taken, but not this often.
const ATTEMPTS_MAX: usize = 1000;

/// A store as it was at one moment.
#[derive(Debug)]
pub(crate) struct View {
    directory: Arc<Directory>,
    record: Record,
    log: Option<Log>,
    /// The loss of the log that the manifest lists, if it is not there.
    missing_log: Option<Damage>,
    durable_sequence: u64,
    damage: Vec<Damage>,
    positioned_reads: bool,
    /// Set once a chunk was missing, and most of the others were there.
    has_most_chunks: OnceLock<()>,
}

impl View {
    /// Looks at the store in `directory`: at its manifest and at the tail of its log.
    pub(crate) fn take(directory: &Arc<Directory>, positioned_reads: bool) -> Result<Self> {
        Ok(Self::take_with_manifest(directory, positioned_reads)?.0)
    }

    /// As [`take`](Self::take). Also returns the manifest of the view.
    pub(crate) fn take_with_manifest(
        directory: &Arc<Directory>,
        positioned_reads: bool,
    ) -> Result<(Self, Manifest)> {
        let mut manifest = manifest::read(directory)?;
        for _ in 0..ATTEMPTS_MAX {
            let log = open_log(directory, &manifest.record)?;
            if manifest.is_current(directory)? {
                return Ok((Self::new(directory, &manifest, log, positioned_reads), manifest));
            }
            manifest = manifest::read(directory)?;
        }
        let detail = "the manifest changed each time it was read";
        Err(Error::new(ErrorKind::Io, directory.path(), detail))
    }

    fn new(
        directory: &Arc<Directory>,
        manifest: &Manifest,
        (log, missing_log): (Option<Log>, Option<Damage>),
        positioned_reads: bool,
    ) -> Self {
        let record = manifest.record.clone();
        let mut damage: Vec<Damage> = manifest.damage.iter().cloned().collect();
        damage.extend(log.iter().flat_map(Log::damage).chain(missing_log.clone()));
        let first = record.log_first_sequence();
        let durable_sequence =
            log.as_ref().map_or(first, |log| durable_sequence(directory, &record, log));
        Self {
            directory: Arc::clone(directory),
            record,
            log,
            missing_log,
            durable_sequence,
            damage,
            positioned_reads,
            has_most_chunks: OnceLock::new(),
        }
    }

    pub(crate) fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// The log; `None` if nothing was ever appended, or if it is missing.
    pub(crate) fn log(&self) -> Option<&Log> {
        self.log.as_ref()
    }

    /// The sequence number of the first observation that is kept.
    pub(crate) fn first_sequence(&self) -> u64 {
        self.record.first_sequence()
    }

    /// The sequence number with which the log begins.
    pub(crate) fn sealed_end_sequence(&self) -> u64 {
        self.record.log_first_sequence()
    }

    pub(crate) fn end_sequence(&self) -> u64 {
        let missing = self.missing_log.as_ref().map(|missing| missing.lost.end);
        let end = self.log.as_ref().map(Log::end_sequence).or(missing);
        end.unwrap_or(self.sealed_end_sequence())
    }

    /// Observations before this sequence number survive a power cut.
    pub(crate) fn durable_sequence(&self) -> u64 {
        self.durable_sequence
    }

    /// Damage met when the view was taken.
    pub(crate) fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// What is lost if the log is missing: at least what the manifest states that it was
    /// made with. How much was appended to it is unknown.
    pub(crate) fn missing_log(&self) -> Option<&Damage> {
        self.missing_log.as_ref()
    }

    /// The loss of observations after the end: how many there were is unknown.
    pub(crate) fn unknown_loss(&self) -> Option<Damage> {
        let missing = self.missing_log.clone().filter(|missing| missing.lost.is_empty());
        missing.or_else(|| self.log.as_ref()?.unreadable_end())
    }

    /// The chunk of this number, opened.
    ///
    /// # Errors
    /// [`ErrorKind::Removed`] if retention has removed it since,
    /// [`ErrorKind::Damaged`] if it is missing or cannot be used.
    pub(crate) fn chunk(&self, number: u32) -> Result<Chunk> {
        let opened = Chunk::open(&self.directory, self.record.store, number, self.positioned_reads);
        let error = match opened {
            Err(error) if error.is_not_found() => error,
            opened => return opened,
        };
        // It may have been removed after this view was taken.
        let now = manifest::read(&self.directory)?.record;
        let path = error.path().to_owned();
        if now.store != self.record.store {
            let detail = "the store was replaced by another one; open it again";
            return Err(Error::new(ErrorKind::Replaced, self.directory.path(), detail));
        }
        if now.first_chunk > number {
            let detail = "retention has removed this chunk; take another snapshot";
            return Err(Error::new(ErrorKind::Removed, &path, detail));
        }
        get_or_try(&self.has_most_chunks, || {
            check_chunks(&self.directory, &self.record, MANIFEST_AWAY)
        })?;
        let first = u64::from(number) * CHUNK;
        let detail = format!("the chunk {} is missing", chunk_name(number));
        Err(Damage { path, offset: 0, lost: first..first + CHUNK, detail }.into())
    }
}

/// The most missing chunks that are looked for one by one, in a second. A hostile manifest may
/// list 2^32, for which that would take a day.
const CHUNKS_MISSING_MAX: u64 = 1 << 15;

/// The way out where the manifest states them.
pub(crate) const MANIFEST_AWAY: &str = "move the manifest away, and `gaugelog repair` makes it \
                                        again from the other files";

/// Refuses a record that lists many more chunks than there are.
pub(crate) fn check_chunks(directory: &Directory, record: &Record, way_out: &str) -> Result<()> {
    let listed = u64::from(record.sealed_end - record.first_chunk);
    if listed <= CHUNKS_MISSING_MAX {
        return Ok(());
    }
    // A reader may have no permission to list it.
    let Ok(names) = directory.names() else { return Ok(()) };
    let present = names.iter().filter(|name| matches!(classify(name), Name::Chunk(_))).count();
    if listed <= present as u64 + CHUNKS_MISSING_MAX {
        return Ok(());
    }
    let detail = format!("{listed} chunks are listed, and only {present} are there; {way_out}");
    Err(Error::new(ErrorKind::Invalid, directory.path(), detail))
}

/// Until something is appended to a log, a power cut may bring back the log that it
/// replaced. That one is removed only when this can no longer happen.
fn durable_sequence(directory: &Directory, record: &Record, log: &Log) -> u64 {
    if let Some(durable) = log.durable_sequence() {
        return durable;
    }
    if record.previous_log == 0 {
        return log.first_sequence();
    }
    // The listing of the previous log was made durable before the manifest was replaced.
    let own = header(directory, record.previous_log).ok().flatten();
    let previous = own
        .and_then(|own| Log::open(directory, Head::of(&own)).ok())
        .map(|log| log.durable_sequence().unwrap_or(log.head().made.sequence));
    previous.unwrap_or_else(|| match directory.identity(&log_name(record.previous_log)) {
        // It was removed.
        Ok(None) => log.head().made.sequence,
        _ => record.first_sequence(),
    })
}

/// Opens the log that `record` lists; none if nothing was ever appended. If the log is
/// missing or is not a file, that is damage.
fn open_log(directory: &Directory, record: &Record) -> Result<(Option<Log>, Option<Damage>)> {
    if record.log == 0 {
        return Ok((None, None));
    }
    let head = Head::of(record);
    let error = match Log::open(directory, head) {
        Ok(log) => return Ok((Some(log), None)),
        Err(error) => error,
    };
    let detail = match error.kind() {
        _ if error.is_not_found() => "the log is missing".into(),
        ErrorKind::Damaged => error.detail_with_source(),
        _ => return Err(error),
    };
    let path = directory.file_path(&log_name(record.log));
    let lost = head.first_sequence..head.made.sequence;
    Ok((None, Some(Damage { path, offset: 0, lost, detail })))
}
