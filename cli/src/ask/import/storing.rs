//! Rows on their way into a store, and how to go on where they end early.

use std::time::Instant;

use gaugelog::{Observation, Store};

use super::{Arguments, Failure, Refused, Row, input};
use crate::exit::Exit;
use crate::explain::explained;
use crate::figures::{count, figure, plural};
use crate::output;

/// Rows on their way into a store.
pub(super) struct Import<'s> {
    store: &'s Store,
    skip: u64,
    /// Rows of the file so far.
    seen: u64,
    /// Observations that are stored, and the rows of the file up to them.
    stored: (u64, u64),
    /// Those that are not stored yet. Other writers of the store have its lock meanwhile.
    batch: Vec<Observation>,
    /// For each of them, the rows of the file up to it.
    rows: Vec<u64>,
    missing: u64,
    begun: Instant,
}

/// Observations that are stored at once. An append also compresses full chunks and replaces
/// the log, which takes less than a hundredth of the time of so long a batch.
const BATCH: usize = 1 << 19;

impl<'s> Import<'s> {
    pub(super) fn begin(store: &'s Store, skip: u64) -> Self {
        let (stored, batch, rows) = ((0, skip), Vec::new(), Vec::new());
        let (seen, missing, begun) = (0, 0, Instant::now());
        Self { store, skip, seen, stored, batch, rows, missing, begun }
    }

    pub(super) fn take(&mut self, row: Row) -> Result<(), Failure> {
        self.seen += 1;
        match row {
            Row::Skipped => {}
            Row::Missing => self.missing += 1,
            Row::Observation(observation) => {
                self.batch.push(observation);
                self.rows.push(self.seen);
                if self.batch.len() == BATCH {
                    self.append().map_err(Failure::Store)?;
                }
            }
        }
        Ok(())
    }

    fn append(&mut self) -> gaugelog::Result<()> {
        if !self.batch.is_empty() {
            self.store.append_batch(&self.batch)?;
        }
        self.stored = (self.stored.0 + self.batch.len() as u64, self.seen);
        self.batch.clear();
        self.rows.clear();
        Ok(())
    }

    /// Makes durable what was read, and says what came of it.
    pub(super) fn conclude(
        mut self,
        arguments: &Arguments,
        ended: Result<(), Failure>,
    ) -> Result<(), Exit> {
        let ended = match ended {
            Err(Failure::Store(error)) => Err(Failure::Store(error)),
            ended => {
                let synced = self.append().and_then(|()| self.store.sync());
                synced.map_err(Failure::Store).and(ended)
            }
        };
        if let Err(failure) = ended {
            return Err(Exit::Error(self.way_on(arguments, failure)));
        }
        output::print(self.sentence().as_bytes())?;
        if let Err(error) = self.store.seal() {
            let store = output::shown(self.store.path());
            output::say(
                "gaugelog",
                &format!(
                    "warning: all rows are stored, but not all are compressed: {error}; `gaugelog \
                     seal {store}` tries it again"
                ),
            );
        }
        Ok(())
    }

    /// Why it ended early, what is stored, and how to go on.
    fn way_on(&self, arguments: &Arguments, failure: Failure) -> String {
        let file = arguments.file.display();
        let rows = self.seen.max(self.skip);
        let are = if rows == 1 { "is" } else { "are" };
        let done = format!("{} row{}", count(rows), plural(rows));
        match failure {
            Failure::Refused(Refused { line, why, can_be_skipped }) => {
                let way_on = match rows {
                    0 => "nothing was imported: mend the line and import the file again".to_owned(),
                    _ => format!(
                        "the {done} before it {are} done, and would be stored twice without \
                         --skip: mend the line and go on with --skip {rows}"
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
                    _ => format!("its first {done} {are} done: go on with --skip {rows}"),
                };
                format!("{file}: {}; {way_on}", input::explained(&error))
            }
            Failure::SkipsMore { rows } => skips_more(arguments, rows),
            Failure::Store(error) => self.after_failed_append(arguments, &error),
        }
    }

    fn after_failed_append(&self, arguments: &Arguments, error: &gaugelog::Error) -> String {
        let file = arguments.file.display();
        let of_batch = error.stored().min(self.rows.len());
        let way_on = match self.stored.0 + of_batch as u64 {
            0 if arguments.skip > 0 => {
                format!("nothing more of {file} is stored: go on with --skip {}", arguments.skip)
            }
            0 => format!("nothing of {file} is stored"),
            stored => format!(
                "{} observation{} of {file} {} stored: go on with --skip {}",
                count(stored),
                plural(stored),
                if stored == 1 { "is" } else { "are" },
                of_batch.checked_sub(1).map_or(self.stored.1, |last| self.rows[last])
            ),
        };
        let uncertain = error.uncertain();
        let more = match uncertain.end - uncertain.start {
            0 => String::new(),
            more => format!(
                "; up to {} more may be found in it later: look with `gaugelog tail {}` before you \
                 go on",
                count(more),
                output::shown(self.store.path()),
            ),
        };
        format!("{}; {way_on}{more}", explained(error))
    }

    fn sentence(&self) -> String {
        let (store, imported) = (output::shown(self.store.path()), self.stored.0);
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

/// Why `--skip` cannot be done in a file of this number of rows.
pub(super) fn skips_more(arguments: &Arguments, rows: u64) -> String {
    format!(
        "{}: it has {} row{}, and --skip {} passes more than that; nothing was imported",
        arguments.file.display(),
        count(rows),
        plural(rows),
        arguments.skip
    )
}
