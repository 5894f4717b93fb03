//! Gaugelog: a held writer, and a snapshot.

use std::ops::Range;
use std::path::Path;

use anyhow::{Context, Result};
use gaugelog::{Observation, Options, Snapshot, SyncPolicy, Writer};

use super::{ALWAYS, Durable, Order, Plan, Reader, Statistics, bits};

/// The writer that keeps the lock. Each observation is pushed separately.
pub(crate) struct Held(Writer);

impl Held {
    pub(crate) fn create(place: &Path, plan: Plan) -> Result<Self> {
        let sync = match plan.durable {
            Durable::Each => SyncPolicy::Always,
            Durable::AtEnd => SyncPolicy::Never,
        };
        let mut options = Options::new().sync(sync);
        if plan.in_log {
            options = options.log_bytes_max(256 << 20);
        }
        Ok(Self(options.create(place)?.writer()?))
    }
}

impl super::Writer for Held {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        for observation in batch {
            self.0.push(*observation)?;
        }
        Ok(self.0.flush()?)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.0.sync()?)
    }

    fn seal(&mut self) -> Result<()> {
        Ok(self.0.seal()?)
    }
}

impl super::Appender for gaugelog::Store {
    fn append(&self, observation: Observation) -> Result<()> {
        gaugelog::Store::append(self, observation)?;
        Ok(())
    }
}

/// A snapshot, read through memory maps, which is the default.
pub(crate) struct Fixed(Snapshot);

impl Fixed {
    pub(crate) fn open(place: &Path) -> Result<Self> {
        Ok(Self(Options::new().snapshot(place)?))
    }
}

impl Reader for Fixed {
    fn summary(&self, times: Range<i64>) -> Result<Statistics> {
        let summary =
            if times == ALWAYS { self.0.summary()? } else { self.0.window(times).summary()? };
        let empty = "the window is empty";
        let (mean, variance) = summary.mean().zip(summary.variance()).context(empty)?;
        let (min, max) = summary.min().zip(summary.max()).context(empty)?;
        let count = summary.count() as f64;
        Ok(Statistics {
            count: summary.count(),
            sum: mean * count,
            squares: (variance + mean * mean) * count,
            min,
            max,
        })
    }

    fn median(&self) -> Result<f64> {
        self.0.median()?.context("the store is empty")
    }

    fn read_all(&self, order: Order) -> Result<(u64, u64)> {
        let (mut count, mut sum) = (0, 0_u64);
        match order {
            Order::Time => {
                for item in self.0.window(..).iter() {
                    let observation = item?;
                    count += 1;
                    sum = sum.wrapping_add(bits(observation.timestamp_ns, observation.value));
                }
            }
            Order::Sequence => {
                for item in self.0.by_sequence(..) {
                    let (_, observation) = item?;
                    count += 1;
                    sum = sum.wrapping_add(bits(observation.timestamp_ns, observation.value));
                }
            }
        }
        Ok((count, sum))
    }
}
