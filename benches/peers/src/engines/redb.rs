//! redb: one table from time to value; a write transaction is a batch.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use gaugelog::Observation;
use redb::{Database, Durability, ReadableDatabase, TableDefinition};

use super::Durable;

const TABLE: TableDefinition<'_, i64, f64> = TableDefinition::new("observations");
const NAME: &str = "observations.redb";

pub(crate) struct File {
    database: Database,
    durable: Durable,
}

impl File {
    pub(crate) fn open(place: &Path, durable: Durable) -> Result<Self> {
        std::fs::create_dir_all(place)?;
        let database = Database::create(place.join(NAME))?;
        Ok(Self { database, durable })
    }

    pub(crate) fn open_to_read(place: &Path) -> Result<Self> {
        Ok(Self { database: Database::open(place.join(NAME))?, durable: Durable::AtEnd })
    }

    fn insert(&self, batch: &[Observation], durability: Durability) -> Result<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability)?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for observation in batch {
                table.insert(observation.timestamp_ns, observation.value)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

impl super::Writer for File {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        self.insert(
            batch,
            match self.durable {
                Durable::Each => Durability::Immediate,
                Durable::AtEnd => Durability::None,
            },
        )
    }

    /// A durable commit also makes earlier commits durable.
    fn sync(&mut self) -> Result<()> {
        self.insert(&[], Durability::Immediate)
    }

    fn seal(&mut self) -> Result<()> {
        self.database.compact()?;
        Ok(())
    }
}

impl super::Appender for File {
    fn append(&self, observation: Observation) -> Result<()> {
        self.insert(&[observation], Durability::Immediate)
    }
}

impl super::Rows for File {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        for item in table.range(times)? {
            let (time, value) = item?;
            each(time.value(), value.value());
        }
        Ok(())
    }
}
