//! SQLite in write-ahead mode. The time is the `INTEGER PRIMARY KEY`, and so the row's
//! number in the only tree. This is smaller and faster than `WITHOUT ROWID` here.

use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use gaugelog::Observation;
use rusqlite::{Connection, params};

use super::{Durable, Statistics};

const INSERT: &str = "INSERT INTO observations VALUES (?, ?)";

/// One connection.
pub(crate) struct Table {
    connection: Connection,
    durable: Durable,
}

fn connect(place: &Path) -> Result<Connection> {
    std::fs::create_dir_all(place)?;
    let connection = Connection::open(place.join("observations.sqlite"))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS observations (time INTEGER PRIMARY KEY, value REAL NOT NULL)",
    )?;
    Ok(connection)
}

impl Table {
    /// `FULL` syncs the log at each commit; `OFF` leaves that to the last checkpoint.
    pub(crate) fn create(place: &Path, durable: Durable) -> Result<Self> {
        let connection = connect(place)?;
        let synchronous = if durable == Durable::Each { "FULL" } else { "OFF" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        Ok(Self { connection, durable })
    }

    pub(crate) fn open(place: &Path) -> Result<Self> {
        let connection = connect(place)?;
        connection.pragma_update(None, "mmap_size", 1_i64 << 30)?;
        Ok(Self { connection, durable: Durable::AtEnd })
    }
}

impl super::Writer for Table {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for observation in batch {
                insert.execute(params![observation.timestamp_ns, observation.value])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn sync(&mut self) -> Result<()> {
        if self.durable == Durable::AtEnd {
            self.connection.pragma_update(None, "synchronous", "FULL")?;
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        Ok(())
    }
}

/// One connection for all threads: with one each they would wait for its lock by polling.
pub(crate) struct Shared(Mutex<Connection>);

impl Shared {
    pub(crate) fn open(place: &Path) -> Result<Self> {
        let connection = connect(place)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        Ok(Self(Mutex::new(connection)))
    }
}

impl super::Appender for Shared {
    fn append(&self, observation: Observation) -> Result<()> {
        let connection = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut insert = connection.prepare_cached(INSERT)?;
        insert.execute(params![observation.timestamp_ns, observation.value])?;
        Ok(())
    }
}

impl super::Rows for Table {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT time, value FROM observations WHERE time >= ? AND time < ? ORDER BY time",
        )?;
        let mut rows = select.query(params![times.start, times.end])?;
        while let Some(row) = rows.next()? {
            each(row.get(0)?, row.get(1)?);
        }
        Ok(())
    }

    fn statistics(&self, times: Range<i64>) -> Result<Statistics> {
        let mut select = self.connection.prepare_cached(
            "SELECT count(*), sum(value), sum(value * value), min(value), max(value) \
             FROM observations WHERE time >= ? AND time < ?",
        )?;
        Ok(select.query_row(params![times.start, times.end], |row| {
            Ok(Statistics {
                count: row.get::<_, i64>(0)?.unsigned_abs(),
                sum: row.get(1)?,
                squares: row.get(2)?,
                min: row.get(3)?,
                max: row.get(4)?,
            })
        })?)
    }
}
