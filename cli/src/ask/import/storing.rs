//! Rows on their way into a store, and how to go on where they end early.

use std::path::Path;
use std::time::Instant;

use gaugelog::{Store, Writer};

use super::{Arguments, Failure, Refused, Row};
use crate::exit::Exit;
use crate::explain::explained;
use crate::figures::{count, figure, plural};
use crate::output;
use crate::verify::in_words;

/// Rows on their way into a store.
pub(super) struct Import {
    writer: Writer,
    /// The sequence number of the first.
    first: u64,
    skip: u64,
    /// Rows of the file so far.
    seen: u64,
    /// Observations that the writer has stored, and the rows of the file up to them.
    flushed: (u64, u64),
    /// For each observation since, the rows of the file up to it.
    batch: Vec<u64>,
    missing: u64,
    begun: Instant,
}

/// Observations between two flushes.
const BATCH: usize = 1 << 16;

impl Import {
    pub(super) fn begin(store: &Store, skip: u64) -> gaugelog::Result<Self> {
        let writer = store.writer()?;
        let first = store.snapshot()?.end_sequence();
        let (flushed, batch) = ((0, skip), Vec::with_capacity(BATCH));
        Ok(Self { writer, first, skip, seen: 0, flushed, batch, missing: 0, begun: Instant::now() })
    }

    pub(super) fn take(&mut self, row: Row) -> Result<(), Failure> {
        self.seen += 1;
        match row {
            Row::Skipped => {}
            Row::Missing => self.missing += 1,
            Row::Observation(observation) => {
                self.writer.push(observation).map_err(Failure::Store)?;
                self.batch.push(self.seen);
                if self.batch.len() == BATCH {
                    self.flush().map_err(Failure::Store)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> gaugelog::Result<()> {
        self.writer.flush()?;
        self.flushed = (self.flushed.0 + self.batch.len() as u64, self.seen);
        self.batch.clear();
        Ok(())
    }

    /// How many rows of the file are done with when the store holds this many of them.
    fn rows_done(&self, stored: u64) -> u64 {
        let of_batch = usize::try_from(stored.saturating_sub(self.flushed.0)).unwrap_or(usize::MAX);
        let last = of_batch.checked_sub(1).and_then(|last| self.batch.get(last));
        last.copied().unwrap_or(self.flushed.1)
    }

    /// Makes durable what was read, and says what came of it.
    pub(super) fn conclude(
        mut self,
        store: &Store,
        arguments: &Arguments,
        ended: Result<(), Failure>,
    ) -> Result<(), Exit> {
        let ended = match ended {
            Err(Failure::Store(error)) => Err(Failure::Store(error)),
            ended => {
                let synced = self.flush().and_then(|()| self.writer.sync());
                synced.map_err(Failure::Store).and(ended)
            }
        };
        match ended {
            Ok(()) => {
                self.writer.seal().map_err(|error| in_words(&error))?;
                output::print(self.sentence(store.path()).as_bytes())
            }
            Err(failure) => Err(Exit::Error(self.way_on(store, arguments, failure))),
        }
    }

    /// Why it ended early, what is stored, and how to go on.
    fn way_on(&mut self, store: &Store, arguments: &Arguments, failure: Failure) -> String {
        let file = arguments.file.display();
        let rows = self.seen.max(self.skip);
        match failure {
            Failure::Refused(Refused { line, why, can_be_skipped }) => {
                let way_on = match rows {
                    0 => "nothing was imported: mend the line and import the file again".to_owned(),
                    _ => format!(
                        "the {} row{} before it {} done, and would be stored twice without --skip: \
                         mend the line and go on with --skip {rows}",
                        count(rows),
                        plural(rows),
                        if rows == 1 { "is" } else { "are" }
                    ),
                };
                let or = match can_be_skipped {
                    true => format!(", or leave it out with --skip {}", rows + 1),
                    false => String::new(),
                };
                format!("{file}, line {line}: {why}; {way_on}{or}")
            }
            Failure::Input(error) => {
                let way_on = match rows {
                    0 => "nothing was imported".to_owned(),
                    _ => format!("go on with --skip {rows}"),
                };
                format!("{file}: cannot read it to its end: {error}; {way_on}")
            }
            Failure::Store(error) => {
                drop(self.writer.flush());
                let end = store.snapshot().map(|it| it.end_sequence());
                let way_on = match end.map(|end| end.saturating_sub(self.first)) {
                    Ok(0) => format!("nothing of {file} is stored"),
                    Ok(stored) => format!(
                        "{} observation{} of {file} are stored: go on with --skip {}",
                        count(stored),
                        plural(stored),
                        self.rows_done(stored)
                    ),
                    Err(_) => format!(
                        "what of {file} is stored begins at sequence number {}: look with \
                         `gaugelog tail`",
                        self.first
                    ),
                };
                format!("{}; {way_on}", explained(&error))
            }
        }
    }

    fn sentence(&self, store: &Path) -> String {
        let (store, imported) = (output::shown(store), self.flushed.0);
        let mut text =
            format!("{store}: {} observation{} imported", count(imported), plural(imported));
        if self.missing > 0 {
            let (rows, s) = (count(self.missing), plural(self.missing));
            text.push_str(&format!(", {rows} row{s} without a value skipped"));
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        if seconds >= 1.0 {
            let rate = figure(self.seen as f64 / seconds / 1e6, 3);
            text.push_str(&format!(", {rate} million rows a second"));
        }
        text + "\n"
    }
}
