//! fjall: one keyspace with big-endian times as keys, as it advises for integers. A batch
//! is written to its journal as a whole.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};
use gaugelog::Observation;

use super::Durable;

pub(crate) struct Tree {
    database: Database,
    keyspace: Keyspace,
    durable: Durable,
}

impl Tree {
    pub(crate) fn open(place: &Path, durable: Durable) -> Result<Self> {
        let database = Database::builder(place).open()?;
        let keyspace = database.keyspace("observations", KeyspaceCreateOptions::default)?;
        Ok(Self { database, keyspace, durable })
    }

    fn insert(&self, batch: &[Observation], persist: Option<PersistMode>) -> Result<()> {
        let mut writes = self.database.batch().durability(persist);
        for observation in batch {
            let key = u64::try_from(observation.timestamp_ns)?.to_be_bytes();
            writes.insert(&self.keyspace, key, observation.value.to_le_bytes());
        }
        Ok(writes.commit()?)
    }
}

impl super::Writer for Tree {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        let each = self.durable == Durable::Each;
        self.insert(batch, each.then_some(PersistMode::SyncData))
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.database.persist(PersistMode::SyncData)?)
    }

    fn seal(&mut self) -> Result<()> {
        self.keyspace.rotate_memtable_and_wait()?;
        Ok(self.keyspace.major_compact()?)
    }
}

impl super::Appender for Tree {
    fn append(&self, observation: Observation) -> Result<()> {
        self.insert(&[observation], Some(PersistMode::SyncData))
    }
}

impl super::Rows for Tree {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        let start = u64::try_from(times.start)?.to_be_bytes();
        let end = u64::try_from(times.end)?.to_be_bytes();
        for item in self.keyspace.range(start..end) {
            let (key, value) = item.into_inner()?;
            let key: [u8; 8] = key.as_ref().try_into().context("a key of eight bytes")?;
            let value: [u8; 8] = value.as_ref().try_into().context("a value of eight bytes")?;
            each(i64::try_from(u64::from_be_bytes(key))?, f64::from_le_bytes(value));
        }
        Ok(())
    }
}
