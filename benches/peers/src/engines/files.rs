//! The lower limits: what the kernel and the disk take for the same bytes, without
//! checksums, and with no promise after a crash except that of the sync.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use gaugelog::Observation;
use memmap2::Mmap;

use super::{Durable, Plan};

const NAME: &str = "rows";
/// A time and a value.
const ROW_BYTES: usize = 16;
/// What one durable append writes: a row, and as much again to mark it as a row.
const RECORD_BYTES: usize = 32;
/// What one durable append of a fresh process writes.
const FRESH_BYTES: usize = 24;

/// Positioned writes of rows, and of records into space that was written before.
#[derive(Debug)]
pub(crate) struct Rows {
    file: File,
    end: AtomicU64,
    durable: Durable,
    record_bytes: usize,
    buffer: Vec<u8>,
}

impl Rows {
    pub(crate) fn create(place: &Path, plan: Plan) -> Result<Self> {
        std::fs::create_dir_all(place)?;
        let path = place.join(NAME);
        let is_new = !path.exists();
        let options = File::options().read(true).write(true).create(true).truncate(false).clone();
        let file = options.open(path)?;
        let record_bytes = if is_new { RECORD_BYTES } else { FRESH_BYTES };
        if is_new && plan.durable == Durable::Each {
            let zeros = vec![0; usize::try_from(plan.count)? * RECORD_BYTES];
            file.write_all_at(&zeros, 0)?;
            file.sync_all()?;
        }
        let end = AtomicU64::new(0);
        Ok(Self { file, end, durable: plan.durable, record_bytes, buffer: Vec::new() })
    }

    fn write_durably(&self, observation: Observation) -> Result<()> {
        let mut record = [0; RECORD_BYTES];
        record[..8].copy_from_slice(&observation.timestamp_ns.to_le_bytes());
        record[8..16].copy_from_slice(&observation.value.to_le_bytes());
        let bytes = u64::try_from(self.record_bytes)?;
        let offset = self.end.fetch_add(bytes, Ordering::Relaxed);
        self.file.write_all_at(&record[..self.record_bytes], offset)?;
        Ok(self.file.sync_data()?)
    }
}

impl super::Writer for Rows {
    fn append(&mut self, batch: &[Observation]) -> Result<()> {
        if self.durable == Durable::Each {
            return batch.iter().try_for_each(|observation| self.write_durably(*observation));
        }
        self.buffer.clear();
        self.buffer.reserve(batch.len() * ROW_BYTES);
        for observation in batch {
            self.buffer.extend_from_slice(&observation.timestamp_ns.to_le_bytes());
            self.buffer.extend_from_slice(&observation.value.to_le_bytes());
        }
        let offset = self.end.fetch_add(u64::try_from(self.buffer.len())?, Ordering::Relaxed);
        Ok(self.file.write_all_at(&self.buffer, offset)?)
    }

    fn sync(&mut self) -> Result<()> {
        Ok(self.file.sync_data()?)
    }
}

impl super::Appender for Rows {
    fn append(&self, observation: Observation) -> Result<()> {
        self.write_durably(observation)
    }
}

/// Rows in a memory map.
#[derive(Debug)]
pub(crate) struct Mapped(Mmap);

impl Mapped {
    pub(crate) fn open(place: &Path) -> Result<Self> {
        let file = File::open(place.join(NAME))?;
        // SAFETY: the file was made for this comparison, and nothing changes it or cuts
        // it short while this process reads.
        #[allow(unsafe_code, reason = "memmap2 asks for it")]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(map))
    }
}

impl super::Rows for Mapped {
    fn visit(&self, times: Range<i64>, mut each: impl FnMut(i64, f64)) -> Result<()> {
        let (rows, _) = self.0.as_chunks::<ROW_BYTES>();
        for row in rows {
            let (time, value) = row.split_at(8);
            let time = i64::from_le_bytes(time.try_into()?);
            if times.contains(&time) {
                each(time, f64::from_le_bytes(value.try_into()?));
            }
        }
        Ok(())
    }
}
