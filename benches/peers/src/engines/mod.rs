//! The engines. Each is used as its own documentation recommends for the task.

use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use gaugelog::Observation;

use crate::job::Engine;

mod files;
mod fjall;
mod gaugelog_store;
mod lmdb;
mod redb;
mod sqlite;
mod tsink;

/// When appends are made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durable {
    /// Before each returns.
    Each,
    /// At the end, by [`Writer::sync`].
    AtEnd,
}

/// The order in which a store is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Time,
    Sequence,
}

/// How much a writer will write, for engines that use this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) durable: Durable,
    /// How many observations there will be.
    pub(crate) count: u64,
    /// Whether Gaugelog keeps all of it in its log.
    pub(crate) in_log: bool,
}

/// Appends, from one thread.
pub(crate) trait Writer {
    fn append(&mut self, batch: &[Observation]) -> Result<()>;

    /// Makes all of it durable.
    fn sync(&mut self) -> Result<()>;

    /// Brings what was appended into its final form.
    fn seal(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Appends one observation durably, from any thread.
pub(crate) trait Appender: Send + Sync {
    fn append(&self, observation: Observation) -> Result<()>;
}

/// The values of a summary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistics {
    pub(crate) count: u64,
    pub(crate) sum: f64,
    pub(crate) squares: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Statistics {
    const EMPTY: Self =
        Self { count: 0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

/// Reads a fixed state of a store.
pub(crate) trait Reader {
    fn summary(&self, times: Range<i64>) -> Result<Statistics>;
    fn median(&self) -> Result<f64>;
    /// The number of rows, and the sum of the bits of their times and values: the
    /// cheapest work that needs each of them.
    fn read_all(&self, order: Order) -> Result<(u64, u64)>;
}

/// A reader with rows and without statistics.
trait Rows {
    fn visit(&self, times: Range<i64>, each: impl FnMut(i64, f64)) -> Result<()>;

    fn statistics(&self, times: Range<i64>) -> Result<Statistics> {
        let mut statistics = Statistics::EMPTY;
        self.visit(times, |_, value| statistics.add(value))?;
        Ok(statistics)
    }
}

/// A range with all times of any series.
pub(crate) const ALWAYS: Range<i64> = 0..i64::MAX;

impl<T: Rows> Reader for T {
    fn summary(&self, times: Range<i64>) -> Result<Statistics> {
        self.statistics(times)
    }

    /// By selection among all values: no engine of rows has a faster way.
    fn median(&self) -> Result<f64> {
        let mut values = Vec::new();
        self.visit(ALWAYS, |_, value| values.push(value))?;
        let count = values.len();
        anyhow::ensure!(count > 0, "an empty store has no median");
        let (below, upper, _) = values.select_nth_unstable_by(count / 2, f64::total_cmp);
        let lower = below.iter().copied().max_by(f64::total_cmp);
        Ok(lower.filter(|_| count % 2 == 0).map_or(*upper, |lower| f64::midpoint(lower, *upper)))
    }

    /// Both orders are the same: the key is the time, and times ascend.
    fn read_all(&self, _: Order) -> Result<(u64, u64)> {
        let (mut count, mut sum) = (0, 0_u64);
        self.visit(ALWAYS, |time, value| {
            count += 1;
            sum = sum.wrapping_add(bits(time, value));
        })?;
        Ok((count, sum))
    }
}

fn bits(time: i64, value: f64) -> u64 {
    time.cast_unsigned().wrapping_add(value.to_bits())
}

pub(crate) fn writer(engine: Engine, place: &Path, plan: Plan) -> Result<Box<dyn Writer>> {
    Ok(match engine {
        Engine::Gaugelog => Box::new(gaugelog_store::Held::create(place, plan)?),
        Engine::Floor => Box::new(files::Rows::create(place, plan)?),
        Engine::Sqlite => Box::new(sqlite::Table::create(place, plan.durable)?),
        Engine::Lmdb => Box::new(lmdb::Environment::open(place, plan.durable)?),
        Engine::Redb => Box::new(redb::File::open(place, plan.durable)?),
        Engine::Fjall => Box::new(fjall::Tree::open(place, plan.durable)?),
        Engine::Tsink => Box::new(tsink::Series::open(place, plan.durable)?),
    })
}

/// Opens or creates a store for durable appends of single observations.
pub(crate) fn appender(engine: Engine, place: &Path, count: u64) -> Result<Box<dyn Appender>> {
    let plan = Plan { durable: Durable::Each, count, in_log: false };
    Ok(match engine {
        Engine::Gaugelog => Box::new(gaugelog::Store::open_or_create(place)?),
        Engine::Floor => Box::new(files::Rows::create(place, plan)?),
        Engine::Sqlite => Box::new(sqlite::Shared::open(place)?),
        Engine::Lmdb => Box::new(lmdb::Environment::open(place, Durable::Each)?),
        Engine::Redb => Box::new(redb::File::open(place, Durable::Each)?),
        Engine::Fjall => Box::new(fjall::Tree::open(place, Durable::Each)?),
        Engine::Tsink => Box::new(tsink::Series::open(place, Durable::Each)?),
    })
}

/// Opens a store for reading.
pub(crate) fn reader(engine: Engine, place: &Path) -> Result<Box<dyn Reader>> {
    Ok(match engine {
        Engine::Gaugelog => Box::new(gaugelog_store::Fixed::open(place)?),
        Engine::Floor => Box::new(files::Mapped::open(place)?),
        Engine::Sqlite => Box::new(sqlite::Table::open(place)?),
        Engine::Lmdb => Box::new(lmdb::Environment::open(place, Durable::AtEnd)?),
        Engine::Redb => Box::new(redb::File::open_to_read(place)?),
        Engine::Fjall => Box::new(fjall::Tree::open(place, Durable::AtEnd)?),
        Engine::Tsink => Box::new(tsink::Series::open(place, Durable::AtEnd)?),
    })
}
