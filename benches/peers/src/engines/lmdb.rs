//! LMDB with heed: integer keys, append mode, one write transaction for each batch. Its
//! documentation calls `WRITE_MAP` faster, but it was not with these batches.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use gaugelog::Observation;
use heed::byteorder::NativeEndian;
use heed::types::U64;
use heed::{
    CommitOrAbort, Database, DefaultComparator, Env, EnvFlags, EnvOpenOptions, IntegerComparator,
    PutFlags,
};

use super::Durable;

type Times<'e> =
    Database<'e, U64<NativeEndian>, U64<NativeEndian>, IntegerComparator, DefaultComparator>;

/// Address space: more than any workload fills.
const MAP_BYTES: usize = 4 << 30;

/// An environment that stays open until the process ends: closing it does nothing for
/// what was committed.
pub(crate) struct Environment {
    environment: &'static Env,
    times: Times<'static>,
    durable: Durable,
}

impl Environment {
    /// Synced at each commit, or not before [`super::Writer::sync`].
    pub(crate) fn open(place: &Path, durable: Durable) -> Result<Self> {
        std::fs::create_dir_all(place)?;
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES).max_readers(16);
        // SAFETY: only this process opens the directory, which was made for this
        // comparison. Without syncs, only what the last sync covered must survive.
        #[allow(unsafe_code, reason = "heed asks for it")]
        let environment = unsafe {
            if durable == Durable::AtEnd {
                options.flags(EnvFlags::NO_SYNC);
            }
            options.open(place)?
        };
        let environment: &'static Env = Box::leak(Box::new(environment));
        let transaction = environment.write_txn()?;
        let opened =
            environment.create_databases_and_commit(transaction, |opener, transaction| {
                opener
                    .database_options()
                    .types::<U64<NativeEndian>, U64<NativeEndian>>()
                    .key_comparator::<IntegerComparator>()
                    .create(transaction)
                    .map(CommitOrAbort::<_, ()>::Commit)
            })?;
        let CommitOrAbort::Commit(times) = opened else { anyhow::bail!("no database") };
        Ok(Self { environment, times, durable })
    }

    fn put(&self, batch: &[Observation], flags: PutFlags) -> Result<()> {
        let mut transaction = self.environment.write_txn()?;
        for observation in batch {
            let key = u64::try_from(observation.timestamp_ns)?;
            let value = observation.value.to_bits();
            self.times.put_with_flags(&mut transaction, flags, &key, &value)?;
        }
        Ok(transaction.commit()?)
    }
}

impl super::Writer for Environment {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        self.put(batch, PutFlags::APPEND)
    }

    fn sync(&mut self) -> Result<()> {
        if self.durable == Durable::AtEnd {
            self.environment.force_sync()?;
        }
        Ok(())
    }
}

impl super::Appender for Environment {
    fn append(&self, observation: Observation) -> Result<()> {
        // Threads may arrive in another order than their keys.
        self.put(&[observation], PutFlags::empty())
    }
}

impl super::Rows for Environment {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        let transaction = self.environment.read_txn()?;
        let keys = u64::try_from(times.start)?..u64::try_from(times.end)?;
        for item in self.times.range(&transaction, &keys).context("a range")? {
            let (time, value) = item?;
            each(i64::try_from(time)?, f64::from_bits(value));
        }
        Ok(())
    }
}
