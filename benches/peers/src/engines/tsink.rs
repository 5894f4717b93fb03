//! tsink: one metric without labels. Partitions are a week: with an hour, ten million
//! seconds would need 2,800 of them.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use gaugelog::Observation;
use tsink::{Aggregation, DataPoint, QueryOptions, Row, Storage, StorageBuilder, WalSyncMode};

use super::{Durable, Statistics};

const METRIC: &str = "observations";
/// The most rows that its log takes at once.
const ROWS_MAX: usize = 65_535;
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

pub(crate) struct Series {
    storage: Arc<dyn Storage>,
    is_closed: bool,
}

impl Series {
    pub(crate) fn open(place: &Path, durable: Durable) -> Result<Self> {
        let sync = match durable {
            Durable::Each => WalSyncMode::PerAppend,
            Durable::AtEnd => WalSyncMode::Periodic(Duration::from_secs(1)),
        };
        let storage = StorageBuilder::new()
            .with_data_path(place)
            .with_partition_duration(WEEK)
            .with_wal_sync_mode(sync)
            .build()?;
        Ok(Self { storage, is_closed: false })
    }

    fn aggregate(&self, times: &Range<i64>, aggregation: Aggregation) -> Result<f64> {
        let options = QueryOptions::new(times.start, times.end).with_aggregation(aggregation);
        let points = self.storage.select_with_options(METRIC, options)?;
        let point = points.first().context("an aggregation gives one point")?;
        point.value_as_f64().context("a number")
    }
}

impl super::Writer for Series {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        let row = |it: &Observation| Row::new(METRIC, DataPoint::new(it.timestamp_ns, it.value));
        for part in batch.chunks(ROWS_MAX) {
            self.storage.insert_rows(&part.iter().map(row).collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Closing makes everything durable.
    fn sync(&mut self) -> Result<()> {
        if !self.is_closed {
            self.is_closed = true;
            self.storage.close()?;
        }
        Ok(())
    }
}

impl super::Appender for Series {
    fn append(&self, observation: Observation) -> Result<()> {
        let point = DataPoint::new(observation.timestamp_ns, observation.value);
        Ok(self.storage.insert_rows(&[Row::new(METRIC, point)])?)
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        drop(super::Writer::sync(self));
    }
}

impl super::Rows for Series {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        for point in self.storage.select(METRIC, &[], times.start, times.end)? {
            each(point.timestamp, point.value_as_f64().context("a number")?);
        }
        Ok(())
    }

    /// Its own aggregations. Each reads the window once.
    fn statistics(&self, times: Range<i64>) -> Result<Statistics> {
        let count = self.aggregate(&times, Aggregation::Count)?;
        let sum = self.aggregate(&times, Aggregation::Sum)?;
        let variance = self.aggregate(&times, Aggregation::Variance)?;
        let mean = sum / count;
        Ok(Statistics {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            count: count as u64,
            sum,
            squares: (variance + mean * mean) * count,
            min: self.aggregate(&times, Aggregation::Min)?,
            max: self.aggregate(&times, Aggregation::Max)?,
        })
    }
}
